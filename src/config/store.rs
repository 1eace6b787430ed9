//! Where readings and alerts are kept.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Deserializer};
use wardwatch_actors::clock::Span;
use wardwatch_actors::settings::duration;

/// Where readings and alerts are kept.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StoreConfig {
    pub url: StoreUrl,
    pub synchronous: Synchronous,
    /// For how long readings may wait for others to be committed together.
    #[serde(with = "duration")]
    pub linger: Span,
    /// For how long readings are kept, counted while the service runs.
    #[serde(with = "duration")]
    pub keep_readings: Span,
    /// For how long the log of alert changes is kept, and what is recorded of admissions and commands.
    pub keep_changes: KeepFor,
    /// For how long the trend of each minute is kept, counted in the same way.
    #[serde(with = "duration")]
    pub keep_minutes: Span,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            url: StoreUrl::Sqlite("wardwatch.db".into()),
            synchronous: Synchronous::Full,
            linger: Span::from_ms(20),
            keep_readings: Span::from_hours(48),
            keep_changes: KeepFor::Ever,
            keep_minutes: Span::from_hours(90 * 24),
        }
    }
}

/// For how long something is kept: `for ever`, or a length of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeepFor {
    Ever,
    Span(Span),
}

impl KeepFor {
    /// The length of time, where there is one.
    pub fn span(self) -> Option<Span> {
        match self {
            Self::Ever => None,
            Self::Span(span) => Some(span),
        }
    }
}

impl<'de> Deserialize<'de> for KeepFor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == "for ever" {
            return Ok(Self::Ever);
        }
        let fault = |_| {
            format!("\"{text}\" is not allowed; allowed is \"for ever\", or a length of time, as \"8760h\"")
        };
        duration::parse(&text).map(Self::Span).map_err(fault).map_err(serde::de::Error::custom)
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
                "\"{text}\" is not a store; allowed is memory or sqlite://FILE"
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
