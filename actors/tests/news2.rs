//! NEWS2 against an independent table: every integer of each parameter, every hundredth of a degree.

use std::sync::Arc;

use wardwatch_actors::admission::{AdmissionRecord, Spo2Scale};
use wardwatch_actors::analyzers::news2::{Inputs, News2Analyzer, Points, Risk};
use wardwatch_actors::analyzers::{Analyzer, Score, View};
use wardwatch_actors::clock::{Now, Span, Timestamp, Uptime};
use wardwatch_actors::patient::outcome::Observed;
use wardwatch_actors::patient::{Listening, Patient};
use wardwatch_actors::settings::Settings;
use wardwatch_actors::vitals::{Consciousness, Quantity, Reading, Vital};

/// Lowest and highest value of each band in tenths, and its points, as printed in the chart.
type Chart = &'static [(i32, i32, u8)];

const ABOVE: i32 = 10_000;

const RESPIRATORY_RATE: Chart = &[(0, 80, 3), (90, 110, 1), (120, 200, 0), (210, 240, 2), (250, ABOVE, 3)];
const SCALE_ONE: Chart = &[(0, 910, 3), (920, 930, 2), (940, 950, 1), (960, ABOVE, 0)];
const SCALE_TWO_AIR: Chart = &[(0, 830, 3), (840, 850, 2), (860, 870, 1), (880, ABOVE, 0)];
const SCALE_TWO_OXYGEN: Chart = &[
    (0, 830, 3),
    (840, 850, 2),
    (860, 870, 1),
    (880, 920, 0),
    (930, 940, 1),
    (950, 960, 2),
    (970, ABOVE, 3),
];
const SYSTOLIC_PRESSURE: Chart =
    &[(0, 900, 3), (910, 1000, 2), (1010, 1100, 1), (1110, 2190, 0), (2200, ABOVE, 3)];
const PULSE: Chart =
    &[(0, 400, 3), (410, 500, 1), (510, 900, 0), (910, 1100, 1), (1110, 1300, 2), (1310, ABOVE, 3)];
const TEMPERATURE: Chart = &[(0, 350, 3), (351, 360, 1), (361, 380, 0), (381, 390, 1), (391, ABOVE, 2)];

/// The points of a value in tenths: of exactly one band.
fn points_in(chart: Chart, tenths: i32) -> u8 {
    let bands: Vec<_> = chart.iter().filter(|(low, high, _)| (*low..=*high).contains(&tenths)).collect();
    assert_eq!(bands.len(), 1, "{tenths} tenths");
    bands[0].2
}

/// A patient who scores 0.
fn well() -> Inputs {
    Inputs {
        respiratory_rate: Some(Quantity::whole(16)),
        oxygen_saturation: Some(Quantity::whole(98)),
        supplemental_oxygen: Some(false),
        systolic_pressure: Some(Quantity::whole(120)),
        pulse: Some(Quantity::whole(70)),
        consciousness: Some(Consciousness::Alert),
        temperature: Some(Quantity::hundredths(3700)),
        scale_two: false,
    }
}

fn scored(change: impl FnOnce(&mut Inputs)) -> Points {
    let mut inputs = well();
    change(&mut inputs);
    inputs.points()
}

/// The points that a complete score has.
fn total(change: impl FnOnce(&mut Inputs)) -> u8 {
    let points = scored(change);
    assert_eq!(points.at_least(), points.at_most());
    points.at_least()
}

fn whole(value: i32) -> Option<Quantity> {
    Some(Quantity::whole(value))
}

#[test]
fn a_well_adult_on_air_scores_0() {
    assert_eq!(total(|_| ()), 0);
    assert_eq!(scored(|_| ()).risk(), Risk::Low);
}

