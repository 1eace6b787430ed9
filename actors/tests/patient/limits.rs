//! Values beyond their limits.

use wardwatch_actors::alerts::Cause;
use wardwatch_actors::vitals::{Quantity, Reading, Vital};

use super::ward::*;

#[test]
fn a_tachycardia_is_raised_after_its_delay_and_cleared_with_the_same_id() {
    let mut ward = Ward::without_scores();
    ward.each_second(0..10, &[(HeartRate, 80)]);
    ward.each_second(10..30, &[(HeartRate, 140)]);
    ward.each_second(30..41, &[(HeartRate, 80)]);
    let [raised, cleared] = &ward.published[..] else { panic!("{:?}", ward.lines()) };
    assert_eq!((raised.id, raised.sequence, cleared.sequence), (cleared.id, 1, 2));
    assert_eq!(raised.message, "Heart rate 140 /min, above 120 /min for 5 s");
    assert_eq!(raised.onset, second(10));
    ward.published(&["15 raised heart_rate.high medium", "40 cleared heart_rate.high medium"]);
}

#[test]
fn a_heart_rate_of_0_is_asystole_and_high() {
    let mut ward = Ward::without_scores();
    ward.each_second(0..10, &[(HeartRate, 80)]);
    ward.each_second(10..20, &[(HeartRate, 0)]);
    ward.published(&["15 raised heart_rate.low high"]);
}

