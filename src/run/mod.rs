//! `wardwatch run`: starts every part, wires them in reading order, and ends them in reverse.

mod heartbeat;
mod inbound_router;
mod links;
mod provoked;
mod publisher_thread;
mod shard_output;
mod supervisor;
mod watchdog;

use std::cell::RefCell;
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use actix::Addr;
use actix::prelude::Request;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use tracing::{error, info, warn};
use wardwatch_actors::analyzers::{self, Analyzer};
use wardwatch_actors::census_actor::{CensusActor, IngestProgress, Parts, Restore};
use wardwatch_actors::clock::{Clock, Timestamp};
use wardwatch_actors::conditions::Condition;
use wardwatch_actors::counters::Counters;
use wardwatch_actors::installation_actor::InstallationActor;
use wardwatch_actors::outlet::Outlet;
use wardwatch_actors::receipt::Receipt;
use wardwatch_actors::settings::{Mode, Settings};

use crate::causes::Causes;
use crate::config::{Config, StoreUrl};
use crate::contract::inbound::Translator;
use crate::contract::payload::json;
use crate::contract::payload::system::{Status, SystemMessage};
use crate::contract::rejections::Rejections;
use crate::contract::topics::Topics;
use crate::door::Door;
use crate::fatal::Fatal;
use crate::feed::{Consumer, Feed};
use crate::link::{Link, LinkFault, LinkSettings};
use crate::mqtt::bus_publisher::BusPublisher;
use crate::mqtt::ingest::{Ingest, IngestFault, IngestRequest, IngestSettings};
use crate::mqtt::publisher::{LinkEvent, Outbox, Publisher, PublisherSettings};
use crate::mqtt::ring::Ring;
use crate::store::{self, Store, StoreEvent};

use heartbeat::{Heartbeat, IngestStatus};
use inbound_router::{DuplicateInstance, InboundRouter};
use links::{BrokerWatch, StoreTeller, tell_store};
use publisher_thread::PublisherThread;
use shard_output::{PublishConfirmations, ShardOutput};
use watchdog::{Pulse, Watchdog};

/// How long a shutdown waits for receipts; with the two waits below it is over within 10 s.
const DRAIN_WITHIN: Duration = Duration::from_secs(6);

/// How long it then waits for the store.
const CLOSE_WITHIN: Duration = Duration::from_secs(2);

/// How long it waits for the broker, before the store is closed and after.
const FAREWELL_WITHIN: Duration = Duration::from_secs(1);

/// How long what the last run owed may keep us from hearing.
const OWED_WITHIN: Duration = Duration::from_secs(10);

/// How often a mark tells up to when everything has been heard: by so much may a timer be late.
const MARK_EVERY: Duration = Duration::from_millis(250);

/// How many alert changes may wait for the broker.
const MOST_CHANGES: usize = 100_000;

/// A tick of a second that comes this late tells that the process stood still.
const STOOD_STILL: Duration = Duration::from_secs(3);

/// How long a part that died may take to say so.
const CAUSE_WITHIN: Duration = Duration::from_millis(200);

/// Runs the service until `shutdown`, on the thread of an actix system, which is its shard.
pub async fn run(config: Config, shutdown: impl Future<Output = ()>) -> Result<(), Fatal> {
    let settings =
        config.settings().map_err(|_| Fatal::Setup("the limits do not fit together".to_owned()))?;
    let rules = analyzers::all(&Arc::new(settings));
    run_with(config, rules, shutdown).await
}

/// The same with rules of one's own, in the order in which their findings are judged.
pub async fn run_with(
    config: Config,
    rules: Vec<Box<dyn Analyzer>>,
    shutdown: impl Future<Output = ()>,
) -> Result<(), Fatal> {
    let settings =
        config.settings().map_err(|_| Fatal::Setup("the limits do not fit together".to_owned()))?;
    let service = Service::start(&config, Arc::new(settings), rules)?;
    service.until(shutdown).await
}

/// Everything that runs.
struct Service {
    publisher: PublisherThread,
    /// When everybody from before the restart is watched again.
    restored: Request<CensusActor, Restore>,
    ingest: Ingest,
    ears: InboundRouter,
    requests: mpsc::UnboundedReceiver<IngestRequest>,
    tending: Housekeeping,
    fatal: mpsc::UnboundedReceiver<Fatal>,
}

