//! Commands as they come in, and the answers as they go out.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;
use wardwatch_actors::alerts::{AlertOrder, Author};
use wardwatch_actors::clock::Timestamp;
use wardwatch_actors::commands::{Command, CommandRejection, Instruction, MalformedCommand, Reply, ReplyTo};
use wardwatch_actors::people::{PatientId, UnitId};
use wardwatch_actors::settings::{CommandName, Inactivation, LimitOverrides, Settings};

use super::record;
use crate::causes::Causes;
use crate::config::nearest;

/// The longest command, in bytes; a record is the longest part of it.
const LONGEST: usize = 64 * 1024;
/// The longest `command_id` and `by`, in characters.
const LONGEST_NAME: usize = 128;
/// The longest `reason`, in characters.
const LONGEST_REASON: usize = 1024;

/// How a command came.
#[derive(Debug, Clone)]
pub struct CommandEnvelope {
    pub patient: PatientId,
    pub reply_to: ReplyTo,
    pub received_at: Timestamp,
    /// Whether the broker kept it for whoever subscribes.
    pub retained: bool,
    /// Whether it waited in a queue before we listened.
    pub queued: bool,
}

/// A command as it is sent. A key that nobody knows is a fault: half a command is none.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CommandMessage<'a> {
    command_id: String,
    command: String,
    #[serde(default)]
    alert: Option<Uuid>,
    #[serde(default)]
    by: Option<String>,
    #[serde(default)]
    at: Option<Timestamp>,
    #[serde(default)]
    until: Option<Timestamp>,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    limits: Option<LimitOverrides>,
    #[serde(default, borrow)]
    record: Option<&'a RawValue>,
    #[serde(default)]
    to: Option<UnitId>,
}

/// Reads a command, or says what is wrong with it.
pub fn parse(
    payload: &[u8],
    heard: CommandEnvelope,
    settings: &Settings,
) -> Result<Box<Command>, Box<MalformedCommand>> {
    let fault = |command_id: Option<String>, rejection: CommandRejection| {
        let (patient, reply_to) = (heard.patient.clone(), heard.reply_to.clone());
        Box::new(MalformedCommand { patient, command_id, rejection, reply_to })
    };
    if payload.len() > LONGEST {
        return Err(fault(None, malformed(format!("a command has at most {LONGEST} bytes"))));
    }
    let message: CommandMessage<'_> = serde_json::from_slice(payload).map_err(|error| {
        fault(id_of(payload), malformed(format!("payload is no command: {}", Causes(&error))))
    })?;
    let id = Some(message.command_id.clone());
    if heard.retained {
        return Err(fault(id, CommandRejection::Retained));
    }
    let order = message.check().and_then(|by| Ok((by, message.order(&heard, settings)?)));
    let (by, order) = order.map_err(|rejection| fault(id, rejection))?;
    Ok(Box::new(Command {
        author: Author { sender: heard.reply_to.sender.clone(), by, reason: message.reason.clone() },
        id: message.command_id,
        patient: heard.patient,
        order,
        at: message.at,
        received_at: heard.received_at,
        queued: heard.queued,
        reply_to: heard.reply_to,
    }))
}

fn malformed(reason: impl Into<String>) -> CommandRejection {
    CommandRejection::Malformed(reason.into())
}

/// The id of a command that cannot be read otherwise, so that it can be answered.
pub fn id_of(payload: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Named {
        command_id: String,
    }
    let named: Named = serde_json::from_slice(payload).ok()?;
    Some(named.command_id.chars().take(LONGEST_NAME).collect())
}

