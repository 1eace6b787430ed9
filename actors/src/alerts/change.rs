//! One change of one alert: what is published, logged and counted.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::alerts::finding::{Cause, Presence};
use crate::alerts::signal::Signal;
use crate::clock::Timestamp;
use crate::conditions::Kind;
use crate::conditions::{Condition, Priority};
use crate::people::Subject;
use crate::vitals::Quantity;
use crate::vitals::ReadingRef;

/// What happened to an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Event {
    /// The condition exists.
    Raised,
    /// Its limit, cause or presence changed.
    Updated,
    /// Its priority rose.
    Escalated,
    /// Its priority fell.
    Deescalated,
    /// The condition ended.
    Cleared,
}

/// One change of one alert, numbered within it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertChange {
    /// The alert, the same for all its changes.
    pub id: Uuid,
    /// The number of this change within the alert, from 1.
    pub sequence: u32,
    pub event: Event,
    pub condition: Condition,
    pub priority: Priority,
    /// The priority before this change, where it was another.
    pub previous_priority: Option<Priority>,
    pub subject: Subject,
    pub bed: Option<String>,
    /// Why, for a person.
    pub message: String,
    pub cause: Cause,
    /// When the condition began.
    pub onset: Timestamp,
    /// When this change was so.
    pub time: Timestamp,
    /// The reading that caused this change; none for a timer or a record.
    pub reading: Option<ReadingRef>,
    pub presence: Presence,
    pub signal: Signal,
    /// Whether it was held back until a backlog was drained.
    pub backlog: bool,
    pub simulated: bool,
    /// Why it ended, where that is not plain.
    pub reason: Option<String>,
}

impl AlertChange {
    /// About the patient, the equipment, or advice.
    pub fn kind(&self) -> Kind {
        self.condition.kind()
    }

    /// The value that the alert rests on.
    pub fn value(&self) -> Option<Quantity> {
        self.cause.value()
    }

    /// The limit that holds at the alert's priority.
    pub fn limit(&self) -> Option<Quantity> {
        self.cause.limit(self.priority)
    }

    /// The UCUM code of value and limit.
    pub fn ucum(&self) -> Option<&str> {
        self.cause.ucum()
    }
}
