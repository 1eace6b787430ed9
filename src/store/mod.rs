//! The store: keeps readings, alert changes and what each patient remembers, so that no restart loses any.
//!
//! A shard hands in an [`Entry`] and goes on. The recorder commits entries together, then publishes what
//! they say and settles their receipts; the watch publishes what the recorder is too slow for. SQL is
//! spoken in `schema`, `database` and `recovery` alone. Deliberately absent: MQTT, and what to make of a
//! lost store, which is decided where this is wired.

mod database;
mod entry;
mod packing;
mod queue;
mod recorder;
mod recovery;
mod running;
mod schema;
mod shared;
#[cfg(test)]
mod tests;
mod watch;

use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::time::Instant;
use wardwatch_actors::clock::{Span, Timestamp};
use wardwatch_actors::conditions::Condition;

use crate::config::{StoreConfig, StoreUrl};
pub use database::StoreFault;
pub use entry::{Entry, Logged, Publication, Publish, Rejected};
pub use queue::Counts;
pub use recovery::Restored;

use database::{Connect, Writer};
use queue::{Queue, Terms};
use shared::Shared;

/// What becomes of the store, for those who tell others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreEvent {
    /// Something has waited for a commit since then, for too long: nothing waits for commits any more.
    Lost { since: Timestamp },
    /// What was not lost for want of room is committed, and new entries wait for their commit again.
    Back { counts: Counts },
    /// A thread of the store panicked: the process must end, since it would lose in silence.
    Died { thread: &'static str },
}

/// Who learns what becomes of the store. Calls come from its threads, in order, and must not block;
/// they may call `keep`.
pub trait StoreListener: Send + Sync + 'static {
    /// It is so.
    fn store(&self, event: StoreEvent);
}

/// How the store fares.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoreStatus {
    /// Whether receipts and publications wait for no commit.
    pub lost: bool,
    /// Entries that are not committed yet.
    pub waiting: usize,
    pub counts: Counts,
    /// Why commits fail now.
    pub fault: Option<String>,
}

/// The way into the store, for any thread. The last one that is dropped ends it as a crash would.
#[derive(Clone)]
pub struct Store {
    kind: Kind,
}

#[derive(Clone)]
enum Kind {
    Memory(Arc<Memory>),
    Sqlite(Arc<Handle>),
}

/// Keeps nothing: publishes at once.
struct Memory {
    publish: Box<dyn Publish>,
    order: Mutex<()>,
}

/// Ends the threads with the last way in.
struct Handle {
    shared: Arc<Shared>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.abandon();
    }
}

impl Store {
    /// Opens the store and reads what the last run left. `publish_within` is for how long a change waits
    /// for its commit before it goes out without one.
    pub fn open(
        config: &StoreConfig,
        publish_within: Span,
        publish: impl Publish,
        listener: impl StoreListener,
    ) -> Result<(Self, Restored), StoreFault> {
        match &config.url {
            StoreUrl::Memory => {
                let memory = Memory { publish: Box::new(publish), order: Mutex::new(()) };
                Ok((Self { kind: Kind::Memory(memory.into()) }, Restored::default()))
            }
            StoreUrl::Sqlite(path) => {
                let (file, synchronous) = (path.clone(), config.synchronous);
                let connect = Box::new(move || database::connect(&file, synchronous));
                let terms = Terms::new(config.linger.to_duration(), publish_within.to_duration());
                let lock = database::lock(path)?;
                let opening = Opening { lock, connect, terms, keep_readings: config.keep_readings };
                opening.open(Box::new(publish), Box::new(listener), path)
            }
        }
    }

    /// Keeps and publishes what was caused, then settles its receipt. Never blocks.
    pub fn keep(&self, entry: Entry) {
        match &self.kind {
            Kind::Memory(memory) => memory.pass(entry),
            Kind::Sqlite(handle) => handle.shared.keep(entry),
        }
    }

    /// Keeps what was refused, for a look.
    pub fn reject(&self, rejected: Rejected) {
        if let Kind::Sqlite(handle) = &self.kind {
            handle.shared.reject(rejected);
        }
    }

    /// Nothing more has to be done for the change of this row: a restart does not publish it again.
    pub fn published(&self, row: u64) {
        if let Kind::Sqlite(handle) = &self.kind {
            handle.shared.published(row);
        }
    }

    /// How it fares.
    pub fn status(&self) -> StoreStatus {
        match &self.kind {
            Kind::Memory(_) => StoreStatus::default(),
            Kind::Sqlite(handle) => handle.shared.status(),
        }
    }

    /// Commits what waits, and ends. Blocks for so long at most; whether all is committed.
    pub fn close(&self, within: Duration) -> bool {
        match &self.kind {
            Kind::Memory(_) => true,
            Kind::Sqlite(handle) => handle.shared.close(within),
        }
    }
}

impl Memory {
    fn pass(&self, entry: Entry) {
        let Entry { subject, at, changes, scores, state, receipt, .. } = entry;
        if changes.is_empty() && scores.is_empty() && state.is_none() {
            return receipt.settle();
        }
        let changes = changes.into_iter().map(|change| Logged { row: None, change: change.into() }).collect();
        let _in_order = self.order.lock().unwrap_or_else(PoisonError::into_inner);
        self.publish.publish(Publication { subject, at, changes, scores, state, receipt });
    }
}

/// A SQLite store on its way.
struct Opening {
    /// Held as long as anything may be written.
    lock: File,
    connect: Connect,
    terms: Terms,
    keep_readings: Span,
}

impl Opening {
    fn open(
        mut self,
        publish: Box<dyn Publish>,
        listener: Box<dyn StoreListener>,
        path: &Path,
    ) -> Result<(Store, Restored), StoreFault> {
        let connection = (self.connect)()?;
        let (restored, next) = recovery::restore(&connection)
            .map_err(|source| StoreFault::Read { path: path.to_owned(), source })?;
        // Where nobody waits for it: what a killed run left there may be long.
        database::copy_log(&connection);
        let mut queue = Queue::new(self.terms, next, Instant::now());
        if restored.open.iter().any(|change| change.condition == Condition::StoreLost) {
            queue.begin_lost();
        }
        let shared = Arc::new(Shared::new(queue, publish, listener, self.lock));
        let writer = Writer::new(connection, self.connect, self.keep_readings);
        start("recorder", &shared, |shared| recorder::run(shared, writer))?;
        start("watch", &shared, watch::run)?;
        Ok((Store { kind: Kind::Sqlite(Arc::new(Handle { shared })) }, restored))
    }
}

/// Starts a thread whose panic is told.
fn start(
    name: &'static str,
    shared: &Arc<Shared>,
    run: impl FnOnce(&Shared) + Send + 'static,
) -> Result<(), StoreFault> {
    let thread = Thread { name, shared: Arc::clone(shared) };
    let body = move || run(&thread.shared);
    thread::Builder::new().name(format!("store-{name}")).spawn(body).map_err(StoreFault::Thread)?;
    Ok(())
}

/// A thread of the store, as long as it runs.
struct Thread {
    name: &'static str,
    shared: Arc<Shared>,
}

impl Drop for Thread {
    fn drop(&mut self) {
        if thread::panicking() {
            self.shared.died(self.name);
        }
    }
}
