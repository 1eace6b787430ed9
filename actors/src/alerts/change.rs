//! One change of one alert: what is published, logged and counted.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::alerts::finding::{Cause, Presence};
use crate::alerts::inactivations::Author;
use crate::alerts::life_cycle::Caption;
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
    /// Somebody has seen it.
    Acknowledged,
    /// Somebody took that back.
    Unacknowledged,
    /// Somebody paused its signal or switched it off.
    Paused,
    /// That is over, and it signals again.
    Resumed,
    /// It signals once more while it is acknowledged or off.
    Reminder,
    /// The condition ended; the alert stays until it is reset.
    Latched,
    /// The condition ended.
    Cleared,
}

impl Event {
    /// Its name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Raised => "raised",
            Self::Updated => "updated",
            Self::Escalated => "escalated",
            Self::Deescalated => "deescalated",
            Self::Acknowledged => "acknowledged",
            Self::Unacknowledged => "unacknowledged",
            Self::Paused => "paused",
            Self::Resumed => "resumed",
            Self::Reminder => "reminder",
            Self::Latched => "latched",
            Self::Cleared => "cleared",
        }
    }
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
    /// Why it ended, or why somebody else was called, where that is not plain.
    pub reason: Option<String>,
    /// Who commanded it, where somebody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<Author>,
    /// When a pause ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Who is called now, where the site calls somebody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// Whether it is only a test of the way to those who listen.
    #[serde(default, skip_serializing_if = "is_not")]
    pub test: bool,
}

fn is_not(test: &bool) -> bool {
    !test
}

impl AlertChange {
    /// A word about a subject that is no alert of its own: nothing is open after it.
    pub(crate) fn word(
        id: Uuid,
        (condition, priority): (Condition, Priority),
        words: String,
        caption: &Caption<'_>,
        at: Timestamp,
    ) -> Self {
        Self {
            id,
            sequence: 1,
            event: Event::Raised,
            condition,
            priority,
            previous_priority: None,
            subject: caption.subject.clone(),
            bed: caption.bed.map(str::to_owned),
            message: words.clone(),
            cause: Cause::Words { words },
            onset: at,
            time: at,
            reading: None,
            presence: Presence::Absent,
            signal: Signal::Off,
            backlog: false,
            simulated: caption.simulated,
            reason: None,
            author: None,
            until: None,
            route: None,
            test: false,
        }
    }

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
