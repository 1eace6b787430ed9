//! An early warning as an alert: how it opens, what keeps it, and what ends it.

use wardwatch_actors::vitals::{Consciousness, Quantity, Reading, Vital};

use super::ward::*;

const MINUTE: i64 = 60;
const HOUR: i64 = 3600;

/// Where only the early warning score is looked at.
fn ward() -> Ward {
    let mut ward = Ward::new();
    ward.rules.retain(|rule| rule.name() == "news2");
    ward
}

/// Everything normal, but temperature, which is not measured.
const NORMAL: [(Vital, i32); 4] =
    [(RespiratoryRate, 16), (OxygenSaturation, 98), (HeartRate, 72), (SystolicPressure, 120)];

/// Three points: respiratory rate 1, heart rate 1, saturation 1; no parameter has three.
const THREE: [(Vital, i32); 4] =
    [(RespiratoryRate, 10), (OxygenSaturation, 95), (HeartRate, 95), (SystolicPressure, 120)];

/// Five points, no parameter has three.
const FIVE: [(Vital, i32); 4] =
    [(RespiratoryRate, 22), (OxygenSaturation, 93), (HeartRate, 95), (SystolicPressure, 120)];

/// The values once a minute, from minute `from` until before minute `to`.
fn each_minute(ward: &mut Ward, from: i64, to: i64, values: &[(Vital, i32)]) {
    (from..to).for_each(|minute| ward.reads(minute * MINUTE, values));
}

fn temperature(ward: &mut Ward, at: i64, tenths: i32) {
    let mut reading = Reading::empty(second(at));
    (reading.device, reading.observed_at) = ("tablet-1".parse().ok(), Some(second(at)));
    reading.values.set(Temperature, Quantity::hundredths(tenths * 10));
    ward.until(at);
    ward.observe(&reading);
}

#[test]
fn a_patient_who_falls_within_a_minute_is_one_alert_of_the_priority_that_holds() {
    let mut ward = ward();
    ward.each_second(0..20, &[(RespiratoryRate, 25), (OxygenSaturation, 98), (HeartRate, 72)]);
    ward.each_second(20..40, &[(RespiratoryRate, 25), (OxygenSaturation, 93), (HeartRate, 72)]);
    let worst = [(RespiratoryRate, 26), (OxygenSaturation, 85), (HeartRate, 135), (SystolicPressure, 80)];
    ward.each_second(40..200, &worst);
    ward.published(&["60 raised news2.risk high"]);
}

#[test]
fn a_priority_reached_in_the_last_moment_waits_for_its_own_delay() {
    let mut ward = ward();
    ward.each_second(0..57, &[(RespiratoryRate, 25), (OxygenSaturation, 98), (HeartRate, 72)]);
    ward.each_second(57..130, &[(RespiratoryRate, 26), (OxygenSaturation, 85), (HeartRate, 135)]);
    ward.published(&["60 raised news2.risk low", "117 escalated news2.risk high"]);
}

#[test]
fn what_is_lost_after_the_raise_keeps_the_alert_at_the_points_it_last_had_and_is_named() {
    let mut ward = ward();
    temperature(&mut ward, 0, 392);
    each_minute(&mut ward, 1, 14 * 60, &THREE);
    let [raised, updated] = &ward.published[..] else { panic!("{:?}", ward.lines()) };
    assert_eq!(
        raised.message,
        "NEWS2 at least 5, medium risk: respiratory rate 1, oxygen saturation 1, pulse 1, \
        temperature 2; without supplemental oxygen, consciousness"
    );
    assert_eq!(
        updated.message,
        "NEWS2 at least 3, low risk: respiratory rate 1, oxygen saturation 1, pulse 1; \
        without supplemental oxygen, consciousness, temperature; kept by what was last known: temperature 2"
    );
    ward.published(&["120 raised news2.risk medium", "43200 updated news2.risk medium unknown"]);
    temperature(&mut ward, 14 * HOUR, 370);
    each_minute(&mut ward, 14 * 60 + 1, 14 * 60 + 10, &THREE);
    ward.published(&["50700 cleared news2.risk medium"]);
}