#[test]
fn every_integer_of_rate_pressure_and_pulse_scores_as_printed() {
    for value in 0..=150 {
        let points = total(|i| i.respiratory_rate = whole(value));
        assert_eq!(points, points_in(RESPIRATORY_RATE, value * 10), "respiratory rate {value}");
    }
    for value in 1..=350 {
        let points = total(|i| i.systolic_pressure = whole(value));
        assert_eq!(points, points_in(SYSTOLIC_PRESSURE, value * 10), "systolic pressure {value}");
    }
    for value in 0..=350 {
        assert_eq!(total(|i| i.pulse = whole(value)), points_in(PULSE, value * 10), "pulse {value}");
    }
}

#[test]
fn every_saturation_scores_as_printed_on_both_scales_on_air_and_on_oxygen() {
    for value in 1..=100 {
        let on = |scale_two, oxygen| {
            total(|i| {
                (i.oxygen_saturation, i.scale_two, i.supplemental_oxygen) =
                    (whole(value), scale_two, Some(oxygen))
            })
        };
        assert_eq!(on(false, false), points_in(SCALE_ONE, value * 10), "{value} % on air, scale 1");
        assert_eq!(on(false, true), points_in(SCALE_ONE, value * 10) + 2, "{value} % on oxygen, scale 1");
        assert_eq!(on(true, false), points_in(SCALE_TWO_AIR, value * 10), "{value} % on air, scale 2");
        assert_eq!(on(true, true), points_in(SCALE_TWO_OXYGEN, value * 10) + 2, "{value} %, oxygen, scale 2");
    }
}

#[test]
fn on_scale_2_with_oxygen_unknown_a_saturation_from_93_scores_0_and_up_to_3_more() {
    for value in 1..=100 {
        let points = scored(|i| {
            (i.oxygen_saturation, i.scale_two, i.supplemental_oxygen) = (whole(value), true, None)
        });
        let (air, oxygen) = (points_in(SCALE_TWO_AIR, value * 10), points_in(SCALE_TWO_OXYGEN, value * 10));
        assert_eq!(points.at_least(), air, "{value} %");
        assert_eq!(points.at_most(), oxygen + 2, "{value} %: on oxygen after all");
        assert!(!points.score().complete());
    }
}

#[test]
fn on_scale_1_with_oxygen_unknown_only_its_own_two_points_are_open() {
    for value in 1..=100 {
        let points = scored(|i| (i.oxygen_saturation, i.supplemental_oxygen) = (whole(value), None));
        let saturation = points_in(SCALE_ONE, value * 10);
        assert_eq!((points.at_least(), points.at_most()), (saturation, saturation + 2), "{value} %");
        assert_eq!(points.score().missing, ["supplemental_oxygen"]);
    }
}

#[test]
fn every_hundredth_of_a_degree_from_30_to_43_scores_as_printed() {
    for hundredths in 3000..=4300 {
        let tenths = (hundredths + 5) / 10;
        let points = total(|i| i.temperature = Some(Quantity::hundredths(hundredths)));
        assert_eq!(points, points_in(TEMPERATURE, tenths), "{hundredths} hundredths of a degree");
    }
}

#[test]
fn every_level_of_consciousness_but_alert_scores_3() {
    use Consciousness::{Alert, Confusion, Pain, Unresponsive, Voice};
    for (level, points) in [(Alert, 0), (Confusion, 3), (Voice, 3), (Pain, 3), (Unresponsive, 3)] {
        assert_eq!(total(|i| i.consciousness = Some(level)), points, "{level:?}");
    }
}

#[test]
fn the_worst_of_everything_is_20() {
    let worst = Inputs {
        respiratory_rate: whole(30),
        oxygen_saturation: whole(80),
        supplemental_oxygen: Some(true),
        systolic_pressure: whole(70),
        pulse: whole(140),
        consciousness: Some(Consciousness::Unresponsive),
        temperature: Some(Quantity::hundredths(3400)),
        scale_two: false,
    };
    assert_eq!(worst.points().at_least(), 20);
    assert_eq!(Inputs::default().points().at_most(), 20, "of nothing known");
}

