//! Which of two devices speaks for a vital that both measure.

use wardwatch_actors::alerts::AlertChange;
use wardwatch_actors::vitals::Vital;

use super::ward::*;

/// Two monitors that send each second; the first is well, the other has a high heart rate.
fn two_monitors(seconds: std::ops::Range<i64>) -> Ward {
    let mut ward = Ward::without_scores();
    for at in seconds {
        ward.reads(at, &[(HeartRate, 80)]);
        ward.device_reads("mon-2", at, at, &[(HeartRate, 180)]);
    }
    ward
}

/// The last value that was charted.
fn speaks(ward: &Ward, vital: Vital) -> String {
    let state = serde_json::to_value(&ward.patient).unwrap();
    let chart: wardwatch_actors::chart::Chart = serde_json::from_value(state["chart"].clone()).unwrap();
    let latest = chart.latest(vital).unwrap();
    format!("{} {}", latest.device(), latest.value)
}

/// Seen to fail with the value of the second device forgotten while the first holds the vital.
#[test]
fn a_value_that_waits_speaks_by_timer_once_the_holders_is_20_s_old() {
    let mut ward = Ward::without_scores();
    ward.each_second(0..10, &[(HeartRate, 80)]);
    ward.device_reads("mon-2", 15, 15, &[(HeartRate, 180)]);
    ward.until(28);
    assert_eq!(speaks(&ward, HeartRate), "mon-1 80");
    ward.until(29);
    assert_eq!(speaks(&ward, HeartRate), "mon-2 180");
    ward.until(60);
    ward.published(&["29 raised device.silent low", "20 raised heart_rate.high high"]);
}

/// Seen to fail with offline devices holding what they hold.
#[test]
fn a_device_that_is_offline_holds_nothing() {
    let mut ward = two_monitors(0..20);
    ward.device_status(20, false);
    assert_eq!(speaks(&ward, HeartRate), "mon-2 180");
    (20..30).for_each(|at| ward.device_reads("mon-2", at, at, &[(HeartRate, 180)]));
    ward.published(&["20 raised device.offline low", "24 raised heart_rate.high high"]);
}

