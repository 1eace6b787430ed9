//! What a kept track found: what is still so at its end, and what came and went.

use serde::{Deserialize, Serialize};

use crate::alerts::finding::{Cause, Presence, Timing};
use crate::alerts::life_cycle::RuleName;
use crate::clock::{Timestamp, Uptime};
use crate::conditions::{Condition, Priority};
use crate::vitals::ReadingRef;

/// With what something began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Onset {
    pub at: Timestamp,
    /// When on the uptime clock.
    pub measured: Uptime,
    pub reading: Option<ReadingRef>,
}

/// A condition that is still reached, or open, at the end of a kept track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    pub condition: Condition,
    pub rule: RuleName,
    pub timing: Timing,
    pub cause: Cause,
    pub presence: Presence,
    /// Since when low, medium and high have been reached without a break.
    pub onsets: [Option<Onset>; 3],
}

impl Standing {
    /// Whether it began with simulated readings alone.
    pub fn is_simulated(&self) -> bool {
        let mut readings = self.onsets.iter().flatten().map(|onset| onset.reading.as_ref());
        readings.all(|reading| reading.is_some_and(|reading| reading.simulated))
    }
}

/// A condition that came and went unpublished.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passed {
    pub condition: Condition,
    pub priority: Priority,
    pub onset: Timestamp,
    pub end: Timestamp,
}
