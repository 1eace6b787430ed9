//! What the simulated fleet promises: the same seed the same bytes, healthy people inside their limits, and episodes
//! that do what their names say.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use wardwatch::simulator::{Class, Episode, EpisodeKind, Fleet, FleetSettings, Schedule, recording};

const START: &str = "2026-11-22T06:00:00Z";

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The fleet's recording as text.
fn recorded(settings: FleetSettings, duration: Duration) -> String {
    let fleet = Fleet::new(settings, START.parse().unwrap()).unwrap();
    let mut out = Vec::new();
    let lines = recording::record(fleet, duration, &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert_eq!(text.lines().count() as u64, lines);
    text
}

/// One line of a recording.
struct Line {
    at: Duration,
    topic: String,
    payload: Value,
}

impl Line {
    fn number(&self, field: &str) -> Option<f64> {
        self.payload[field].as_f64()
    }

    fn time(&self) -> Timestamp {
        self.payload["time"].as_str().unwrap().parse().unwrap()
    }
}

fn since_start(at: Timestamp) -> Duration {
    Duration::try_from(at.duration_since(START.parse().unwrap())).unwrap()
}

fn lines(settings: FleetSettings, duration: Duration) -> Vec<Line> {
    let line = |text: &str| {
        let line: Value = serde_json::from_str(text).unwrap();
        Line {
            at: since_start(line["at"].as_str().unwrap().parse().unwrap()),
            topic: line["topic"].as_str().unwrap().to_owned(),
            payload: line["payload"].clone(),
        }
    };
    recorded(settings, duration).lines().map(line).collect()
}

fn readings(settings: FleetSettings, duration: Duration) -> Vec<Line> {
    let mut lines = lines(settings, duration);
    lines.retain(|line| line.topic.contains("/vitals/"));
    lines
}

/// One patient who has one episode: builds 10–20 s after the start, holds until 80 s, passes until 90 s.
fn one_episode(kind: EpisodeKind, depth: f64) -> FleetSettings {
    let episode = Episode {
        patient: 0,
        kind,
        begins: seconds(10),
        builds: seconds(10),
        holds: seconds(60),
        passes: seconds(10),
        depth,
    };
    FleetSettings { patients: 1, schedule: Schedule::Script(vec![episode]), ..FleetSettings::default() }
}

/// Readings of two minutes: before, at the worst of, and after the episode.
fn course(kind: EpisodeKind, depth: f64) -> [Vec<Line>; 3] {
    let all = readings(one_episode(kind, depth), seconds(120));
    let between = |from, to| seconds(from)..seconds(to);
    let mut parts = [const { Vec::new() }; 3];
    for line in all {
        for (part, range) in parts.iter_mut().zip([between(0, 10), between(21, 80), between(91, 120)]) {
            if range.contains(&line.at) {
                part.push(line);
                break;
            }
        }
    }
    parts
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_gives_others() {
    let of_seed = |seed| recorded(FleetSettings::demo(12, seed), seconds(600));
    assert_eq!(of_seed(1), of_seed(1));
    assert_ne!(of_seed(1), of_seed(2));
}

#[test]
fn an_episode_changes_nobody_elses_readings() {
    let with = |schedule| {
        let settings = FleetSettings { patients: 3, schedule, ..FleetSettings::default() };
        let mut readings = readings(settings, seconds(120));
        readings.retain(|line| !line.topic.ends_with("p-001"));
        readings.into_iter().map(|line| line.payload).collect::<Vec<_>>()
    };
    let Schedule::Script(script) = one_episode(EpisodeKind::DeviceLost, 1.0).schedule else { unreachable!() };
    assert_eq!(with(Schedule::Off), with(Schedule::Script(script)));
}

#[test]
fn every_reading_has_the_fields_of_the_contract_in_plausible_ranges() {
    let settings = FleetSettings { children: true, ..FleetSettings::demo(24, 3) };
    let lines = lines(settings, seconds(1800));
    assert!(lines.is_sorted_by_key(|line| line.at));
    let readings: Vec<_> = lines.iter().filter(|line| line.topic.contains("/vitals/")).collect();
    assert!(readings.len() > 24 * 1700);
    for line in readings {
        let fields = line.payload.as_object().unwrap();
        assert!(line.topic.starts_with("wardwatch/vitals/sim-1/p-0"), "{}", line.topic);
        assert!(fields["device"].as_str().unwrap().starts_with("sim-mon-0"));
        assert!(fields["seq"].as_u64().unwrap() >= 1);
        assert_eq!(fields["simulated"], true);
        line.time();
        let within = |field, low: f64, high: f64| match line.number(field) {
            Some(value) => assert!((low..=high).contains(&value), "{}", line.payload),
            None => assert!(fields.get(field).is_none_or(Value::is_null), "{}", line.payload),
        };
        within("heart_rate", 0.0, 350.0);
        within("oxygen_saturation", 0.0, 100.0);
        within("respiratory_rate", 0.0, 150.0);
        within("temperature", 20.0, 45.0);
        if let Some(pressure) = fields.get("blood_pressure") {
            let (systolic, diastolic) = pressure.as_str().unwrap().split_once('/').unwrap();
            let (systolic, diastolic): (u32, u32) = (systolic.parse().unwrap(), diastolic.parse().unwrap());
            assert!(diastolic >= 1 && diastolic < systolic && systolic <= 350, "{}", line.payload);
        }
        if let Some(consciousness) = fields.get("consciousness") {
            assert!(["A", "C"].contains(&consciousness.as_str().unwrap()));
            assert!(fields["supplemental_oxygen"].is_boolean());
        }
    }
}

#[test]
fn the_first_reading_of_a_patient_has_all_that_an_early_warning_score_needs() {
    let settings = FleetSettings { patients: 5, schedule: Schedule::Off, ..FleetSettings::default() };
    let first = readings(settings, seconds(1));
    assert_eq!(first.len(), 5);
    for line in first {
        for field in ["blood_pressure", "temperature", "consciousness", "supplemental_oxygen"] {
            assert!(line.payload.get(field).is_some(), "{field}");
        }
    }
}

/// Limits of CLINICAL section 3: heart rate, saturation, respiratory rate, systolic, diastolic, temperature.
fn limits(class: Class) -> [(f64, f64); 6] {
    match class {
        Class::Adult => [(50., 120.), (90., 100.), (8., 30.), (90., 160.), (50., 90.), (35., 39.)],
        Class::Paediatric => [(75., 160.), (90., 100.), (12., 40.), (70., 120.), (40., 70.), (35., 39.)],
        Class::Neonate => [(100., 200.), (85., 95.), (30., 100.), (40., 90.), (20., 60.), (36., 38.)],
    }
}

#[test]
fn healthy_patients_stay_inside_their_limits_for_24_hours() {
    let settings = FleetSettings {
        patients: 24,
        rate: 0.05,
        children: true,
        schedule: Schedule::Off,
        ..FleetSettings::default()
    };
    for line in readings(settings.clone(), seconds(24 * 3600)) {
        let patient: usize = line.topic.rsplit('-').next().unwrap().parse().unwrap();
        let (systolic, diastolic) = match line.payload["blood_pressure"].as_str() {
            Some(pressure) => {
                pressure.split_once('/').map(|(s, d)| (s.parse().ok(), d.parse().ok())).unwrap()
            }
            None => (None, None),
        };
        let values = [
            line.number("heart_rate"),
            line.number("oxygen_saturation"),
            line.number("respiratory_rate"),
            systolic,
            diastolic,
            line.number("temperature"),
        ];
        for (value, (low, high)) in values.into_iter().zip(limits(settings.class_of(patient - 1))) {
            assert!(value.is_none_or(|value| (low..=high).contains(&value)), "{}", line.payload);
        }
    }
}

#[test]
fn a_desaturation_falls_below_90_for_longer_than_the_delay_and_the_heart_answers() {
    let [before, worst, after] = course(EpisodeKind::Desaturation, 1.0);
    let saturations = |lines: &[Line]| {
        lines.iter().map(|line| line.number("oxygen_saturation").unwrap()).collect::<Vec<_>>()
    };
    assert!(saturations(&before).iter().chain(&saturations(&after)).all(|value| *value >= 95.0));
    assert!(worst.len() > 50 && saturations(&worst).iter().all(|value| (75.0..=85.0).contains(value)));
    assert!(mean(&worst, "heart_rate") > mean(&before, "heart_rate") + 6.0);
    assert!(mean(&worst, "respiratory_rate") > mean(&before, "respiratory_rate") + 4.0);
}

fn mean(lines: &[Line], field: &str) -> f64 {
    lines.iter().filter_map(|line| line.number(field)).sum::<f64>() / lines.len() as f64
}

#[test]
fn a_tachycardia_holds_the_heart_rate_above_120() {
    let [before, worst, after] = course(EpisodeKind::Tachycardia, 1.0);
    assert!(before.iter().chain(&after).all(|line| line.number("heart_rate") < Some(110.0)));
    assert!(worst.iter().all(|line| line.number("heart_rate") > Some(120.0)));
}

#[test]
fn a_deterioration_looks_like_sepsis() {
    let settings = FleetSettings {
        temperature_every: Duration::ZERO,
        pressure_every: Duration::ZERO,
        observation_every: Duration::ZERO,
        ..one_episode(EpisodeKind::Deterioration, 1.0)
    };
    let all = readings(settings, seconds(79));
    let worst = all.last().unwrap();
    assert!(worst.number("respiratory_rate") >= Some(23.0), "{}", worst.payload);
    assert!(worst.number("heart_rate") > Some(100.0), "{}", worst.payload);
    assert!(worst.number("temperature") > Some(38.6), "{}", worst.payload);
    assert!(worst.number("oxygen_saturation") < Some(95.0), "{}", worst.payload);
    let systolic: u32 =
        worst.payload["blood_pressure"].as_str().unwrap().split_once('/').unwrap().0.parse().unwrap();
    assert!(systolic < 112, "{}", worst.payload);
    assert_eq!(
        (&worst.payload["consciousness"], &worst.payload["supplemental_oxygen"]),
        (&"C".into(), &true.into())
    );
}

#[test]
fn a_change_of_consciousness_is_noted_at_once_and_again_when_it_passes() {
    let noted: Vec<_> = readings(one_episode(EpisodeKind::Deterioration, 1.0), seconds(120))
        .iter()
        .filter_map(|line| line.payload["consciousness"].as_str().map(str::to_owned))
        .collect();
    assert!(noted.len() < 8, "{noted:?}");
    assert_eq!((noted.first().unwrap().as_str(), noted.last().unwrap().as_str()), ("A", "A"));
    assert!(noted.contains(&"C".to_owned()));
}

#[test]
fn an_asystole_is_a_measured_heart_rate_of_0() {
    let [before, worst, after] = course(EpisodeKind::Asystole, 1.0);
    assert!(before.iter().chain(&after).all(|line| line.number("heart_rate") > Some(40.0)));
    for line in worst {
        assert_eq!((&line.payload["heart_rate"], &line.payload["respiratory_rate"]), (&0.into(), &0.into()));
    }
}

#[test]
fn a_probe_that_is_off_says_null_or_0_and_the_rest_goes_on() {
    for (depth, said) in [(0.9, Value::Null), (1.1, 0.into())] {
        let [before, worst, _] = course(EpisodeKind::ProbeOff, depth);
        assert!(before.iter().all(|line| line.number("oxygen_saturation") > Some(90.0)));
        for line in worst {
            assert_eq!(line.payload["oxygen_saturation"], said);
            assert!(line.number("heart_rate") > Some(40.0));
        }
    }
}

#[test]
fn a_lost_device_goes_offline_says_nothing_and_comes_back_online() {
    let all = lines(one_episode(EpisodeKind::DeviceLost, 1.0), seconds(120));
    let statuses: Vec<_> = all
        .iter()
        .filter(|line| line.topic == "wardwatch/devices/sim-mon-001/status")
        .map(|line| (line.at.as_secs(), line.payload.as_str().unwrap()))
        .collect();
    assert_eq!(statuses, [(0, "online"), (10, "online"), (20, "offline"), (80, "online")]);
    let [before, worst, after] = course(EpisodeKind::DeviceLost, 1.0);
    assert!(!before.is_empty() && worst.is_empty() && !after.is_empty());
}

#[test]
fn a_wrong_clock_is_minutes_off_while_the_sequence_goes_on() {
    for (depth, minutes) in [(0.9, -7), (1.1, 7)] {
        let [before, worst, after] = course(EpisodeKind::WrongClock, depth);
        let off = |line: &Line| {
            line.time().as_second()
                - "2026-11-22T06:00:00Z".parse::<Timestamp>().unwrap().as_second()
                - line.at.as_secs() as i64
        };
        assert!(before.iter().chain(&after).all(|line| off(line) == 0));
        assert!(worst.iter().all(|line| off(line) == minutes * 60));
        let sequence: Vec<_> = before.iter().chain(&worst).map(|line| line.number("seq").unwrap()).collect();
        assert!(sequence.is_sorted());
    }
}

#[test]
fn duplicates_are_the_same_reading_twice() {
    let [before, worst, _] = course(EpisodeKind::Duplicates, 1.0);
    let twice = |lines: &[Line]| lines.windows(2).filter(|pair| pair[0].payload == pair[1].payload).count();
    assert_eq!(twice(&before), 0);
    assert!((15..=25).contains(&twice(&worst)));
}

#[test]
fn a_late_reading_comes_after_its_successor_and_none_is_lost() {
    let [before, worst, _] = course(EpisodeKind::LateReadings, 1.0);
    let late = |lines: &[Line]| lines.windows(2).filter(|pair| pair[1].time() < pair[0].time()).count();
    assert_eq!(late(&before), 0);
    assert!(late(&worst) > 10);
    let mut sequence: Vec<_> = readings(one_episode(EpisodeKind::LateReadings, 1.0), seconds(120))
        .iter()
        .map(|line| line.payload["seq"].as_u64().unwrap())
        .collect();
    assert!(!sequence.is_sorted());
    sequence.sort_unstable();
    assert_eq!(sequence, (1..=120).collect::<Vec<_>>());
}

#[test]
fn the_demo_has_something_to_alert_about_within_10_seconds() {
    for patients in [1, 2, 12, 50] {
        for seed in 0..10 {
            // A second is for the connections.
            let mut fast = readings(FleetSettings::demo(patients, seed), seconds(9));
            fast.retain(|line| line.number("heart_rate") > Some(120.0));
            let (Some(first), Some(last)) = (fast.first(), fast.last()) else {
                panic!("{patients} patients, seed {seed}: nobody's heart is fast")
            };
            // For as long as the delay, without a break, at one reading a second.
            let lasted = last.time().duration_since(first.time()).as_secs();
            assert!(
                lasted >= 5 && fast.len() > lasted as usize,
                "{patients} patients, seed {seed}: {lasted} s"
            );
            assert!(fast.iter().all(|line| line.topic == first.topic), "{patients} patients, seed {seed}");
        }
    }
}

#[test]
fn an_admission_record_names_class_bed_and_device() {
    let settings = FleetSettings { patients: 12, children: true, ..FleetSettings::default() };
    let records: Vec<_> = lines(settings, Duration::ZERO)
        .into_iter()
        .filter(|line| line.topic.starts_with("wardwatch/patients/"))
        .collect();
    assert_eq!(records.len(), 12);
    assert_eq!(records[5].payload["class"], "paediatric");
    assert_eq!(records[11].payload["class"], "neonate");
    assert_eq!(records[11].payload["devices"][0], "sim-mon-012");
}

#[test]
fn a_fleet_that_cannot_be_is_rejected() {
    let rejected = |settings| Fleet::new(settings, START.parse().unwrap()).is_err();
    assert!(rejected(FleetSettings { patients: 0, ..FleetSettings::default() }));
    assert!(rejected(FleetSettings { units: vec!["a/b".to_owned()], ..FleetSettings::default() }));
    for rate in [0.0, -1.0, f64::NAN, f64::INFINITY, 5000.0] {
        assert!(rejected(FleetSettings { rate, ..FleetSettings::default() }), "{rate}");
    }
}