impl Service {
    fn start(config: &Config, settings: Arc<Settings>, rules: Vec<Box<dyn Analyzer>>) -> Result<Self, Fatal> {
        let clock = Clock::system();
        let started = clock.now().wall;
        let counters = Arc::new(Counters::default());
        let topics = Topics::new(&config.mqtt.prefix);
        let instance = config.mqtt.client_id.clone();
        let link = link(config)?;
        let (fatal_tx, fatal) = mpsc::unbounded_channel();
        let pulse = Pulse::default();

        // What is kept comes first, and says what the last run owed. Whoever may not have it connects nowhere:
        // the broker would throw out the instance that has.
        let (links_tx, links) = mpsc::unbounded_channel();
        let opened = Arc::new(OnceLock::new());
        let courier = PublishConfirmations { links: links_tx, store: Arc::clone(&opened) };
        let (publisher, outbox) =
            Publisher::new(publisher_settings(config, &topics, &link, started, &settings), courier);
        let bus = BusPublisher { topics: topics.clone(), outbox: outbox.clone() };
        let (events_tx, store_events) = mpsc::unbounded_channel();
        let (store, restored) = open_store(config, &settings, &bus, &opened, events_tx, fatal_tx.clone())?;

        // Then the way out: that goes out before anything new is heard.
        let publisher = PublisherThread::start(publisher, pulse.clone(), fatal_tx.clone())?;

        // Then who decides.
        let (requests_tx, requests) = mpsc::unbounded_channel();
        let registered = settings.admission.mode == Mode::Registered;
        let desk = Rc::new(ShardOutput {
            clock: clock.clone(),
            publisher: bus,
            store: store.clone(),
            saves: config.store.url != StoreUrl::Memory,
            rejections: RefCell::new(Rejections::default()),
            subscriptions: registered.then(|| requests_tx.clone()),
            fatal: fatal_tx.clone(),
        });
        let parts = Parts {
            settings: Arc::clone(&settings),
            clock: clock.clone(),
            outlet: desk.clone(),
            counters: Arc::clone(&counters),
            rules,
        };
        let outlet = desk.clone() as Rc<dyn Outlet>;
        let installation = InstallationActor::start_with(&settings, 1, &clock, &outlet, &counters);
        let census = CensusActor::start_with(parts, installation.clone());
        let store::Recovered { patients, departed, open, .. } = restored;
        let told = open.iter().any(|change| change.condition == Condition::BrokerLost);
        let broker = BrokerWatch { installation, clock: clock.clone(), lost: None, told };
        let restored = census.send(Restore { patients, departed, open });

        // Last, the way in.
        let ring = Arc::new(Ring::new(config.mqtt.max_unacknowledged));
        let ingest_settings = ingest_settings(config, &topics, link, registered);
        let ingest = Ingest::new(ingest_settings, Arc::clone(&ring), outbox.full());
        let heartbeat = Heartbeat {
            topic: topics.system(&instance),
            instance,
            started,
            mode: settings.admission.mode,
            clock: clock.clone(),
            counters: Arc::clone(&counters),
            ring,
            outbox,
            store_kind: store_kind(config),
            store,
        };
        let (hearsay, heard) = watch::channel(IngestStatus::default());
        let translator = Translator::new(topics, config.sources(), settings);
        let door = Door { translator, clock, counters, census, rejected: desk.clone() };
        let rival = DuplicateInstance {
            topic: heartbeat.topic.clone(),
            instance: heartbeat.instance.clone(),
            started,
        };
        let ears = InboundRouter { door, rival, hearsay, fatal: fatal_tx.clone() };
        let watchdog = Watchdog::start(pulse)?;
        let tending = Housekeeping {
            watchdog,
            desk,
            heartbeat,
            heard,
            requests: requests_tx,
            links,
            store: store_events,
            broker,
            census: ears.door.census.clone(),
        };
        Ok(Self { publisher, restored, ingest, ears, requests, tending, fatal })
    }