#[test]
fn risk_follows_the_total() {
    // Points that can be had without any single 3: oxygen, then 1s and 2s.
    let with = |rate, saturation, oxygen, pressure, pulse| {
        scored(|i| {
            (i.respiratory_rate, i.oxygen_saturation, i.supplemental_oxygen) =
                (whole(rate), whole(saturation), Some(oxygen));
            (i.systolic_pressure, i.pulse) = (whole(pressure), whole(pulse));
        })
    };
    for (points, total, risk) in [
        (with(16, 98, false, 120, 70), 0, Risk::Low),
        (with(22, 98, true, 120, 70), 4, Risk::Low),
        (with(22, 95, true, 120, 70), 5, Risk::Medium),
        (with(22, 93, true, 120, 70), 6, Risk::Medium),
        (with(22, 93, true, 105, 70), 7, Risk::High),
        (with(22, 93, true, 95, 115), 10, Risk::High),
    ] {
        assert_eq!((points.at_least(), points.risk()), (total, risk));
    }
}

// Mistakes found in public implementations.

#[test]
fn a_saturation_of_97_on_air_scores_0_on_scale_2() {
    assert_eq!(total(|i| (i.oxygen_saturation, i.scale_two) = (whole(97), true)), 0);
    assert_eq!(total(|i| (i.oxygen_saturation, i.scale_two) = (whole(100), true)), 0);
}

