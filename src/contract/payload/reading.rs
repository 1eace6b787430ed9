//! Readings as devices send them: one or an array, numbers as numbers or strings, exact to 0.01.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use thiserror::Error;
use wardwatch_actors::clock::Timestamp;
use wardwatch_actors::people::DeviceId;
use wardwatch_actors::vitals::{Quantity, Reading, Vital, Zero};

use crate::config::Sources;

/// How many readings one message may have; more would hold up everybody else.
pub const MOST_READINGS: usize = 1000;

/// What one message says.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Parsed {
    /// In order of their time.
    pub readings: Vec<Reading>,
    /// Fields that were refused; the rest of their reading is used.
    pub faults: Vec<FieldFault>,
    /// How many fields nobody knows.
    pub unknown_fields: u64,
}

/// Why a message is rejected as a whole.
#[derive(Debug, Error)]
pub enum Rejection {
    #[error("payload is not JSON of a reading")]
    Json(#[from] serde_json::Error),
    #[error("no vital sign is in it; at least one of heart_rate, oxygen_saturation, … must be")]
    NoVital,
    #[error("{0} readings are in it, at most {MOST_READINGS} may be")]
    TooMany(usize),
    #[error(
        "a retained reading is rejected: it would be taken for a new one at every connection; publish without retain"
    )]
    Retained,
}

/// A field that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldFault {
    pub field: &'static str,
    pub reason: String,
}

/// Reads the payload of a vitals topic that arrived at `received_at`.
pub fn parse(payload: &[u8], sources: &Sources, received_at: Timestamp) -> Result<Parsed, Rejection> {
    let mut parsed = Parsed::default();
    if payload.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[') {
        let wires: Vec<Wire<'_>> = json(payload)?;
        if wires.len() > MOST_READINGS {
            return Err(Rejection::TooMany(wires.len()));
        }
        for wire in &wires {
            parsed.add(wire, sources, received_at)?;
        }
        parsed.readings.sort_by_key(|reading| reading.observed_at.unwrap_or(received_at));
        let newest = parsed.readings.iter().filter_map(|reading| reading.observed_at).max();
        parsed.readings.iter_mut().for_each(|reading| reading.newest_beside = newest);
    } else {
        parsed.add(&json(payload)?, sources, received_at)?;
    }
    match parsed.readings.is_empty() && parsed.faults.is_empty() {
        true => Err(Rejection::NoVital),
        false => Ok(parsed),
    }
}

/// Reads JSON; text that is checked as a whole need not be checked again piece by piece.
fn json<'a, T: Deserialize<'a>>(payload: &'a [u8]) -> Result<T, serde_json::Error> {
    match std::str::from_utf8(payload) {
        Ok(text) => serde_json::from_str(text),
        // It says where the payload is no text.
        Err(_) => serde_json::from_slice(payload),
    }
}

/// The fields of a reading that are no numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
enum Field {
    Time = Vital::COUNT,
    Device,
    Seq,
    BloodPressure,
    SupplementalOxygen,
    Consciousness,
    Simulated,
}

const FIELDS: usize = Vital::COUNT + 7;

impl Field {
    const ALL: [(Self, &'static str); 7] = [
        (Self::Time, "time"),
        (Self::Device, "device"),
        (Self::Seq, "seq"),
        (Self::BloodPressure, "blood_pressure"),
        (Self::SupplementalOxygen, "supplemental_oxygen"),
        (Self::Consciousness, "consciousness"),
        (Self::Simulated, "simulated"),
    ];
}

/// A reading as it stands on the wire: the text of each known field.
#[derive(Default)]
struct Wire<'a> {
    texts: [Option<&'a str>; FIELDS],
    unknown_fields: u64,
}

/// The place of a field by its name; none for one that nobody knows.
struct Place(Option<usize>);

impl<'de> Deserialize<'de> for Place {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Name;
        impl Visitor<'_> for Name {
            type Value = Place;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a field's name")
            }

