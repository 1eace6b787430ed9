//! Tests of the store: a trial with a database of its own, and everything the store does written down.

mod ageing;
mod archive;
mod audit;
mod cost;
mod damage;
mod faults;
mod files;
mod promises;
mod queue;
mod recovery;
mod retention;
mod start;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use tokio::time::Instant;
use wardwatch_actors::admission::AdmissionRecord;
use wardwatch_actors::alerts::change::Event;
use wardwatch_actors::alerts::identity::{Again, alert_id};
use wardwatch_actors::alerts::{AlertChange, Cause, Presence, Signal};
use wardwatch_actors::clock::{Now, Span, Timestamp, Uptime};
use wardwatch_actors::conditions::{Condition, Priority};
use wardwatch_actors::outlet::Kept;
use wardwatch_actors::patient::Patient;
use wardwatch_actors::patient::outcome::{Outcome, StateChange};
use wardwatch_actors::patient::snapshot::{Saved, Snapshot, VERSION};
use wardwatch_actors::people::{PatientId, Subject};
use wardwatch_actors::receipt::{Ledger, Receipt};
use wardwatch_actors::vitals::{Quantity, Reading, Vital};

use super::files::StoreFiles;
use super::queue::CommitTerms;
use super::recovery::Recovered;
use super::writer::{Writer, WriterTerms};
use super::{Opening, Store, StoreEvent, StoreFault, StoreListener, database};
use crate::config::Synchronous;
use crate::feed::{Consumer, Cursor, Emission, Feed};

/// How long a test waits for a state before it has failed.
const DEADLINE: Duration = Duration::from_secs(20);

/// The patient of most tests.
fn patient() -> PatientId {
    "icu-1/p-17".parse().unwrap()
}

/// The patient as a subject.
fn subject() -> Subject {
    Subject::Patient(patient())
}

/// A moment so many seconds into the test.
fn at(second: i64) -> Timestamp {
    Timestamp::from_unix_ms(1_800_000_000_000 + second * 1000)
}

/// The reading of this second, which is also its `seq`.
fn reading(second: i64) -> Box<Reading> {
    let mut reading = Reading::empty(at(second));
    reading.observed_at = Some(at(second));
    reading.seq = Some(second.unsigned_abs());
    reading.values.set(Vital::HeartRate, Quantity::whole(72));
    Box::new(reading)
}

/// What a test hands to the store.
struct StoreInput {
    subject: Subject,
    at: Timestamp,
    reading: Option<Box<Reading>>,
    changes: Vec<AlertChange>,
    state: Option<StateChange>,
    saved: Option<Saved>,
    record: Option<Arc<AdmissionRecord>>,
    receipt: Receipt,
}

impl StoreInput {
    fn about(subject: Subject, at: Timestamp, receipt: Receipt) -> Self {
        let (reading, state, saved, record) = (None, None, None, None);
        Self { subject, at, reading, changes: Vec::new(), state, saved, record, receipt }
    }

    fn into_kept(self) -> (Kept, Timestamp) {
        let Self { subject, at, reading, changes, state, saved, record, receipt } = self;
        let outcome = Outcome { changes, state, ..Outcome::default() };
        (Kept { subject, reading, outcome, saved, record, receipt }, at)
    }
}

impl Store {
    fn take(&self, entry: StoreInput) {
        let (kept, at) = entry.into_kept();
        self.keep(kept, at);
    }
}

/// An entry of this second with a reading, and a receipt of that number in `trial`.
fn entry(trial: &StoreTrial, second: i64) -> StoreInput {
    let mut entry = StoreInput::about(subject(), at(second), trial.receipt(second));
    entry.reading = Some(reading(second));
    entry
}

/// The first change of an alert that begins in this second.
fn raised(second: i64) -> AlertChange {
    let condition = Condition::High(Vital::HeartRate);
    AlertChange {
        id: alert_id(&subject(), &condition, None, Some(at(second)), Again::First, None),
        sequence: 1,
        event: Event::Raised,
        condition,
        priority: Priority::High,
        previous_priority: None,
        subject: subject(),
        bed: None,
        message: format!("second {second}"),
        cause: Cause::Words { words: "test".to_owned() },
        onset: at(second),
        time: at(second),
        reading: None,
        presence: Presence::Present,
        signal: Signal::On,
        backlog: false,
        simulated: false,
        reason: None,
        author: None,
        until: None,
        route: None,
        test: false,
    }
}

