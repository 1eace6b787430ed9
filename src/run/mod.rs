//! `wardwatch run`: starts every part, wires them in reading order, and ends them in reverse.

mod asked_commands;
mod broker_drops;
mod bus;
mod certificates;
mod command_router;
mod dashboard;
mod duplicate_instance;
mod heartbeat;
mod housekeeping;
mod inbound_router;
mod links;
mod provoked;
mod publisher_thread;
mod recall;
mod reload;
mod setup;
mod shard;
mod shard_output;
mod storage;
mod supervisor;
mod watchdog;

use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use tracing::{debug, error, info, warn};
use wardwatch_actors::alerts::AlertChange;
use wardwatch_actors::analyzers::{self, Analyzer};
use wardwatch_actors::census_actor::Restore;
use wardwatch_actors::conditions::Condition;
use wardwatch_actors::installation_actor::InstallationActor;
use wardwatch_actors::outlet::Outlet;

use crate::config::Config;
use crate::config::given::GivenWords;
use crate::fatal::Fatal;
use crate::mqtt::ingest::IngestFault;
use crate::store::{AuditNote, Recovered};
use crate::web::Dashboard;

pub use reload::NewConfig;

use asked_commands::AskedCommands;
use broker_drops::DropWatch;
use bus::{Bus, FAREWELL_WITHIN};
use certificates::CertificateWatch;
use heartbeat::Heartbeat;
use housekeeping::Housekeeping;
use links::{BrokerWatch, StoreWatch};
use publisher_thread::PublisherThread;
use reload::Reloader;
use setup::{Setup, user};
use shard::{Shard, ShardInput};
use storage::Storage;
use watchdog::Watchdog;

/// How long a shutdown waits for the store, after receipts and before the publisher: in all, it is over in 10 s.
const CLOSE_WITHIN: Duration = Duration::from_secs(2);

/// How long a part that died may take to say so.
const CAUSE_WITHIN: Duration = Duration::from_millis(200);

/// How many shards there are.
const SHARDS: usize = 1;

/// Runs the service until `shutdown`, on the thread of an actix system, which is its shard.
pub async fn run(config: Config, shutdown: impl Future<Output = ()>) -> Result<(), Fatal> {
    let pages = config.dashboard.listen.map(Dashboard::at);
    run_with_pages(config, pages, shutdown).await
}

/// The same with pages that listen already, or without any.
pub async fn run_with_pages(
    config: Config,
    pages: Option<Dashboard>,
    shutdown: impl Future<Output = ()>,
) -> Result<(), Fatal> {
    let (_, reloads) = mpsc::unbounded_channel();
    run_all((config, None), pages, reloads, shutdown).await
}

/// The same, with a configuration of `reloads` in place of the last whenever one comes; the audit keeps account of what
/// the site gives.
pub async fn run_reloading(
    config: Config,
    given: GivenWords,
    reloads: mpsc::UnboundedReceiver<NewConfig>,
    shutdown: impl Future<Output = ()>,
) -> Result<(), Fatal> {
    let pages = config.dashboard.listen.map(Dashboard::at);
    run_all((config, Some(given)), pages, reloads, shutdown).await
}

async fn run_all(
    (config, given): (Config, Option<GivenWords>),
    pages: Option<Dashboard>,
    reloads: mpsc::UnboundedReceiver<NewConfig>,
    shutdown: impl Future<Output = ()>,
) -> Result<(), Fatal> {
    let (mut setup, faults) = Setup::new(config)?;
    setup.given = given;
    let rules = analyzers::all(&setup.settings);
    let service = Service::start(&setup, rules)?;
    pages.into_iter().for_each(|pages| dashboard::serve(pages, &setup, &service));
    Service { reloads, ..service }.until(shutdown, faults).await
}

/// The same with rules of one's own, in the order in which their findings are judged.
pub async fn run_with(
    config: Config,
    rules: Vec<Box<dyn Analyzer>>,
    shutdown: impl Future<Output = ()>,
) -> Result<(), Fatal> {
    let (setup, faults) = Setup::new(config)?;
    Service::start(&setup, rules)?.until(shutdown, faults).await
}

/// Which alerts are open from before a restart: that the broker is lost, that it drops messages, that a certificate ends.
fn open_from_before(open: &[AlertChange]) -> [bool; 3] {
    [Condition::BrokerLost, Condition::BrokerDropping, Condition::CertificateExpiring]
        .map(|condition| open.iter().any(|change| change.condition == condition))
}

/// Everything that runs.
struct Service {
    publisher: PublisherThread,
    shard: Shard,
    inbound: ShardInput,
    /// Where pages give commands.
    asked: AskedCommands,
    housekeeping: Housekeeping,
    reloader: Reloader,
    /// New configurations, as they come.
    reloads: mpsc::UnboundedReceiver<NewConfig>,
}