impl CommandMessage<'_> {
    /// Who gives it, where the names are such that they can be kept.
    fn check(&self) -> Result<String, CommandRejection> {
        let fits = |name: &str| (1..=LONGEST_NAME).contains(&name.trim().chars().count());
        if !fits(&self.command_id) {
            return Err(malformed(format!("command_id has 1 to {LONGEST_NAME} characters")));
        }
        if self.reason.as_ref().is_some_and(|reason| reason.chars().count() > LONGEST_REASON) {
            return Err(malformed(format!("reason has at most {LONGEST_REASON} characters")));
        }
        let by = self.by.as_deref().filter(|by| fits(by));
        by.map(|by| by.trim().to_owned()).ok_or_else(|| {
            malformed(format!("by does not say who gives the command, in 1 to {LONGEST_NAME} characters"))
        })
    }

    fn order(&self, heard: &CommandEnvelope, settings: &Settings) -> Result<Instruction, CommandRejection> {
        let name = CommandName::named(&self.command).ok_or_else(|| self.unknown())?;
        self.check_fields(name)?;
        Ok(match name {
            CommandName::Acknowledge => Instruction::Alerts(AlertOrder::Acknowledge(self.alert()?)),
            CommandName::Unacknowledge => Instruction::Alerts(AlertOrder::Unacknowledge(self.alert()?)),
            CommandName::Reset => Instruction::Alerts(AlertOrder::Reset(self.alert()?)),
            CommandName::Accept => Instruction::Alerts(AlertOrder::Accept(self.alert()?)),
            CommandName::Reject => Instruction::Alerts(AlertOrder::Reject(self.alert()?)),
            CommandName::PauseAudio => self.inactivate(Inactivation::AudioPaused),
            CommandName::AudioOff => self.inactivate(Inactivation::AudioOff),
            CommandName::PauseAlerts => self.inactivate(Inactivation::AlertPaused),
            CommandName::AlertsOff => self.inactivate(Inactivation::AlertOff),
            CommandName::ResumeAudio => self.reactivate(Inactivation::AudioPaused),
            CommandName::AudioOn => self.reactivate(Inactivation::AudioOff),
            CommandName::ResumeAlerts => self.reactivate(Inactivation::AlertPaused),
            CommandName::AlertsOn => self.reactivate(Inactivation::AlertOff),
            CommandName::SetLimits => Instruction::SetLimits(self.limits.clone().unwrap_or_default()),
            CommandName::Standby => Instruction::Standby { until: self.until },
            CommandName::EndStandby => Instruction::EndStandby,
            CommandName::TestAlert => Instruction::TestAlert,
            CommandName::Admit => self.admit(heard, settings)?,
            CommandName::Transfer => {
                let to = self.to.clone().ok_or_else(|| malformed("to does not say to which unit"))?;
                Instruction::Transfer { to }
            }
            CommandName::Discharge => Instruction::Discharge,
        })
    }

    fn unknown(&self) -> CommandRejection {
        let known: Vec<_> = CommandName::ALL.iter().map(|name| name.name()).collect();
        let meant =
            nearest(&self.command, &known).map_or(String::new(), |name| format!("; did you mean {name}?"));
        let named: String = self.command.chars().take(LONGEST_NAME).collect();
        malformed(format!("command `{named}` is unknown{meant}"))
    }

    /// What belongs to another command is a slip that must not be passed over.
    fn check_fields(&self, name: CommandName) -> Result<(), CommandRejection> {
        use CommandName::{Admit, PauseAlerts, PauseAudio, SetLimits, Standby, Transfer};
        let given = [
            ("until", self.until.is_some(), matches!(name, PauseAudio | PauseAlerts | Standby)),
            ("limits", self.limits.is_some(), name == SetLimits),
            ("record", self.record.is_some(), name == Admit),
            ("to", self.to.is_some(), name == Transfer),
        ];
        match given.into_iter().find(|(_, given, allowed)| *given && !allowed) {
            Some((field, _, _)) => Err(malformed(format!("{field} says nothing to {}", name.name()))),
            None => Ok(()),
        }
    }

    fn alert(&self) -> Result<Uuid, CommandRejection> {
        self.alert.ok_or_else(|| malformed("alert does not say which alert"))
    }

    fn inactivate(&self, inactivation: Inactivation) -> Instruction {
        Instruction::Alerts(AlertOrder::Inactivate { inactivation, alert: self.alert, until: self.until })
    }

    fn reactivate(&self, inactivation: Inactivation) -> Instruction {
        Instruction::Alerts(AlertOrder::Reactivate { inactivation, alert: self.alert })
    }

    fn admit(&self, heard: &CommandEnvelope, settings: &Settings) -> Result<Instruction, CommandRejection> {
        let text = self.record.map_or("{}", RawValue::get);
        let parsed = record::parse(text.as_bytes(), &heard.patient, settings, heard.received_at)
            .map_err(|fault| malformed(Causes(&fault).to_string()))?;
        if !parsed.unknown().is_empty() {
            return Err(malformed(format!("record: {} is unknown", parsed.unknown().join(", "))));
        }
        Ok(Instruction::Admit(Box::new(parsed.record.unwrap_or_default())))
    }
}

