//! What was rejected, and why, as it goes out.

use serde::Serialize;
use wardwatch_actors::clock::Timestamp;

/// How much of a refused payload is kept, in bytes.
const PAYLOAD_KEPT: usize = 1024;

/// A refused message or value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RejectedMessage {
    pub time: Timestamp,
    pub topic: String,
    pub reason: String,
    pub field: Option<&'static str>,
    /// The first 1 KiB as text, invalid UTF-8 replaced.
    pub payload: String,
    /// How many of the same source this one stands for.
    pub count: u64,
}

impl RejectedMessage {
    /// One refusal.
    pub fn new(
        time: Timestamp,
        topic: &str,
        reason: String,
        field: Option<&'static str>,
        payload: &[u8],
    ) -> Self {
        let kept = &payload[..payload.len().min(PAYLOAD_KEPT)];
        let payload = String::from_utf8_lossy(kept).into_owned();
        Self { time, topic: topic.to_owned(), reason, field, payload, count: 1 }
    }
}
