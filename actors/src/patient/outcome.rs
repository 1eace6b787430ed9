//! What one message or timer caused: decisions as values, for those who carry them out.

use std::sync::Arc;

use bytes::Bytes;
use thiserror::Error;

use super::obey::Standby;
use super::replay::{Account, Purpose, Replay};
use crate::admission::AdmissionRecord;
use crate::alerts::{AlertChange, Inactivated, Moment, RuleName};
use crate::analyzers::{Analysis, Score, View};
use crate::chart::Chart;
use crate::clock::Timestamp;
use crate::commands::Reply;
use crate::conditions::Priority;
use crate::devices::clock::Skew;
use crate::people::{DeviceId, PatientId, ReceiverName};
use crate::settings::Limits;
use crate::vitals::Vital;

/// A verdict to be found: the view for every rule, and what to do with their findings.
#[derive(Debug, Clone)]
pub struct Inquiry {
    pub view: Arc<View>,
    pub moment: Moment,
    /// What was kept on which the verdict may rest.
    pub(super) account: Option<Account>,
    /// More of the same message follows: nothing new is said of silence before that.
    pub(super) more_follow: bool,
    /// What was kept is being judged; the verdict waits for it.
    pub(super) replay: Option<Box<Replay>>,
}

impl Inquiry {
    /// The device of which what was kept is being judged.
    pub fn replays(&self) -> Option<DeviceId> {
        self.replay.as_ref().and_then(|replay| replay.device())
    }

    /// Whether it is decided by values that waited, since nothing newer came.
    pub(super) fn is_backlog(&self) -> bool {
        let purpose = self.account.as_ref().map(|account| account.purpose);
        matches!(purpose, Some(Purpose::DecideByTimer))
    }
}

/// What each rule says, in the order in which they are asked; nothing of one that failed.
pub type Answers = Vec<(RuleName, Option<Analysis>)>;

/// What comes of the rules' answers.
#[derive(Debug)]
pub enum Judgement {
    /// Something that was kept is to be judged before.
    Ask(Inquiry),
    /// The verdict.
    Done(Outcome),
}

/// What to do with a reading.
#[derive(Debug, Clone)]
pub enum Observed {
    /// It came before.
    Duplicate,
    /// It is not taken.
    Rejected(ArrivalRejection),
    /// It is from the past, or another device holds its vitals: remembered, not judged.
    History,
    /// It is to be judged.
    Judge(Inquiry),
}

/// Why a reading of a known form is not taken.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ArrivalRejection {
    #[error("the record of {patient} names its devices, and {}", not_one_of_them(.device))]
    OtherDevice { patient: PatientId, device: DeviceId },
    #[error(
        "{0} was discharged or transferred; a record admits again, or no reading for admission.readmit_after"
    )]
    Departed(PatientId),
    #[error("{0} is not admitted: in registered mode only a record admits")]
    NotAdmitted(PatientId),
    #[error("{patient} is not admitted: all {max} places are taken (admission.max_patients)")]
    Full { patient: PatientId, max: usize },
    #[error(
        "device `{device}` sends more than {max} readings a second (admission.max_rate), and no more of them can wait"
    )]
    Flooding { device: DeviceId, max: u32 },
    #[error("the admission records have not been received yet, and no more readings can wait for them")]
    TooEarly,
    #[error("judging this reading failed inside WardWatch; the patient goes on without it")]
    Failed,
}

fn not_one_of_them(device: &DeviceId) -> String {
    match device.is_unnamed() {
        true => "the reading names none".to_owned(),
        false => format!("`{device}` is not one of them"),
    }
}

/// Something the census must know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// The device measures this patient; `live` if it does so now, and not in a backlog.
    Measures { device: DeviceId, live: bool },
    /// Its clock seems to be off in this direction, or no longer.
    ClockSkew(DeviceId, Option<Skew>),
    /// Nothing is heard of the patient, and so soon must someone come; or something is heard again.
    Unheard(Option<Priority>),
    /// A receiver did not confirm in time what was published of the patient, or has done so after all.
    Unconfirmed(ReceiverName, bool),
    /// The patient was not heard of for so long that it leaves.
    Leaves,
}

/// What one message or timer caused.
#[derive(Debug, Default)]
pub struct Outcome {
    /// In the order in which they are published.
    pub changes: Vec<AlertChange>,
    /// Scores that changed.
    pub scores: Vec<Score>,
    /// What late subscribers are to find.
    pub state: Option<StateChange>,
    pub notices: Vec<Notice>,
    /// Answers to commands.
    pub replies: Vec<Reply>,
}

impl Outcome {
    /// Whether nothing has to be published.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.scores.is_empty() && self.state.is_none() && self.replies.is_empty()
    }

    /// Adds what was caused later.
    pub fn extend(&mut self, later: Self) {
        self.changes.extend(later.changes);
        self.scores.extend(later.scores);
        self.state = later.state.or(self.state.take());
        self.notices.extend(later.notices);
        self.replies.extend(later.replies);
    }
}

/// The retained state of one patient.
#[derive(Debug, Clone)]
pub enum StateChange {
    Now(Box<PatientState>),
    /// The patient is not here any more.
    Emptied,
}

/// What a late subscriber needs of one patient.
#[derive(Debug, Clone)]
pub struct PatientState {
    pub record: Arc<AdmissionRecord>,
    pub chart: Arc<Chart>,
    pub time: Timestamp,
    pub missing: Vec<Vital>,
    /// The last change of each open alert.
    pub alerts: Vec<Arc<AlertChange>>,
    pub scores: Arc<Vec<Score>>,
    pub simulated: bool,
    /// Whether the patient is away.
    pub standby: Option<Standby>,
    /// What somebody paused or switched off.
    pub inactivated: Vec<Inactivated>,
}

/// How a patient is now, for whoever looks.
#[derive(Debug, Clone)]
pub struct LivePatient {
    pub state: PatientState,
    /// The limits that hold, of class, unit and record.
    pub limits: Arc<Limits>,
}

/// What was rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArrivalKind {
    Reading,
    Record,
}

/// A rejected message, with its payload for whoever mends it.
#[derive(Debug, Clone)]
pub struct RejectedArrival {
    pub patient: PatientId,
    pub what: ArrivalKind,
    pub rejection: ArrivalRejection,
    pub payload: Bytes,
    pub at: Timestamp,
}
