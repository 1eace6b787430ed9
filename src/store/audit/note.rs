//! What is neither a reading nor an alert change, as it stands in the audit: in a few words, and whole as JSON.

use serde::Serialize;
use serde_json::json;
use uuid::Uuid;
use wardwatch_actors::admission::AdmissionRecord;
use wardwatch_actors::alerts::{AlertOrder, Author};
use wardwatch_actors::clock::Timestamp;
use wardwatch_actors::commands::{AskedFor, Instruction, Reply};
use wardwatch_actors::people::UnitId;
use wardwatch_actors::settings::LimitOverrides;

use super::super::batch::Stay;
use crate::config::given::GivenWords;

/// What happened, for the audit.
#[derive(Debug, Clone)]
pub enum AuditNote {
    /// A command was answered.
    Command(Box<Reply>),
    /// The service starts.
    Start {
        instance: String,
        /// Whose process it is, as the system knows it.
        user: String,
        /// What the site gives; none where nobody reads a configuration.
        given: Option<GivenWords>,
    },
    /// Another configuration holds from now on.
    Reload { user: String, given: GivenWords },
    /// The service ends since it was asked to.
    Stop { user: String },
}

/// What a row says of itself.
#[derive(Debug)]
pub struct NoteWords {
    pub kind: &'static str,
    pub what: String,
    pub body: Option<String>,
}

impl NoteWords {
    pub fn new(kind: &'static str, what: String, body: &impl Serialize) -> Self {
        Self { kind, what, body: serde_json::to_string(body).ok() }
    }

    /// The answer to a command; none where it is no other than before.
    pub fn of_command(reply: &Reply) -> Option<Self> {
        let said = match &reply.asked {
            AskedFor::Again => return None,
            AskedFor::Malformed => CommandWords::of_nobody(reply),
            AskedFor::Command(asked) => CommandWords::new(&asked.0, &asked.1, reply),
        };
        let name = said.command.unwrap_or("a command that is none");
        let by = said.by.map_or_else(String::new, |by| format!(" by {by}"));
        let outcome = match (said.ok, said.rejection) {
            (true, _) => "done".to_owned(),
            (false, rejection) => format!("rejected: {}", rejection.unwrap_or("no reason")),
        };
        Some(Self::new("command", format!("{name}{by} ({}): {outcome}", said.sender), &said))
    }

    /// A step of a patient's stay.
    pub fn of_stay(stay: &Stay) -> Self {
        match stay {
            Stay::Described(record) => {
                let from = record.from.as_ref().map(|unit| format!(", transferred from {unit}"));
                Self::new("admission", format!("record{}", from.unwrap_or_default()), record)
            }
            Stay::Over { departure } => Self {
                kind: "admission",
                what: departure.reason().to_owned(),
                body: Some(json!({ "departure": departure.reason() }).to_string()),
            },
        }
    }
}

/// A command with its outcome.
#[derive(Serialize)]
struct CommandWords<'a> {
    command_id: Option<&'a str>,
    command: Option<&'a str>,
    sender: &'a str,
    by: Option<&'a str>,
    reason: Option<&'a str>,
    alert: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limits: Option<&'a LimitOverrides>,
    #[serde(skip_serializing_if = "Option::is_none")]
    record: Option<&'a AdmissionRecord>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<&'a UnitId>,
    ok: bool,
    /// Why it was rejected.
    rejection: Option<&'a str>,
    /// The change that it caused.
    sequence: Option<u32>,
}

impl<'a> CommandWords<'a> {
    /// One that does not say what is to be done.
    fn of_nobody(reply: &'a Reply) -> Self {
        Self {
            command_id: reply.command_id.as_deref(),
            command: None,
            sender: &reply.to.sender,
            by: None,
            reason: None,
            alert: None,
            until: None,
            limits: None,
            record: None,
            to: None,
            ok: reply.outcome.ok,
            rejection: reply.outcome.reason.as_deref(),
            sequence: reply.outcome.sequence,
        }
    }

    fn new(order: &'a Instruction, author: &'a Author, reply: &'a Reply) -> Self {
        let (mut alert, mut until) = (None, None);
        let (mut limits, mut record, mut to) = (None, None, None);
        match order {
            Instruction::Alerts(order) => (alert, until) = named(order),
            Instruction::SetLimits(set) => limits = Some(set),
            Instruction::Standby { until: end } => until = *end,
            Instruction::Admit(admitted) => record = Some(&**admitted),
            Instruction::Transfer { to: unit } => to = Some(unit),
            Instruction::EndStandby | Instruction::TestAlert | Instruction::Discharge => {}
        }
        Self {
            command: Some(order.name().name()),
            by: Some(&author.by),
            reason: author.reason.as_deref(),
            alert: alert.or(reply.outcome.alert),
            until,
            limits,
            record,
            to,
            ..Self::of_nobody(reply)
        }
    }
}

/// The alert that an order names, and until when it is to hold.
fn named(order: &AlertOrder) -> (Option<Uuid>, Option<Timestamp>) {
    match order {
        AlertOrder::Acknowledge(id)
        | AlertOrder::Unacknowledge(id)
        | AlertOrder::Reset(id)
        | AlertOrder::Accept(id)
        | AlertOrder::Reject(id) => (Some(*id), None),
        AlertOrder::Inactivate { alert, until, .. } => (*alert, *until),
        AlertOrder::Reactivate { alert, .. } => (*alert, None),
    }
}
