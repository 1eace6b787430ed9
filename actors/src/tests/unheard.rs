//! Patients of whom nothing is heard: one by one, as a unit, across a restart, and while it is we who cannot hear.

use std::sync::Arc;

use super::restart::restart;
use super::{Ward, on_paused_time};
use crate::admission::AdmissionRecord;
use crate::census_actor::{IngestProgress, Recorded};
use crate::receipt::Receipt;

const TEN_MINUTES: u64 = 600;

impl Ward {
    /// A record of this patient, who has the device that [`Ward::send`] sends with.
    fn record_with_device(&self, patient: &str) {
        let device = format!("of-{}", patient.replace('/', ".")).parse().unwrap();
        let record = AdmissionRecord { devices: Some(vec![device]), ..AdmissionRecord::default() };
        let (patient, receipt) = (patient.parse().unwrap(), Receipt::none());
        self.census.do_send(Recorded { patient, record, receipt });
    }

    fn published_unheard(&self) -> Vec<String> {
        let changes = self.memory.changes.borrow();
        let published = changes.iter().map(|change| {
            assert_eq!(change.condition.to_string(), "patient.unheard");
            format!("{} {:?} {}", change.subject, change.event, change.priority.name())
        });
        published.collect()
    }
}

fn patients(unit: &str, count: usize) -> Vec<String> {
    (0..count).map(|n| format!("{unit}/p-{n}")).collect()
}

/// Seen to fail with what was found before not kept where nothing came since.
#[test]
fn what_is_open_of_patients_and_units_outlives_a_restart_and_is_not_raised_anew() {
    on_paused_time(|| async {
        let ward = Ward::open();
        let (unit, single) = (patients("icu-1", 6), patients("icu-2", 2));
        unit.iter().chain(&single).for_each(|patient| ward.record_with_device(patient));
        ward.wait(TEN_MINUTES + 2).await;
        let raised = |of: &str| format!("{of} Raised low");
        assert_eq!(ward.published_unheard(), [raised("icu-1/_"), raised("icu-2/p-0"), raised("icu-2/p-1")]);

        let again = restart(&ward, Arc::default());
        unit.iter().chain(&single).for_each(|patient| again.record_with_device(patient));
        again.wait(TEN_MINUTES - 2).await;
        assert_eq!(again.published_unheard(), [""; 0]);
        again.wait(303).await;
        let escalated = |of: &str| format!("{of} Escalated medium");
        assert_eq!(
            again.published_unheard(),
            [escalated("icu-2/p-0"), escalated("icu-2/p-1"), escalated("icu-1/_")]
        );
        again.send("icu-2/p-0", 1, 72);
        again.wait(1).await;
        assert_eq!(again.published_unheard()[3..], ["icu-2/p-0 Cleared medium"]);
    });
}

/// Seen to fail with the installation's word about the unit not passed on.
#[test]
fn a_unit_that_is_heard_again_after_a_restart_leaves_those_who_are_not() {
    on_paused_time(|| async {
        let ward = Ward::open();
        let unit = patients("icu-1", 6);
        unit.iter().for_each(|patient| ward.record_with_device(patient));
        ward.wait(TEN_MINUTES + 2).await;

        let again = restart(&ward, Arc::default());
        again.wait(5).await;
        for second in 1..10 {
            unit[..4].iter().for_each(|patient| again.send(patient, second, 72));
            again.wait(1).await;
        }
        assert_eq!(
            again.published_unheard(),
            ["icu-1/_ Cleared low", "icu-1/p-4 Raised low", "icu-1/p-5 Raised low"]
        );
    });
}

#[test]
fn fifty_patients_whose_records_are_read_again_at_a_start_raise_nothing_and_neither_does_our_own_deafness() {
    on_paused_time(|| async {
        let ward = Ward::open();
        let beds = patients("icu-1", 50);
        beds.iter().for_each(|patient| ward.record_with_device(patient));
        ward.wait(1).await;
        let again = restart(&ward, Arc::default());
        again.census.do_send(IngestProgress::Interrupted);
        beds.iter().for_each(|patient| again.record_with_device(patient));
        again.wait(3 * TEN_MINUTES).await;
        again.census.do_send(IngestProgress::Live);
        again.wait(TEN_MINUTES - 10).await;
        for second in 1..10 {
            beds.iter().for_each(|patient| again.send(patient, second, 72));
            again.wait(1).await;
        }
        assert_eq!(again.published_unheard(), [""; 0]);
    });
}

/// Seen to fail with the installation's word about the unit not passed on.
#[test]
fn a_ward_of_fifty_is_one_alert_and_says_how_many() {
    on_paused_time(|| async {
        let ward = Ward::open();
        patients("icu-1", 50).iter().for_each(|patient| ward.record_with_device(patient));
        ward.wait(TEN_MINUTES + 100).await;
        assert_eq!(ward.published_unheard(), ["icu-1/_ Raised low"]);
        let message = ward.memory.changes.borrow()[0].message.clone();
        assert_eq!(message, "No readings from 50 of 50 patients of this unit");
    });
}
