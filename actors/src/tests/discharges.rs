//! Discharges of many: in steps, and held where they look like a broker that lost its records.

use std::sync::Arc;

use super::restart::{left_by, restart};
use super::{Ward, clock, on_paused_time};
use crate::admission::AdmissionRecord;
use crate::alerts::Event;
use crate::census_actor::{ConfirmDischarges, Discharge, IngestProgress, Recorded};
use crate::people::PatientId;
use crate::receipt::Receipt;
use crate::settings::{Mode, Settings};

fn id(patient: usize) -> PatientId {
    format!("icu-1/p-{patient}").parse().unwrap()
}

fn record(ward: &Ward, patient: usize) {
    let (patient, record) = (id(patient), AdmissionRecord::default());
    ward.census.do_send(Recorded { patient, record, receipt: Receipt::none() });
}

fn discharge(ward: &Ward, patients: std::ops::Range<usize>) {
    for patient in patients {
        ward.census.do_send(Discharge { patient: id(patient), receipt: Receipt::none() });
    }
}

/// A ward of so many recorded patients, each of whom sends once a second for ten seconds.
async fn ward_of(patients: usize) -> Ward {
    let ward = Ward::open();
    (0..patients).for_each(|patient| record(&ward, patient));
    send(&ward, 0..patients, 0..10).await;
    ward
}

async fn send(ward: &Ward, patients: std::ops::Range<usize>, seconds: std::ops::Range<u64>) {
    for second in seconds {
        patients.clone().for_each(|patient| ward.send(id(patient).as_str(), second, 72));
        ward.wait(1).await;
    }
}

fn held(event: Event) -> (String, String, Event) {
    ("_/_".to_owned(), "discharge.held".to_owned(), event)
}

/// Seen to fail with no discharge held: all 100 are gone.
#[test]
fn of_a_mass_discharge_patients_are_watched_on_without_technical_alerts_until_it_is_confirmed() {
    on_paused_time(|| async {
        let ward = ward_of(100).await;
        discharge(&ward, 0..100);
        ward.wait(1).await;
        assert_eq!(ward.published(), [held(Event::Raised)]);
        ward.wait(2).await;
        assert_eq!(ward.counters.patients.get(), 100, "whoever was discharged first is watched on as well");

        // 25 of them send on: one alerts. Of the silent nothing is said.
        for second in 20..60 {
            (0..75).for_each(|patient| {
                ward.send(id(patient).as_str(), second, if patient == 60 { 170 } else { 72 })
            });
            ward.wait(1).await;
        }
        let high = ("icu-1/p-60".to_owned(), "heart_rate.high".to_owned(), Event::Raised);
        assert_eq!(ward.published()[1..], [high]);
        ward.wait(600).await;
        let of_equipment = |(_, condition, _): &(String, String, Event)| {
            [".missing", ".silent", ".unheard"].iter().any(|end| condition.ends_with(end))
        };
        assert!(!ward.published().iter().any(of_equipment), "{:?}", ward.published());

        ward.census.do_send(ConfirmDischarges { receipt: Receipt::none() });
        ward.wait(1).await;
        assert_eq!(ward.counters.patients.get(), 0);
        assert_eq!(ward.published().last(), Some(&held(Event::Cleared)));
    });
}

#[test]
fn whose_record_comes_back_is_held_no_longer_and_whoever_is_silent_for_a_day_leaves() {
    on_paused_time(|| async {
        let ward = ward_of(100).await;
        discharge(&ward, 0..100);
        ward.wait(1).await;
        (50..90).for_each(|patient| record(&ward, patient));
        ward.wait(1).await;
        assert_eq!(ward.published(), [held(Event::Raised)], "sixty are held still");
        ward.wait(25 * 3600).await;
        assert_eq!(ward.counters.patients.get(), 40);
        assert!(ward.published().contains(&held(Event::Cleared)));
        discharge(&ward, 50..51);
        ward.wait(1).await;
        assert_eq!(ward.counters.patients.get(), 39, "a discharge by itself is one");
    });
}

/// A discharge by itself is one, a little later, and nothing is held for it.
#[test]
fn whoever_is_discharged_by_itself_is_gone_two_seconds_later() {
    on_paused_time(|| async {
        let ward = ward_of(100).await;
        discharge(&ward, 0..3);
        ward.wait(1).await;
        record(&ward, 1);
        ward.wait(2).await;
        assert_eq!((ward.counters.patients.get(), ward.published()), (98, vec![]), "one came back in time");
        discharge(&ward, 10..20);
        ward.wait(30).await;
        assert_eq!(ward.counters.patients.get(), 98, "a tenth of all may be the beginning of a mass");
        ward.wait(31).await;
        assert_eq!(ward.counters.patients.get(), 88);
        assert!(!ward.published().contains(&held(Event::Raised)), "{:?}", ward.published());
    });
}

#[test]
fn what_is_held_is_held_across_a_restart() {
    on_paused_time(|| async {
        let ward = ward_of(100).await;
        discharge(&ward, 0..100);
        ward.wait(1).await;
        let again = restart(&ward, Arc::default());
        send(&again, 50..60, 100..110).await;
        again.wait(600).await;
        assert_eq!((again.counters.patients.get(), again.published()), (100, vec![]));
        again.census.do_send(ConfirmDischarges { receipt: Receipt::none() });
        again.wait(1).await;
        assert_eq!((again.counters.patients.get(), again.published()), (0, vec![held(Event::Cleared)]));
    });
}

/// A broker that came back without its records; a few that are missing were discharged meanwhile.
#[test]
fn whose_records_are_missing_after_a_connection_are_held_where_they_are_most() {
    on_paused_time(|| async {
        let mut settings = Settings::default();
        settings.admission.mode = Mode::Registered;
        let settings = Arc::new(settings);
        for (recorded, here) in [(0, 200), (150, 150)] {
            let ward = Ward::begin(clock(), Arc::clone(&settings), Vec::new());
            (0..200).for_each(|patient| record(&ward, patient));
            ward.census.do_send(IngestProgress::RecordsRead);
            ward.census.do_send(IngestProgress::Live);
            ward.wait(1).await;
            let again = Ward::begin(ward.clock.clone(), Arc::clone(&settings), Vec::new());
            again.census.do_send(left_by(&ward));
            again.wait(1).await;
            (0..recorded).for_each(|patient| record(&again, patient));
            again.census.do_send(IngestProgress::RecordsRead);
            again.census.do_send(IngestProgress::Live);
            again.wait(1).await;
            assert_eq!(again.counters.patients.get(), here, "{recorded} records");
        }
    });
}

#[test]
fn while_very_many_stays_end_readings_are_judged_in_between() {
    on_paused_time(|| async {
        let ward = Ward::open();
        (0..3000).for_each(|patient| record(&ward, patient));
        discharge(&ward, 0..3000);
        ward.wait(1).await;
        ward.send("icu-2/bystander", 0, 170);
        ward.wait(1).await;
        ward.census.do_send(ConfirmDischarges { receipt: Receipt::none() });
        ward.send("icu-2/bystander", 1, 170);
        let before = ward.memory.gone.borrow().len();
        while ward.memory.readings.borrow().len() < 2 {
            tokio::task::yield_now().await;
        }
        let gone = ward.memory.gone.borrow().len() - before;
        assert!(gone < 500, "{gone} stays ended before");
        ward.wait(1).await;
        assert_eq!(ward.counters.patients.get(), 1);
    });
}
