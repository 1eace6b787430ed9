//! One unit: the alerts about it, and of how many of its patients nothing was heard.

use super::finding;
use crate::alerts::{AlertSet, Cause, Finding};
use crate::clock::{Now, Timestamp};
use crate::conditions::{Condition, Priority};

/// Of so many patients at least nothing must have been heard before that is one alert about their unit.
const FEWEST_UNHEARD: usize = 5;

/// How many of a unit's patients are on one shard, and of how many of them nothing was heard for too long.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UnitHearing {
    pub patients: usize,
    pub unheard: usize,
    /// How soon someone must come, of all of them.
    pub priority: Option<Priority>,
}

/// One unit.
#[derive(Debug)]
pub(super) struct Unit {
    pub alerts: AlertSet,
    /// Since when it is watched; names its first alert.
    pub since: Timestamp,
    /// What each shard hears of it.
    hearing: Vec<UnitHearing>,
}

impl Unit {
    pub fn new(since: Timestamp) -> Self {
        Self { alerts: AlertSet::default(), since, hearing: Vec::new() }
    }

    pub fn note(&mut self, shard: usize, hearing: UnitHearing) {
        if self.hearing.len() <= shard {
            self.hearing.resize_with(shard + 1, UnitHearing::default);
        }
        self.hearing[shard] = hearing;
    }

    /// What all shards hear of it, where that is one alert about the unit: five or more, and over half of it.
    pub fn unheard(&self) -> Option<UnitHearing> {
        let sum = self.hearing.iter().fold(UnitHearing::default(), |sum, of| UnitHearing {
            patients: sum.patients + of.patients,
            unheard: sum.unheard + of.unheard,
            priority: sum.priority.max(of.priority),
        });
        (sum.unheard >= FEWEST_UNHEARD && sum.unheard * 2 > sum.patients).then_some(sum)
    }

    pub fn finding(&self, now: Now) -> Option<Finding> {
        let UnitHearing { patients, unheard, priority } = self.unheard()?;
        let words = format!("No readings from {unheard} of {patients} patients of this unit");
        Some(finding(
            Condition::PatientUnheard,
            Cause::Words { words },
            priority.unwrap_or(Priority::Low),
            now.wall,
            now,
        ))
    }

    /// Whether there is nothing to say of it, now or soon.
    pub fn is_quiet(&self) -> bool {
        self.alerts.is_quiet() && self.hearing.iter().all(|of| of.unheard == 0)
    }
}