            fn visit_str<E>(self, name: &str) -> Result<Place, E> {
                let vital = Vital::ALL.iter().position(|vital| vital.name() == name);
                let other =
                    || Field::ALL.iter().find(|(_, known)| *known == name).map(|(field, _)| *field as usize);
                Ok(Place(vital.or_else(other)))
            }
        }
        deserializer.deserialize_identifier(Name)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Wire<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields<'a>(std::marker::PhantomData<&'a ()>);
        impl<'de: 'a, 'a> Visitor<'de> for Fields<'a> {
            type Value = Wire<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a reading: an object, or an array of them")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Wire<'a>, M::Error> {
                let mut wire = Wire::default();
                while let Some(Place(place)) = map.next_key()? {
                    let text = map.next_value::<&'a RawValue>()?.get();
                    match place {
                        Some(place) if wire.texts[place].is_some() => {
                            let field = name_of(place);
                            return Err(serde::de::Error::custom(format_args!("`{field}` is in it twice")));
                        }
                        Some(place) => wire.texts[place] = Some(text),
                        None => wire.unknown_fields += 1,
                    }
                }
                Ok(wire)
            }
        }
        deserializer.deserialize_map(Fields(std::marker::PhantomData))
    }
}

fn name_of(place: usize) -> &'static str {
    match Vital::ALL.get(place) {
        Some(vital) => vital.name(),
        None => Field::ALL[place - Vital::COUNT].1,
    }
}

/// A field's text that is not `null`.
fn said(text: Option<&str>) -> Option<&str> {
    text.filter(|text| *text != "null")
}

/// The inside of a JSON string, or the text of anything else.
fn unquoted(text: &str) -> Cow<'_, str> {
    let Some(inside) = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) else {
        return Cow::Borrowed(text);
    };
    if !inside.as_bytes().contains(&b'\\') {
        return Cow::Borrowed(inside.trim());
    }
    // Only a string with escapes cannot be borrowed.
    Cow::Owned(serde_json::from_str::<String>(text).unwrap_or_default().trim().to_owned())
}

impl Parsed {
    /// Adds one reading, and what was refused of it.
    fn add(&mut self, wire: &Wire<'_>, sources: &Sources, received_at: Timestamp) -> Result<(), Rejection> {
        self.unknown_fields += wire.unknown_fields;
        if !wire.has_vitals() {
            return Err(Rejection::NoVital);
        }
        let mut reading = Reading::empty(received_at);
        reading.observed_at = self.field(wire, Field::Time, |text| text.parse::<Timestamp>());
        reading.device = self.field(wire, Field::Device, |text| text.parse::<DeviceId>());
        reading.seq = self.field(wire, Field::Seq, |text| {
            text.parse::<u64>().map_err(|_| format!("`{text}` is no count from 0"))
        });
        reading.simulated = self.field(wire, Field::Simulated, truth).unwrap_or_default();
        reading.supplemental_oxygen = self.field(wire, Field::SupplementalOxygen, truth);
        reading.consciousness = self.field(wire, Field::Consciousness, |text| text.parse());
        let zero_is_missing = sources.zero_is_missing(reading.device.as_ref().map(DeviceId::as_str));
        for vital in Vital::ALL {
            let Some(text) = wire.texts[vital.index()] else { continue };
            let missing = zero_is_missing.contains(vital);
            self.value(&mut reading, vital, (text != "null").then(|| unquoted(text)).as_deref(), missing);
        }
        if let Some(text) = wire.texts[Field::BloodPressure as usize] {
            self.blood_pressure(&mut reading, text);
        }
        self.check_pressures(&mut reading);
        if reading.has_measurements() || !reading.not_measured.is_empty() {
            self.readings.push(reading);
        }
        Ok(())
    }

    /// One field; what cannot be read is refused and left out.
    fn field<T, E: fmt::Display>(
        &mut self,
        wire: &Wire<'_>,
        field: Field,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text = said(wire.texts[field as usize])?;
        match read(&unquoted(text)) {
            Ok(value) => Some(value),
            Err(fault) => {
                self.fault(name_of(field as usize), fault.to_string());
                None
            }
        }
    }

    fn fault(&mut self, field: &'static str, reason: String) {
        self.faults.push(FieldFault { field, reason });
    }

    /// One value; none says "not measured", and so may a zero.
    fn value(&mut self, reading: &mut Reading, vital: Vital, text: Option<&str>, zero_is_missing: bool) {
        let Some(text) = text else { return reading.not_measured.insert(vital) };
        let value = match text.parse::<Quantity>() {
            Ok(value) => value,
            Err(fault) => return self.fault(vital.name(), fault.to_string()),
        };
        if value == Quantity::ZERO && (zero_is_missing || vital.facts().zero == Zero::NotMeasured) {
            return reading.not_measured.insert(vital);
        }
        match vital.plausible(value) {
            Ok(value) => reading.values.set(vital, value),
            Err(implausible) => self.fault(vital.name(), implausible.to_string()),
        }
    }

