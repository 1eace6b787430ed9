//! The heartbeat on `system/{instance}`: what works, what does not, and how much of everything.

use std::sync::Arc;
use std::time::Duration;

use wardwatch_actors::clock::{Clock, Timestamp};
use wardwatch_actors::counters::Counters;
use wardwatch_actors::settings::Mode;

use super::setup::Setup;
use crate::contract::announcement::Announcement;
use crate::contract::payload::json;
use crate::contract::payload::system::{Status, SystemMessage};
use crate::log_queue;
use crate::mqtt::publisher::{DeliveryClass, Outbox, OutboxStatus, Outgoing};
use crate::mqtt::ring::Ring;
use crate::store::{Store, StoreStatus};

/// How often it is published.
pub const EVERY: Duration = Duration::from_secs(10);

/// How far the ingest is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum IngestState {
    /// No connection.
    #[default]
    Lost,
    /// What was queued is still coming.
    Draining,
    /// Everything that comes is live.
    Live,
}

/// What is known of the ingest.
#[derive(Debug, Clone, Default)]
pub struct IngestStatus {
    pub state: IngestState,
    /// How long the last probe took.
    pub probe: Option<Duration>,
    /// What the broker does not let us receive.
    pub rejected: Option<String>,
    /// Whether commands are heard.
    pub commands: bool,
}

/// Everything a heartbeat is made of.
#[derive(Clone)]
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
    /// The heartbeat of a service whose shard has this ring.
    pub fn of(setup: &Setup, ring: Arc<Ring>, outbox: Outbox, store: Store) -> Self {
        Self {
            topic: setup.topics.system(setup.instance()),
            instance: setup.instance().to_owned(),
            started: setup.started,
            mode: setup.settings.admission.mode,
            clock: setup.clock.clone(),
            counters: Arc::clone(&setup.counters),
            ring,
            outbox,
            store,
            store_kind: setup.store_kind(),
        }
    }

    /// The heartbeat now.
    pub fn message(&self, ingest: &IngestStatus) -> Outgoing {
        let outbox = self.outbox.status();
        let state = match ingest.state {
            IngestState::Lost => "lost",
            IngestState::Draining => "draining",
            IngestState::Live => "listening",
        };
        let probe_ms = ingest.probe.map(|probe| probe.as_micros() as f64 / 1000.0);
        let status = status(ingest, &outbox, &self.store.status());
        self.outgoing(status, (state, ingest.commands), &outbox, probe_ms)
    }

    /// Whether everything that is promised holds.
    pub fn is_whole(&self, ingest: &IngestStatus) -> bool {
        status(ingest, &self.outbox.status(), &self.store.status()) == Status::Online
    }

    /// The last word: we are gone.
    pub fn farewell(&self) -> Outgoing {
        self.outgoing(Status::Offline, ("lost", false), &OutboxStatus::default(), None)
    }

    fn outgoing(
        &self,
        status: Status,
        (ingest, commands): (&str, bool),
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
            commands: if commands { "listening" } else { "lost" },
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
            audit_head: store.audit.map(|head| head.to_string()),
            store_rejected: store.counts.rejected_changes,
            broker_rejected: outbox.rejected as u64,
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
fn status(ingest: &IngestStatus, outbox: &OutboxStatus, store: &StoreStatus) -> Status {
    let whole = !store.lost
        && store.counts.rejected_changes == 0
        && ingest.state == IngestState::Live
        && ingest.rejected.is_none()
        && ingest.commands
        && outbox.connected
        && outbox.rejected == 0
        && outbox.undeliverable == 0
        && outbox.dropped == 0;
    if whole { Status::Online } else { Status::Degraded }
}

/// What the broker publishes for us when we are gone without a word.
pub fn last_will(setup: &Setup) -> Vec<u8> {
    json(&SystemMessage {
        instance: setup.instance(),
        time: setup.started,
        started: setup.started,
        status: Status::Offline,
        ingest: "lost",
        commands: "lost",
        admission: setup.settings.admission.mode.name(),
        store: setup.store_kind(),
        patients: 0,
        open_alerts: 0,
        readings: 0,
        rejected: 0,
        late: 0,
        duplicates: 0,
        unknown_fields: 0,
        unacknowledged: 0,
        outbox: 0,
        waiting: 0,
        published_before_commit: 0,
        audit_head: None,
        store_rejected: 0,
        broker_rejected: 0,
        undeliverable: 0,
        dropped: 0,
        log_dropped: 0,
        probe_ms: None,
    })
}
