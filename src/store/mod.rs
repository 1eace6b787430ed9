//! The store: keeps readings, alert changes and what each patient remembers, so that no restart loses any.
//!
//! A shard hands in what was caused and goes on. The recorder commits it together with others, then emits it to the
//! [`Feed`]; the watch emits what the recorder is too slow for. A store that cannot be opened holds up nobody: `writer`
//! opens it later, puts removed files in their place again and lets a damaged one begin anew. Deliberately absent: MQTT,
//! and what to make of a lost store, which is decided where this is wired.

mod alert_list;
mod archive;
mod audit;
mod backup;
mod batch;
mod database;
mod faults;
mod files;
mod holders;
mod insight;
mod lanes;
mod minutes;
mod numbering;
mod packing;
mod peek;
mod queue;
mod reader;
mod recorder;
mod recovery;
mod replacement;
mod rescue;
mod retention;
mod running;
mod schema;
mod shared;
mod tables;
#[cfg(test)]
mod tests;
mod watch;
mod writer;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use tokio::time::Instant;
use tracing::error;
use wardwatch_actors::clock::{Span, Timestamp};
use wardwatch_actors::conditions::Condition;
use wardwatch_actors::outlet::Kept;
use wardwatch_actors::patient::outcome::Outcome;

use crate::config::{StoreConfig, StoreUrl};
use crate::contract::payload::rejected::RejectedMessage;
use crate::feed::{Cursor, Emission, Feed, NumberedChange};
pub use archive::StoreArchive;
pub use audit::{AuditFault, AuditHead, AuditNote, AuditReport, NotedHead, RowName};
pub use backup::{BackupFault, back_up};
pub use faults::StoreFault;
pub use queue::Counts;
pub use reader::{AuditEntry, AuditWords, PatientHistory, ReadFault, StoreReader};
pub use recovery::Recovered;

use crate::causes::Causes;
use database::Connect;
use files::StoreFiles;
use queue::{CommitQueue, CommitTerms};
use shared::SharedStore;
use writer::{Beginning, Writer, WriterTerms};

/// What becomes of the store, for those who report it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreEvent {
    /// Nothing waits for commits any more, for this cause where it is known: since then, or (none) from now on.
    Lost { since: Option<Timestamp>, cause: Option<String> },
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
    /// The last run left this, which could not be read at the start.
    fn found(&self, recovered: Recovered);
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
    /// The last row of the audit that is committed.
    pub audit: Option<AuditHead>,
}

/// The way into the store, for any thread. The last one that is dropped ends it as a crash would.
#[derive(Clone)]
pub struct Store {
    backend: Backend,
}

#[derive(Clone)]
enum Backend {
    InMemory(Arc<InMemory>),
    Sqlite(Arc<Handle>),
}

/// Keeps nothing: emits at once.
struct InMemory {
    feed: Feed,
    /// The last number that was given.
    last: AtomicU64,
}