    /// `"120/80"`, or an object of systolic, diastolic and mean. A pressure given by itself goes first.
    fn blood_pressure(&mut self, reading: &mut Reading, text: &str) {
        #[derive(serde::Deserialize)]
        struct Panel<'a> {
            #[serde(borrow)]
            systolic: Option<&'a RawValue>,
            #[serde(borrow)]
            diastolic: Option<&'a RawValue>,
            #[serde(borrow)]
            mean: Option<&'a RawValue>,
        }
        if text == "null" {
            Vital::PRESSURES.iter().for_each(|vital| reading.not_measured.insert(*vital));
            return;
        }
        let panel;
        let inside = unquoted(text);
        let parts: [Option<Cow<'_, str>>; 3] = if text.starts_with('{') {
            panel = serde_json::from_str::<Panel<'_>>(text);
            match &panel {
                Ok(panel) => {
                    [panel.systolic, panel.diastolic, panel.mean].map(|v| v.map(|v| unquoted(v.get())))
                }
                Err(fault) => return self.fault("blood_pressure", fault.to_string()),
            }
        } else {
            match inside.split_once('/') {
                Some((systolic, diastolic)) => {
                    [Some(systolic.trim().into()), Some(diastolic.trim().into()), None]
                }
                None => return self.fault("blood_pressure", format!("{text} is not \"120/80\"")),
            }
        };
        for (vital, part) in Vital::PRESSURES.into_iter().zip(parts) {
            let given_by_itself = reading.values.get(vital).is_some() || reading.not_measured.contains(vital);
            if let Some(part) = part.filter(|_| !given_by_itself) {
                self.value(reading, vital, Some(&part), false);
            }
        }
    }

    /// Systolic ≥ mean ≥ diastolic, else no pressure of the reading is used.
    fn check_pressures(&mut self, reading: &mut Reading) {
        let [systolic, diastolic, mean] = Vital::PRESSURES.map(|vital| reading.values.get(vital));
        let descends = |above: Option<Quantity>, below: Option<Quantity>| match (above, below) {
            (Some(above), Some(below)) => above >= below,
            _ => true,
        };
        if descends(systolic, mean) && descends(mean, diastolic) && descends(systolic, diastolic) {
            return;
        }
        let said = |value: Option<Quantity>| value.map_or("–".to_owned(), |value| value.to_string());
        let reason = format!(
            "systolic {}, mean {}, diastolic {}: must not rise in this order; no pressure of the reading is used",
            said(systolic),
            said(mean),
            said(diastolic)
        );
        self.fault("blood_pressure", reason);
        Vital::PRESSURES.iter().for_each(|vital| reading.values.remove(*vital));
    }
}

impl Wire<'_> {
    fn has_vitals(&self) -> bool {
        let others = [Field::BloodPressure, Field::SupplementalOxygen, Field::Consciousness];
        let vitals = (0..Vital::COUNT).chain(others.map(|field| field as usize));
        vitals.into_iter().any(|place| self.texts[place].is_some())
    }
}