/// The end of the alert that began in this second.
fn cleared(second: i64) -> AlertChange {
    AlertChange { sequence: 2, event: Event::Cleared, ..raised(second) }
}

/// An entry of this second with a reading, and the alert that it raises.
fn alerting(trial: &StoreTrial, second: i64) -> StoreInput {
    StoreInput { changes: vec![raised(second)], ..entry(trial, second) }
}

/// What the patient remembers in this second.
fn memory(second: i64) -> Option<Saved> {
    let taken = Now { uptime: Uptime::from_ms(second * 1000), wall: at(second) };
    let patient = Patient::new(patient(), &Arc::default(), at(second), taken);
    Some(Saved::Now(Box::new(Snapshot { version: VERSION, taken, patient })))
}

/// Something the store did.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Seen {
    /// A change that began in this second was published; whether it was in the database by then.
    Published {
        message: String,
        committed: bool,
    },
    State,
    /// Nothing is pending for this receipt any more.
    Settled(i64),
    Abandoned(i64),
    Event(StoreEvent),
    /// What the last run left was found later: so many changes are pending.
    Found(usize),
}

/// What a store does, in order.
#[derive(Default)]
struct Record {
    seen: Mutex<Vec<Seen>>,
    pending: Mutex<std::collections::HashMap<u64, u32>>,
    changed: Condvar,
}

impl Record {
    fn note(&self, seen: Seen) {
        self.seen.lock().unwrap().push(seen);
        self.changed.notify_all();
    }
}

impl Ledger for Record {
    fn add_pending(&self, entry: u64) {
        *self.pending.lock().unwrap().entry(entry).or_default() += 1;
    }

    fn settle(&self, entry: u64) {
        let left = {
            let mut pending = self.pending.lock().unwrap();
            let count = pending.get_mut(&entry).unwrap();
            *count -= 1;
            *count
        };
        if left == 0 {
            self.note(Seen::Settled(entry.cast_signed()));
        }
    }

    fn abandon(&self, entry: u64) {
        self.note(Seen::Abandoned(entry.cast_signed()));
    }
}

/// A broker that takes everything at once.
struct Broker {
    record: Arc<Record>,
    path: PathBuf,
}

impl Consumer for Broker {
    fn take(&self, emission: &Emission) {
        for numbered in &emission.changes {
            let in_log = "SELECT count(*) FROM changes WHERE number = ?1";
            let number = numbered.number.cast_signed();
            // A store in memory, or one that is lost, has no tables.
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
            let committed = Connection::open_with_flags(&self.path, flags).and_then(|store| {
                store.busy_timeout(DEADLINE)?;
                store.query_row(in_log, [number], |row| row.get(0))
            });
            let committed = committed.unwrap_or(false);
            self.record.note(Seen::Published { message: numbered.change.message.clone(), committed });
        }
        if emission.state.is_some() {
            self.record.note(Seen::State);
        }
    }
}

struct RecordingListener(Arc<Record>);

impl StoreListener for RecordingListener {
    fn store(&self, event: StoreEvent) {
        self.0.note(Seen::Event(event));
    }

    fn found(&self, recovered: Recovered) {
        self.0.note(Seen::Found(recovered.pending.len()));
    }
}

fn connection(path: &Path) -> Connection {
    let connection = Connection::open(path).unwrap();
    connection.busy_timeout(DEADLINE).unwrap();
    connection
}

/// A folder of its own with a database in it, and a record of what stores on it do.
struct StoreTrial {
    folder: PathBuf,
    record: Arc<Record>,
    terms: CommitTerms,
    writer_terms: WriterTerms,
    /// The size at which the disk is full, in pages; 0 is never.
    max_pages: Arc<AtomicU32>,
    /// Whether the disk takes nothing.
    rejects: Arc<AtomicBool>,
}