/// Ends the threads with the last way in.
struct Handle {
    shared: Arc<SharedStore>,
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
        feed: Feed,
        listener: impl StoreListener,
    ) -> Result<(Self, Recovered), StoreFault> {
        match &config.url {
            StoreUrl::Memory => {
                let memory = InMemory { feed, last: AtomicU64::new(0) };
                Ok((Self { backend: Backend::InMemory(memory.into()) }, Recovered::default()))
            }
            StoreUrl::Sqlite(path) => {
                let synchronous = config.synchronous;
                let connect: Connect = Box::new(move |path| database::connect(path, synchronous));
                let terms = CommitTerms::new(config.linger.to_duration(), publish_within.to_duration());
                let writer = Writer::new(StoreFiles::at(path), connect, WriterTerms::of(config));
                Opening { writer, terms }.open(feed, Box::new(listener))
            }
        }
    }

    /// Keeps and emits what was caused at this time, then settles its receipt. Never blocks.
    ///
    /// A reading after the patient's last memory is observed again at a restart, if it is among those of the last
    /// minute: a memory must follow each reading sooner than that.
    pub fn keep(&self, kept: Kept, at: Timestamp) {
        match &self.backend {
            Backend::InMemory(memory) => memory.pass(kept, at),
            Backend::Sqlite(handle) => handle.shared.keep(kept, at),
        }
    }

    /// Keeps what was rejected, for a look.
    pub fn reject(&self, rejected: RejectedMessage) {
        if let Backend::Sqlite(handle) = &self.backend {
            handle.shared.reject(rejected);
        }
    }

    /// Has the audit say that this was so at this time.
    pub fn note(&self, note: AuditNote, at: Timestamp) {
        if let Backend::Sqlite(handle) = &self.backend {
            handle.shared.note(note, at);
        }
    }

    /// How it fares.
    pub fn status(&self) -> StoreStatus {
        match &self.backend {
            Backend::InMemory(_) => StoreStatus::default(),
            Backend::Sqlite(handle) => handle.shared.status(),
        }
    }

    /// Commits what waits, and ends. Blocks for so long at most; whether all is committed.
    pub fn close(&self, within: Duration) -> bool {
        match &self.backend {
            Backend::InMemory(_) => true,
            Backend::Sqlite(handle) => handle.shared.close(within),
        }
    }
}

/// The bus publisher's: a restart does not publish again what is done.
impl Cursor for Store {
    fn done(&self, number: u64) {
        if let Backend::Sqlite(handle) = &self.backend {
            handle.shared.published(number);
        }
    }
}

impl InMemory {
    fn pass(&self, kept: Kept, at: Timestamp) {
        let Kept { subject, outcome, receipt, .. } = kept;
        if outcome.is_empty() {
            return receipt.settle();
        }
        let turn = self.feed.turn();
        let Outcome { changes, scores, state, replies, .. } = outcome;
        let number = || self.last.fetch_add(1, Ordering::Relaxed) + 1;
        let numbered = |change| NumberedChange { number: number(), change: Arc::new(change) };
        let changes = changes.into_iter().map(numbered).collect();
        turn.emit(Emission { subject, at, changes, scores, state, replies, receipt });
    }
}

/// A SQLite store on its way.
struct Opening {
    writer: Writer,
    terms: CommitTerms,
}

impl Opening {
    /// Starts whatever the state of the file: where nothing can be written, the store begins as lost.
    fn open(
        mut self,
        feed: Feed,
        listener: Box<dyn StoreListener>,
    ) -> Result<(Store, Recovered), StoreFault> {
        let Beginning { recovered, next, fault } = self.writer.begin()?;
        let queue = CommitQueue::new(self.terms, next, Instant::now());
        let shared = Arc::new(SharedStore::new(queue, feed, listener));
        if let Some(words) = fault.map(|fault| Causes(&fault).to_string()).or(self.writer.take_notice()) {
            error!("{words}; the ward is watched all the same");
            shared.lose(words);
        } else if recovered.open.iter().any(|change| change.condition == Condition::StoreLost) {
            shared.begin_lost();
        }
        let writer = self.writer;
        shared.note_head(writer.audit_head());
        start("recorder", &shared, |shared| recorder::run(shared, writer))?;
        start("watch", &shared, watch::run)?;
        Ok((Store { backend: Backend::Sqlite(Arc::new(Handle { shared })) }, recovered))
    }
}

/// Starts a thread whose panic is reported.
fn start(
    name: &'static str,
    shared: &Arc<SharedStore>,
    run: impl FnOnce(&SharedStore) + Send + 'static,
) -> Result<(), StoreFault> {
    let thread = Thread { name, shared: Arc::clone(shared) };
    let body = move || run(&thread.shared);
    thread::Builder::new().name(format!("store-{name}")).spawn(body).map_err(StoreFault::Thread)?;
    Ok(())
}

/// A thread of the store, as long as it runs.
struct Thread {
    name: &'static str,
    shared: Arc<SharedStore>,
}

impl Drop for Thread {
    fn drop(&mut self) {
        if thread::panicking() {
            self.shared.died(self.name);
        }
    }
}
