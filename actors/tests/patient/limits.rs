//! Values beyond their limits.

use wardwatch_actors::alerts::Cause;
use wardwatch_actors::vitals::{Reading, Vital};

use super::ward::*;

#[test]
fn a_tachycardia_is_raised_after_its_delay_and_cleared_with_the_same_id() {
    let mut ward = Ward::without_scores();
    ward.each_second(0..10, &[(HeartRate, 80)]);
    ward.each_second(10..30, &[(HeartRate, 140)]);
    ward.each_second(30..40, &[(HeartRate, 80)]);
    let [raised, cleared] = &ward.told[..] else { panic!("{:?}", ward.lines()) };
    assert_eq!((raised.id, raised.sequence, cleared.sequence), (cleared.id, 1, 2));
    assert_eq!(raised.message, "Heart rate 140 /min, above 120 /min for 5 s");
    assert_eq!(raised.onset, second(10));
    ward.told(&["15 raised heart_rate.high medium", "30 cleared heart_rate.high medium"]);
}

#[test]
fn a_heart_rate_of_0_is_asystole_and_high() {
    let mut ward = Ward::without_scores();
    ward.each_second(0..10, &[(HeartRate, 80)]);
    ward.each_second(10..20, &[(HeartRate, 0)]);
    ward.told(&["15 raised heart_rate.low high"]);
}

#[test]
fn asystole_is_high_though_the_record_switches_every_limit_off() {
    let mut ward = Ward::without_scores();
    ward.admit(r#"{"limits":{"heart_rate":{"low":"off","extreme_low":1}}}"#);
    ward.each_second(0..10, &[(HeartRate, 30)]);
    ward.told(&[]);
    ward.each_second(10..20, &[(HeartRate, 0)]);
    ward.told(&["15 raised heart_rate.low high"]);
}

#[test]
fn a_saturation_below_80_is_told_at_once_and_one_below_90_after_15_s() {
    let mut ward = Ward::without_scores();
    ward.reads(0, &[(OxygenSaturation, 79)]);
    ward.told(&["0 raised oxygen_saturation.low high"]);
    let mut ward = Ward::without_scores();
    ward.each_second(0..20, &[(OxygenSaturation, 89)]);
    ward.told(&["15 raised oxygen_saturation.low medium"]);
}

#[test]
fn the_last_value_before_silence_ends_the_delay_by_timer() {
    let mut ward = Ward::without_scores();
    ward.reads(0, &[(HeartRate, 160)]);
    ward.until(60);
    ward.told(&["5 raised heart_rate.high high"]);
}

#[test]
fn a_reading_that_says_not_measured_neither_breaks_nor_ends_a_delay() {
    let mut ward = Ward::without_scores();
    ward.each_second(0..3, &[(HeartRate, 140)]);
    let mut reading = Reading::empty(second(3));
    (reading.device, reading.seq, reading.observed_at) = ("mon-1".parse().ok(), Some(99), Some(second(3)));
    reading.not_measured.insert(Vital::HeartRate);
    ward.until(3);
    ward.observe(&reading);
    ward.each_second(4..6, &[(HeartRate, 140)]);
    ward.told(&["5 raised heart_rate.high medium"]);
}

#[test]
fn the_first_of_two_devices_holds_a_vital_until_its_last_value_is_20_s_old() {
    let mut ward = Ward::without_scores();
    for at in 0..30 {
        ward.reads(at, &[(HeartRate, 80)]);
        ward.device_reads("mon-2", at, at, &[(HeartRate, 180)]);
        assert_eq!(ward.last, "history");
    }
    ward.told(&[]);
    for at in 30..60 {
        ward.device_reads("mon-2", at, at, &[(HeartRate, 180)]);
    }
    ward.told(&["49 raised device.silent low", "53 raised heart_rate.high high"]);
}

#[test]
fn a_pulse_goes_on_with_the_alert_of_a_heart_rate_that_is_missing() {
    let mut ward = Ward::without_scores();
    ward.each_second(0..20, &[(HeartRate, 160), (PulseRate, 158)]);
    ward.told(&["5 raised heart_rate.high high"]);
    ward.each_second(20..60, &[(PulseRate, 158)]);
    let updated = ward.told.iter().find(|change| change.condition.to_string() == "heart_rate.high").unwrap();
    assert!(matches!(updated.cause, Cause::Limit { vital: PulseRate, .. }));
    ward.told(&["39 updated heart_rate.high high", "39 raised heart_rate.missing low"]);
    ward.each_second(60..61, &[(PulseRate, 80)]);
    ward.told(&["60 cleared heart_rate.high high"]);
}

#[test]
fn a_pulse_alone_that_falls_silent_does_not_clear_its_alert() {
    let mut ward = Ward::without_scores();
    ward.each_second(0..10, &[(PulseRate, 160)]);
    ward.told(&["5 raised heart_rate.high high"]);
    ward.until(4000);
    let silent = ["29 raised device.silent low", "329 escalated device.silent medium"];
    ward.told(&["29 updated heart_rate.high high unknown", silent[0], silent[1]]);
}

#[test]
fn an_alert_whose_value_stops_coming_stays_open_and_unknown() {
    let mut ward = Ward::without_scores();
    ward.each_second(0..10, &[(HeartRate, 160), (OxygenSaturation, 98)]);
    ward.each_second(10..60, &[(OxygenSaturation, 98)]);
    let missing = "29 raised heart_rate.missing low";
    ward.told(&["5 raised heart_rate.high high", "29 updated heart_rate.high high unknown", missing]);
    ward.each_second(60..61, &[(HeartRate, 80), (OxygenSaturation, 98)]);
    ward.told(&["60 cleared heart_rate.high high", "60 cleared heart_rate.missing low"]);
}

#[test]
fn a_risk_is_told_after_a_minute_though_inputs_are_missing() {
    let mut ward = Ward::new();
    for at in 0..70 {
        ward.reads(at, &[(HeartRate, 112), (RespiratoryRate, 25), (OxygenSaturation, 95)]);
    }
    ward.told(&["60 raised news2.risk medium"]);
}

#[test]
fn a_risk_of_one_reading_is_none_though_the_score_is_never_complete() {
    let mut ward = Ward::new();
    ward.reads(0, &[(HeartRate, 112), (RespiratoryRate, 25), (OxygenSaturation, 95)]);
    ward.each_second(1..200, &[(HeartRate, 80), (RespiratoryRate, 16), (OxygenSaturation, 98)]);
    ward.told(&[]);
}

#[test]
fn the_record_sets_limits_and_a_new_record_judges_the_last_value_anew() {
    let mut ward = Ward::new();
    ward.admit(r#"{"limits":{"heart_rate":{"high":100}}}"#);
    ward.each_second(0..10, &[(HeartRate, 110)]);
    ward.told(&["5 raised heart_rate.high medium"]);
    ward.admit(r#"{"limits":{"heart_rate":{"high":105}}}"#);
    ward.told(&["9 updated heart_rate.high medium"]);
    ward.admit(r#"{"limits":{"heart_rate":{"high":105}}}"#);
    ward.told(&[]);
    ward.admit("{}");
    ward.told(&["9 cleared heart_rate.high medium"]);
}