#[test]
fn asystole_is_high_though_the_record_switches_every_limit_off() {
    let mut ward = Ward::without_scores();
    ward.admit(r#"{"limits":{"heart_rate":{"low":"off","extreme_low":1}}}"#);
    ward.each_second(0..10, &[(HeartRate, 30)]);
    ward.published(&[]);
    ward.each_second(10..20, &[(HeartRate, 0)]);
    ward.published(&["15 raised heart_rate.low high"]);
}

#[test]
fn a_saturation_below_80_is_published_at_once_and_one_below_90_after_15_s() {
    let mut ward = Ward::without_scores();
    ward.reads(0, &[(OxygenSaturation, 79)]);
    ward.published(&["0 raised oxygen_saturation.low high"]);
    let mut ward = Ward::without_scores();
    ward.each_second(0..20, &[(OxygenSaturation, 89)]);
    ward.published(&["15 raised oxygen_saturation.low medium"]);
}

#[test]
fn the_last_value_before_silence_ends_the_delay_by_timer() {
    let mut ward = Ward::without_scores();
    ward.reads(0, &[(HeartRate, 160)]);
    ward.until(60);
    ward.published(&["5 raised heart_rate.high high"]);
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
    ward.published(&["5 raised heart_rate.high medium"]);
}

#[test]
fn the_first_of_two_devices_holds_a_vital_until_its_last_value_is_20_s_old() {
    let mut ward = Ward::without_scores();
    for at in 0..30 {
        ward.reads(at, &[(HeartRate, 80)]);
        ward.device_reads("mon-2", at, at, &[(HeartRate, 180)]);
        assert_eq!(ward.last, "history");
    }
    ward.published(&[]);
    for at in 30..60 {
        ward.device_reads("mon-2", at, at, &[(HeartRate, 180)]);
    }
    ward.published(&["49 raised device.silent low", "53 raised heart_rate.high high"]);
}

#[test]
fn a_pulse_goes_on_with_the_alert_of_a_heart_rate_that_is_missing() {
    let mut ward = Ward::without_scores();
    ward.each_second(0..20, &[(HeartRate, 160), (PulseRate, 158)]);
    ward.published(&["5 raised heart_rate.high high"]);
    ward.each_second(20..60, &[(PulseRate, 158)]);
    let updated =
        ward.published.iter().find(|change| change.condition.to_string() == "heart_rate.high").unwrap();
    assert!(matches!(updated.cause, Cause::Limit { vital: PulseRate, .. }));
    ward.published(&["39 updated heart_rate.high high", "39 raised heart_rate.missing low"]);
    ward.each_second(60..71, &[(PulseRate, 80)]);
    ward.published(&["70 cleared heart_rate.high high"]);
}

#[test]
fn a_pulse_alone_that_falls_silent_does_not_clear_its_alert() {
    let mut ward = Ward::without_scores();
    ward.each_second(0..10, &[(PulseRate, 160)]);
    ward.published(&["5 raised heart_rate.high high"]);
    ward.until(4000);
    let silent = ["29 raised device.silent low", "329 escalated device.silent medium"];
    ward.published(&["29 updated heart_rate.high high unknown", silent[0], silent[1]]);
}

#[test]
fn an_alert_whose_value_stops_coming_stays_open_and_unknown() {
    let mut ward = Ward::without_scores();
    ward.each_second(0..10, &[(HeartRate, 160), (OxygenSaturation, 98)]);
    ward.each_second(10..60, &[(OxygenSaturation, 98)]);
    let missing = "29 raised heart_rate.missing low";
    ward.published(&["5 raised heart_rate.high high", "29 updated heart_rate.high high unknown", missing]);
    ward.each_second(60..71, &[(HeartRate, 80), (OxygenSaturation, 98)]);
    ward.published(&["60 cleared heart_rate.missing low", "70 cleared heart_rate.high high"]);
}

#[test]
fn a_risk_is_published_after_a_minute_though_inputs_are_missing() {
    let mut ward = Ward::new();
    for at in 0..70 {
        ward.reads(at, &[(HeartRate, 112), (RespiratoryRate, 25), (OxygenSaturation, 95)]);
    }
    ward.published(&["60 raised news2.risk medium"]);
}

#[test]
fn a_risk_of_one_reading_is_none_though_the_score_is_never_complete() {
    let mut ward = Ward::new();
    ward.reads(0, &[(HeartRate, 112), (RespiratoryRate, 25), (OxygenSaturation, 95)]);
    ward.each_second(1..200, &[(HeartRate, 80), (RespiratoryRate, 16), (OxygenSaturation, 98)]);
    ward.published(&[]);
}

#[test]
fn the_record_sets_limits_and_a_new_record_judges_the_last_value_anew() {
    let mut ward = Ward::new();
    ward.admit(r#"{"limits":{"heart_rate":{"high":100}}}"#);
    ward.each_second(0..10, &[(HeartRate, 110)]);
    ward.published(&["5 raised heart_rate.high medium"]);
    ward.admit(r#"{"limits":{"heart_rate":{"high":105}}}"#);
    ward.published(&["9 updated heart_rate.high medium"]);
    ward.admit(r#"{"limits":{"heart_rate":{"high":105}}}"#);
    ward.published(&[]);
    ward.admit("{}");
    ward.each_second(10..20, &[(HeartRate, 110)]);
    ward.published(&["19 cleared heart_rate.high medium"]);
}

/// What ten minutes of a value, one a second, publish.
fn ten_minutes_of(vital: Vital, value: impl Fn(i64) -> i32) -> Vec<String> {
    let mut ward = Ward::without_scores();
    for at in 0..600 {
        let mut reading = Reading::empty(second(at));
        (reading.device, reading.seq) = ("mon-1".parse().ok(), Some(at as u64));
        reading.observed_at = Some(second(at));
        reading.values.set(vital, Quantity::hundredths(value(at)));
        ward.until(at);
        ward.observe(&reading);
    }
    ward.lines()
}

/// A pseudo-random number below `below`, for each second another.
fn noise(at: i64, below: u64) -> i32 {
    let mixed = (at as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    ((mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 33) as i32 % below as i32
}

/// 253 changes without a clear delay.
#[test]
fn a_saturation_that_plays_between_78_and_82_for_ten_minutes_is_a_handful_of_changes() {
    let lines = ten_minutes_of(OxygenSaturation, |at| 7800 + 100 * noise(at, 5));
    assert!((1..=5).contains(&lines.len()), "{lines:?}");
    assert!(lines[0].ends_with("raised oxygen_saturation.low high"), "{lines:?}");
}

/// 188 changes without a clear delay.
#[test]
fn an_arterial_mean_of_61_give_or_take_2_5_for_ten_minutes_is_a_handful_of_changes() {
    let lines = ten_minutes_of(Vital::MeanPressure, |at| 5850 + 50 * noise(at, 11));
    assert!((1..=5).contains(&lines.len()), "{lines:?}");
    assert!(lines[0].ends_with("raised mean_pressure.low medium"), "{lines:?}");
}

#[test]
fn no_setting_delays_asystole_apnoea_or_a_saturation_below_80_or_switches_them_off() {
    let longest = r#""low":"off","high":"off","extreme_high":"off","delay":"10min","extreme_delay":"10min","clear_delay":"10min""#;
    let cases = [
        (HeartRate, 1, 0, "5 raised heart_rate.low high"),
        (RespiratoryRate, 1, 0, "10 raised respiratory_rate.low high"),
        (OxygenSaturation, 80, 79, "0 raised oxygen_saturation.low high"),
    ];
    for (vital, extreme_low, value, expected) in cases {
        let mut ward = Ward::without_scores();
        ward.admit(&format!(r#"{{"limits":{{"{vital}":{{"extreme_low":{extreme_low},{longest}}}}}}}"#));
        ward.each_second(0..20, &[(vital, value)]);
        assert_eq!(ward.lines(), [expected], "by readings");
        let mut ward = Ward::without_scores();
        ward.admit(&format!(r#"{{"limits":{{"{vital}":{{"extreme_low":{extreme_low},{longest}}}}}}}"#));
        ward.reads(0, &[(vital, value)]);
        ward.until(15);
        assert_eq!(ward.lines(), [expected], "by timer");
    }
}

#[test]
fn an_asystole_after_a_slow_rate_waits_no_longer_than_if_it_came_alone() {
    let mut ward = Ward::without_scores();
    ward.admit(r#"{"limits":{"heart_rate":{"extreme_delay":"10min","delay":"10min"}}}"#);
    ward.each_second(0..30, &[(HeartRate, 35)]);
    ward.published(&[]);
    ward.each_second(30..36, &[(HeartRate, 0)]);
    assert_eq!(ward.lines().len(), 1, "{:?}", ward.lines());
}

/// The heart rate, or that it is not measured, and the pulse.
fn monitor(ward: &mut Ward, at: i64, heart_rate: Option<i32>, pulse: i32) {
    let mut reading = Reading::empty(second(at));
    (reading.device, reading.seq) = ("mon-1".parse().ok(), Some(1000 + at as u64));
    reading.observed_at = Some(second(at));
    match heart_rate {
        Some(rate) => reading.values.set(HeartRate, Quantity::whole(rate)),
        None => reading.not_measured.insert(HeartRate),
    }
    reading.values.set(PulseRate, Quantity::whole(pulse));
    ward.until(at);
    ward.observe(&reading);
}

#[test]
fn where_a_heart_rate_is_said_to_be_not_measured_the_pulse_is_judged_at_once() {
    let mut ward = Ward::without_scores();
    (0..3).for_each(|at| monitor(&mut ward, at, Some(140), 138));
    (3..10).for_each(|at| monitor(&mut ward, at, None, 138));
    ward.published(&["5 raised heart_rate.high medium"]);
    let mut ward = Ward::without_scores();
    (0..3).for_each(|at| monitor(&mut ward, at, Some(140), 80));
    (3..60).for_each(|at| monitor(&mut ward, at, None, 80));
    assert!(ward.lines().iter().all(|line| !line.contains("heart_rate.high")), "{:?}", ward.lines());
}

#[test]
fn a_monitor_that_falls_silent_within_a_long_delay_silences_nobody() {
    let mut ward = Ward::without_scores();
    ward.admit(r#"{"limits":{"oxygen_saturation":{"delay":"60s"}}}"#);
    ward.each_second(0..10, &[(OxygenSaturation, 98)]);
    ward.each_second(10..15, &[(OxygenSaturation, 85)]);
    ward.until(120);
    let lines = ward.lines();
    assert!(lines.contains(&"70 raised oxygen_saturation.low medium unknown".to_owned()), "{lines:?}");
}
