//! What of an entry is written to the database, and what is committed at once.

use std::sync::Arc;
use std::time::Duration;

use wardwatch_actors::admission::AdmissionRecord;
use wardwatch_actors::clock::Timestamp;
use wardwatch_actors::patient::snapshot::Snapshot;
use wardwatch_actors::people::{Departure, PatientId, Subject};
use wardwatch_actors::vitals::Reading;

use super::audit::AuditNote;
use crate::contract::payload::rejected::RejectedMessage;
use crate::feed::NumberedChange;

/// A step of a patient's stay.
#[derive(Debug)]
pub enum Stay {
    /// This record holds from now on.
    Described(Arc<AdmissionRecord>),
    /// The memory ends.
    Over { departure: Departure },
}

/// What of an entry is kept.
#[derive(Debug)]
pub struct Row {
    pub number: u64,
    pub at: Timestamp,
    pub subject: Subject,
    pub reading: Option<Box<Reading>>,
    pub changes: Vec<NumberedChange>,
    pub stay: Option<Stay>,
    /// What else the audit is to say.
    pub notes: Vec<AuditNote>,
}

impl Row {
    /// Whether somebody waits to hear of it: nobody hears of a reading alone.
    pub fn is_urgent(&self) -> bool {
        !self.changes.is_empty() || self.stay.is_some() || !self.notes.is_empty()
    }
}

/// What is committed at once.
#[derive(Debug, Default)]
pub struct Batch {
    /// Everything up to this number is in it, or was committed before.
    pub upto: u64,
    /// Whether nothing else waited, so that each memory that had come is in it, or was committed before.
    pub whole: bool,
    /// For how long the process has run.
    pub running: Duration,
    /// In the order of their numbers.
    pub rows: Vec<Row>,
    /// The newest of each patient.
    pub snapshots: Vec<(PatientId, u64, Box<Snapshot>)>,
    pub rejected: Vec<RejectedMessage>,
    /// Changes that the broker has.
    pub published: Vec<u64>,
    /// Readings up to here are in snapshots, where that moved.
    pub covered: Option<u64>,
}

impl Batch {
    /// About how many pages of the database it touches: readings lie close together, all else does not.
    pub fn pages(&self) -> usize {
        let changes: usize = self.rows.iter().map(|row| row.changes.len()).sum();
        7 + self.rows.len() / 20 + 5 * changes + 2 * self.snapshots.len()
    }
}