/// Seen to fail with the record not asked.
#[test]
fn a_device_that_the_record_no_longer_names_holds_nothing() {
    let mut ward = two_monitors(0..20);
    ward.admit(r#"{"devices":["mon-2"]}"#);
    assert_eq!(speaks(&ward, HeartRate), "mon-2 180");
    (20..30).for_each(|at| ward.device_reads("mon-2", at, at, &[(HeartRate, 180)]));
    assert_eq!(ward.lines()[0], "24 raised heart_rate.high high");
}

/// Seen to fail with a null of the holder ignored.
#[test]
fn a_device_that_does_not_measure_a_vital_does_not_hold_it() {
    let mut ward = two_monitors(0..20);
    ward.says_not_measured("mon-1", 20, HeartRate);
    ward.device_reads("mon-2", 20, 20, &[(HeartRate, 180)]);
    assert_eq!(speaks(&ward, HeartRate), "mon-2 180");
}

/// Seen to fail with spot values holding as continuous ones do.
#[test]
fn a_spot_value_silences_no_continuous_one() {
    let mut ward = Ward::without_scores();
    (0..30).for_each(|at| {
        ward.device_reads("mon-1", at, at, &[(OxygenSaturation, 70 + i32::from(at < 20) * 28)])
    });
    ward.published(&["20 raised oxygen_saturation.low high"]);
    ward.device_reads("tablet-1", 30, 30, &[(OxygenSaturation, 98)]);
    assert_eq!(speaks(&ward, OxygenSaturation), "mon-1 70", "the monitor's value is a second old");
    ward.until(55);
    assert_eq!(speaks(&ward, OxygenSaturation), "tablet-1 98", "20 s after the monitor's last");
    ward.device_reads("mon-1", 56, 56, &[(OxygenSaturation, 70)]);
    assert_eq!(speaks(&ward, OxygenSaturation), "mon-1 70", "though the spot value is a second old");
}

/// Seen to fail with the time in which we could not hear counted.
#[test]
fn who_could_not_be_heard_holds_for_20_s_after_we_hear_again() {
    let mut ward = two_monitors(0..20);
    ward.deaf(20);
    ward.hears_again(600);
    ward.device_reads("mon-2", 601, 601, &[(HeartRate, 180)]);
    assert_eq!(speaks(&ward, HeartRate), "mon-1 80");
    ward.until(620);
    assert_eq!(speaks(&ward, HeartRate), "mon-2 180");
}

/// Seen to fail with what waits left out of the snapshot.
#[test]
fn what_waits_is_remembered_over_a_restart() {
    let mut ward = two_monitors(0..20);
    ward.restart(wardwatch_actors::clock::Span::from_secs(-10));
    ward.listening.since = Some(ward.now().uptime);
    ward.until(60);
    assert_eq!(speaks(&ward, HeartRate), "mon-2 180");
}

/// (second, device, vital, value) that arrive, and what the heart's limits judge at the end: the vital's name.
fn rate_judged(readings: &[(i64, &str, Vital, i32)], until: i64) -> Vec<String> {
    let mut ward = Ward::without_scores();
    for (at, device, vital, value) in readings {
        ward.device_reads(device, *at, *at, &[(*vital, *value)]);
    }
    ward.until(until);
    ward.lines().into_iter().filter(|line| line.contains("heart_rate.")).collect()
}

/// Seen to fail with the heart rate going first as long as it is valid, 15 min.
#[test]
fn the_pulse_speaks_once_the_heart_rate_is_20_s_old_or_only_a_spot_value() {
    let pulse = |from: i64, to: i64| (from..to).map(|at| (at, "ox-1", PulseRate, 30));
    let spot_then_pulse: Vec<_> = [(0, "tablet-1", HeartRate, 72)].into_iter().chain(pulse(1, 40)).collect();
    assert_eq!(
        rate_judged(&spot_then_pulse, 40)[0],
        "9 raised heart_rate.low high",
        "the pulse is continuous from second 4 on"
    );
    let monitor = (0..10).map(|at| (at, "mon-1", HeartRate, 72));
    let monitor_then_pulse: Vec<_> = monitor.chain([(12, "ox-1", PulseRate, 30)]).collect();
    assert_eq!(rate_judged(&monitor_then_pulse, 28), [""; 0]);
    assert_eq!(rate_judged(&monitor_then_pulse, 40)[0], "17 raised heart_rate.low high");
}

/// Seen to fail with the pulse holding against the heart rate as another device does.
#[test]
fn the_heart_rate_goes_first_as_soon_as_it_is_there() {
    let pulse = (0..10).map(|at| (at, "mon-1", PulseRate, 72));
    let both = (10..20).flat_map(|at| [(at, "mon-1", PulseRate, 72), (at, "mon-1", HeartRate, 0)]);
    let readings: Vec<_> = pulse.chain(both).collect();
    assert_eq!(rate_judged(&readings, 20), ["15 raised heart_rate.low high"]);
}

/// Seen to fail with the heart rate going first whenever it is the newer of the two: an update with each reading.
#[test]
fn the_pulse_holds_against_the_heart_rate_of_a_clock_that_started_anew() {
    let mut ward = Ward::without_scores();
    let rate_at = |at| if at < 60 { 72 } else { 30 };
    let heart = |ward: &mut Ward, at: i64| {
        ward.device_reads("mon-1", at, at - 3600, &[(HeartRate, rate_at(at))]);
    };
    for at in (0..90).step_by(2) {
        heart(&mut ward, at);
        ward.device_reads("ox-1", at + 1, at + 1, &[(PulseRate, rate_at(at))]);
    }
    let is_pulse = |change: &AlertChange| change.message.starts_with("Pulse rate 30 /min");
    assert!(ward.published.iter().any(is_pulse));
    ward.published(&["20 raised clock.wrong low", "66 raised heart_rate.low high"]);

    // 20 s after the last pulse the heart rate speaks, and does so from then on.
    (90..120).step_by(2).for_each(|at| heart(&mut ward, at));
    ward.published(&["109 updated heart_rate.low high", "109 raised device.silent low"]);
}

/// Seen to fail with the heart rate going first whenever it is the newer of the two.
#[test]
fn a_continuous_pulse_holds_against_a_spot_value_of_the_heart_rate() {
    let mut readings: Vec<_> = (0..60).map(|at| (at, "ox-1", PulseRate, 30)).collect();
    readings.insert(30, (30, "tablet-1", HeartRate, 30));
    assert_eq!(rate_judged(&readings, 60), ["5 raised heart_rate.low high"]);
}
