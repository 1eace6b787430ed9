//! A patient is written down and read back as one value.

use wardwatch_actors::clock::Span;
use wardwatch_actors::patient::snapshot::Snapshot;

use super::ward::*;

/// Delays, open alerts, silence and a device without a name, all under way.
fn in_the_middle() -> Ward {
    let mut ward = Ward::new();
    ward.admit(r#"{"bed":"B","limits":{"heart_rate":{"high":110}}}"#);
    ward.each_second(0..10, &[(HeartRate, 80), (OxygenSaturation, 79)]);
    ward.each_second(10..30, &[(OxygenSaturation, 85)]);
    ward.each_second(30..33, &[(HeartRate, 160), (OxygenSaturation, 85)]);
    (20..30).for_each(|n| ward.device_reads("", 33, n, &[(Temperature, 38)]));
    ward.device_reads("", 33, 33, &[(Temperature, 42)]);
    ward
}

fn json(ward: &Ward) -> serde_json::Value {
    serde_json::to_value(&ward.patient).unwrap()
}

#[test]
fn a_patient_read_back_is_the_same() {
    let mut ward = in_the_middle();
    let before = json(&ward);
    assert!(before.to_string().contains(r#""id":"_""#), "a device without a name");
    ward.restart(Span::ZERO);
    assert_eq!(json(&ward), before);
}

/// Seen to fail with the devices of a restored memory taken out.
#[test]
fn a_patient_read_back_decides_the_same() {
    let (mut stayed, mut restarted) = (in_the_middle(), in_the_middle());
    restarted.restart(Span::ZERO);
    assert_eq!(restarted.patient.next_deadline(), stayed.patient.next_deadline());
    for ward in [&mut stayed, &mut restarted] {
        ward.each_second(34..40, &[(HeartRate, 160), (OxygenSaturation, 98)]);
        ward.until(500);
        ward.reads(500, &[(HeartRate, 80)]);
    }
    assert!(stayed.lines().len() > 5, "{:?}", stayed.lines());
    assert_eq!(restarted.published, stayed.published);
    assert_eq!(json(&restarted), json(&stayed));
}

/// Seen to fail with the shift of a restored memory taken out.
#[test]
fn deadlines_move_with_the_clock_that_started_anew() {
    let mut ward = in_the_middle();
    let before = ward.patient.next_deadline().unwrap();
    let back = Span::from_ms(-33_000);
    ward.restart(back);
    assert_eq!(ward.patient.next_deadline(), Some(before + back));
}

/// What version 1 wrote in second 40: a low saturation that is published, a high heart rate that is not yet, a score,
/// and `cuff-1`, whose clock is a minute behind. Every later version reads it; it is never written anew.
const VERSION_1: &str = include_str!("../fixtures/snapshot-v1.json");

#[test]
fn a_memory_of_version_1_is_read_and_decides_as_it_did_then() {
    let mut ward = Ward::new();
    ward.now_ms = 40_000;
    ward.take_up(serde_json::from_str(VERSION_1).unwrap(), Span::ZERO);
    (41..50).for_each(|at| ward.reads(at, &[(HeartRate, 160), (OxygenSaturation, 97)]));
    ward.device_reads("cuff-1", 50, -10, &[(SystolicPressure, 80)]);
    ward.until(120);
    let [raised, cleared] =
        [0, 2].map(|place| (ward.published[place].id.to_string(), ward.published[place].sequence));
    assert_eq!(cleared, ("b2777815-f591-5a84-a797-b2cf337e3af3".to_owned(), 2));
    assert_eq!(raised, ("c14ecefa-9d39-51b6-838a-0451f8fb5ecc".to_owned(), 1));
    ward.published(&[
        "45 raised heart_rate.high high",
        "50 raised systolic_pressure.low medium",
        "51 cleared oxygen_saturation.low medium",
        "59 raised temperature.missing low",
        "60 raised news2.risk high",
        "69 updated heart_rate.high high unknown",
        "69 raised device.silent low",
        "70 updated systolic_pressure.low medium unknown",
        "70 raised device.silent low",
    ]);
}

/// A memory from these values, its version first as it is written.
fn read(memory: &serde_json::Value) -> serde_json::Result<Snapshot> {
    let [version, taken, patient] = ["version", "taken", "patient"].map(|key| &memory[key]);
    serde_json::from_str(&format!(r#"{{"version":{version},"taken":{taken},"patient":{patient}}}"#))
}

#[test]
fn a_memory_without_what_version_1_always_wrote_is_damaged_and_what_it_did_not_know_is_no_fault() {
    let whole: serde_json::Value = serde_json::from_str(VERSION_1).unwrap();
    for place in ["alerts", "chart", "sources", "stay"] {
        let mut damaged = whole.clone();
        damaged["patient"].as_object_mut().unwrap().remove(place);
        let fault = read(&damaged).unwrap_err().to_string();
        assert!(fault.contains("missing field"), "{place}: {fault}");
    }
    let mut more = whole;
    more["patient"]["given_up_since"] = "long ago".into();
    assert!(read(&more).is_ok());
}

/// Seen to fail with saving at each step taken out.
#[test]
fn a_memory_is_saved_with_each_step_of_a_life_cycle_and_else_every_10_s() {
    let mut ward = Ward::without_scores();
    let saved = |ward: &mut Ward| {
        let now = ward.now();
        ward.patient.to_save(now).is_some()
    };
    ward.reads(0, &[(HeartRate, 80)]);
    assert!(saved(&mut ward), "the first reading");
    ward.reads(1, &[(HeartRate, 81)]);
    assert!(!saved(&mut ward), "a normal one");
    ward.reads(2, &[(HeartRate, 160)]);
    assert!(saved(&mut ward), "a delay begins");
    ward.reads(3, &[(HeartRate, 160)]);
    assert!(!saved(&mut ward), "it goes on");
    ward.until(8);
    assert!(saved(&mut ward), "a timer raises the alert");
    ward.reads(9, &[(HeartRate, 80)]);
    assert!(saved(&mut ward), "it ends");
    ward.reads(18, &[(HeartRate, 80)]);
    assert!(!saved(&mut ward), "9 s later");
    ward.reads(19, &[(HeartRate, 80)]);
    assert!(saved(&mut ward), "10 s later");
}

/// Seen to fail with silence counting from when we hear again taken out.
#[test]
fn silence_starts_anew_after_a_restart() {
    let mut ward = Ward::without_scores();
    ward.each_second(0..30, &[(HeartRate, 80)]);
    ward.deaf(30);
    ward.until(630);
    ward.restart(Span::ZERO);
    ward.hears_again(631);
    ward.until(700);
    ward.published(&["651 raised device.silent low"]);
}