/// An answer, with the contract's fields.
#[derive(Debug, Serialize)]
pub struct ReplyMessage<'a> {
    command_id: Option<&'a str>,
    ok: bool,
    reason: Option<&'a str>,
    alert: Option<Uuid>,
    sequence: Option<u32>,
    /// How much later it came than its `at` says, by our clock, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    difference_ms: Option<i64>,
}

impl<'a> From<&'a Reply> for ReplyMessage<'a> {
    fn from(reply: &'a Reply) -> Self {
        let outcome = &reply.outcome;
        Self {
            command_id: reply.command_id.as_deref(),
            ok: outcome.ok,
            reason: outcome.reason.as_deref(),
            alert: outcome.alert,
            sequence: outcome.sequence,
            difference_ms: reply.difference.map(|difference| difference.as_ms()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(retained: bool) -> CommandEnvelope {
        let reply_to = ReplyTo { sender: "nurse-call".to_owned(), ..ReplyTo::default() };
        let received_at = Timestamp::from_unix_ms(0);
        CommandEnvelope {
            patient: "icu-1/p-17".parse().unwrap(),
            reply_to,
            received_at,
            retained,
            queued: false,
        }
    }

    fn rejected(payload: &str, retained: bool) -> String {
        let parsed = parse(payload.as_bytes(), heard(retained), &Settings::default());
        parsed.err().map_or("fine".to_owned(), |fault| {
            format!("{}: {}", fault.command_id.as_deref().unwrap_or("-"), fault.rejection)
        })
    }

    const ALERT: &str = r#""alert":"4c1c1b1e-6f0d-5d0b-9a52-77a49d1c3e70""#;

    #[test]
    fn every_command_is_read_by_its_name() {
        for command in CommandName::ALL {
            let to = if *command == CommandName::Transfer { r#","to":"icu-2""# } else { "" };
            let name = command.name();
            let payload = format!(r#"{{"command_id":"1","command":"{name}",{ALERT},"by":"anna"{to}}}"#);
            let parsed = parse(payload.as_bytes(), heard(false), &Settings::default()).unwrap();
            assert_eq!(parsed.order.name(), *command);
        }
    }

    #[test]
    fn what_is_no_whole_command_is_rejected_with_its_reason() {
        for (payload, said) in [
            (r#"{"command_id":"1","command":"reset","by":"anna"}"#, "1: alert does not say which alert"),
            (
                r#"{"command_id":"1","command":"acknowlege","by":"anna"}"#,
                "1: command `acknowlege` is unknown; did you mean acknowledge?",
            ),
            (
                r#"{"command_id":"1","command":"discharge"}"#,
                "1: by does not say who gives the command, in 1 to 128 characters",
            ),
            (
                r#"{"command_id":"1","command":"discharge","by":" "}"#,
                "1: by does not say who gives the command, in 1 to 128 characters",
            ),
            (
                r#"{"command_id":"","command":"discharge","by":"anna"}"#,
                ": command_id has 1 to 128 characters",
            ),
            (
                r#"{"command_id":"1","command":"audio_off","by":"anna","until":"2026-11-22T06:35:06Z"}"#,
                "1: until says nothing to audio_off",
            ),
            (r#"{"command_id":"1","command":"transfer","by":"anna"}"#, "1: to does not say to which unit"),
        ] {
            assert_eq!(rejected(payload, false), said, "{payload}");
        }
        assert!(
            rejected(r#"{"command_id":"1","command":"discharge","by":"a","unitl":1}"#, false)
                .starts_with("1: payload is no command: unknown field `unitl`")
        );
        assert!(rejected("[]", false).starts_with("-: payload is no command"));
        let retained = rejected(r#"{"command_id":"1","command":"discharge","by":"anna"}"#, true);
        assert_eq!(retained, "1: a retained command is not carried out");
    }
}
