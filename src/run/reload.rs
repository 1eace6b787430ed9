//! A new configuration for a running service: what can hold from now on does, without losing anything; the rest is named.

use std::sync::Arc;

use actix::Addr;
use tracing::{error, info, warn};
use wardwatch_actors::census_actor::{CensusActor, Reload};
use wardwatch_actors::clock::Clock;

use super::setup::{Setup, user};
use super::shard::Shard;
use crate::config::Config;
use crate::config::given::{GivenWords, KeyChange};
use crate::contract::inbound::SitePolicy;
use crate::mqtt::publisher::Outbox;
use crate::store::{AuditNote, Store};

/// Keys that are read at the start alone, by how they begin.
const AT_THE_START: [&str; 6] =
    ["mqtt.", "store.", "log.", "dashboard.", "admission.mode", "alerts.publish_within"];

/// A configuration that was read anew and has no fault, with what differs from the last.
pub struct NewConfig {
    pub config: Config,
    pub changes: Vec<KeyChange>,
    pub given: GivenWords,
}

/// Brings a new configuration to whoever goes by it.
pub struct Reloader {
    /// What is read at the start alone.
    first: Config,
    census: Addr<CensusActor>,
    policy: SitePolicy,
    outbox: Outbox,
    store: Store,
    clock: Clock,
}

impl Reloader {
    /// For this shard.
    pub fn new(setup: &Setup, shard: &Shard, outbox: Outbox) -> Self {
        let (census, policy) = (shard.census.clone(), shard.policy.clone());
        let (store, clock) = (shard.output.store.clone(), setup.clock.clone());
        Self { first: setup.config.clone(), census, policy, outbox, store, clock }
    }

    /// Has it hold from now on, and offers the broker again what it rejected.
    pub fn apply(&self, NewConfig { mut config, changes, given }: NewConfig) {
        config.admission.mode = self.first.admission.mode;
        config.alerts.publish_within = self.first.alerts.publish_within;
        let Ok(settings) = config.settings() else {
            return error!("the new configuration is not used: the limits do not fit together");
        };
        let settings = Arc::new(settings);
        changes.iter().for_each(log);
        info!(changes = changes.len(), "configuration reloaded");
        self.store.note(AuditNote::Reload { user: user(), given }, self.clock.now().wall);
        self.policy.replace(config.sources(), Arc::clone(&settings));
        self.census.do_send(Reload { settings });
        self.outbox.offer_rejected();
    }
}

/// Says what changed, and what of it holds after a restart only.
fn log(change: &KeyChange) {
    match AT_THE_START.iter().any(|start| change.key.starts_with(start)) {
        true => warn!("{change}; needs a restart"),
        false => info!("{change}"),
    }
}
