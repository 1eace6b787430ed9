//! From the texts of one reading to its values; what cannot be one is rejected by itself.

use std::borrow::Cow;
use std::fmt;

use wardwatch_actors::clock::Timestamp;
use wardwatch_actors::people::DeviceId;
use wardwatch_actors::vitals::{Quantity, Reading, Vital, VitalSet, Zero};

use super::wire::{Field, WireReading};
use super::{FieldFault, units};
use crate::config::Sources;

/// What a pulse oximeter shows that measures nothing: SpO2 127 together with a pulse of 255.
const NOTHING_MEASURED: [(Vital, Quantity); 2] =
    [(Vital::OxygenSaturation, Quantity::whole(127)), (Vital::PulseRate, Quantity::whole(255))];

/// One reading while it is read.
pub(super) struct Draft<'s> {
    pub reading: Reading,
    pub faults: Vec<FieldFault>,
    zero_is_missing: VitalSet,
    sources: &'s Sources,
    nothing_measured: bool,
    is_counted_only: bool,
}

impl<'s> Draft<'s> {
    /// Reads everything that a reading says. Where what is rejected `is_counted_only`, the reasons are not put in words.
    pub fn read(
        wire: &WireReading<'_>,
        sources: &'s Sources,
        received_at: Timestamp,
        is_counted_only: bool,
    ) -> Self {
        let mut reading = Reading::empty(received_at);
        let mut faults = Vec::new();
        reading.observed_at = field(wire, Field::Time, &mut faults, |text| text.parse::<Timestamp>());
        reading.device = field(wire, Field::Device, &mut faults, |text| text.parse::<DeviceId>());
        reading.seq = field(wire, Field::Seq, &mut faults, |text| {
            text.parse::<u64>().map_err(|_| format!("`{text}` is not a whole number from 0"))
        });
        reading.simulated = field(wire, Field::Simulated, &mut faults, truth).unwrap_or_default();
        reading.supplemental_oxygen = field(wire, Field::SupplementalOxygen, &mut faults, truth);
        reading.consciousness = field(wire, Field::Consciousness, &mut faults, |text| text.parse());
        let device = reading.device.as_ref().map(DeviceId::as_str);
        let zero_is_missing = sources.zero_is_missing(device);
        let nothing_measured = measures_nothing(wire);
        let mut draft = Self { reading, faults, zero_is_missing, sources, nothing_measured, is_counted_only };
        for vital in Vital::ALL {
            if let Some(text) = wire.vital(vital) {
                draft.value(vital, text);
            }
        }
        if let Some(text) = wire.field(Field::BloodPressure) {
            draft.blood_pressure(text);
        }
        draft.check_pressures();
        draft
    }

    /// Whether it says anything that a patient's monitoring can use: be it, where all else was rejected, that its device
    /// still sends.
    pub fn is_worth_judging(&self) -> bool {
        self.reading.has_measurements() || !self.reading.not_measured.is_empty() || !self.faults.is_empty()
    }

    /// One value; `null` says "not measured", and so may a zero or what the device sends for it.
    pub fn value(&mut self, vital: Vital, text: &str) {
        if text == "null" {
            return self.reading.not_measured.insert(vital);
        }
        let text = unquoted(text);
        let value = match text.parse::<Quantity>() {
            Ok(value) => value,
            Err(fault) => return self.fault(vital.name(), || units::of_text(vital, &text, &fault)),
        };
        if self.is_not_measured(vital, value) {
            return self.reading.not_measured.insert(vital);
        }
        match vital.plausible(value) {
            Ok(value) => self.reading.values.set(vital, value),
            Err(implausible) => {
                self.fault(vital.name(), || units::of_value(vital, value, &implausible));
            }
        }
    }

    fn is_not_measured(&self, vital: Vital, value: Quantity) -> bool {
        let zero = value == Quantity::ZERO
            && (self.zero_is_missing.contains(vital) || vital.facts().zero == Zero::NotMeasured);
        let nothing = self.nothing_measured && NOTHING_MEASURED.contains(&(vital, value));
        let device = self.reading.device.as_ref().map(DeviceId::as_str);
        zero || nothing || self.sources.is_missing_value(device, vital, value)
    }

    pub fn fault(&mut self, field: &'static str, reason: impl FnOnce() -> String) {
        let reason = if self.is_counted_only { String::new() } else { reason() };
        self.faults.push(FieldFault { field: field.into(), reason });
    }
}

/// Whether it has both values that such an oximeter shows.
fn measures_nothing(wire: &WireReading<'_>) -> bool {
    let says = |(vital, value): (Vital, Quantity)| {
        wire.vital(vital).is_some_and(|text| unquoted(text).parse::<Quantity>() == Ok(value))
    };
    NOTHING_MEASURED.into_iter().all(says)
}

/// One field; what cannot be read is rejected and left out.
fn field<T, E: fmt::Display>(
    wire: &WireReading<'_>,
    field: Field,
    faults: &mut Vec<FieldFault>,
    read: impl FnOnce(&str) -> Result<T, E>,
) -> Option<T> {
    let text = wire.field(field).filter(|text| *text != "null")?;
    match read(&unquoted(text)) {
        Ok(value) => Some(value),
        Err(fault) => {
            faults.push(FieldFault { field: field.name().into(), reason: fault.to_string() });
            None
        }
    }
}

/// The inside of a JSON string, or the text of anything else.
pub(super) fn unquoted(text: &str) -> Cow<'_, str> {
    let Some(inside) = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) else {
        return Cow::Borrowed(text);
    };
    if !inside.as_bytes().contains(&b'\\') {
        return Cow::Borrowed(inside.trim());
    }
    // Only a string with escapes cannot be borrowed.
    Cow::Owned(serde_json::from_str::<String>(text).unwrap_or_default().trim().to_owned())
}

fn truth(text: &str) -> Result<bool, String> {
    match text {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(format!("`{text}` is neither true nor false")),
    }
}
