//! Commands as decisions: what somebody asks for, whether that may be, and the answer.
//!
//! Who may what is decided by the [`CommandGate`], what it does by the patient or the census that it concerns. The same
//! command acts once: whoever carried it out remembers the answer ([`AnsweredCommands`]).

mod answered;
mod gate;
mod used_ids;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use uuid::Uuid;

use crate::admission::AdmissionRecord;
use crate::alerts::{AlertOrder, Author, OrderFault};
use crate::clock::{Span, Timestamp};
use crate::people::{PatientId, UnitId};
use crate::settings::bounds::BoundFault;
use crate::settings::{CommandName, Inactivation, LimitOverrides};

pub use answered::AnsweredCommands;
pub use gate::CommandGate;
pub use used_ids::UsedCommandIds;

/// A command that waited longer than this in a queue before we heard it is not carried out any more.
pub const QUEUED_AT_MOST: Span = Span::from_secs(60);

/// What is commanded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Instruction {
    /// Of alerts.
    Alerts(AlertOrder),
    SetLimits(LimitOverrides),
    /// The patient is away until then, or for as long as the site allows.
    Standby {
        until: Option<Timestamp>,
    },
    EndStandby,
    /// One change that says of itself that it is a test.
    TestAlert,
    /// The patient is here, with this record.
    Admit(Box<AdmissionRecord>),
    /// The stay goes on in this unit.
    Transfer {
        to: UnitId,
    },
    Discharge,
}

impl Instruction {
    /// Its name.
    pub const fn name(&self) -> CommandName {
        match self {
            Self::Alerts(AlertOrder::Acknowledge(_)) => CommandName::Acknowledge,
            Self::Alerts(AlertOrder::Unacknowledge(_)) => CommandName::Unacknowledge,
            Self::Alerts(AlertOrder::Reset(_)) => CommandName::Reset,
            Self::Alerts(AlertOrder::Accept(_)) => CommandName::Accept,
            Self::Alerts(AlertOrder::Reject(_)) => CommandName::Reject,
            Self::Alerts(AlertOrder::Inactivate { inactivation, .. }) => match inactivation {
                Inactivation::AudioPaused => CommandName::PauseAudio,
                Inactivation::AudioOff => CommandName::AudioOff,
                Inactivation::AlertPaused => CommandName::PauseAlerts,
                Inactivation::AlertOff => CommandName::AlertsOff,
            },
            Self::Alerts(AlertOrder::Reactivate { inactivation, .. }) => match inactivation {
                Inactivation::AudioPaused => CommandName::ResumeAudio,
                Inactivation::AudioOff => CommandName::AudioOn,
                Inactivation::AlertPaused => CommandName::ResumeAlerts,
                Inactivation::AlertOff => CommandName::AlertsOn,
            },
            Self::SetLimits(_) => CommandName::SetLimits,
            Self::Standby { .. } => CommandName::Standby,
            Self::EndStandby => CommandName::EndStandby,
            Self::TestAlert => CommandName::TestAlert,
            Self::Admit(_) => CommandName::Admit,
            Self::Transfer { .. } => CommandName::Transfer,
            Self::Discharge => CommandName::Discharge,
        }
    }
}

/// Where an answer goes, as whoever asked said it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReplyTo {
    /// The sender, as the broker knows it.
    pub sender: String,
    /// The Response Topic, where one was given.
    pub topic: Option<String>,
    /// The Correlation Data, returned as it came.
    pub correlation: Option<Bytes>,
    /// Who waits for it within the process, instead of at the broker.
    pub caller: Option<u64>,
}

/// One command, well formed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    pub id: String,
    pub patient: PatientId,
    pub order: Instruction,
    pub author: Author,
    /// When it was given, by the sender's clock.
    pub at: Option<Timestamp>,
    pub received_at: Timestamp,
    /// Whether it waited in a queue before we listened.
    pub queued: bool,
    pub reply_to: ReplyTo,
}

impl Command {
    /// The answer to it.
    pub fn reply(&self, done: Result<Done, &CommandRejection>) -> Reply {
        let outcome = match done {
            Ok(Done { alert, sequence }) => ReplyOutcome { ok: true, reason: None, alert, sequence },
            Err(rejection) => ReplyOutcome::rejected(rejection),
        };
        let asked = AskedFor::Command(Box::new((self.order.clone(), self.author.clone())));
        Reply { asked, ..self.reply_again(outcome) }
    }

