//! The way onto the bus: publisher and outbox, made before the store that says what is pending.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::mpsc;

use super::heartbeat::last_will;
use super::setup::Setup;
use super::shard_output::PublishConfirmations;
use crate::mqtt::bus_publisher::BusPublisher;
use crate::mqtt::publisher::{LinkEvent, Publisher, PublisherSettings};
use crate::store::Store;

/// How many alert changes wait for a broker that is gone.
const MOST_CHANGES: usize = 100_000;

/// How long the publisher's last words may take.
pub const FAREWELL_WITHIN: Duration = Duration::from_secs(1);

/// The way onto the bus, not connected yet.
pub struct Bus {
    pub publisher: Publisher,
    pub output: BusPublisher,
    /// The publisher's connection comes and goes.
    pub links: mpsc::UnboundedReceiver<LinkEvent>,
    /// The store learns what the broker has; it is opened later, and says first what is pending.
    pub store: Arc<OnceLock<Store>>,
}

impl Bus {
    /// A publisher that connects when its thread is started.
    pub fn new(setup: &Setup) -> Self {
        let (link_events, links) = mpsc::unbounded_channel();
        let store = Arc::new(OnceLock::new());
        let confirmations = PublishConfirmations { links: link_events, store: Arc::clone(&store) };
        let (publisher, outbox) = Publisher::new(settings(setup), confirmations);
        let output = BusPublisher { topics: setup.topics.clone(), outbox };
        Self { publisher, output, links, store }
    }
}

fn settings(setup: &Setup) -> PublisherSettings {
    PublisherSettings {
        link: setup.link.with_client_id(format!("{}-out", setup.instance())),
        will_topic: setup.topics.system(setup.instance()),
        will_payload: last_will(setup).into(),
        max_changes: MOST_CHANGES,
        drain_within: FAREWELL_WITHIN,
    }
}
