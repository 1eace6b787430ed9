//! What goes into the store, and what comes out of it for the bus.

use std::sync::Arc;

use wardwatch_actors::admission::AdmissionRecord;
use wardwatch_actors::alerts::AlertChange;
use wardwatch_actors::analyzers::Score;
use wardwatch_actors::clock::Timestamp;
use wardwatch_actors::patient::outcome::StateChange;
use wardwatch_actors::patient::snapshot::Saved;
use wardwatch_actors::people::Subject;
use wardwatch_actors::receipt::Receipt;
use wardwatch_actors::vitals::Reading;

/// What one message or timer caused: kept in one commit, then published.
#[derive(Debug)]
pub struct Entry {
    /// Whom it is about. Only a patient has readings, a memory and a record.
    pub subject: Subject,
    /// When it was so, by our wall clock.
    pub at: Timestamp,
    /// For the history.
    pub reading: Option<Box<Reading>>,
    /// For the log and the bus, in this order.
    pub changes: Vec<AlertChange>,
    /// For the bus only.
    pub scores: Vec<Score>,
    /// For the bus only; it says what the changes say, so it goes out only after their commit.
    pub state: Option<StateChange>,
    /// What the patient remembers now, or that the stay is over. A reading after the last memory is
    /// observed again at a restart, if it is among those of the last minute: a memory must follow each
    /// reading sooner than that.
    pub saved: Option<Saved>,
    /// The record that holds from now on.
    pub record: Option<Arc<AdmissionRecord>>,
    /// Settled once all this is committed; what is published settles a clone of it.
    pub receipt: Receipt,
}

impl Entry {
    /// An entry that says nothing yet.
    pub fn about(subject: Subject, at: Timestamp, receipt: Receipt) -> Self {
        Self {
            subject,
            at,
            reading: None,
            changes: Vec::new(),
            scores: Vec::new(),
            state: None,
            saved: None,
            record: None,
            receipt,
        }
    }
}

/// A refused message, kept for a look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    pub time: Timestamp,
    pub topic: String,
    pub reason: String,
    pub field: Option<String>,
    /// As far as it is kept, as text.
    pub payload: String,
    /// How many of the same source this one stands for.
    pub count: u64,
}

/// An alert change with its row in the log.
#[derive(Debug, Clone)]
pub struct Logged {
    /// Told to [`Store::published`](super::Store::published) once the broker has the change; none where
    /// nothing is kept.
    pub row: Option<u64>,
    pub change: Arc<AlertChange>,
}

/// What is to go onto the bus, in this order.
#[derive(Debug)]
pub struct Publication {
    pub subject: Subject,
    pub at: Timestamp,
    pub changes: Vec<Logged>,
    pub scores: Vec<Score>,
    pub state: Option<StateChange>,
    /// To be settled once the broker has it all.
    pub receipt: Receipt,
}

/// The way to the bus.
///
/// Calls come from the store's threads, or from the caller of `keep` where nothing is kept; one at a
/// time, in order. They must not block.
pub trait Publish: Send + Sync + 'static {
    /// Owes this to the bus.
    fn publish(&self, publication: Publication);
}
