//! A whole shard on simulated time: its actors as they work together, without a broker or a store.

mod deliveries;
mod discharges;
mod failures;
mod hearing;
mod restart;
mod stays;
mod turns;
mod unheard;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix::{Addr, System};
use bytes::Bytes;

use crate::admission::AdmissionRecord;
use crate::alerts::{AlertChange, Event};
use crate::analyzers::{self, Analyzer};
use crate::census_actor::{Arrived, CensusActor, IngestProgress, ShardParts};
use crate::clock::{Clock, Span, Timestamp};
use crate::commands::RejectedCommand;
use crate::counters::Counters;
use crate::installation_actor::InstallationActor;
use crate::outlet::{Kept, Outlet};
use crate::patient::outcome::RejectedArrival;
use crate::patient::snapshot::{Saved, Snapshot};
use crate::people::{PatientId, Subject};
use crate::receipt::Receipt;
use crate::settings::Settings;
use crate::vitals::{Quantity, Reading, Vital};

/// Remembers everything that leaves the shard.
#[derive(Default)]
struct RecordingOutlet {
    changes: RefCell<Vec<AlertChange>>,
    /// What each patient remembered last.
    saved: RefCell<BTreeMap<PatientId, Box<Snapshot>>>,
    /// Whose stay is over.
    gone: RefCell<Vec<PatientId>>,
    readings: RefCell<Vec<u64>>,
    rejected: RefCell<Vec<RejectedArrival>>,
    died: RefCell<Vec<&'static str>>,
}

impl Outlet for RecordingOutlet {
    fn keep(&self, kept: Kept) {
        self.changes.borrow_mut().extend(kept.outcome.changes);
        match (kept.subject, kept.saved) {
            (Subject::Patient(patient), Some(Saved::Now(snapshot))) => {
                self.saved.borrow_mut().insert(patient, snapshot);
            }
            (Subject::Patient(patient), Some(Saved::Gone(_))) => {
                self.saved.borrow_mut().remove(&patient);
                self.gone.borrow_mut().push(patient);
            }
            _ => {}
        }
        self.readings.borrow_mut().extend(kept.reading.and_then(|reading| reading.seq));
        kept.receipt.settle();
    }

    fn saves(&self) -> bool {
        true
    }

    fn reject_arrival(&self, rejected: RejectedArrival) {
        self.rejected.borrow_mut().push(rejected);
    }

    fn follow(&self, _: &PatientId) {}

    fn unfollow(&self, _: &PatientId) {}

    fn empty_record(&self, _: &PatientId) {}

    fn publish_record(&self, _: &PatientId, _: &AdmissionRecord) {}

    fn reject_command(&self, _: RejectedCommand) {}

    fn died(&self, actor: &'static str) {
        self.died.borrow_mut().push(actor);
    }
}

/// One shard on simulated time, in which everything can be heard.
struct Ward {
    census: Addr<CensusActor>,
    installation: Addr<InstallationActor>,
    memory: Rc<RecordingOutlet>,
    counters: Arc<Counters>,
    clock: Clock,
}

impl Ward {
    fn open() -> Self {
        Self::open_with(Vec::new())
    }

    /// With these rules beside its own.
    fn open_with(more_rules: Vec<Box<dyn Analyzer>>) -> Self {
        let ward = Self::begin(clock(), Arc::default(), more_rules);
        ward.census.do_send(IngestProgress::RecordsRead);
        ward.census.do_send(IngestProgress::Live);
        ward
    }

    fn begin(clock: Clock, settings: Arc<Settings>, more_rules: Vec<Box<dyn Analyzer>>) -> Self {
        let memory = Rc::new(RecordingOutlet::default());
        let mut rules = analyzers::all(&settings);
        rules.extend(more_rules);
        let counters = Arc::new(Counters::default());
        let outlet: Rc<dyn Outlet> = memory.clone();
        let installation = InstallationActor::start_with(&settings, 1, &clock, &outlet, &counters);
        let parts =
            ShardParts { settings, clock: clock.clone(), outlet, counters: Arc::clone(&counters), rules };
        let census = CensusActor::start_with(parts, installation.clone());
        Self { census, installation, memory, counters, clock }
    }

    /// A reading of this patient now.
    fn send(&self, patient: &str, seq: u64, heart_rate: i32) {
        self.send_of(patient, seq, heart_rate, Span::from_ms(-(seq as i64)));
    }

    /// A reading of this patient that arrives now, and is so `old` by the clock of its device.
    fn send_of(&self, patient: &str, seq: u64, heart_rate: i32, old: Span) {
        let now = self.clock.now().wall;
        let mut reading = Reading::empty(now);
        (reading.observed_at, reading.seq) = (Some(now - old), Some(seq));
        reading.device = format!("of-{}", patient.replace('/', ".")).parse().ok();
        reading.values.set(Vital::HeartRate, Quantity::whole(heart_rate));
        let (patient, reading) = (patient.into(), Box::new(reading));
        self.census.do_send(Arrived {
            patient,
            reading,
            payload: Bytes::from_static(b"{}"),
            size: 2,
            receipt: Receipt::none(),
        });
    }

    /// Lets time go on by so many seconds; all that is due happens.
    async fn wait(&self, seconds: u64) {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }

    fn published(&self) -> Vec<(String, String, Event)> {
        let changes = self.memory.changes.borrow();
        let published =
            |change: &AlertChange| (change.subject.to_string(), change.condition.to_string(), change.event);
        changes.iter().map(published).collect()
    }
}

fn clock() -> Clock {
    Clock::simulated(Timestamp::from_unix_ms(1_800_000_000_000))
}

fn on_paused_time<F: Future>(test: impl FnOnce() -> F) -> F::Output {
    let runtime =
        || tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    System::with_tokio_rt(runtime).block_on(async { test().await })
}
