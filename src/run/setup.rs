//! What every part of the service is started with.

use std::sync::Arc;

use tokio::sync::mpsc;
use wardwatch_actors::clock::{Clock, Timestamp};
use wardwatch_actors::counters::Counters;
use wardwatch_actors::settings::{Mode, Settings};

use super::watchdog::Pulse;
use crate::causes::Causes;
use crate::config::given::GivenWords;
use crate::config::{Config, StoreUrl};
use crate::contract::topics::Topics;
use crate::fatal::Fatal;
use crate::feed::archive::Archive;
use crate::link::{Link, LinkFault, LinkSettings};
use crate::store::StoreArchive;
use crate::web::LiveView;

/// What every part of the service is started with.
pub struct Setup {
    pub config: Config,
    pub settings: Arc<Settings>,
    pub topics: Topics,
    pub link: Link,
    pub clock: Clock,
    pub started: Timestamp,
    pub counters: Arc<Counters>,
    /// Ticks as long as the shard's thread moves.
    pub pulse: Pulse,
    /// What pages show.
    pub live: Arc<LiveView>,
    /// What the site gives, where somebody reads a configuration.
    pub given: Option<GivenWords>,
    /// What the store answers those who read.
    pub archive: Arc<dyn Archive>,
    /// Takes what ends the process.
    pub fatal: mpsc::UnboundedSender<Fatal>,
}

impl Setup {
    /// What the configuration says, and where what ends the process arrives.
    pub fn new(config: Config) -> Result<(Self, mpsc::UnboundedReceiver<Fatal>), Fatal> {
        let settings =
            config.settings().map_err(|_| Fatal::Setup("the limits do not fit together".to_owned()))?;
        let clock = Clock::system();
        let (fatal, faults) = mpsc::unbounded_channel();
        let setup = Self {
            settings: Arc::new(settings),
            topics: Topics::new(&config.mqtt.prefix),
            link: link(&config)?,
            started: clock.now().wall,
            clock,
            counters: Arc::default(),
            pulse: Pulse::default(),
            live: Arc::default(),
            given: None,
            archive: Arc::new(StoreArchive::at(&config.store.url)),
            fatal,
            config,
        };
        Ok((setup, faults))
    }

    /// The name of this instance, which is its client id.
    pub fn instance(&self) -> &str {
        &self.config.mqtt.client_id
    }

    /// Whether only records admit.
    pub fn is_registered(&self) -> bool {
        self.settings.admission.mode == Mode::Registered
    }

    /// Whether anything outlives the process.
    pub fn has_store(&self) -> bool {
        self.config.store.url != StoreUrl::Memory
    }

    /// The kind of store, as the heartbeat names it.
    pub fn store_kind(&self) -> &'static str {
        if self.has_store() { "sqlite" } else { "memory" }
    }
}

/// Whose process this is, as the system knows it, for the audit.
pub fn user() -> String {
    use std::os::unix::fs::MetadataExt;
    let owner = std::fs::metadata("/proc/self").map(|process| format!("uid {}", process.uid()));
    owner.unwrap_or_else(|_| "an unknown user".to_owned())
}

/// The connection to the broker, as the configuration describes it.
fn link(config: &Config) -> Result<Link, Fatal> {
    let password = |fault| Fatal::Setup(format!("mqtt.password_file: {}", Causes(&fault)));
    let settings = LinkSettings::of(&config.mqtt).map_err(password)?;
    let fault = |fault: LinkFault| Fatal::Setup(format!("mqtt.{}: {}", fault.setting(), Causes(&fault)));
    Link::new(&settings).map_err(fault)
}
