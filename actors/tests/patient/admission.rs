//! Records, discharge and transfer.

use wardwatch_actors::people::Departure;

use super::ward::*;

#[test]
fn a_discharge_clears_what_is_open_says_why_and_leaves_nothing_behind() {
    let mut ward = Ward::new();
    ward.each_second(0..10, &[(HeartRate, 160)]);
    let outcome = ward.patient.leave(Departure::Discharged, ward.now());
    let [raised] = &ward.published[..] else { panic!("{:?}", ward.lines()) };
    let [cleared] = &outcome.changes[..] else { panic!("one change") };
    assert_eq!((cleared.id, cleared.sequence), (raised.id, 2));
    assert_eq!(cleared.reason.as_deref(), Some("discharged"));
    assert_eq!(ward.patient.open_alerts(), 0);
}

#[test]
fn a_transfer_raises_what_is_open_under_the_new_unit_and_clears_it_under_the_old() {
    let mut ward = Ward::new();
    ward.each_second(0..10, &[(HeartRate, 160)]);
    let raised = ward.published.remove(0);
    let moved = ward.patient.clone().transferred_to("ward-2/p-17".parse().unwrap());
    let outcome = ward.patient.leave(Departure::Transferred, ward.now());
    assert_eq!(outcome.changes[0].reason.as_deref(), Some("transferred"));
    ward.patient = moved;
    ward.admit(r#"{"from":"icu-1"}"#);
    let [again] = &ward.published[..] else { panic!("{:?}", ward.lines()) };
    assert_eq!((again.subject.to_string(), again.sequence), ("ward-2/p-17".to_owned(), 1));
    assert_eq!((again.onset, again.time), (raised.onset, ward.now().wall));
    assert_ne!(again.id, raised.id);
    ward.published.clear();
    ward.each_second(10..21, &[(HeartRate, 80)]);
    ward.published(&["20 cleared heart_rate.high high"]);
}

#[test]
fn readings_of_a_device_that_the_record_does_not_name_are_rejected() {
    let mut ward = Ward::new();
    ward.admit(r#"{"devices":["mon-1"]}"#);
    ward.device_reads("mon-2", 0, 0, &[(HeartRate, 0)]);
    assert_eq!(ward.last, "rejected");
    ward.reads(0, &[(HeartRate, 80)]);
    assert_eq!(ward.last, "judged");
}

#[test]
fn a_class_chooses_the_limits() {
    let mut ward = Ward::new();
    ward.admit(r#"{"class":"neonate"}"#);
    ward.each_second(0..10, &[(HeartRate, 140)]);
    ward.published(&[]);
    ward.admit("{}");
    ward.each_second(10..20, &[(HeartRate, 140)]);
    assert_eq!(ward.lines().len(), 1, "{:?}", ward.lines());
}