impl StoreTrial {
    fn new() -> Self {
        static BENCHES: AtomicU32 = AtomicU32::new(0);
        let number = BENCHES.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("wardwatch-store-{}-{number}", std::process::id()));
        std::fs::create_dir(&folder).unwrap();
        // Far more than a busy machine needs, so that only what a test holds back comes late.
        let terms = CommitTerms {
            publish_within: DEADLINE,
            lost_after: DEADLINE,
            ..CommitTerms::new(Duration::from_millis(1), Duration::ZERO)
        };
        Self {
            folder,
            record: Arc::default(),
            terms,
            writer_terms: WriterTerms::of(&crate::config::StoreConfig::default()),
            max_pages: Arc::default(),
            rejects: Arc::default(),
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.join("store.db")
    }

    fn open(&self) -> (Store, Recovered) {
        self.try_open().unwrap()
    }

    fn try_open(&self) -> Result<(Store, Recovered), StoreFault> {
        let (max_pages, rejects) = (Arc::clone(&self.max_pages), Arc::clone(&self.rejects));
        let connect = Box::new(move |path: &Path| {
            if rejects.load(Ordering::Relaxed) {
                return Err(StoreFault::ReadOnly { path: path.to_owned() });
            }
            let connection = database::connect(path, Synchronous::Normal)?;
            let pages = max_pages.load(Ordering::Relaxed);
            if pages > 0 {
                connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(())).unwrap();
            }
            Ok(connection)
        });
        // A lock of its own: what was dropped as by a crash may still be ending.
        static LOCKS: AtomicU32 = AtomicU32::new(0);
        let name = format!("store.db-{}.lock", LOCKS.fetch_add(1, Ordering::Relaxed));
        let files = StoreFiles { database: self.path(), lock: self.folder.join(name) };
        let writer = Writer::new(files, connect, self.writer_terms.clone());
        let broker = Broker { record: Arc::clone(&self.record), path: self.path() };
        let listener = RecordingListener(Arc::clone(&self.record));
        let opening = Opening { writer, terms: self.terms.clone() };
        opening.open(Feed::new(vec![Box::new(broker)]), Box::new(listener))
    }

    /// Opens, reads what is there, and closes.
    fn reopened(&self) -> Recovered {
        let (store, restored) = self.open();
        assert!(store.close(DEADLINE));
        restored
    }

    /// Closes it, and waits until all is in the database alone.
    fn close(&self, store: &Store) {
        assert!(store.close(DEADLINE));
        wait_until("the log is gone", || !self.path().with_extension("db-wal").exists());
    }

    fn receipt(&self, number: i64) -> Receipt {
        self.record.add_pending(number.cast_unsigned());
        Receipt::new(Arc::clone(&self.record) as Arc<dyn Ledger>, number.cast_unsigned())
    }

    /// Another user of the database, who can lock it.
    fn other(&self) -> Connection {
        connection(&self.path())
    }

    fn count(&self, sql: &str) -> i64 {
        self.other().query_row(sql, [], |row| row.get(0)).unwrap()
    }

    fn seen(&self) -> Vec<Seen> {
        self.record.seen.lock().unwrap().clone()
    }

    /// Waits until all of these were seen, in any order.
    fn wait_for(&self, wanted: &[Seen]) {
        self.wait_until(&format!("{wanted:?}"), |seen| wanted.iter().all(|one| seen.contains(one)));
    }

    fn wait_until(&self, what: &str, is_so: impl Fn(&[Seen]) -> bool) {
        let (seen, until) = (self.record.seen.lock().unwrap(), DEADLINE);
        let (seen, waited) =
            self.record.changed.wait_timeout_while(seen, until, |seen| !is_so(seen)).unwrap();
        assert!(!waited.timed_out(), "waited for {what}, saw {seen:?}");
    }

    /// How often a change was published.
    fn publications(&self) -> Vec<String> {
        let message = |seen| match seen {
            Seen::Published { message, .. } => Some(message),
            _ => None,
        };
        self.seen().into_iter().filter_map(message).collect()
    }
}

impl Drop for StoreTrial {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Waits until it is so, without anyone who says so.
fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < DEADLINE, "waited for {what}");
        std::thread::yield_now();
    }
}
