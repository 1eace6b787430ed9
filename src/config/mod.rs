//! Every setting of the program, typed: from the file, over that the environment, over that the flags.

pub mod fault;
pub mod given;
pub mod mqtt;
mod rules;
pub mod sources;
mod tree;
mod wrong;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer};
use wardwatch_actors::clock::Span;
use wardwatch_actors::people::UnitId;
use wardwatch_actors::settings::{
    AdmissionSettings, AlertSettings, ByClass, LimitOverrides, LimitTable, MissingTable, News2Settings,
    Settings, SilenceOverrides, duration,
};

pub use fault::{Fault, Place};
pub use given::{Override, environment};
pub use mqtt::{BrokerUrl, MqttConfig, Secret};
pub use sources::{SourceConfig, Sources};

use given::Givens;
use tree::Node;
use wrong::Wrong;

/// The whole configuration. Every key has a default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    pub mqtt: MqttConfig,
    pub admission: AdmissionSettings,
    /// What the site changes in the default limits.
    pub limits: ByClass<LimitOverrides>,
    /// What single units change in that.
    pub units: BTreeMap<UnitId, UnitConfig>,
    pub missing: MissingConfig,
    pub scores: ScoresConfig,
    pub alerts: AlertSettings,
    pub sources: BTreeMap<sources::Pattern, SourceConfig>,
    pub store: StoreConfig,
    pub log: LogConfig,
    pub dashboard: DashboardConfig,
}

/// What one unit sets differently.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UnitConfig {
    pub limits: ByClass<LimitOverrides>,
    pub missing: ByClass<SilenceOverrides>,
}

/// When a vital is missing.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MissingConfig {
    /// After how long missing data rises from low to medium priority.
    #[serde(with = "duration")]
    pub medium_after: Span,
    pub adult: SilenceOverrides,
    pub paediatric: SilenceOverrides,
    pub neonate: SilenceOverrides,
}

impl Default for MissingConfig {
    fn default() -> Self {
        let MissingTable { medium_after, classes, .. } = MissingTable::default();
        let ByClass { adult, paediatric, neonate } = classes;
        Self { medium_after, adult, paediatric, neonate }
    }
}

/// The scores, each with its section.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScoresConfig {
    pub news2: News2Settings,
}

/// Where readings and alerts are kept.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StoreConfig {
    pub url: StoreUrl,
    pub synchronous: Synchronous,
    /// For how long readings may wait for others to be committed together.
    #[serde(with = "duration")]
    pub linger: Span,
    /// For how long readings are kept.
    #[serde(with = "duration")]
    pub keep_readings: Span,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            url: StoreUrl::Memory,
            synchronous: Synchronous::Full,
            linger: Span::from_ms(20),
            keep_readings: Span::from_hours(48),
        }
    }
}

/// What keeps the readings: `memory`, or `sqlite://wardwatch.db`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreUrl {
    /// Nothing is kept when the process ends.
    Memory,
    /// A SQLite database in this file.
    Sqlite(PathBuf),
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => f.write_str("memory"),
            Self::Sqlite(path) => write!(f, "sqlite://{}", path.display()),
        }
    }
}

impl<'de> Deserialize<'de> for StoreUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.strip_prefix("sqlite://") {
            Some(path) if !path.is_empty() => Ok(Self::Sqlite(path.into())),
            None if text == "memory" => Ok(Self::Memory),
            _ => Err(serde::de::Error::custom(format!(
                "\"{text}\" is no store; allowed is memory or sqlite://FILE"
            ))),
        }
    }
}

/// How often SQLite waits for the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Synchronous {
    /// After every commit: survives a power cut.
    Full,
    /// Less often: a power cut may cost the last commits.
    Normal,
}

/// What is logged, and how.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    pub level: LogLevel,
    pub format: LogFormat,
}

/// The least important messages that are still logged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    Error,
    Warn,
    #[default]
    Info,
    Debug,
    Trace,
}

impl LogLevel {
    /// Its name, as filters of log messages know it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// How a log message is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// A line for people.
    #[default]
    Text,
    /// A JSON object a line, for machines.
    Json,
}

/// The pages for the ward.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DashboardConfig {
    /// The address and port on which they are served.
    #[serde(deserialize_with = "listen")]
    pub listen: SocketAddr,
}

impl Default for DashboardConfig {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 8080)) }
    }
}

fn listen<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    let text = String::deserialize(deserializer)?;
    let fault = |_| format!("\"{text}\" is not allowed; allowed is ADDRESS:PORT, as 127.0.0.1:8080");
    text.parse().map_err(fault).map_err(serde::de::Error::custom)
}

impl Config {
    /// Reads the file, lays the environment and then the flags over it, and holds the whole to every rule.
    ///
    /// Without a file, all is default that environment and flags do not set. Every fault is told at once.
    pub fn load(
        path: Option<&Path>,
        environment: &[(String, String)],
        overrides: &[Override],
    ) -> Result<Self, Vec<Fault>> {
        let givens = Givens::collect(path, environment, overrides);
        Self::judged(&givens)
    }

    /// Every key is read by itself, so that each fault is found; those that can be read make the whole.
    fn judged(givens: &Givens) -> Result<Self, Vec<Fault>> {
        let mut faults: BTreeSet<Fault> = givens.faults.iter().cloned().collect();
        let mut tree = Node::default();
        for given in &givens.all {
            match Self::deserialize(&Node::with(&given.path, given.value.clone())) {
                Ok(_) => tree.set(&given.path, given.value.clone()),
                Err(wrong) => {
                    faults.insert(fault(givens, &given.place, &wrong));
                }
            }
        }
        match Self::deserialize(&tree) {
            Ok(config) => {
                faults.extend(rules::faults(&config, givens));
                if faults.is_empty() { Ok(config) } else { Err(faults.into_iter().collect()) }
            }
            Err(wrong) => {
                faults.insert(fault(givens, &Place::Default, &wrong));
                Err(faults.into_iter().collect())
            }
        }
    }

    /// What the actors need of it.
    ///
    /// A configuration that was loaded has limits that can be judged; one made by hand may not.
    pub fn settings(&self) -> Result<Settings, Vec<wardwatch_actors::settings::TableFault>> {
        let limits = self.units.iter().map(|(unit, config)| (unit.clone(), config.limits.clone())).collect();
        let silences = self.units.iter().map(|(unit, config)| (unit.clone(), config.missing.clone()));
        let MissingConfig { medium_after, adult, paediatric, neonate } = self.missing.clone();
        Ok(Settings {
            admission: self.admission.clone(),
            limits: LimitTable::new(&self.limits, &limits)?,
            missing: MissingTable {
                medium_after,
                classes: ByClass { adult, paediatric, neonate },
                units: silences.collect(),
            },
            news2: self.scores.news2.clone(),
            alerts: self.alerts.clone(),
        })
    }

    /// What is known of single devices.
    pub fn sources(&self) -> Sources {
        Sources::new(&self.sources)
    }
}

/// A key that cannot be read, at its own line where the file gave it.
fn fault(givens: &Givens, place: &Place, wrong: &Wrong) -> Fault {
    let path = wrong.path();
    let place = match place {
        Place::File { .. } => givens.place(&path),
        elsewhere => elsewhere.clone(),
    };
    Fault { place, key: Some(given::written(&path)), wrong: wrong.to_string() }
}