fn truth(text: &str) -> Result<bool, String> {
    match text {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(format!("`{text}` is neither true nor false")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_text(json: &str) -> Result<Parsed, Rejection> {
        parse(json.as_bytes(), &Sources::default(), Timestamp::from_unix_ms(0))
    }

    fn one(json: &str) -> (Vec<String>, Vec<String>) {
        let parsed = parse_text(json).unwrap();
        let values = parsed.readings.iter().flat_map(|r| r.values.iter().collect::<Vec<_>>());
        let values = values.map(|(vital, value)| format!("{vital} {value}"));
        (
            values.collect(),
            parsed.faults.iter().map(|fault| format!("{}: {}", fault.field, fault.reason)).collect(),
        )
    }

    #[test]
    fn the_reading_of_the_contract_is_read_whole() {
        let parsed = parse_text(
            r#"{"time":"2026-11-22T06:35:06.120Z","device":"mon-17","seq":1042,
             "heart_rate":72,"oxygen_saturation":98,"respiratory_rate":16,"blood_pressure":"120/80","temperature":36.8,
             "consciousness":"A","supplemental_oxygen":false}"#,
        );
        let parsed = parsed.unwrap();
        assert_eq!((parsed.faults.len(), parsed.unknown_fields), (0, 0));
        let reading = &parsed.readings[0];
        assert_eq!(reading.observed_at.unwrap().to_string(), "2026-11-22T06:35:06.120Z");
        assert_eq!((reading.device.as_ref().unwrap().as_str(), reading.seq), ("mon-17", Some(1042)));
        assert_eq!(reading.values.get(Vital::Temperature), Some(Quantity::hundredths(3680)));
        assert_eq!(reading.values.get(Vital::DiastolicPressure), Some(Quantity::whole(80)));
        assert_eq!(reading.supplemental_oxygen, Some(false));
    }

    #[test]
    fn numbers_may_come_as_strings_and_are_cut_off_at_a_hundredth() {
        let (values, faults) =
            one(r#"{"heart_rate":"72","temperature":36.0599999999999999999,"time":"1700000000000"}"#);
        assert_eq!(values, ["heart_rate 72", "temperature 36.05"]);
        assert_eq!(faults, [""; 0]);
    }

    #[test]
    fn a_zero_or_a_null_is_a_measurement_only_where_the_contract_says_so() {
        let (values, _) = one(
            r#"{"heart_rate":0,"respiratory_rate":0,"etco2":0,"oxygen_saturation":0,"pulse_rate":0,"blood_pressure":"0/0","temperature":null}"#,
        );
        assert_eq!(values, ["heart_rate 0", "respiratory_rate 0", "etco2 0"]);
    }

    #[test]
    fn an_implausible_value_is_refused_and_the_rest_is_used() {
        let (values, faults) =
            one(r#"{"heart_rate":72,"respiratory_rate":340,"oxygen_saturation":-100,"temperature":"warm"}"#);
        assert_eq!(values, ["heart_rate 72"]);
        assert_eq!(
            faults,
            [
                "oxygen_saturation: oxygen_saturation -100 % is outside 1–100",
                "respiratory_rate: respiratory_rate 340 /min is outside 0–150",
                "temperature: `warm` is not a number",
            ]
        );
    }

    #[test]
    fn pressures_that_rise_from_systolic_to_diastolic_are_refused_together() {
        let (values, faults) =
            one(r#"{"heart_rate":72,"blood_pressure":{"systolic":120,"diastolic":130,"mean":90}}"#);
        assert_eq!(values, ["heart_rate 72"]);
        assert!(faults[0].starts_with("blood_pressure: systolic 120, mean 90, diastolic 130"), "{faults:?}");
        let (values, faults) = one(r#"{"blood_pressure":{"systolic":"120","diastolic":80,"mean":93.3}}"#);
        assert_eq!(values, ["systolic_pressure 120", "diastolic_pressure 80", "mean_pressure 93.3"]);
        assert_eq!(faults, [""; 0]);
    }

    #[test]
    fn an_array_is_read_in_order_of_time() {
        let parsed = parse_text(r#"[{"time":2000,"heart_rate":72},{"time":1000,"heart_rate":71}]"#).unwrap();
        let times: Vec<_> = parsed.readings.iter().map(|r| r.observed_at.unwrap().unix_ms()).collect();
        assert_eq!(times, [1000, 2000]);
    }

    #[test]
    fn what_is_no_reading_is_rejected_with_its_reason() {
        for json in [
            "",
            "[]",
            "{}",
            "[1]",
            "\"x\"",
            "3",
            "null",
            "{\"time\":5}",
            "[{\"heart_rate\":72},{}]",
            "{\"heart_rate\":72}}",
        ] {
            assert!(parse_text(json).is_err(), "{json}");
        }
        let twice = parse_text(r#"{"heart_rate":72,"heart_rate":73}"#).unwrap_err();
        assert!(matches!(&twice, Rejection::Json(source) if source.to_string().contains("twice")));
    }

    #[test]
    fn unknown_fields_are_counted() {
        assert_eq!(parse_text(r#"{"heart_rate":72,"glucose":5,"x":{"y":[1]}}"#).unwrap().unknown_fields, 2);
    }
}