impl Service {
    /// Starts the parts: what is kept, who decides, the way out, and whoever watches them. The way in is run last.
    fn start(setup: &Setup, rules: Vec<Box<dyn Analyzer>>) -> Result<Self, Fatal> {
        let bus = Bus::new(setup);
        let (asked, asked_input) = AskedCommands::new();
        let Storage { store, recovered, events: store_events } = Storage::open(setup, &bus, &asked)?;
        let outlet: Rc<dyn Outlet> = shard::output(setup, &bus, &store, None);
        let installation =
            InstallationActor::start_with(&setup.settings, SHARDS, &setup.clock, &outlet, &setup.counters);
        let Recovered { patients, departed, open, .. } = recovered;
        let [broker_lost, dropping, expiring] = open_from_before(&open);
        setup.live.adopt(&open);
        let restore = Restore { patients, departed, open };
        let (drops, dropped) = mpsc::unbounded_channel();
        let (shard, inbound) =
            Shard::start(setup, rules, installation.clone(), (&bus, &store), restore, drops, asked_input);
        let Bus { publisher, output, links, .. } = bus;
        let publisher = PublisherThread::start(publisher, setup.pulse.clone(), setup.fatal.clone())?;
        let clock = setup.clock.clone();
        let reloader = Reloader::new(setup, &shard, output.outbox.clone());
        let housekeeping = Housekeeping {
            watchdog: Watchdog::start(setup.pulse.clone())?,
            heartbeat: Heartbeat::of(setup, Arc::clone(&shard.ring), output.outbox, store),
            links,
            dropped,
            drops: DropWatch::new(installation.clone(), clock.clone(), dropping),
            certificates: CertificateWatch::new(installation.clone(), setup, expiring),
            broker: BrokerWatch {
                installation: installation.clone(),
                clock: clock.clone(),
                lost: None,
                raised: broker_lost,
            },
            store_events,
            store: StoreWatch { installation, clock, store: setup.config.store.url.to_string() },
        };
        let (_, reloads) = mpsc::unbounded_channel();
        Ok(Self { publisher, shard, inbound, asked, housekeeping, reloader, reloads })
    }

    /// Runs until `shutdown` or until a part dies.
    async fn until(
        self,
        shutdown: impl Future<Output = ()>,
        mut faults: mpsc::UnboundedReceiver<Fatal>,
    ) -> Result<(), Fatal> {
        supervisor::ready();
        let Self { publisher, mut shard, inbound, mut housekeeping, reloader, mut reloads, .. } = self;
        let (stop, stopped) = watch::channel(false);
        let ended = {
            let mut hear = pin!(inbound.hear(stopped));
            let mut keep_house = pin!(housekeeping.run(&mut shard));
            let mut shutdown = pin!(shutdown);
            loop {
                tokio::select! {
                    done = &mut hear => match done {
                        Ok(()) => break Ok(()),
                        Err(fault) => break Err(cause_of(fault, &mut faults).await),
                    },
                    () = &mut keep_house => {}
                    Some(fatal) = faults.recv() => break Err(fatal),
                    Some(new) = reloads.recv() => reloader.apply(new),
                    () = &mut shutdown, if !*stop.borrow() => {
                        supervisor::stopping();
                        info!("stopping: no more readings are taken, and what is under way is finished");
                        stop.send_replace(true);
                    }
                }
            }
        };
        match &ended {
            Ok(()) => end(publisher, &shard, housekeeping).await,
            // Whoever asked for the service says why it ended.
            Err(fatal) => debug!(%fatal, "ending at once"),
        }
        ended
    }
}

/// Ends the parts in reverse: who watches them, the shard's last words, what is kept, the way out.
async fn end(publisher: PublisherThread, shard: &Shard, housekeeping: Housekeeping) {
    let Housekeeping { watchdog, heartbeat, .. } = housekeeping;
    drop(watchdog); // what ticks no more is not to be watched
    shard.output.flush();
    shard.output.store.note(AuditNote::Stop { user: user() }, shard.output.clock.now().wall);
    // What the broker has by then is not published again by the next start.
    if timeout(FAREWELL_WITHIN, heartbeat.outbox.emptied()).await.is_err() {
        warn!(
            "the broker has not acknowledged every alert change; the store keeps the others for the next start"
        );
    }
    if !shard.output.store.close(CLOSE_WITHIN) {
        error!("the store could not commit everything; what is missing was not acknowledged");
    }
    publisher.end(heartbeat.farewell()).await;
}

/// A part that dies drops the receipts it held, which the ingest may learn first: what died is the cause.
async fn cause_of(fault: IngestFault, faults: &mut mpsc::UnboundedReceiver<Fatal>) -> Fatal {
    match timeout(CAUSE_WITHIN, faults.recv()).await {
        Ok(Some(cause)) => cause,
        _ => fault.into(),
    }
}
