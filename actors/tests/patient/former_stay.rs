//! What a device kept since a former stay of the same name is of somebody else: it goes to history alone.

use std::sync::Arc;

use wardwatch_actors::patient::Patient;
use wardwatch_actors::vitals::Vital;

use super::ward::*;

/// Somebody of the same name left at second 200; the stay begins at second 230.
fn readmitted() -> Ward {
    let mut ward = Ward::without_scores();
    ward.until(230);
    ward.patient =
        Patient::new("icu-1/p-17".parse().unwrap(), &Arc::clone(&ward.settings), second(230), ward.now());
    ward.patient.follow_stay(second(200));
    ward.admit("{}");
    ward
}

/// What was kept of these seconds comes, ten a second, from second 240 on.
fn sends(ward: &mut Ward, kept: std::ops::Range<i64>, values: &[(Vital, i32)]) {
    for (n, at) in kept.enumerate() {
        ward.device_reads("mon-1", 240 + n as i64 / 10, at, values);
    }
}

/// Seen to fail with what waits judged whatever stay it is of: raised as live, by a clock that was set back by 200 s.
#[test]
fn what_was_kept_of_a_former_patient_decides_nothing_though_nothing_live_follows() {
    let mut ward = readmitted();
    ward.device_reads("mon-1", 240, 60, &[(HeartRate, 0)]);
    ward.device_reads("mon-1", 240, 70, &[(HeartRate, 0)]);
    ward.until(400);
    ward.published(&[]);
}

#[test]
fn what_was_kept_of_a_former_patient_is_no_onset() {
    let mut ward = readmitted();
    sends(&mut ward, 60..100, &[(HeartRate, 140)]);
    ward.each_second(245..290, &[(HeartRate, 140)]);
    ward.published(&["250 raised heart_rate.high medium"]);
}

#[test]
fn what_came_and_went_in_a_former_stay_is_in_no_summary() {
    let mut ward = readmitted();
    ward.reads(231, &[(HeartRate, 80)]);
    sends(&mut ward, 60..80, &[(HeartRate, 140)]);
    sends(&mut ward, 80..100, &[(HeartRate, 80)]);
    ward.each_second(246..290, &[(HeartRate, 80)]);
    ward.published(&[]);
}

#[test]
fn what_was_kept_since_the_stay_began_counts_beside_it() {
    let mut ward = readmitted();
    ward.reads(231, &[(HeartRate, 80)]);
    ward.until(300);
    for at in (100..150).chain(240..290) {
        ward.device_reads("mon-1", 300, at, &[(HeartRate, 140)]);
    }
    (300..310).for_each(|at| ward.reads(at, &[(HeartRate, 140)]));
    let high = ward.published.iter().find(|change| change.condition.to_string() == "heart_rate.high");
    let high = high.expect("the new patient's own");
    assert_eq!((high.onset, high.backlog), (second(240), true), "{:?}", ward.lines());
}

/// Promise 11: a wrong clock withholds nothing for longer than a catch-up, whoever was here before.
#[test]
fn a_wrong_clock_is_not_silenced_by_a_former_stay() {
    for (behind, every, from) in [(3600, 1, 240), (100, 1, 240), (3600, 60, 240), (3600, 20, 240)] {
        let mut ward = readmitted();
        for at in (from..from + 150).step_by(every) {
            ward.device_reads("mon-1", at, at - behind, &[(HeartRate, 0)]);
        }
        ward.until(from + 150);
        let low = ward.published.iter().find(|change| change.condition.to_string() == "heart_rate.low");
        let low = low.unwrap_or_else(|| panic!("{behind} s behind, each {every} s: {:?}", ward.lines()));
        assert!(low.time <= second(from + 16), "{behind} s behind, each {every} s: {:?}", ward.lines());
    }
}
