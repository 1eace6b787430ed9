//! A patient is written down and read back as one value.

use wardwatch_actors::clock::Span;

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
    assert!(before.to_string().contains(r#""device":"_""#), "a device without a name");
    ward.restart(Span::ZERO);
    assert_eq!(json(&ward), before);
}

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
    assert_eq!(restarted.told, stayed.told);
    assert_eq!(json(&restarted), json(&stayed));
}

#[test]
fn deadlines_move_with_the_clock_that_started_anew() {
    let mut ward = in_the_middle();
    let before = ward.patient.next_deadline().unwrap();
    let back = Span::from_ms(-33_000);
    ward.restart(back);
    assert_eq!(ward.patient.next_deadline(), Some(before + back));
}
