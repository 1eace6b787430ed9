//! The broker and the store as alerts: lost, and back.

use std::time::Duration;

use actix::Addr;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tracing::{error, info};

use wardwatch_actors::clock::Clock;
use wardwatch_actors::conditions::Condition;
use wardwatch_actors::installation_actor::{Fact, InstallationActor};

use crate::fatal::Fatal;
use crate::mqtt::publisher::LinkEvent;
use crate::store::{StoreEvent, StoreListener};

/// For how long the broker must be gone before that is an alert.
const BROKER_LOST_AFTER: Duration = Duration::from_secs(10);

/// Raises `broker.lost` when there has been no connection for long, and ends it on return.
pub struct BrokerWatch {
    pub installation: Addr<InstallationActor>,
    pub clock: Clock,
    pub lost: Option<Instant>,
    /// Whether it is open for those who listen, from before a restart too.
    pub told: bool,
}

impl BrokerWatch {
    /// The publisher's connection came or went.
    pub fn link(&mut self, event: LinkEvent) {
        match event {
            LinkEvent::Lost { since } => self.lost = Some(since),
            LinkEvent::Connected => {
                self.lost = None;
                if std::mem::take(&mut self.told) {
                    self.tell(None);
                }
            }
        }
    }

    /// A second went by.
    pub fn second(&mut self) {
        let Some(lost) = self.lost.filter(|_| !self.told) else { return };
        if lost.elapsed() >= BROKER_LOST_AFTER {
            self.told = true;
            error!("the broker has been gone for {} s; alerts wait for its return", lost.elapsed().as_secs());
            let words = "The broker could not be reached: alerts were held back until its return".to_owned();
            self.tell(Some(words));
        }
    }

    fn tell(&self, words: Option<String>) {
        let at = self.clock.now().wall;
        self.installation.do_send(Fact { condition: Condition::BrokerLost, words, at });
    }
}

/// Turns what becomes of the store into an alert.
pub fn tell_store(installation: &Addr<InstallationActor>, clock: &Clock, event: StoreEvent) {
    let (words, at) = match event {
        StoreEvent::Lost { since } => {
            error!(
                "nothing can be written to the store; alerts are published before their commit, and a restart would forget them"
            );
            let words = "Nothing can be written to the store: alerts go out, but a restart would forget what is happening now. Free disk space, or mend the disk";
            (Some(words.to_owned()), since)
        }
        StoreEvent::Back { counts } => {
            info!(?counts, "the store is back");
            (None, clock.now().wall)
        }
        // Told to whoever ends the process.
        StoreEvent::Died { .. } => return,
    };
    installation.do_send(Fact { condition: Condition::StoreLost, words, at });
}

/// Brings the store's news to the shard, and its death to whoever ends the process.
pub struct StoreTeller {
    pub events: mpsc::UnboundedSender<StoreEvent>,
    pub fatal: mpsc::UnboundedSender<Fatal>,
}

impl StoreListener for StoreTeller {
    fn store(&self, event: StoreEvent) {
        // Without a shard there is nobody left to tell.
        let _ = match event {
            StoreEvent::Died { thread } => self.fatal.send(Fatal::Store(thread)).ok(),
            event => self.events.send(event).ok(),
        };
    }
}
