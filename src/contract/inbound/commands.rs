//! Commands: whose they are, and where their answers may go.

use std::sync::Arc;

use wardwatch_actors::clock::Timestamp;
use wardwatch_actors::commands::{Command, CommandRejection, MalformedCommand, ReplyTo};
use wardwatch_actors::people::PatientId;

use super::{Inbound, InboundMessage, Translation, Translator};
use crate::contract::payload::command::{self, CommandEnvelope};
use crate::contract::shorten::cut;

/// How much of a Response Topic that is rejected is shown, in bytes.
const TOPIC_SHOWN: usize = 128;

impl Translator {
    /// A command, which is answered on no topic but its sender's own.
    pub(super) fn command<'t>(
        &self,
        sender: &str,
        patient: &str,
        message: InboundMessage<'t, '_>,
    ) -> Translation<'t> {
        let Ok(patient) = patient.parse::<PatientId>() else { return Translation::of(Inbound::Nothing) };
        let InboundMessage { payload, retain, queued, received_at, reply, .. } = message;
        if retain && payload.is_empty() {
            // A retained command is taken back.
            return Translation::of(Inbound::Nothing);
        }
        let correlation = reply.correlation.cloned();
        let reply_to = ReplyTo { sender: sender.to_owned(), topic: None, correlation, caller: None };
        let reply_to = match reply.topic {
            Some(topic) if !self.topics.may_reply_on(sender, topic) => {
                let (command_id, rejection) =
                    (command::id_of(payload), CommandRejection::ResponseTopic(cut(topic, TOPIC_SHOWN)));
                let malformed = MalformedCommand { patient, command_id, rejection, reply_to };
                return Translation::of(Inbound::Command(Err(Box::new(malformed))));
            }
            topic => ReplyTo { topic: topic.map(str::to_owned), ..reply_to },
        };
        let heard = CommandEnvelope { patient, reply_to, received_at, retained: retain, queued };
        let settings = Arc::clone(&self.policy.0.borrow().1);
        Translation::of(Inbound::Command(command::parse(payload, heard, &settings)))
    }

    /// A command that somebody within the process gives, and who waits there for its answer.
    pub fn asked_command(
        &self,
        payload: &[u8],
        (sender, patient, caller): (String, PatientId, u64),
        received_at: Timestamp,
    ) -> Result<Box<Command>, Box<MalformedCommand>> {
        let reply_to = ReplyTo { sender, caller: Some(caller), ..ReplyTo::default() };
        let heard = CommandEnvelope { patient, reply_to, received_at, retained: false, queued: false };
        command::parse(payload, heard, &Arc::clone(&self.policy.0.borrow().1))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::super::ReplyRequest;
    use super::*;
    use crate::config::Sources;
    use crate::contract::topics::Topics;

    /// Where the answer goes, and why it is rejected.
    fn answered(topic: Option<&str>, retain: bool, payload: &str) -> Option<(Option<String>, String)> {
        let translator = Translator::new(Topics::new("wardwatch"), Sources::default(), Arc::default());
        let correlation = Bytes::from_static(b"7");
        let message = InboundMessage {
            topic: "wardwatch/commands/desk/icu-1/p-17",
            payload: payload.as_bytes(),
            size: payload.len(),
            retain,
            queued: false,
            received_at: Timestamp::from_unix_ms(0),
            reply: ReplyRequest { topic, correlation: Some(&correlation) },
        };
        let (reply_to, rejection) = match translator.translate(message).inbound {
            Inbound::Command(Ok(command)) => (command.reply_to, "fine".to_owned()),
            Inbound::Command(Err(malformed)) => (malformed.reply_to, malformed.rejection.to_string()),
            _ => return None,
        };
        assert_eq!((&*reply_to.sender, reply_to.correlation), ("desk", Some(correlation)));
        Some((reply_to.topic, rejection))
    }

    const COMMAND: &str = r#"{"command_id":"1","command":"pause_audio","by":"anna"}"#;

    #[test]
    fn an_answer_goes_below_its_senders_topic_or_to_the_topic_itself_with_a_rejection() {
        let own = "wardwatch/replies/desk/7";
        assert_eq!(answered(Some(own), false, COMMAND), Some((Some(own.to_owned()), "fine".to_owned())));
        assert_eq!(answered(None, false, COMMAND), Some((None, "fine".to_owned())));
        let (topic, rejection) = answered(Some("wardwatch/alerts/high/icu-1/p-17"), false, COMMAND).unwrap();
        assert_eq!(topic, None);
        assert_eq!(
            rejection,
            "the Response Topic `wardwatch/alerts/high/icu-1/p-17` is not the sender's own; allowed are replies/SENDER and what lies below it"
        );
    }

    #[test]
    fn a_retained_command_is_rejected_and_taking_it_back_says_nothing() {
        let rejected = answered(None, true, COMMAND).unwrap();
        assert_eq!(rejected, (None, "a retained command is not carried out".to_owned()));
        assert_eq!(answered(None, true, ""), None);
        assert!(answered(None, false, "").unwrap().1.starts_with("payload is no command"));
    }
}