    /// The same answer as before.
    pub fn reply_again(&self, outcome: ReplyOutcome) -> Reply {
        let difference = self.at.map(|at| self.received_at.since(at));
        let (to, command_id, asked) = (self.reply_to.clone(), Some(self.id.clone()), AskedFor::Again);
        Reply { to, command_id, outcome, difference, asked }
    }

    /// Whether it may still be meant: not where it waited in a queue for too long, or for nobody knows how long.
    pub fn is_fresh(&self) -> Result<(), CommandRejection> {
        match self.at {
            _ if !self.queued => Ok(()),
            Some(at) if self.received_at.since(at) <= QUEUED_AT_MOST => Ok(()),
            Some(_) => Err(CommandRejection::TooOld),
            None => Err(CommandRejection::Undated),
        }
    }
}

/// What was done: the alert that it concerned, and its last change.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Done {
    pub alert: Option<Uuid>,
    pub sequence: Option<u32>,
}

/// What an answer says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplyOutcome {
    pub ok: bool,
    pub reason: Option<String>,
    pub alert: Option<Uuid>,
    pub sequence: Option<u32>,
}

impl ReplyOutcome {
    /// Nothing was done, for this reason.
    pub fn rejected(rejection: &CommandRejection) -> Self {
        Self { ok: false, reason: Some(rejection.to_string()), alert: None, sequence: None }
    }
}

/// The answer to a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    pub to: ReplyTo,
    pub command_id: Option<String>,
    pub outcome: ReplyOutcome,
    /// How much later it came than it says it was given, by our clock.
    pub difference: Option<Span>,
    pub asked: AskedFor,
}

/// What an answer is to, for those who keep account of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AskedFor {
    /// What was commanded, and by whom.
    Command(Box<(Instruction, Author)>),
    /// The same as before, which was answered already.
    Again,
    /// Nothing that can be carried out.
    Malformed,
}

/// A command that cannot be carried out, since it does not say what is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MalformedCommand {
    pub patient: PatientId,
    pub command_id: Option<String>,
    pub rejection: CommandRejection,
    pub reply_to: ReplyTo,
}

impl MalformedCommand {
    /// The answer to it.
    pub fn reply(&self, rejection: &CommandRejection) -> Reply {
        let outcome = ReplyOutcome::rejected(rejection);
        let (to, command_id) = (self.reply_to.clone(), self.command_id.clone());
        Reply { to, command_id, outcome, difference: None, asked: AskedFor::Malformed }
    }
}

/// A command that was not carried out and is not answered either: too many are rejected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedCommand {
    pub sender: String,
    pub patient: PatientId,
    pub rejection: CommandRejection,
    pub at: Timestamp,
}

/// Why a command is rejected. It changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CommandRejection {
    #[error("sender `{0}` is not listed (senders.NAME)")]
    UnknownSender(String),
    #[error("sender `{sender}` may not {} (senders.{sender}.may)", .command.name())]
    NotPermitted { sender: String, command: CommandName },
    #[error("sender `{sender}` may not command of unit {unit} (senders.{sender}.units)")]
    OtherUnit { sender: String, unit: String },
    #[error("sender `{0}` sends more than {most} commands a second", most = gate::MOST_A_SECOND)]
    Flood(String),
    #[error("{0} is not here")]
    NotHere(PatientId),
    #[error("the patient is in unit {0} already")]
    SameUnit(UnitId),
    #[error("the command waited for more than 60 s before it was heard")]
    TooOld,
    #[error("the command waited before it was heard, and does not say since when (at)")]
    Undated,
    #[error(
        "the Response Topic `{0}` is not the sender's own; allowed are replies/SENDER and what lies below it"
    )]
    ResponseTopic(String),
    #[error("the command_id was used before, for another patient")]
    IdUsed,
    #[error("{0}")]
    Malformed(String),
    #[error("a retained command is not carried out")]
    Retained,
    #[error(transparent)]
    Instruction(#[from] OrderFault),
    #[error(transparent)]
    Bound(#[from] BoundFault),
    #[error("the limits do not fit: {0}")]
    Limits(String),
    #[error("the patient is not on standby")]
    NotOnStandby,
    #[error("carrying it out failed inside WardWatch; nothing was changed")]
    Failed,
}
