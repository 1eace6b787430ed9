//! Runs wards through the very actors on simulated time. Only this file names the project's internals.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actix::Addr;
use bytes::Bytes;
use tokio::sync::Notify;
use wardwatch::config::Config;
use wardwatch::contract::announcement;
use wardwatch::contract::inbound::Translator;
use wardwatch::contract::payload::rejected::RejectedMessage;
use wardwatch::contract::topics::Topics;
use wardwatch::door::{Door, RejectedOutput};
use wardwatch_actors::alerts::{AlertChange, Event};
use wardwatch_actors::analyzers;
use wardwatch_actors::census_actor::{CensusActor, IngestProgress, Restore, ShardParts};
use wardwatch_actors::clock::{Clock, Timestamp};
use wardwatch_actors::counters::Counters;
use wardwatch_actors::outlet::{Kept, Outlet};
use wardwatch_actors::patient::outcome::RejectedArrival;
use wardwatch_actors::patient::snapshot::{Memory, Restored, Saved, Snapshot};
use wardwatch_actors::people::{Departure, PatientId, Subject};
use wardwatch_actors::receipt::{Ledger, Receipt};
use wardwatch_actors::vitals::Reading;

use crate::change::Change;
use crate::course::Ms;
use crate::message::START;

/// One message to a ward: when, topic, payload.
pub type Letters = Vec<(Ms, String, String)>;

/// What a ward said.
#[derive(Debug, Default)]
pub struct Heard {
    pub changes: Vec<Change>,
    /// When what was rejected: its topic and the reason.
    pub rejected: Vec<(Ms, String, String)>,
}

/// Sends all letters in order, starts anew at each of `restarts`, and lets time run until `end`.
pub fn run(letters: &Letters, restarts: &[Ms], end: Ms) -> Heard {
    let system = actix::System::with_tokio_rt(|| {
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
    });
    system.block_on(async {
        let mut ward = Ward::open(letters.first().map_or(0, |letter| letter.0).min(0), !restarts.is_empty());
        let mut restarts = restarts.iter().copied().peekable();
        for (at, topic, payload) in letters {
            while let Some(restart) = restarts.next_if(|restart| restart <= at) {
                ward.go_to(restart).await;
                ward.restart().await;
            }
            ward.go_to(*at).await;
            ward.send(topic, payload).await;
        }
        for restart in restarts.filter(|restart| *restart < end) {
            ward.go_to(restart).await;
            ward.restart().await;
        }
        ward.go_to(end).await;
        std::mem::take(&mut *ward.memory.heard.borrow_mut())
    })
}

struct Ward {
    clock: Clock,
    at: Ms,
    door: Door,
    memory: Rc<Notes>,
    pending: Arc<Pending>,
    /// What the broker keeps: the last message of each retained topic.
    retained: BTreeMap<String, String>,
}

impl Ward {
    fn open(at: Ms, saves: bool) -> Self {
        let clock = Clock::simulated(Timestamp::from_unix_ms(START + at));
        let memory = Rc::new(Notes::new(clock.clone(), saves));
        let door = door(&clock, &memory);
        door.census.do_send(IngestProgress::RecordsRead);
        door.census.do_send(IngestProgress::Live);
        Self { clock, at, door, memory, pending: Arc::default(), retained: BTreeMap::new() }
    }

    async fn go_to(&mut self, at: Ms) {
        if at > self.at {
            let wait = Duration::from_millis((at - self.at).unsigned_abs());
            let until = self.clock.instant(self.clock.uptime()) + wait;
            tokio::time::sleep_until(until).await;
            self.at = at;
        }
    }

    async fn send(&mut self, topic: &str, payload: &str) {
        if !topic.contains("/vitals/") {
            self.retained.insert(topic.to_owned(), payload.to_owned());
        }
        self.take(topic, payload, false).await;
    }

    async fn take(&self, topic: &str, payload: &str, retain: bool) {
        let ledger: Arc<dyn Ledger> = self.pending.clone();
        self.pending.add_pending(0);
        let payload = match payload {
            "null" => Bytes::new(),
            text => Bytes::copy_from_slice(text.trim_matches('"').as_bytes()),
        };
        self.door.take(topic, payload, retain, Receipt::new(ledger, 0));
        self.pending.settled().await;
    }

    /// Another shard goes on from what this one saved, and hears again what the broker keeps.
    async fn restart(&mut self) {
        let left = self.memory.left();
        self.memory = Rc::new(self.memory.go_on());
        self.door = door(&self.clock, &self.memory);
        self.door.census.send(left).await.expect("the census lives");
        for (topic, payload) in &self.retained {
            self.take(topic, payload, true).await;
        }
        self.door.census.do_send(IngestProgress::RecordsRead);
        self.door.census.do_send(IngestProgress::Live);
    }
}

/// The configuration that everything runs by: that which is built in.
fn config() -> Config {
    Config::load(None, &[], &[]).unwrap_or_else(|faults| panic!("{faults:?}"))
}

fn door(clock: &Clock, memory: &Rc<Notes>) -> Door {
    let config = config();
    let settings = Arc::new(config.settings().expect("the settings that are built in"));
    let counters = Arc::new(Counters::default());
    let outlet: Rc<dyn Outlet> = memory.clone();
    let parts = ShardParts {
        settings: Arc::clone(&settings),
        clock: clock.clone(),
        outlet,
        counters: Arc::clone(&counters),
        rules: analyzers::all(&settings),
    };
    let census: Addr<CensusActor> = CensusActor::start_alone(parts);
    let translator = Translator::new(Topics::new("wardwatch"), config.sources(), settings);
    Door {
        translator,
        clock: clock.clone(),
        counters,
        census,
        rejected: memory.clone(),
        draining: Default::default(),
    }
}

