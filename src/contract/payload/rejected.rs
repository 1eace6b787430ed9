//! What was rejected, and why, as it goes out.

use std::borrow::Cow;
use std::sync::Arc;

use serde::Serialize;
use wardwatch_actors::clock::Timestamp;

/// How much of a refused payload is kept, in bytes.
pub const PAYLOAD_KEPT: usize = 1024;

/// A refused message or value.
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
    /// One refusal.
    pub fn new(
        time: Timestamp,
        topic: &str,
        reason: String,
        field: Option<Cow<'static, str>>,
        payload: &[u8],
    ) -> Self {
        Self { time, topic: topic.to_owned(), reason, field, payload: kept(payload), count: 1 }
    }

    /// Another rejection of the same message.
    pub fn also(&self, reason: String, field: Option<Cow<'static, str>>) -> Self {
        Self { reason, field, ..self.clone() }
    }
}

fn kept(payload: &[u8]) -> Arc<str> {
    String::from_utf8_lossy(&payload[..payload.len().min(PAYLOAD_KEPT)]).into()
}
