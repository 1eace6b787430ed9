use super::super::view::testing::view_of;
use super::*;
use crate::alerts::UnderWay;
use crate::clock::Now;
use crate::devices::Device;
use crate::people::DeviceId;
use crate::vitals::{Vital, VitalSet};

/// A patient of whom these vitals came each second from one device, each until so many seconds ago.
fn silent_for(vitals: &[(Vital, i64)], tracked: &[Condition]) -> Vec<(String, Option<Priority>)> {
    let mut view = view_of(&vitals.iter().map(|(vital, _)| (*vital, 72)).collect::<Vec<_>>());
    let now = Uptime::from_ms(10_000_000);
    let mut device = Device::new(DeviceId::unnamed());
    let longest = vitals.iter().map(|(_, seconds)| *seconds).max().unwrap_or(0);
    for second in (0..longest + 10).rev() {
        let uptime = now - Span::from_secs(second);
        let came: VitalSet =
            vitals.iter().filter(|(_, until)| second >= *until).map(|(vital, _)| *vital).collect();
        if !came.is_empty() {
            device.hear_live(came, Now { uptime, wall: view.now.wall }, Uptime::START);
        }
    }
    view.devices = Arc::new([device].into_iter().collect());
    view.now.uptime = now;
    view.tracked = tracked.iter().cloned().map(UnderWay::open).collect();
    let analysis = MissingAnalyzer::new(&Arc::default()).analyze(&view);
    analysis.findings.into_iter().map(|f| (f.condition.to_string(), f.reached)).collect()
}

const LOW: Option<Priority> = Some(Priority::Low);

const RATE: Vital = Vital::RespiratoryRate;
const SATURATION: Vital = Vital::OxygenSaturation;

fn missing(vital: Vital, reached: Option<Priority>) -> (String, Option<Priority>) {
    (Condition::Missing(vital).to_string(), reached)
}

#[test]
fn a_vital_is_missing_after_20_s_if_its_device_goes_on() {
    assert_eq!(silent_for(&[(RATE, 0), (SATURATION, 19)], &[]), []);
    assert_eq!(silent_for(&[(RATE, 0), (SATURATION, 20)], &[]), [missing(SATURATION, LOW)]);
    let medium = Some(Priority::Medium);
    assert_eq!(silent_for(&[(RATE, 0), (SATURATION, 320)], &[]), [missing(SATURATION, medium)]);
}

#[test]
fn a_device_that_is_silent_as_a_whole_is_one_finding() {
    let found = silent_for(&[(RATE, 20), (SATURATION, 20)], &[]);
    assert_eq!(found, [("device.silent".to_owned(), LOW)]);
}

#[test]
fn a_vital_waits_for_the_verdict_on_its_device() {
    let found = silent_for(&[(RATE, 12), (SATURATION, 20)], &[]);
    assert_eq!(found, [], "the device was last heard in the first half of the span");
    assert_eq!(silent_for(&[(RATE, 9), (SATURATION, 20)], &[]), [missing(SATURATION, LOW)]);
}

#[test]
fn what_is_missing_stays_so_when_its_device_falls_silent() {
    let found = silent_for(&[(RATE, 30), (SATURATION, 60)], &[Condition::Missing(SATURATION)]);
    assert_eq!(found, [("device.silent".to_owned(), LOW), missing(SATURATION, None)]);
}

/// Seen to fail with the pulse rate, and then the diastolic pressure, judged by itself.
#[test]
fn what_one_probe_or_line_measures_is_one_finding() {
    let pulse = Vital::PulseRate;
    let [systolic, diastolic, mean] = Vital::PRESSURES;
    assert_eq!(silent_for(&[(RATE, 0), (SATURATION, 20), (pulse, 20)], &[]), [missing(SATURATION, LOW)]);
    let line = [(RATE, 0), (systolic, 20), (diastolic, 20), (mean, 20)];
    assert_eq!(silent_for(&line, &[]), [missing(systolic, LOW)]);
    assert_eq!(silent_for(&[(RATE, 0), (mean, 20)], &[]), [missing(mean, LOW)]);
    assert_eq!(silent_for(&[(RATE, 0), (SATURATION, 0), (pulse, 20)], &[]), [missing(pulse, LOW)]);
    let one_after_the_other = [(RATE, 0), (SATURATION, 18), (pulse, 20)];
    assert_eq!(silent_for(&one_after_the_other, &[]), [], "the probe came off just now");
}
