//! One shard: the actors that decide for its patients, and its ingest, on one thread.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix::Addr;
use actix::prelude::Request;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use tracing::{info, warn};
use wardwatch_actors::analyzers::Analyzer;
use wardwatch_actors::census_actor::{CensusActor, Restore, ShardParts};
use wardwatch_actors::installation_actor::InstallationActor;

use super::asked_commands::AskedInput;
use super::bus::Bus;
use super::command_router::CommandInput;
use super::duplicate_instance::DuplicateInstance;
use super::heartbeat::IngestStatus;
use super::inbound_router::InboundRouter;
use super::recall::Recall;
use super::setup::Setup;
use super::shard_output::ShardOutput;
use crate::contract::inbound::{SitePolicy, Translator};
use crate::contract::rejections::Rejections;
use crate::contract::topics::BROKER_DROPPED;
use crate::door::Door;
use crate::mqtt::ingest::{Ingest, IngestFault, IngestRequest, IngestSettings};
use crate::mqtt::publisher::Outbox;
use crate::mqtt::ring::Ring;
use crate::store::Store;

/// How long a shutdown waits for receipts.
const DRAIN_WITHIN: Duration = Duration::from_secs(6);

/// How long what the last run left pending may keep us from hearing.
const PENDING_WITHIN: Duration = Duration::from_secs(10);

/// How often a probe says up to when everything has been heard.
const PROBE_EVERY: Duration = Duration::from_millis(250);

/// One shard, started; it hears nothing before its [`ShardInput`] is run.
pub struct Shard {
    pub census: Addr<CensusActor>,
    /// By what messages are read.
    pub policy: SitePolicy,
    pub output: Rc<ShardOutput>,
    pub ring: Arc<Ring>,
    /// What the ingest says of itself.
    pub status: watch::Receiver<IngestStatus>,
    /// What is asked of the ingest.
    pub requests: mpsc::UnboundedSender<IngestRequest>,
}

/// The way into a shard.
pub struct ShardInput {
    ingest: Ingest,
    router: InboundRouter,
    commands: CommandInput,
    requests: mpsc::UnboundedReceiver<IngestRequest>,
    outbox: Outbox,
    /// Answered when everybody from before the restart is watched again.
    restored: Request<CensusActor, Restore>,
    /// Asked before anything is heard, where the store could not be read.
    recall: Option<Recall>,
}

impl Shard {
    /// Starts everything of one shard, with those from before the restart.
    pub fn start(
        setup: &Setup,
        rules: Vec<Box<dyn Analyzer>>,
        installation: Addr<InstallationActor>,
        (bus, store): (&Bus, &Store),
        restore: Restore,
        drops: mpsc::UnboundedSender<u64>,
        asked: AskedInput,
    ) -> (Self, ShardInput) {
        let (requests, requested) = mpsc::unbounded_channel();
        let output = output(setup, bus, store, Some(requests.clone()));
        let parts = ShardParts {
            settings: Arc::clone(&setup.settings),
            clock: setup.clock.clone(),
            outlet: output.clone(),
            counters: Arc::clone(&setup.counters),
            rules,
        };
        let census = CensusActor::start_with(parts, installation.clone());
        // A store of which nothing could be read says nothing of the alerts that were open.
        let recall = (setup.has_store() && restore.patients.is_empty()).then(|| Recall::of(setup));
        let restored = census.send(restore);
        let ring = Arc::new(Ring::new(setup.config.mqtt.max_unacknowledged));
        let outbox = bus.output.outbox.clone();
        let ingest = Ingest::new(ingest_settings(setup), Arc::clone(&ring), outbox.full());
        let (status_sender, status) = watch::channel(IngestStatus::default());
        let door = Rc::new(door(setup, census.clone(), output.clone()));
        let commands = CommandInput::new(setup, Rc::clone(&door), installation, status_sender.clone(), asked);
        let policy = door.translator.policy();
        let router = InboundRouter {
            door,
            duplicate_instance: DuplicateInstance::of(setup),
            probe: setup.topics.probe(setup.instance()),
            fatal: setup.fatal.clone(),
            drops,
            status: status_sender,
        };
        let inbound = ShardInput { ingest, router, commands, requests: requested, outbox, restored, recall };
        (Self { census, policy, output, ring, status, requests }, inbound)
    }
}

impl ShardInput {
    /// Hears readings once everybody is watched again and the last run's changes are out, until it is asked to stop.
    pub async fn hear(self, mut stopped: watch::Receiver<bool>) -> Result<(), IngestFault> {
        let Self { ingest, router, commands, requests, outbox, restored, recall } = self;
        let census = router.door.census.clone();
        let mut stop = stopped.clone();
        let all_is_as_before = async {
            if restored.await.is_ok() {
                info!("all patients from before the restart are restored");
            } // else the shard has died, and ends us
            outbox.connected().await;
            if let Some(recall) = recall {
                recall.restore(&census).await;
            }
            // A broker that takes no changes must not keep us from hearing.
            if timeout(PENDING_WITHIN, outbox.emptied()).await.is_err() {
                warn!(
                    "the broker has not acknowledged the pending alert changes; reading begins all the same"
                );
            }
        };
        tokio::select! {
            () = all_is_as_before => {}
            _ = stop.wait_for(|stop| *stop) => return Ok(()),
        }
        let commands = commands.start(stopped.clone());
        let ended =
            ingest.run(router, requests, async move { drop(stopped.wait_for(|stop| *stop).await) }).await;
        if ended.is_ok() {
            let _ = commands.await; // a panic in it has dropped receipts, which ends the process
        }
        ended
    }
}

/// Where what is decided leaves a thread.
pub fn output(
    setup: &Setup,
    bus: &Bus,
    store: &Store,
    subscriptions: Option<mpsc::UnboundedSender<IngestRequest>>,
) -> Rc<ShardOutput> {
    Rc::new(ShardOutput {
        clock: setup.clock.clone(),
        publisher: bus.output.clone(),
        store: store.clone(),
        saves: setup.has_store(),
        rejections: RefCell::new(Rejections::default()),
        subscriptions,
        live: Arc::clone(&setup.live),
        registered: setup.is_registered(),
        fatal: setup.fatal.clone(),
    })
}

fn door(setup: &Setup, census: Addr<CensusActor>, output: Rc<ShardOutput>) -> Door {
    let (topics, sources) = (setup.topics.clone(), setup.config.sources());
    let max_payload = setup.config.mqtt.max_payload.bytes();
    let translator =
        Translator::new(topics, sources, Arc::clone(&setup.settings)).with_max_payload(max_payload);
    let (clock, counters) = (setup.clock.clone(), Arc::clone(&setup.counters));
    Door { translator, clock, counters, census, rejected: output, draining: Default::default() }
}

fn ingest_settings(setup: &Setup) -> IngestSettings {
    let (topics, instance) = (&setup.topics, setup.instance());
    IngestSettings {
        link: setup.link.clone(),
        probe: topics.probe(instance),
        records: vec![
            topics.all_records(),
            topics.all_devices(),
            topics.discharges(instance),
            topics.system(instance),
        ],
        optional: vec![BROKER_DROPPED.to_owned()],
        vitals: if setup.is_registered() { Vec::new() } else { vec![topics.all_vitals()] },
        probe_every: PROBE_EVERY,
        max_payload: setup.config.mqtt.max_payload.bytes(),
        drain_within: DRAIN_WITHIN,
    }
}