    /// Runs until `shutdown` or until a part dies.
    async fn until(self, shutdown: impl Future<Output = ()>) -> Result<(), Fatal> {
        supervisor::ready();
        let Self { publisher, restored, ingest, ears, requests, mut tending, mut fatal } = self;
        let (stop, stopped) = watch::channel(false);
        let outbox = tending.heartbeat.outbox.clone();
        let ended = {
            let mut listen = pin!(listen(restored, ingest, ears, requests, outbox, stopped));
            let mut tend = pin!(tending.run());
            let mut shutdown = pin!(shutdown);
            loop {
                tokio::select! {
                    done = &mut listen => match done {
                        Ok(()) => break Ok(()),
                        Err(fault) => break Err(cause_of(fault, &mut fatal).await),
                    },
                    () = &mut tend => {}
                    Some(fatal) = fatal.recv() => break Err(fatal),
                    () = &mut shutdown, if !*stop.borrow() => {
                        supervisor::stopping();
                        info!("ending: no more readings are taken; what is under way is finished");
                        stop.send_replace(true);
                    }
                }
            }
        };
        match &ended {
            Ok(()) => {
                let Housekeeping { watchdog, desk, heartbeat, .. } = tending;
                drop(watchdog); // what ticks no more is not to be watched
                desk.flush();
                // What the broker has by then is not published again by the next start.
                let owed = timeout(FAREWELL_WITHIN, heartbeat.outbox.emptied()).await;
                if owed.is_err() {
                    warn!("the broker has not taken everything yet; the store keeps it for the next start");
                }
                if !desk.store.close(CLOSE_WITHIN) {
                    error!("the store could not commit everything; what is missing was not acknowledged");
                }
                publisher.end(heartbeat.farewell()).await;
            }
            // Whoever asked for the service tells why it ended.
            Err(fatal) => tracing::debug!(%fatal, "ending at once"),
        }
        ended
    }
}

/// A part that dies drops the receipts it held, which the ingest may learn first: what died is the cause.
async fn cause_of(fault: IngestFault, fatal: &mut mpsc::UnboundedReceiver<Fatal>) -> Fatal {
    match timeout(CAUSE_WITHIN, fatal.recv()).await {
        Ok(Some(cause)) => cause,
        _ => fault.into(),
    }
}

/// Hears readings once everybody is watched again and the last run's changes are out, until it is told to stop.
async fn listen(
    restored: Request<CensusActor, Restore>,
    ingest: Ingest,
    ears: InboundRouter,
    requests: mpsc::UnboundedReceiver<IngestRequest>,
    outbox: Outbox,
    mut stopped: watch::Receiver<bool>,
) -> Result<(), IngestFault> {
    let mut stop = stopped.clone();
    let all_is_as_before = async {
        if restored.await.is_ok() {
            info!("everybody from before is watched again");
        } // else the shard has died, and ends us
        outbox.connected().await;
        // A broker that takes no changes must not keep us from hearing.
        if timeout(OWED_WITHIN, outbox.emptied()).await.is_err() {
            warn!("the broker does not take what the last run owed; hearing readings all the same");
        }
    };
    tokio::select! {
        () = all_is_as_before => {}
        _ = stop.wait_for(|stop| *stop) => return Ok(()),
    }
    ingest.run(ears, requests, async move { drop(stopped.wait_for(|stop| *stop).await) }).await
}

/// What is done each second, with each heartbeat, and when another thread has news.
struct Housekeeping {
    watchdog: Watchdog,
    desk: Rc<ShardOutput>,
    heartbeat: Heartbeat,
    heard: watch::Receiver<IngestStatus>,
    requests: mpsc::UnboundedSender<IngestRequest>,
    links: mpsc::UnboundedReceiver<LinkEvent>,
    store: mpsc::UnboundedReceiver<StoreEvent>,
    broker: BrokerWatch,
    census: Addr<CensusActor>,
}

impl Housekeeping {
    async fn run(&mut self) {
        let mut seconds = Seconds::new();
        let mut beat = interval(heartbeat::EVERY);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                passed = seconds.next() => {
                    self.second(passed);
                    continue;
                }
                _ = beat.tick() => {}
                Ok(()) = self.heard.changed() => {}
                Some(event) = self.links.recv() => self.broker.link(event),
                Some(event) = self.store.recv() => tell_store(&self.broker.installation, &self.broker.clock, event),
            }
            let hearsay = self.heard.borrow_and_update().clone();
            self.heartbeat.outbox.publish(self.heartbeat.message(&hearsay));
        }
    }

    /// A second that took `passed` is over.
    fn second(&mut self, passed: Duration) {
        provoked::hang("shard");
        self.watchdog.tick();
        supervisor::alive();
        self.desk.turn();
        self.broker.second();
        if passed > STOOD_STILL {
            warn!(?passed, "the process stood still: nothing counts as silent until all is heard");
            self.census.do_send(IngestProgress::Interrupted);
            // Without an ingest the process is ending anyway.
            let _ = self.requests.send(IngestRequest::Remark);
        }
    }
}

