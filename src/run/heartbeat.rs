//! The heartbeat on `system/{instance}`: what works, what does not, and how much of everything.

use std::sync::Arc;
use std::time::Duration;

use wardwatch_actors::clock::{Clock, Timestamp};
use wardwatch_actors::counters::Counters;
use wardwatch_actors::settings::Mode;

use crate::contract::announcement::Announcement;
use crate::contract::payload::json;
use crate::contract::payload::system::{Status, SystemMessage};
use crate::log_queue;
use crate::mqtt::publisher::{DeliveryClass, Outbox, OutboxStatus, Outgoing};
use crate::mqtt::ring::Ring;
use crate::store::Store;

/// How often it is published.
pub const EVERY: Duration = Duration::from_secs(10);

/// What the ingest hears.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Ear {
    /// No connection.
    #[default]
    Lost,
    /// What was queued is still coming.
    Draining,
    /// Everything that comes is live.
    Listening,
}

/// What the shard knows of its own hearing.
#[derive(Debug, Clone, Default)]
pub struct IngestStatus {
    pub ear: Ear,
    pub probe: Option<Duration>,
    /// What the broker does not let us hear.
    pub refused: Option<String>,
}

/// Everything a heartbeat is made of.
pub struct Heartbeat {
    pub topic: String,
    pub instance: String,
    pub started: Timestamp,
    pub mode: Mode,
    pub clock: Clock,
    pub counters: Arc<Counters>,
    pub ring: Arc<Ring>,
    pub outbox: Outbox,
    pub store: Store,
    /// `memory` or `sqlite`.
    pub store_kind: &'static str,
}

impl Heartbeat {
    /// The heartbeat now.
    pub fn message(&self, hearsay: &IngestStatus) -> Outgoing {
        let outbox = self.outbox.status();
        let ingest = match hearsay.ear {
            Ear::Lost => "lost",
            Ear::Draining => "draining",
            Ear::Listening => "listening",
        };
        let probe_ms = hearsay.probe.map(|probe| probe.as_micros() as f64 / 1000.0);
        let status = status(hearsay, &outbox, self.store.status().lost);
        self.outgoing(status, ingest, &outbox, probe_ms)
    }

    /// The last word: we are gone.
    pub fn farewell(&self) -> Outgoing {
        self.outgoing(Status::Offline, "lost", &OutboxStatus::default(), None)
    }

    fn outgoing(
        &self,
        status: Status,
        ingest: &str,
        outbox: &OutboxStatus,
        probe_ms: Option<f64>,
    ) -> Outgoing {
        let (counters, store) = (&self.counters, self.store.status());
        let payload = json(&SystemMessage {
            instance: &self.instance,
            time: self.clock.now().wall,
            started: self.started,
            status,
            ingest,
            admission: self.mode.name(),
            store: if store.lost { "lost" } else { self.store_kind },
            patients: counters.patients.get(),
            open_alerts: counters.open_alerts.get(),
            readings: counters.readings.get(),
            rejected: counters.rejected.get(),
            late: counters.late.get(),
            duplicates: counters.duplicates.get(),
            unknown_fields: counters.unknown_fields.get(),
            unacknowledged: self.ring.len() as u64,
            outbox: outbox.pending as u64,
            waiting: store.waiting as u64,
            published_before_commit: store.counts.published_before_commit,
            undeliverable: outbox.undeliverable,
            dropped: outbox.dropped,
            log_dropped: log_queue::dropped(),
            probe_ms,
        });
        let heartbeat = Announcement { topic: self.topic.clone(), payload: payload.into() };
        Outgoing::new(heartbeat, DeliveryClass::Latest)
    }
}

/// Degraded as soon as something that is promised does not hold.
fn status(hearsay: &IngestStatus, outbox: &OutboxStatus, store_lost: bool) -> Status {
    let whole = !store_lost
        && hearsay.ear == Ear::Listening
        && hearsay.refused.is_none()
        && outbox.connected
        && outbox.undeliverable == 0
        && outbox.dropped == 0;
    if whole { Status::Online } else { Status::Degraded }
}