#[test]
fn scale_2_is_an_order_on_the_record_and_never_inferred() {
    assert_eq!(AdmissionRecord::default().spo2_scale, Spo2Scale::One);
    let chronic_obstruction = r#"{"label":"COPD","diagnosis":"J44.9","attending":"pneumology"}"#;
    assert_eq!(
        serde_json::from_str::<AdmissionRecord>(chronic_obstruction).unwrap().spo2_scale,
        Spo2Scale::One
    );
    let saturation =
        |record: &str| part(&news2(record, &[(Vital::OxygenSaturation, 8900)]), "oxygen_saturation");
    assert_eq!(saturation(chronic_obstruction), Some(3));
    assert_eq!(saturation(r#"{"spo2_scale":2}"#), Some(0));
}

#[test]
fn a_missing_parameter_is_never_0_points() {
    let nothing = Inputs::default().points();
    assert_eq!((nothing.at_least(), nothing.at_most()), (0, 20));
    let score = nothing.score();
    assert_eq!((score.total(), score.parts.len(), score.missing.len()), (None, 0, 7));
    type Forget = fn(&mut Inputs);
    let each: [(Forget, u8); 7] = [
        (|i| i.respiratory_rate = None, 3),
        (|i| i.oxygen_saturation = None, 3),
        (|i| i.supplemental_oxygen = None, 2),
        (|i| i.systolic_pressure = None, 3),
        (|i| i.pulse = None, 3),
        (|i| i.consciousness = None, 3),
        (|i| i.temperature = None, 3),
    ];
    for (forget, most) in each {
        let points = scored(forget);
        let score = points.score();
        assert_eq!((points.at_least(), points.at_most()), (0, most), "{:?}", score.missing);
        assert_eq!((score.total(), score.parts.len(), score.missing.len()), (None, 6, 1));
    }
}

#[test]
fn no_value_falls_between_two_bands() {
    assert_eq!(total(|i| i.temperature = Some(Quantity::hundredths(3605))), 0, "36.05 is 36.1");
    assert_eq!(total(|i| i.temperature = Some(Quantity::hundredths(3604))), 1, "36.04 is 36.0");
    assert_eq!(total(|i| i.temperature = Some(Quantity::hundredths(3805))), 1, "38.05 is 38.1");
    assert_eq!(total(|i| i.temperature = Some(Quantity::hundredths(3800))), 0, "100.4 °F is 38.0");
    assert_eq!(total(|i| i.oxygen_saturation = Some(Quantity::hundredths(9250))), 2, "92.5 is 93");
    assert_eq!(total(|i| i.oxygen_saturation = Some(Quantity::hundredths(9350))), 1, "93.5 is 94");
    assert_eq!(total(|i| i.oxygen_saturation = Some(Quantity::hundredths(9149))), 3, "91.49 is 91");
    for hundredths in 100..=35_000 {
        let rounded = (hundredths + 50) / 100 * 10;
        let value = Some(Quantity::hundredths(hundredths));
        assert_eq!(total(|i| i.pulse = value), points_in(PULSE, rounded), "pulse {hundredths}/100");
    }
}

#[test]
fn the_edges_at_35_and_36_degrees_belong_to_the_colder_band() {
    for (hundredths, points) in [(3500, 3), (3504, 3), (3505, 1), (3510, 1), (3600, 1), (3610, 0)] {
        assert_eq!(total(|i| i.temperature = Some(Quantity::hundredths(hundredths))), points, "{hundredths}");
    }
}

#[test]
fn a_single_3_is_low_medium_and_not_high() {
    let points = scored(|i| i.respiratory_rate = whole(25));
    assert_eq!((points.at_least(), points.risk()), (3, Risk::LowMedium));
    let four = scored(|i| (i.respiratory_rate, i.pulse) = (whole(25), whole(95)));
    assert_eq!((four.at_least(), four.risk()), (4, Risk::LowMedium));
    let without_a_three = scored(|i| (i.respiratory_rate, i.pulse) = (whole(22), whole(95)));
    assert_eq!((without_a_three.at_least(), without_a_three.risk()), (3, Risk::Low));
}

#[test]
fn every_band_of_every_chart_can_be_reached() {
    let reached = |chart: Chart, oxygen: u8, set: fn(&mut Inputs, Quantity)| {
        for (low, high, points) in chart {
            for tenths in [*low, (*high).min(3500)] {
                let value = Quantity::hundredths(tenths * 10);
                assert_eq!(total(|i| set(i, value)), points + oxygen, "{tenths} tenths");
            }
        }
    };
    reached(RESPIRATORY_RATE, 0, |i, value| i.respiratory_rate = Some(value));
    reached(SCALE_ONE, 0, |i, value| i.oxygen_saturation = Some(value));
    reached(SCALE_TWO_AIR, 0, |i, value| (i.oxygen_saturation, i.scale_two) = (Some(value), true));
    reached(SCALE_TWO_OXYGEN, 2, |i, value| {
        (i.oxygen_saturation, i.scale_two, i.supplemental_oxygen) = (Some(value), true, Some(true));
    });
    reached(SYSTOLIC_PRESSURE, 0, |i, value| i.systolic_pressure = Some(value));
    reached(PULSE, 0, |i, value| i.pulse = Some(value));
    reached(TEMPERATURE, 0, |i, value| i.temperature = Some(value));
}

#[test]
fn new_confusion_scores_3() {
    assert_eq!(total(|i| i.consciousness = Some(Consciousness::Confusion)), 3);
}

#[test]
fn an_incomplete_score_alerts_on_what_is_known() {
    let points = scored(|i| (i.respiratory_rate, i.temperature, i.consciousness) = (whole(22), None, None));
    assert_eq!((points.at_least(), points.at_most()), (2, 8));
    assert_eq!(points.reached(), None, "2 points are no alert, though 8 may be");
    assert_eq!(points.score().risk, "low", "a floor");
}

// Of a patient.

const HOUR_MS: i64 = 3_600_000;

/// What the rule sees `later` after one reading with these values in hundredths.
fn view(record: &str, values: &[(Vital, i32)], later: Span) -> Arc<View> {
    let wall: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
    let now = Now { uptime: Uptime::from_ms(HOUR_MS), wall };
    let listening = Listening { since: Some(Uptime::START), own_clock_suspect: false };
    let mut patient = Patient::new("icu-1/p-1".parse().unwrap(), &Arc::default(), wall, now);
    patient.admit(serde_json::from_str(record).unwrap(), listening, now);
    let mut reading = Reading::empty(wall);
    values.iter().for_each(|(vital, value)| reading.values.set(*vital, Quantity::hundredths(*value)));
    reading.consciousness = Some(Consciousness::Alert);
    reading.supplemental_oxygen = Some(false);
    let Observed::Judge(inquiry) = patient.observe(&reading, listening, now) else { panic!("to be judged") };
    let mut view = View::clone(&inquiry.view);
    view.now = Now { uptime: now.uptime + later, wall: now.wall + later };
    Arc::new(view)
}

fn analyze(view: &View) -> Score {
    News2Analyzer::new(&Arc::<Settings>::default()).analyze(view).score.unwrap()
}

fn news2(record: &str, values: &[(Vital, i32)]) -> Score {
    analyze(&view(record, values, Span::ZERO))
}

fn part(score: &Score, name: &str) -> Option<u8> {
    score.parts.iter().find(|(part, _)| part == name).map(|(_, points)| *points)
}

const ALL_FIVE: [(Vital, i32); 5] = [
    (Vital::RespiratoryRate, 2500),
    (Vital::OxygenSaturation, 9800),
    (Vital::SystolicPressure, 12_000),
    (Vital::HeartRate, 7000),
    (Vital::Temperature, 3700),
];

#[test]
fn children_and_pregnant_women_have_no_score_and_the_reason_is_said() {
    for (record, reason) in [
        (r#"{"class":"paediatric"}"#, "NEWS2 is not for children: the record's class is not adult"),
        (r#"{"class":"neonate"}"#, "NEWS2 is not for children: the record's class is not adult"),
        (r#"{"born":"2010-11-23"}"#, "NEWS2 is not for children under 16 years"),
        (r#"{"pregnant":true}"#, "NEWS2 is not for pregnancy"),
    ] {
        let score = news2(record, &ALL_FIVE);
        assert_eq!(score.excluded.as_deref(), Some(reason), "{record}");
        assert_eq!((score.total(), score.complete(), score.parts.len()), (None, false, 0), "{record}");
    }
}

#[test]
fn on_the_sixteenth_birthday_and_without_a_record_the_score_is_for_adults() {
    for record in [r#"{"born":"2010-11-22"}"#, "{}", r#"{"class":"adult","born":"1951-03-02"}"#] {
        assert_eq!(news2(record, &ALL_FIVE).total(), Some(3), "{record}");
    }
}

#[test]
fn a_score_whose_data_stopped_turns_incomplete_and_does_not_stay() {
    let at = |later| analyze(&view("{}", &ALL_FIVE, later));
    let minute_15 = Span::from_mins(15);
    assert_eq!(at(minute_15 - Span::from_ms(1)).total(), Some(3));
    let old = at(minute_15);
    assert_eq!((old.total(), old.at_least, old.at_most), (None, 0, 9));
    assert_eq!(old.missing, ["respiratory_rate", "oxygen_saturation", "pulse"]);
    assert_eq!(at(Span::from_hours(6)).missing.len(), 4, "and the blood pressure after 6 h");
    let last = at(Span::from_hours(12));
    assert_eq!(last.missing.len(), 6, "and temperature and consciousness after 12 h");
    assert_eq!(part(&last, "supplemental_oxygen"), Some(0), "oxygen holds until it is changed");
}

#[test]
fn the_rule_asks_to_be_asked_again_when_the_first_input_grows_too_old() {
    let rule = News2Analyzer::new(&Arc::<Settings>::default());
    let recheck = |later| rule.analyze(&view("{}", &ALL_FIVE, later)).recheck_at;
    let after = |span| Some(Uptime::from_ms(HOUR_MS) + span);
    assert_eq!(recheck(Span::ZERO), after(Span::from_mins(15)));
    assert_eq!(recheck(Span::from_mins(15)), after(Span::from_hours(6)));
    assert_eq!(recheck(Span::from_hours(12)), None);
}

#[test]
fn the_pulse_counts_where_no_heart_rate_is_there() {
    let pulse = |values: &[(Vital, i32)]| part(&news2("{}", values), "pulse");
    assert_eq!(pulse(&[(Vital::PulseRate, 14_000)]), Some(3));
    assert_eq!(pulse(&[(Vital::HeartRate, 7000), (Vital::PulseRate, 14_000)]), Some(0));
}
