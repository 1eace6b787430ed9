//! How soon someone must come.

use serde::{Deserialize, Serialize};

/// The priority of an alert (IEC 60601-1-8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// Advice; nobody needs to come.
    Info,
    /// Awareness.
    Low,
    /// Prompt.
    Medium,
    /// Immediate.
    High,
}

impl Priority {
    /// All of them, from the lowest.
    pub const ALL: [Self; 4] = [Self::Info, Self::Low, Self::Medium, Self::High];

    /// Those that an alert's condition can have, from the lowest.
    pub const ALERTING: [Self; 3] = [Self::Low, Self::Medium, Self::High];

    /// Its name in topics and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}
