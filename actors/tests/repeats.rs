//! What comes twice is acknowledged no sooner than what came first.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix::{Addr, System};
use bytes::Bytes;
use wardwatch_actors::analyzers;
use wardwatch_actors::census_actor::{Arrived, CensusActor, Discharge, IngestProgress, ShardParts};
use wardwatch_actors::clock::{Clock, Timestamp};
use wardwatch_actors::outlet::{Kept, Outlet};
use wardwatch_actors::patient::outcome::RejectedArrival;
use wardwatch_actors::people::PatientId;
use wardwatch_actors::receipt::{Ledger, Receipt};
use wardwatch_actors::vitals::{Quantity, Reading, Vital};

const PATIENT: &str = "icu-1/p-17";

/// A store that has not committed anything yet.
#[derive(Default)]
struct Slow(RefCell<Vec<Kept>>);

impl Outlet for Slow {
    fn keep(&self, kept: Kept) {
        self.0.borrow_mut().push(kept);
    }

    fn saves(&self) -> bool {
        true
    }

    fn reject_arrival(&self, _: RejectedArrival) {}

    fn follow(&self, _: &PatientId) {}

    fn unfollow(&self, _: &PatientId) {}

    fn empty_record(&self, _: &PatientId) {}

    fn publish_record(&self, _: &PatientId, _: &wardwatch_actors::admission::AdmissionRecord) {}

    fn reject_command(&self, _: wardwatch_actors::commands::RejectedCommand) {}

    fn died(&self, _: &'static str) {}
}

/// The receipts that were settled, in order.
#[derive(Default)]
struct Settled(Mutex<Vec<u64>>);

impl Ledger for Settled {
    fn add_pending(&self, _: u64) {}

    fn settle(&self, entry: u64) {
        self.0.lock().unwrap().push(entry);
    }

    fn abandon(&self, _: u64) {}
}

struct Ward {
    census: Addr<CensusActor>,
    store: Rc<Slow>,
    settled: Arc<Settled>,
}

impl Ward {
    fn open() -> Self {
        let clock = Clock::simulated(Timestamp::from_unix_ms(1_800_000_000_000));
        let (settings, store) = (Arc::default(), Rc::new(Slow::default()));
        let (rules, outlet) = (analyzers::all(&settings), Rc::clone(&store) as Rc<dyn Outlet>);
        let census =
            CensusActor::start_alone(ShardParts { settings, clock, outlet, counters: Arc::default(), rules });
        census.do_send(IngestProgress::RecordsRead);
        census.do_send(IngestProgress::Live);
        Self { census, store, settled: Arc::default() }
    }

    fn receipt(&self, number: u64) -> Receipt {
        Receipt::new(Arc::clone(&self.settled) as Arc<dyn Ledger>, number)
    }

    /// The same reading each time.
    fn read(&self, receipt: u64) {
        let mut reading = Box::new(Reading::empty(Timestamp::from_unix_ms(1_800_000_000_000)));
        reading.seq = Some(1);
        reading.values.set(Vital::HeartRate, Quantity::whole(170));
        let (patient, payload, receipt) = (PATIENT.into(), Bytes::new(), self.receipt(receipt));
        self.census.do_send(Arrived { patient, reading, size: payload.len(), payload, receipt });
    }

    fn discharge(&self, receipt: u64) {
        let (patient, receipt) = (PATIENT.parse().unwrap(), self.receipt(receipt));
        self.census.do_send(Discharge { patient, receipt });
    }

    /// Lets everything happen but a commit; then the store commits.
    async fn commit(&self) {
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert_eq!(*self.settled.0.lock().unwrap(), [0_u64; 0], "before the commit");
        self.store.0.take().into_iter().for_each(|kept| kept.receipt.settle());
    }
}

fn on_paused_time<F: Future>(test: impl FnOnce() -> F) -> F::Output {
    let runtime =
        || tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    System::with_tokio_rt(runtime).block_on(async { test().await })
}

/// As after a lost connection: the first receipt is void, and the second alone acknowledges.
/// Seen to fail with `keep_in_turn` taken out.
#[test]
fn a_repeated_reading_waits_for_the_commit_of_the_first() {
    on_paused_time(|| async {
        let ward = Ward::open();
        ward.read(1);
        ward.read(2);
        ward.commit().await;
        assert_eq!(*ward.settled.0.lock().unwrap(), [1, 2]);
    });
}

/// Seen to fail with `keep_in_turn` taken out.
#[test]
fn a_repeated_discharge_waits_for_the_commit_of_the_first() {
    on_paused_time(|| async {
        let ward = Ward::open();
        ward.read(1);
        ward.discharge(2);
        ward.discharge(3);
        ward.commit().await;
        let mut settled = ward.settled.0.lock().unwrap().clone();
        settled.sort_unstable();
        assert_eq!(settled, [1, 2, 3]);
    });
}
