//! The heartbeat, as it goes out.

use serde::{Deserialize, Serialize};
use wardwatch_actors::clock::Timestamp;

/// How an instance is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Online,
    /// It works, but something it promises does not hold.
    Degraded,
    Offline,
}

/// The heartbeat of one instance.
#[derive(Debug, Clone, Serialize)]
pub struct SystemMessage<'a> {
    pub instance: &'a str,
    pub time: Timestamp,
    pub started: Timestamp,
    pub status: Status,
    /// `listening`, `draining` or `lost`, and the mode of admission.
    pub ingest: &'a str,
    /// `listening` or `lost`.
    pub commands: &'a str,
    pub admission: &'a str,
    /// `memory`, `sqlite`, or `lost` while nothing can be committed.
    pub store: &'a str,
    pub patients: u64,
    pub open_alerts: u64,
    pub readings: u64,
    pub rejected: u64,
    pub late: u64,
    pub duplicates: u64,
    pub unknown_fields: u64,
    pub unacknowledged: u64,
    pub outbox: u64,
    /// What is not committed yet, and changes that went out before their commit, since the start.
    pub waiting: u64,
    pub published_before_commit: u64,
    /// The last row of the audit and its hash, as `1042-9f86d081…`; none where nothing is kept.
    pub audit_head: Option<String>,
    /// Changes that are missing in the log since another one has their id and sequence.
    pub store_rejected: u64,
    /// Alert changes and states that the broker rejects now, with those that wait behind them.
    pub broker_rejected: u64,
    /// Other messages that the broker did not take, and changes that made room for those of a higher priority.
    pub undeliverable: u64,
    pub dropped: u64,
    /// Lines of the log that nobody took in time, since the start.
    pub log_dropped: u64,
    /// How long our own probe took through the broker, in milliseconds.
    pub probe_ms: Option<f64>,
}