fn publisher_settings(
    config: &Config,
    topics: &Topics,
    link: &Link,
    started: Timestamp,
    settings: &Settings,
) -> PublisherSettings {
    let instance = &config.mqtt.client_id;
    PublisherSettings {
        link: link.with_client_id(format!("{instance}-out")),
        will_topic: topics.system(instance),
        will_payload: last_will(instance, started, settings.admission.mode, store_kind(config)).into(),
        max_changes: MOST_CHANGES,
        drain_within: FAREWELL_WITHIN,
    }
}

fn ingest_settings(config: &Config, topics: &Topics, link: Link, registered: bool) -> IngestSettings {
    let instance = &config.mqtt.client_id;
    IngestSettings {
        link,
        probe: topics.probe(instance),
        records: vec![topics.all_records(), topics.all_devices(), topics.system(instance)],
        vitals: if registered { Vec::new() } else { vec![topics.all_vitals()] },
        mark_every: MARK_EVERY,
        drain_within: DRAIN_WITHIN,
    }
}

/// Opens the store, and owes the bus what the last run did not get there.
///
/// The store is `opened` for the courier before that: the broker may have it all before this returns.
fn open_store(
    config: &Config,
    settings: &Settings,
    bus: &BusPublisher,
    opened: &OnceLock<Store>,
    events: mpsc::UnboundedSender<StoreEvent>,
    fatal: mpsc::UnboundedSender<Fatal>,
) -> Result<(Store, store::Recovered), Fatal> {
    let publish_within = settings.alerts.publish_within;
    let mut consumers: Vec<Box<dyn Consumer>> = vec![Box::new(bus.clone())];
    consumers.extend(provoked::consumer());
    let feed = Feed::new(consumers);
    let (store, restored) = Store::open(&config.store, publish_within, feed, StoreTeller { events, fatal })?;
    let _ = opened.set(store.clone());
    for change in &restored.pending {
        bus.change(change, &Receipt::none());
    }
    tell_restored(config, &restored);
    Ok((store, restored))
}

fn store_kind(config: &Config) -> &'static str {
    match config.store.url {
        StoreUrl::Memory => "memory",
        StoreUrl::Sqlite(_) => "sqlite",
    }
}

/// Says what a restart found.
fn tell_restored(config: &Config, restored: &store::Recovered) {
    if config.store.url == StoreUrl::Memory {
        info!("store.url is memory: nothing outlives the process");
        return;
    }
    let again = restored.patients.iter().map(|patient| patient.readings.len()).sum::<usize>();
    info!(
        store = %config.store.url,
        patients = restored.patients.len(),
        readings_observed_again = again,
        changes_pending = restored.pending.len(),
        unreadable = restored.unreadable,
        "restored"
    );
}

/// The connection to the broker, as the configuration describes it.
fn link(config: &Config) -> Result<Link, Fatal> {
    let password = |fault| Fatal::Setup(format!("mqtt.password_file: {}", Causes(&fault)));
    let settings = LinkSettings::of(&config.mqtt).map_err(password)?;
    let fault = |fault: LinkFault| Fatal::Setup(format!("mqtt.{}: {}", fault.setting(), Causes(&fault)));
    Link::new(&settings).map_err(fault)
}

/// What the broker publishes for us when we are gone without a word.
fn last_will(instance: &str, started: Timestamp, mode: Mode, store: &str) -> Vec<u8> {
    json(&SystemMessage {
        instance,
        time: started,
        started,
        status: Status::Offline,
        ingest: "lost",
        admission: mode.name(),
        store,
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
        undeliverable: 0,
        dropped: 0,
        log_dropped: 0,
        probe_ms: None,
    })
}

/// Seconds that tell how long they were.
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
