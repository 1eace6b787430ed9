//! What an analyzer says of one condition, and why.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::clock::{Span, Timestamp, Uptime};
use crate::conditions::{Condition, Priority};
use crate::people::DeviceId;
use crate::vitals::ReadingRef;
use crate::vitals::{Quantity, Vital, VitalSet};

/// Whether the fact is so, as far as is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Presence {
    Present,
    Absent,
    /// The value is missing or too old to decide.
    Unknown,
}

/// How long a condition must last before it counts, at each priority, and before its fall does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timing {
    /// The condition delay of low, medium and high priority.
    pub delay: [Span; 3],
    /// How long a lower priority, or the end, must last.
    pub clear_delay: Span,
    /// An alert opens with the highest priority that has been reached through this last part of its delay; where none
    /// is given, each priority waits for its own.
    #[serde(default)]
    pub opens_by: Option<Span>,
}

impl Timing {
    /// At once, at every priority.
    pub const IMMEDIATE: Self = Self { delay: [Span::ZERO; 3], clear_delay: Span::ZERO, opens_by: None };

    /// The condition delay of this priority; information has none.
    pub fn delay_of(&self, priority: Priority) -> Span {
        let index = Priority::ALERTING.iter().position(|p| *p == priority);
        index.map_or(Span::ZERO, |index| self.delay[index])
    }
}

/// On which side of its limits a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    Low,
    High,
}

/// Why: the facts of a finding. Its rule puts them in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// A value against its limits.
    Limit { vital: Vital, side: Side, value: Quantity, limit: Option<Quantity>, extreme: Option<Quantity> },
    /// A score: its points, those of each parameter, and the points from which each priority holds.
    Score {
        points: u32,
        risk: Cow<'static, str>,
        #[serde(default)]
        parts: Vec<(Cow<'static, str>, u8)>,
        /// The parameters without points.
        #[serde(default)]
        missing: Vec<Cow<'static, str>>,
        /// The parameters that were lost since it was raised and keep it, with the points that they last had.
        #[serde(default)]
        lost: Vec<(Cow<'static, str>, u8)>,
        from: [Option<u32>; 3],
    },
    /// Any other number, and the limit of each priority.
    Measure { value: Quantity, ucum: Cow<'static, str>, limits: [Option<Quantity>; 3] },
    /// Nothing of this vital sign since then, nor of those that the same probe measures.
    Missing {
        vital: Vital,
        #[serde(default)]
        with: VitalSet,
        since: Timestamp,
    },
    /// The device says that it does not measure a vital whose last value was beyond its limit, for so long.
    NotMeasured { vital: Vital, lasted: Span, side: Side, value: Quantity, limit: Option<Quantity> },
    /// Nothing from the device since then.
    Silent { since: Timestamp },
    /// The device's last will, or its own word.
    Offline,
    /// Nothing since then of a patient, where the record names devices: of none of these.
    Unheard { since: Timestamp, admitted: bool, devices: Vec<DeviceId> },
    /// A clock that is off by this much; positive: behind ours.
    Clock { off_by: Span },
    /// The rules that failed.
    Failed { rules: Vec<String> },
    /// Anything else, in words.
    Words { words: String },
}

impl Cause {
    /// The value that it rests on.
    pub fn value(&self) -> Option<Quantity> {
        match self {
            Self::Limit { value, .. } => Some(*value),
            Self::Score { points, .. } => i32::try_from(*points).ok().map(Quantity::whole),
            Self::Measure { value, .. } | Self::NotMeasured { value, .. } => Some(*value),
            Self::Missing { .. }
            | Self::Silent { .. }
            | Self::Offline
            | Self::Unheard { .. }
            | Self::Clock { .. }
            | Self::Failed { .. }
            | Self::Words { .. } => None,
        }
    }

    /// The limit that holds at this priority.
    pub fn limit(&self, priority: Priority) -> Option<Quantity> {
        match self {
            Self::Limit { limit, extreme, .. } => match priority {
                Priority::High => extreme.or(*limit),
                _ => limit.or(*extreme),
            },
            Self::Score { from, .. } => {
                let place = Priority::ALERTING.iter().position(|p| *p == priority)?;
                from[place].and_then(|points| i32::try_from(points).ok()).map(Quantity::whole)
            }
            Self::Measure { limits, .. } => {
                let place = Priority::ALERTING.iter().position(|p| *p == priority)?;
                limits[place]
            }
            Self::NotMeasured { limit, .. } => *limit,
            Self::Missing { .. }
            | Self::Silent { .. }
            | Self::Offline
            | Self::Unheard { .. }
            | Self::Clock { .. }
            | Self::Failed { .. }
            | Self::Words { .. } => None,
        }
    }

    /// The UCUM code of value and limit.
    pub fn ucum(&self) -> Option<&str> {
        match self {
            Self::Limit { vital, .. } | Self::NotMeasured { vital, .. } => Some(vital.facts().ucum),
            Self::Score { .. } => Some("{score}"),
            Self::Measure { ucum, .. } => Some(ucum),
            Self::Missing { .. }
            | Self::Silent { .. }
            | Self::Offline
            | Self::Unheard { .. }
            | Self::Clock { .. }
            | Self::Failed { .. }
            | Self::Words { .. } => None,
        }
    }

    /// Whether `self` is another cause than `published` at this priority; a new value alone is not.
    ///
    /// Nor is a score's new risk: that is a priority, and published as one when its delay is over.
    pub fn differs(&self, published: &Self, priority: Priority) -> bool {
        match (self, published) {
            (Self::Limit { vital: now, .. }, Self::Limit { vital: then, .. }) => {
                now != then || self.limit(priority) != published.limit(priority)
            }
            (Self::Measure { .. }, Self::Measure { .. }) => self.limit(priority) != published.limit(priority),
            (Self::Failed { rules: now }, Self::Failed { rules: then }) => now != then,
            _ => false,
        }
    }
}

/// What a rule found about one condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Of what.
    pub condition: Condition,
    /// The highest priority whose limit the value is beyond.
    pub reached: Option<Priority>,
    /// The highest priority whose limit, less the hysteresis, it is still beyond; never below `reached`.
    pub kept: Option<Priority>,
    /// Whether the fact is known at all.
    pub presence: Presence,
    /// Why.
    pub cause: Cause,
    /// When the fact was so: the judged time of the reading it rests on, or of the verdict.
    pub at: Timestamp,
    /// The same on the uptime clock: delays count on it.
    pub measured: Uptime,
    /// The reading that it rests on; none for silence.
    pub reading: Option<ReadingRef>,
    /// How long before it counts.
    pub timing: Timing,
    /// Why it ended, where that is not plain.
    pub reason: Option<&'static str>,
}
