//! Readings as devices send them, good and bad.

use std::collections::BTreeMap;

use wardwatch_actors::vitals::{Quantity, Vital, VitalSet};

use super::*;
use crate::config::SourceConfig;

fn parse_text(json: &str) -> Result<ParsedReadings<'_>, Rejection> {
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
    assert_eq!((parsed.faults.len(), parsed.unknown.len()), (0, 0));
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
fn an_implausible_value_is_rejected_and_the_rest_is_used() {
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

/// Its device still sends, and is not silent.
#[test]
fn a_reading_of_which_every_value_is_rejected_is_a_reading_without_values() {
    for json in [r#"{"device":"mon-1","heart_rate":500}"#, r#"{"device":"mon-1","oxygen_saturation":0.97}"#] {
        let parsed = parse_text(json).unwrap();
        let [reading] = &parsed.readings[..] else { panic!("{json}: {:?}", parsed.readings) };
        assert_eq!((reading.has_measurements(), reading.not_measured), (false, VitalSet::default()));
        assert_eq!((reading.device.as_ref().unwrap().as_str(), parsed.faults.len()), ("mon-1", 1));
    }
}

#[test]
fn of_two_pressures_that_contradict_each_other_neither_is_used_and_a_third_is() {
    let (values, faults) =
        one(r#"{"heart_rate":72,"blood_pressure":{"systolic":120,"diastolic":80,"mean":130}}"#);
    assert_eq!(values, ["heart_rate 72", "diastolic_pressure 80"]);
    let reason = "systolic_pressure 120 mmHg is below mean_pressure 130 mmHg; neither is used";
    assert_eq!(faults, [format!("blood_pressure: {reason}")]);
    let (values, faults) = one(r#"{"blood_pressure":"80/120"}"#);
    assert_eq!((values.len(), faults.len()), (0, 1));
    let (values, faults) = one(r#"{"blood_pressure":{"systolic":"120","diastolic":80,"mean":93.3}}"#);
    assert_eq!(values, ["systolic_pressure 120", "diastolic_pressure 80", "mean_pressure 93.3"]);
    assert_eq!(faults, [""; 0]);
}

#[test]
fn a_pressure_out_of_range_by_itself_costs_no_other() {
    let (values, faults) = one(r#"{"blood_pressure":{"systolic":400,"diastolic":80,"mean":93}}"#);
    assert_eq!(values, ["diastolic_pressure 80", "mean_pressure 93"]);
    assert_eq!(faults, ["systolic_pressure: systolic_pressure 400 mmHg is outside 1–350"]);
}

#[test]
fn a_value_that_fits_another_unit_says_so() {
    let (values, faults) = one(
        r#"{"temperature":98.6,"oxygen_saturation":0.97,"heart_rate":"72 bpm","systolic_pressure":16,"mean_pressure":93}"#,
    );
    assert_eq!(values, [""; 0]);
    assert_eq!(
        faults,
        [
            "heart_rate: `72 bpm` is not a number; send the number without its unit, in /min",
            "oxygen_saturation: oxygen_saturation 0.97 % is outside 1–100 (a ratio?)",
            "temperature: temperature 98.6 °C is outside 20–45 (Fahrenheit?)",
            "blood_pressure: systolic_pressure 16 mmHg (kPa?) is below mean_pressure 93 mmHg; neither is used",
        ]
    );
}

#[test]
fn spo2_127_with_a_pulse_of_255_is_not_measured_and_each_by_itself_is_none_of_it() {
    let reading = |text: &str| parse_text(text).unwrap().readings.pop();
    let both = reading(r#"{"oxygen_saturation":127,"pulse_rate":"255.0","heart_rate":72}"#).unwrap();
    assert_eq!(both.values.iter().collect::<Vec<_>>(), [(Vital::HeartRate, Quantity::whole(72))]);
    assert!(
        [Vital::OxygenSaturation, Vital::PulseRate].iter().all(|vital| both.not_measured.contains(*vital))
    );
    assert_eq!(one(r#"{"oxygen_saturation":98,"pulse_rate":255}"#).0.len(), 2);
    assert_eq!(one(r#"{"oxygen_saturation":127,"pulse_rate":90}"#).1.len(), 1, "implausible, as ever");
}

#[test]
fn what_a_site_names_as_a_devices_sentinel_is_not_measured_there_and_nowhere_else() {
    let missing_values = BTreeMap::from([(Vital::OxygenSaturation, vec![Quantity::whole(100)])]);
    let source = SourceConfig { missing_values, ..SourceConfig::default() };
    let sources = Sources::new(&BTreeMap::from([("cms50-*".parse().unwrap(), source)]));
    let of = |device: &str| {
        let text = format!(r#"{{"device":"{device}","oxygen_saturation":100}}"#);
        let mut parsed = parse(text.as_bytes(), &sources, Timestamp::from_unix_ms(0)).unwrap();
        parsed.readings.pop().unwrap().not_measured.contains(Vital::OxygenSaturation)
    };
    assert!(of("cms50-3"));
    assert!(!of("mon-3"));
}

#[test]
fn a_bad_element_is_rejected_by_itself_with_its_index_and_the_others_are_read() {
    let (values, faults) = one(
        r#"[{"heart_rate":72},{"hr":5},{"heart_rate":999,"etco2":30},3,{"heart_rate":1,"heart_rate":2},{"heart_rate":73}]"#,
    );
    assert_eq!(values, ["heart_rate 72", "etco2 30", "heart_rate 73"]);
    assert_eq!(faults.len(), 4);
    for (fault, begin) in faults.iter().zip([
        "[1]: the reading has no vital sign",
        "[2].heart_rate: heart_rate 999",
        "[3]: payload is not a reading in JSON: invalid type: integer `3`, expected a reading",
        "[4]: payload is not a reading in JSON: `heart_rate` is in it twice",
    ]) {
        assert!(fault.starts_with(begin), "{fault}");
    }
    assert!(faults[0].ends_with("(unknown: hr; did you mean heart_rate?)"), "{}", faults[0]);
}

#[test]
fn an_array_of_more_than_a_thousand_is_rejected_whole() {
    let array = |count: usize, bad: &str| format!("[{}{bad}]", vec![r#"{"heart_rate":72}"#; count].join(","));
    assert_eq!(parse_text(&array(1000, "")).unwrap().readings.len(), 1000);
    assert!(matches!(parse_text(&array(1001, "")), Err(Rejection::TooMany)));
    assert!(matches!(parse_text(&array(1000, ",3")), Err(Rejection::TooMany)));
    // Nothing behind the 1,001st is read: it might be anything.
    assert!(matches!(parse_text(&array(1000, ",3, no JSON")), Err(Rejection::TooMany)));
    assert_eq!(parse_text(&array(999, ",3")).unwrap().readings.len(), 999);
}

#[test]
fn an_array_is_read_in_order_of_time() {
    let parsed = parse_text(r#"[{"time":2000,"heart_rate":72},{"time":1000,"heart_rate":71}]"#).unwrap();
    let times: Vec<_> = parsed.readings.iter().map(|r| r.observed_at.unwrap().unix_ms()).collect();
    assert_eq!(times, [1000, 2000]);
}

#[test]
fn what_is_no_reading_is_rejected_with_its_reason() {
    for json in ["", "[]", "{}", "[1", "[{}}", "\"x\"", "3", "null", "{\"time\":5}", "{\"heart_rate\":72}}"] {
        assert!(parse_text(json).is_err(), "{json}");
    }
    let twice = parse_text(r#"{"heart_rate":72,"heart_rate":73}"#).unwrap_err();
    assert!(matches!(&twice, Rejection::Json(source) if source.to_string().contains("twice")));
}

#[test]
fn unknown_fields_are_named_with_the_device_that_sent_them() {
    let parsed = parse_text(r#"{"heart_rate":72,"device":"mon-1","glucose":5,"x":{"y":[1]}}"#).unwrap();
    let [unknown] = &parsed.unknown[..] else { panic!("{:?}", parsed.unknown) };
    assert_eq!(unknown.device.as_ref().map(DeviceId::as_str), Some("mon-1"));
    assert_eq!(unknown.names, ["glucose", "x"]);
    assert_eq!(parse_text(r#"{"heart_rate":72}"#).unwrap().unknown, []);
}

#[test]
fn a_message_of_unknown_names_alone_says_what_may_be_meant() {
    let fault = parse_text(r#"{"bpm":72,"spo2":97}"#).unwrap_err().to_string();
    assert!(fault.ends_with("(unknown: bpm, spo2; did you mean heart_rate, oxygen_saturation?)"), "{fault}");
}