/// What a store has of a patient: the memory saved last, and what was kept after it.
type Left = (Box<Snapshot>, Vec<Reading>);

/// The world's side: what is published, and what a store would have.
struct Notes {
    clock: Clock,
    topics: Topics,
    heard: RefCell<Heard>,
    saved: RefCell<BTreeMap<PatientId, Left>>,
    departed: RefCell<Vec<(PatientId, Timestamp)>>,
    /// The last change of each alert that is about no patient.
    elsewhere: RefCell<BTreeMap<String, AlertChange>>,
    saves: bool,
    over: Cell<bool>,
}

impl Notes {
    fn new(clock: Clock, saves: bool) -> Self {
        Self {
            clock,
            topics: Topics::new("wardwatch"),
            heard: RefCell::default(),
            saved: RefCell::default(),
            departed: RefCell::default(),
            elsewhere: RefCell::default(),
            saves,
            over: Cell::new(false),
        }
    }

    fn rejected(&self, topic: String, reason: String) {
        let at = self.clock.now().wall.unix_ms() - START;
        self.heard.borrow_mut().rejected.push((at, topic, reason));
    }

    /// The notes that the next start writes on.
    fn go_on(&self) -> Self {
        self.over.set(true);
        let next = Self::new(self.clock.clone(), self.saves);
        next.heard.swap(&self.heard);
        next.saved.swap(&self.saved);
        next.departed.swap(&self.departed);
        next.elsewhere.swap(&self.elsewhere);
        next
    }

    /// What a restart finds.
    fn left(&self) -> Restore {
        let saved = self.saved.borrow();
        let patients = saved.iter().map(|(patient, (memory, readings))| Restored {
            patient: patient.clone(),
            memory: Memory::Whole(written_and_read(memory)),
            readings: readings.clone(),
        });
        let elsewhere = self.elsewhere.borrow();
        let open = elsewhere.values().filter(|change| change.event != Event::Cleared).cloned();
        Restore {
            patients: patients.collect(),
            departed: self.departed.borrow().clone(),
            open: open.collect(),
        }
    }
}

impl Outlet for Notes {
    fn keep(&self, kept: Kept) {
        if self.over.get() {
            return kept.receipt.settle(); // what ended says nothing more
        }
        let at = self.clock.now().wall;
        let ms = at.unix_ms() - START;
        for change in &kept.outcome.changes {
            for published in announcement::change(&self.topics, change) {
                let change = Change::read(ms, &published.topic, &published.payload);
                self.heard.borrow_mut().changes.extend(change);
            }
            if !matches!(change.subject, Subject::Patient(_)) {
                self.elsewhere.borrow_mut().insert(change.id.to_string(), change.clone());
            }
        }
        if let Subject::Patient(patient) = kept.subject {
            let mut saved = self.saved.borrow_mut();
            match (kept.saved, kept.reading) {
                (Some(Saved::Now(snapshot)), _) => {
                    saved.insert(patient, (snapshot, Vec::new()));
                }
                (Some(Saved::Gone(departure)), _) => {
                    saved.remove(&patient);
                    if departure != Departure::Left {
                        self.departed.borrow_mut().push((patient, at));
                    }
                }
                (None, Some(reading)) => {
                    if let Some((_, readings)) = saved.get_mut(&patient) {
                        readings.push(*reading);
                    }
                }
                (None, None) => {}
            }
        }
        kept.receipt.settle();
    }

    fn saves(&self) -> bool {
        self.saves
    }

    fn reject_arrival(&self, rejected: RejectedArrival) {
        self.rejected(self.topics.vitals(&rejected.patient), rejected.rejection.to_string());
    }

    fn follow(&self, _: &PatientId) {}

    fn unfollow(&self, _: &PatientId) {}

    fn empty_record(&self, _: &PatientId) {}

    fn publish_record(&self, _: &PatientId, _: &wardwatch_actors::admission::AdmissionRecord) {}

    fn reject_command(&self, _: wardwatch_actors::commands::RejectedCommand) {}

    fn died(&self, actor: &'static str) {
        assert!(self.over.get(), "an actor died: {actor}");
    }
}

impl RejectedOutput for Notes {
    fn reject(&self, message: RejectedMessage) {
        self.rejected(message.topic, message.reason);
    }
}

/// A memory as a store gives it back.
fn written_and_read(memory: &Snapshot) -> Box<Snapshot> {
    let json = serde_json::to_string(memory).expect("a memory that can be written");
    serde_json::from_str(&json).expect("a memory that can be read back")
}

/// What is pending for the one message under way.
#[derive(Default)]
struct Pending {
    parts: AtomicUsize,
    settled: Notify,
}

impl Pending {
    async fn settled(&self) {
        while self.parts.load(Ordering::Acquire) > 0 {
            self.settled.notified().await;
        }
    }
}

impl Ledger for Pending {
    fn add_pending(&self, _: u64) {
        self.parts.fetch_add(1, Ordering::AcqRel);
    }

    fn settle(&self, _: u64) {
        if self.parts.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.settled.notify_one();
        }
    }

    fn abandon(&self, entry: u64) {
        self.settle(entry);
    }
}
