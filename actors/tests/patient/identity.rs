//! Two different changes never share id and sequence, whatever devices, records and units do; and what is simulated.

use std::collections::BTreeSet;

use wardwatch_actors::alerts::{AlertChange, Event};
use wardwatch_actors::patient::Patient;
use wardwatch_actors::people::Departure;
use wardwatch_actors::vitals::{Quantity, Reading, Vital};

use super::ward::*;

#[track_caller]
fn differ(published: &[AlertChange]) {
    let names: BTreeSet<_> = published.iter().map(|change| (change.id, change.sequence)).collect();
    let lines: Vec<_> = published.iter().map(|c| format!("{} {} {:?}", c.id, c.sequence, c.event)).collect();
    assert_eq!(names.len(), published.len(), "{lines:#?}");
}

/// So many alerts were raised.
fn raised(published: &[AlertChange]) -> usize {
    published.iter().filter(|change| change.event == Event::Raised).count()
}

#[test]
fn limits_that_change_to_and_fro_between_two_cuff_readings_name_each_alert_anew() {
    let mut ward = Ward::without_scores();
    ward.reads(0, &[(SystolicPressure, 95)]);
    for round in 0..4 {
        let at = 60 + round * 60;
        ward.until(at);
        ward.admit(r#"{"limits":{"systolic_pressure":{"low":100}}}"#);
        ward.until(at + 30);
        ward.admit("{}");
    }
    ward.until(400);
    assert_eq!((raised(&ward.published), ward.published.len()), (4, 8), "{:?}", ward.lines());
    differ(&ward.published);
}

#[test]
fn a_transfer_there_and_back_and_there_again_names_each_alert_anew() {
    let mut ward = Ward::without_scores();
    ward.each_second(0..10, &[(HeartRate, 160)]);
    ward.until(200); // an alert without an onset reading, too: the device is silent
    for unit in ["ward-2", "icu-1", "ward-2", "icu-1"] {
        let moved: Patient = ward.patient.clone().transferred_to(format!("{unit}/p-17").parse().unwrap());
        let outcome = ward.patient.leave(Departure::Transferred, ward.now());
        ward.published.extend(outcome.changes);
        ward.patient = moved;
        ward.admit("{}");
    }
    assert_eq!(raised(&ward.published), 10, "{:?}", ward.lines());
    differ(&ward.published);
}

/// A reading of a heart rate with this count and time.
fn reading(ward: &Ward, seq: Option<u64>, time: Option<i64>, rate: i32) -> Reading {
    let mut reading = Reading::empty(ward.now().wall);
    (reading.device, reading.seq, reading.observed_at) = ("mon-1".parse().ok(), seq, time.map(second));
    reading.values.set(HeartRate, Quantity::whole(rate));
    reading
}

/// What these readings publish, one every 10 s: count, time, heart rate.
fn published_of(readings: &[(Option<u64>, Option<i64>, i32)]) -> Vec<AlertChange> {
    let mut ward = Ward::without_scores();
    ward.admit(r#"{"limits":{"heart_rate":{"delay":"0s","clear_delay":"0s"}}}"#);
    for (place, (seq, time, rate)) in readings.iter().enumerate() {
        ward.until(10 * place as i64);
        ward.observe(&reading(&ward, *seq, *time, *rate));
    }
    ward.published.retain(|change| change.condition.to_string() == "heart_rate.high");
    ward.published
}

#[test]
fn a_device_that_counts_from_1_again_names_each_alert_anew() {
    let counts = [1, 2, 3, 1, 2, 3, 1, 2, 3];
    let rates = [130, 80, 140, 131, 81, 141, 132, 82, 142];
    let readings: Vec<_> = counts.iter().zip(rates).map(|(seq, rate)| (Some(*seq), None, rate)).collect();
    let published = published_of(&readings);
    assert_eq!(raised(&published), 4);
    differ(&published);
}

#[test]
fn stamps_that_stand_still_name_each_alert_anew() {
    let rates = [130, 80, 140, 81, 150, 82, 145, 83];
    let published = published_of(&rates.map(|rate| (None, Some(0), rate)));
    assert!(raised(&published) >= 3, "{published:?}");
    differ(&published);
}

/// A reading a second, simulated or not.
fn monitor(ward: &mut Ward, at: i64, rate: i32, simulated: bool) {
    ward.until(at);
    let mut reading = reading(ward, Some(1000 + at as u64), Some(at), rate);
    reading.simulated = simulated;
    ward.observe(&reading);
}

#[test]
fn an_alert_is_simulated_only_where_every_reading_that_reached_it_was() {
    let simulated = |readings: &[(i32, bool)]| {
        let mut ward = Ward::without_scores();
        for (at, (rate, simulated)) in readings.iter().enumerate() {
            monitor(&mut ward, at as i64, *rate, *simulated);
        }
        assert!(!ward.published.is_empty(), "{readings:?}");
        ward.published.iter().map(|change| change.simulated).collect::<Vec<_>>()
    };
    let ten = |rate, simulated| [(rate, simulated); 10];
    assert_eq!(simulated(&ten(130, true)), [true]);
    assert_eq!(simulated(&ten(130, false)), [false]);
    assert_eq!(simulated(&[&ten(80, false)[..], &ten(130, true)].concat()), [true]);
    assert_eq!(simulated(&[&ten(130, false)[..1], &ten(130, true)].concat()), [false]);
    assert_eq!(simulated(&[&ten(130, true)[..3], &ten(130, false)].concat()), [false]);
    let ended = [&ten(130, true)[..], &[(80, false); 12]].concat();
    assert_eq!(simulated(&ended), [true, true], "what ended it was not what reached it");
}

#[test]
fn an_alert_of_a_person_stays_one_though_a_simulator_goes_on_with_another_vital() {
    let mut ward = Ward::without_scores();
    ward.each_second(0..10, &[(HeartRate, 130)]);
    let mut other = Reading::empty(ward.now().wall);
    (other.device, other.seq, other.simulated) = ("sim-1".parse().ok(), Some(1), true);
    other.values.set(Vital::Temperature, Quantity::whole(37));
    ward.observe(&other);
    ward.each_second(10..30, &[(HeartRate, 80)]);
    assert!(ward.published.iter().all(|change| !change.simulated), "{:?}", ward.published);
}
