//! The broker and the store as alerts: lost, and back.

use std::time::Duration;

use actix::Addr;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tracing::{error, info, warn};

use wardwatch_actors::clock::Clock;
use wardwatch_actors::conditions::Condition;
use wardwatch_actors::installation_actor::{Fact, InstallationActor};
use wardwatch_actors::receipt::Receipt;

use crate::fatal::Fatal;
use crate::mqtt::bus_publisher::BusPublisher;
use crate::mqtt::publisher::LinkEvent;
use crate::store::{Recovered, StoreEvent, StoreListener};

/// For how long the broker must be gone before that is an alert.
const BROKER_LOST_AFTER: Duration = Duration::from_secs(10);

/// Raises `broker.lost` when there has been no connection for long, and ends it on return.
pub struct BrokerWatch {
    pub installation: Addr<InstallationActor>,
    pub clock: Clock,
    pub lost: Option<Instant>,
    /// Whether the alert is open, from before a restart too.
    pub raised: bool,
}

impl BrokerWatch {
    /// The publisher's connection came or went.
    pub fn link(&mut self, event: LinkEvent) {
        match event {
            LinkEvent::Lost { since } => self.lost = Some(since),
            LinkEvent::Connected => {
                self.lost = None;
                if std::mem::take(&mut self.raised) {
                    self.report(None);
                }
            }
        }
    }

    /// A second went by.
    pub fn second(&mut self) {
        let Some(lost) = self.lost.filter(|_| !self.raised) else { return };
        if lost.elapsed() >= BROKER_LOST_AFTER {
            self.raised = true;
            error!(
                "no connection to the broker for {} s; alerts wait for its return",
                lost.elapsed().as_secs()
            );
            let words = "The broker could not be reached: alerts were held back until its return".to_owned();
            self.report(Some(words));
        }
    }

    fn report(&self, words: Option<String>) {
        let at = self.clock.now().wall;
        self.installation.do_send(Fact { condition: Condition::BrokerLost, words, at });
    }
}

/// Raises `store.lost` when nothing can be written, and ends it on return.
pub struct StoreWatch {
    pub installation: Addr<InstallationActor>,
    pub clock: Clock,
    /// Where it is, as the configuration says it.
    pub store: String,
}

/// How much of a cause is shown in an alert.
const LONGEST_CAUSE: usize = 600;

/// What is said of a store that is lost.
fn lost(store: &str, cause: Option<&str>) -> String {
    let cause = cause.map_or_else(|| format!("the store {store} does not answer"), str::to_owned);
    let cause: String = cause.chars().take(LONGEST_CAUSE).collect();
    format!("Store lost: {cause}. Alerts are published, but a restart would forget what is happening now")
}

impl StoreWatch {
    /// The store is lost, or back.
    pub fn event(&self, event: StoreEvent) {
        let (words, at) = match event {
            StoreEvent::Lost { since, cause } => {
                let words = lost(&self.store, cause.as_deref());
                error!("{words}");
                (Some(words), since.unwrap_or_else(|| self.clock.now().wall))
            }
            StoreEvent::Back { counts } => {
                info!(?counts, "the store is back");
                (None, self.clock.now().wall)
            }
            // It ends the process.
            StoreEvent::Died { .. } => return,
        };
        self.installation.do_send(Fact { condition: Condition::StoreLost, words, at });
    }
}

/// Brings what the store reports to housekeeping, and its death to whoever ends the process.
pub struct StoreEvents {
    /// Where what the last run left pending goes.
    pub output: BusPublisher,
    pub events: mpsc::UnboundedSender<StoreEvent>,
    pub fatal: mpsc::UnboundedSender<Fatal>,
}

impl StoreListener for StoreEvents {
    fn store(&self, event: StoreEvent) {
        // Without a receiver the process is ending anyway.
        let _ = match event {
            StoreEvent::Died { thread } => self.fatal.send(Fatal::Store(thread)).ok(),
            event => self.events.send(event).ok(),
        };
    }

    fn found(&self, recovered: Recovered) {
        recovered.pending.iter().for_each(|change| self.output.change(change, &Receipt::none()));
        let Recovered { patients, pending, .. } = recovered;
        warn!(
            patients = patients.len(),
            changes_pending = pending.len(),
            "the store could not be read at the start; alert changes that the last run left pending are published now"
        );
    }
}
