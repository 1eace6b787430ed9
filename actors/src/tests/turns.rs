//! What a device sends beyond its rate waits for its turn, and holds up nobody else.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;

use super::{Ward, on_paused_time};
use crate::alerts::Event;
use crate::census_actor::Arrived;
use crate::clock::Span;
use crate::receipt::{Ledger, Receipt};
use crate::vitals::{Quantity, Reading, Vital};

/// The number of the reading of somebody else.
const BYSTANDER: u64 = 1_000_000;

/// As many readings as a device has kept of eight hours and some more.
const BACKLOG: u64 = 28_810;

/// A reading of icu-1/p-1 from this device, so old by its clock.
fn flood(ward: &Ward, seq: u64, device: &str, old: Span, receipt: Receipt) {
    let now = ward.clock.now().wall;
    let mut reading = Reading::empty(now);
    (reading.observed_at, reading.seq, reading.device) = (Some(now - old), Some(seq), device.parse().ok());
    reading.values.set(Vital::HeartRate, Quantity::whole(72));
    let (patient, payload, reading) = ("icu-1/p-1".into(), Bytes::from_static(b"{}"), Box::new(reading));
    ward.census.do_send(Arrived { patient, reading, size: payload.len(), payload, receipt });
}

/// How many readings were judged before the bystander's, and how many in all.
async fn judged_before_and_in_all(ward: &Ward) -> (usize, usize) {
    ward.wait(1).await;
    let judged = ward.memory.readings.borrow();
    assert!(ward.memory.rejected.borrow().is_empty());
    (judged.iter().position(|seq| *seq == BYSTANDER).unwrap(), judged.len())
}

#[test]
fn a_device_that_sends_thousands_of_readings_of_two_alternating_times_holds_up_nobody() {
    on_paused_time(|| async {
        let ward = Ward::open();
        for seq in 0..5000 {
            flood(&ward, seq, "mon-1", Span::from_secs((seq % 2) as i64), Receipt::none());
        }
        ward.send("icu-1/p-2", BYSTANDER, 170);
        let (before, in_all) = judged_before_and_in_all(&ward).await;
        assert!(before <= 200, "{before} readings were judged before");
        assert_eq!(in_all, 5001, "all were judged in their turn");
    });
}

#[test]
fn a_new_name_for_each_reading_is_no_way_around_the_rate() {
    on_paused_time(|| async {
        let ward = Ward::open();
        for seq in 0..5000 {
            flood(&ward, seq, &format!("new-{seq}"), Span::ZERO, Receipt::none());
        }
        ward.send("icu-1/p-2", BYSTANDER, 170);
        let (before, in_all) = judged_before_and_in_all(&ward).await;
        assert!(before <= 200, "{before} readings were judged before");
        assert_eq!(in_all, 5001);
    });
}

/// A monitor that was there before keeps its turn, whatever else comes for its patient.
#[test]
fn another_device_of_the_same_patient_is_heard_through_the_flood() {
    on_paused_time(|| async {
        let ward = Ward::open();
        for second in 0..70 {
            ward.send("icu-1/p-1", second, 72);
            ward.wait(1).await;
        }
        for seq in 1000..6000 {
            flood(&ward, seq, &format!("new-{seq}"), Span::ZERO, Receipt::none());
        }
        ward.send("icu-1/p-1", BYSTANDER, 170);
        let (before, in_all) = judged_before_and_in_all(&ward).await;
        assert!(before <= 70 + 200, "{before} readings were judged before");
        assert_eq!(in_all, 5071);
    });
}

/// Eight hours of each of three devices at once, and a gateway that gives every bed the same name.
#[test]
fn a_backlog_of_eight_hours_loses_nothing_and_a_gateway_is_no_flood() {
    on_paused_time(|| async {
        let ward = Ward::open();
        for seq in 0..8000 {
            flood(&ward, seq, "mon-1", Span::from_secs(28_800 - seq as i64), Receipt::none());
        }
        for bed in 0..50 {
            (0..90).for_each(|seq| ward.send(&format!("icu-2/bed-{bed}"), seq, 72));
        }
        ward.wait(60).await;
        assert_eq!(ward.counters.readings.get(), 8000 + 50 * 90);
        assert_eq!(ward.published(), []);
    });
}

/// A ledger whose window for what is unacknowledged grows short.
#[derive(Default)]
struct Short {
    settled: AtomicUsize,
    held: AtomicUsize,
}

impl Ledger for Short {
    fn add_pending(&self, _: u64) {}

    fn settle(&self, _: u64) {
        self.settled.fetch_add(1, Ordering::Relaxed);
    }

    fn abandon(&self, _: u64) {
        panic!("a receipt was dropped");
    }

    fn is_short(&self) -> bool {
        true
    }

    fn hold(&self, hold: bool) {
        self.held.fetch_add(usize::from(hold), Ordering::Relaxed);
    }
}

/// Seen to fail with no reading waiting.
#[test]
fn what_floods_beyond_a_backlog_is_rejected_and_its_unit_alerted_where_no_more_can_wait() {
    on_paused_time(|| async {
        let ward = Ward::open();
        let short = Arc::new(Short::default());
        for seq in 0..BACKLOG + 200 {
            flood(&ward, seq, "mon-1", Span::from_secs((seq % 2) as i64), Receipt::new(short.clone(), seq));
        }
        ward.wait(1).await;
        let rejected = ward.memory.rejected.take();
        assert!((100..=110).contains(&rejected.len()), "{}", rejected.len());
        assert!(rejected[0].rejection.to_string().contains("no more of them can wait"));
        assert_eq!(short.settled.load(Ordering::Relaxed) as u64, BACKLOG + 200);
        assert_eq!(short.held.load(Ordering::Relaxed), 1, "and before that nothing more was taken");
        let flooding = ("icu-1/_".to_owned(), "device.flooding".to_owned(), Event::Raised);
        assert_eq!(ward.published(), [flooding]);
        ward.wait(61).await;
        assert_eq!(ward.published()[1].2, Event::Cleared);
    });
}
