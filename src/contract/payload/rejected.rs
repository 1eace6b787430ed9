//! What was rejected, and why, as it goes out.

use std::borrow::Cow;
use std::sync::Arc;

use serde::Serialize;
use wardwatch_actors::clock::Timestamp;
use wardwatch_actors::commands::RejectedCommand;

use crate::contract::topics::Topics;

use crate::contract::shorten::cut;

/// How much of a rejected payload is kept, in bytes.
pub const PAYLOAD_KEPT: usize = 1024;
/// How much of the topic, of the reason and of the field's name, in bytes: together less than 4 KiB. All of them may hold
/// what somebody else wrote.
const TOPIC_KEPT: usize = 1000;
const REASON_KEPT: usize = 2500;
const FIELD_KEPT: usize = 250;

/// A rejected message or value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RejectedMessage {
    pub time: Timestamp,
    pub topic: String,
    pub reason: String,
    pub field: Option<Cow<'static, str>>,
    /// The first 1 KiB as text, invalid UTF-8 replaced.
    pub payload: Arc<str>,
    /// How many of the same source this one stands for.
    pub count: u64,
}

impl RejectedMessage {
    /// One rejection.
    pub fn new(
        time: Timestamp,
        topic: &str,
        reason: String,
        field: Option<Cow<'static, str>>,
        payload: &[u8],
    ) -> Self {
        let (topic, payload) = (cut(topic, TOPIC_KEPT), kept(payload));
        Self { time, topic, reason: cut(&reason, REASON_KEPT), field: field.map(short), payload, count: 1 }
    }

    /// A command that is not answered, since too many are rejected.
    pub fn of_command(topics: &Topics, rejected: &RejectedCommand) -> Self {
        let topic = topics.command(&rejected.sender, &rejected.patient);
        Self::new(rejected.at, &topic, rejected.rejection.to_string(), None, b"")
    }

    /// Another rejection of the same message.
    pub fn also(&self, reason: String, field: Option<Cow<'static, str>>) -> Self {
        Self { reason: cut(&reason, REASON_KEPT), field: field.map(short), ..self.clone() }
    }
}

fn short(field: Cow<'static, str>) -> Cow<'static, str> {
    if field.len() <= FIELD_KEPT { field } else { cut(&field, FIELD_KEPT).into() }
}

fn kept(payload: &[u8]) -> Arc<str> {
    String::from_utf8_lossy(&payload[..payload.len().min(PAYLOAD_KEPT)]).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_somebody_wrote_what_is_said_of_it_stays_short() {
        let long = "é".repeat(30_000);
        let at = Timestamp::from_unix_ms(0);
        let first = RejectedMessage::new(at, &long, long.clone(), Some(long.clone().into()), long.as_bytes());
        for rejected in [first.also(long.clone(), Some(long.clone().into())), first] {
            let RejectedMessage { topic, reason, field, payload, .. } = rejected;
            let field = field.unwrap();
            assert!(topic.len() + reason.len() + field.len() <= 4096);
            assert!([&*topic, &*reason, &*field].iter().all(|text| text.ends_with("é…")));
            assert_eq!(payload.len(), PAYLOAD_KEPT);
        }
    }
}
