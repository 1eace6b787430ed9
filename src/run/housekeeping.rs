//! What is done each second, with each heartbeat, and when another thread has news.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use tracing::warn;
use wardwatch_actors::census_actor::IngestProgress;

use super::broker_drops::DropWatch;
use super::certificates::CertificateWatch;
use super::heartbeat::{self, Heartbeat};
use super::links::{BrokerWatch, StoreWatch};
use super::provoked;
use super::shard::Shard;
use super::supervisor;
use super::watchdog::Watchdog;
use crate::mqtt::ingest::IngestRequest;
use crate::mqtt::publisher::LinkEvent;
use crate::store::StoreEvent;

/// A second that took this long says that the process stood still.
const STOOD_STILL: Duration = Duration::from_secs(3);

/// What is done each second, with each heartbeat, and when another thread has news.
pub struct Housekeeping {
    pub watchdog: Watchdog,
    pub heartbeat: Heartbeat,
    pub links: mpsc::UnboundedReceiver<LinkEvent>,
    pub broker: BrokerWatch,
    /// How many messages the broker has dropped, whenever it says so.
    pub dropped: mpsc::UnboundedReceiver<u64>,
    pub drops: DropWatch,
    pub certificates: CertificateWatch,
    pub store_events: mpsc::UnboundedReceiver<StoreEvent>,
    pub store: StoreWatch,
}

impl Housekeeping {
    /// Keeps house for this shard, for ever.
    pub async fn run(&mut self, shard: &mut Shard) {
        let mut seconds = Seconds::new();
        let mut beat = interval(heartbeat::EVERY);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                passed = seconds.next() => {
                    self.second(passed, shard);
                    continue;
                }
                _ = beat.tick() => {}
                Ok(()) = shard.status.changed() => {}
                Some(event) = self.links.recv() => self.broker.link(event),
                Some(count) = self.dropped.recv() => {
                    self.drops.note(count);
                    continue;
                }
                Some(event) = self.store_events.recv() => self.store.event(event),
            }
            let status = shard.status.borrow_and_update().clone();
            self.heartbeat.outbox.publish(self.heartbeat.message(&status));
        }
    }

    /// A second that took `passed` is over.
    fn second(&mut self, passed: Duration, shard: &Shard) {
        provoked::hang("shard");
        self.watchdog.tick();
        supervisor::alive();
        shard.output.turn();
        self.broker.second();
        self.drops.second();
        self.certificates.second(self.heartbeat.outbox.status().broker_certificate);
        if passed > STOOD_STILL {
            warn!(
                ?passed,
                "the process was suspended; timers wait until what arrived meanwhile has been read"
            );
            shard.census.do_send(IngestProgress::Interrupted);
            // Without an ingest the process is ending anyway.
            let _ = shard.requests.send(IngestRequest::ProbeAgain);
        }
    }
}

/// Seconds that say how long they were.
struct Seconds {
    last: Instant,
}

impl Seconds {
    fn new() -> Self {
        Self { last: Instant::now() }
    }

    /// The next second: how much time really passed.
    async fn next(&mut self) -> Duration {
        let until = self.last + Duration::from_secs(1);
        sleep(until.saturating_duration_since(Instant::now())).await;
        let passed = self.last.elapsed();
        self.last = Instant::now();
        passed
    }
}
