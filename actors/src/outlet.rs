//! Where decisions go: the world's side of a shard, handed in when it is wired.

use std::sync::Arc;

use crate::admission::AdmissionRecord;
use crate::alerts::AlertChange;
use crate::commands::RejectedCommand;
use crate::patient::outcome::{LivePatient, Outcome, RejectedArrival};
use crate::patient::snapshot::Saved;
use crate::people::{PatientId, Subject};
use crate::receipt::Receipt;
use crate::vitals::Reading;

/// What one message or timer caused, to be kept and published as one.
#[derive(Debug)]
pub struct Kept {
    pub subject: Subject,
    /// The reading, for the history.
    pub reading: Option<Box<Reading>>,
    pub outcome: Outcome,
    /// The patient's memory after it, where it is to be saved.
    pub saved: Option<Saved>,
    /// The record that holds from now on, where one came.
    pub record: Option<Arc<AdmissionRecord>>,
    /// Settled once everything here is safe.
    pub receipt: Receipt,
}

/// The world's side of a shard. Calls come from its thread and never block.
pub trait Outlet: 'static {
    /// Keeps and publishes what was caused, then settles its receipt.
    fn keep(&self, kept: Kept);
    /// Settles a receipt that causes nothing itself, once all that was kept before is safe: what came twice is not
    /// acknowledged before its first copy is.
    fn keep_in_turn(&self, subject: Subject, receipt: Receipt) {
        let (reading, outcome, saved, record) = (None, Outcome::default(), None, None);
        self.keep(Kept { subject, reading, outcome, saved, record, receipt });
    }
    /// Whether memories are to be saved.
    fn saves(&self) -> bool;
    /// Answers whoever sent it what was rejected and why.
    fn reject_arrival(&self, rejected: RejectedArrival);
    /// Whether somebody looks at this patient now, and wants to see each of its readings.
    fn is_watched(&self, _: &PatientId) -> bool {
        false
    }
    /// Shows whoever looks how the patient is now; none: it is not here any more.
    fn show(&self, _: &PatientId, _: Option<LivePatient>) {}
    /// The patient is here: its readings are wanted.
    fn follow(&self, patient: &PatientId);
    /// The patient is gone: its readings are wanted no more.
    fn unfollow(&self, patient: &PatientId);
    /// The patient was transferred: its record here is to be emptied.
    fn empty_record(&self, patient: &PatientId);
    /// The patient's record is to be this from now on.
    fn publish_record(&self, patient: &PatientId, record: &AdmissionRecord);
    /// A command that nobody can be answered was not carried out.
    fn reject_command(&self, rejected: RejectedCommand);
    /// Receivers get this change again, which was kept and published before a restart: nobody has confirmed it.
    fn publish_again(&self, _: &AlertChange) {}
    /// An actor died: the process must end, since what it held would be lost in silence.
    fn died(&self, actor: &'static str);
}
