//! A command as whoever gives it writes it, and its answer as they read it.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;
use wardwatch_actors::clock::Timestamp;
use wardwatch_actors::people::UnitId;
use wardwatch_actors::settings::CommandName;

/// A command, with the contract's fields.
#[derive(Debug, Clone, Serialize)]
pub struct GivenCommand {
    pub command_id: String,
    pub command: CommandName,
    pub by: String,
    pub at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alert: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limits: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<UnitId>,
}

/// The answer to a command.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct GivenReply {
    pub command_id: Option<String>,
    pub ok: bool,
    pub reason: Option<String>,
    pub alert: Option<Uuid>,
    pub sequence: Option<u32>,
    /// How much later it came than its `at` says, by WardWatch's clock, in milliseconds.
    pub difference_ms: Option<i64>,
}

#[cfg(test)]
mod tests {
    use wardwatch_actors::commands::ReplyTo;
    use wardwatch_actors::settings::Settings;

    use super::*;
    use crate::contract::payload::command::{self, CommandEnvelope};
    use crate::contract::payload::json;

    #[test]
    fn what_is_given_is_read_as_it_was_meant() {
        let at = Timestamp::from_unix_ms(1_800_000_000_000);
        let raw = |text: &str| RawValue::from_string(text.to_owned()).ok();
        for name in CommandName::ALL {
            let only = |of: CommandName| *name == of;
            let given = GivenCommand {
                command_id: "7".to_owned(),
                command: *name,
                by: "anna".to_owned(),
                at,
                alert: Some(Uuid::nil()),
                until: only(CommandName::PauseAudio).then_some(at),
                reason: Some("why".to_owned()),
                limits: raw("{}").filter(|_| only(CommandName::SetLimits)),
                record: raw(r#"{"bed":"B"}"#).filter(|_| only(CommandName::Admit)),
                to: "icu-2".parse().ok().filter(|_| only(CommandName::Transfer)),
            };
            let heard = CommandEnvelope {
                patient: "icu-1/p-17".parse().unwrap(),
                reply_to: ReplyTo::default(),
                received_at: at,
                retained: false,
                queued: false,
            };
            let read = command::parse(&json(&given), heard, &Settings::default()).unwrap();
            assert_eq!((read.order.name(), &*read.author.by, read.at), (*name, "anna", Some(at)));
        }
    }
}