#[test]
fn what_was_too_old_at_the_raise_keeps_nothing() {
    let mut ward = ward();
    temperature(&mut ward, 0, 395);
    each_minute(&mut ward, 13 * 60, 14 * 60, &FIVE);
    each_minute(&mut ward, 14 * 60, 14 * 60 + 10, &THREE);
    ward.published(&["46860 raised news2.risk medium", "50700 cleared news2.risk medium"]);
}

#[test]
fn known_values_that_are_normal_end_the_alert_whatever_is_lost() {
    let mut ward = ward();
    temperature(&mut ward, 0, 395);
    each_minute(&mut ward, 0, 60, &FIVE);
    ward.published(&["60 raised news2.risk high"]);
    each_minute(&mut ward, 60, 13 * 60, &NORMAL);
    ward.published(&["3900 cleared news2.risk high"]);
    let mut ward = self::ward();
    temperature(&mut ward, 0, 395);
    each_minute(&mut ward, 0, 12 * 60 + 30, &FIVE);
    each_minute(&mut ward, 12 * 60 + 30, 13 * 60, &NORMAL);
    let lines = [
        "60 raised news2.risk high",
        "43200 updated news2.risk high unknown",
        "45300 cleared news2.risk high",
    ];
    ward.published(&lines);
}

#[test]
fn what_was_never_measured_keeps_no_alert_open_on_either_scale() {
    for scale in [1, 2] {
        let mut ward = ward();
        ward.admit(&format!(r#"{{"spo2_scale":{scale}}}"#));
        each_minute(&mut ward, 0, 60, &[(RespiratoryRate, 26), (HeartRate, 135), (OxygenSaturation, 97)]);
        each_minute(&mut ward, 60, 70, &[(RespiratoryRate, 16), (HeartRate, 72), (OxygenSaturation, 97)]);
        ward.published(&["60 raised news2.risk medium", "3900 cleared news2.risk medium"]);
    }
}

#[test]
fn a_round_stands_until_the_next_and_flips_nothing_in_between() {
    let mut ward = ward();
    for round in 0..5 {
        ward.reads(round * 4 * HOUR, &FIVE);
    }
    // How often rounds come is known from the second on.
    ward.published(&[
        "60 raised news2.risk medium",
        "900 updated news2.risk medium unknown",
        "14400 updated news2.risk medium",
    ]);
    ward.until(22 * HOUR - 1);
    ward.published(&[]);
    ward.until(22 * HOUR);
    ward.published(&["79200 updated news2.risk medium unknown"]);
}

#[test]
fn spot_checks_are_valid_for_12_h_at_most_and_a_monitor_s_values_for_15_min() {
    let mut ward = ward();
    (0..3).for_each(|round| ward.reads(round * 11 * HOUR, &FIVE));
    ward.published.clear();
    ward.until(22 * HOUR + 12 * HOUR);
    ward.published(&["122400 updated news2.risk medium unknown"]);
    let mut ward = self::ward();
    each_minute(&mut ward, 0, 30, &FIVE);
    ward.published.clear();
    ward.until(2 * HOUR);
    ward.published(&["2640 updated news2.risk medium unknown"]);
}

#[test]
fn presence_says_nothing_where_what_is_known_keeps_the_alert_as_it_is() {
    let mut ward = ward();
    temperature(&mut ward, 0, 382);
    let mut reading = Reading::empty(second(1));
    (reading.device, reading.consciousness) = ("tablet-1".parse().ok(), Some(Consciousness::Alert));
    ward.until(1);
    ward.observe(&reading);
    each_minute(&mut ward, 1, 13 * 60, &FIVE);
    ward.published(&["120 raised news2.risk medium"]);
}
