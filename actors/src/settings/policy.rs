//! How a site has its alerts signalled: delays, pauses, reminders, latches, who comes next, and the night.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::night::NightSettings;
use super::silence::Watch;
use super::{duration, escalation::EscalationStep};
use crate::clock::{Span, Timestamp};
use crate::conditions::{Condition, Kind, Priority};

/// One of the four ways in which signals are inactivated (IEC 60601-1-8). Paused is timed, off is not.
///
/// The order is that of their strength.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Inactivation {
    AudioPaused,
    AudioOff,
    AlertPaused,
    AlertOff,
}

impl Inactivation {
    /// All four.
    pub const ALL: [Self; 4] = [Self::AudioPaused, Self::AudioOff, Self::AlertPaused, Self::AlertOff];

    /// Its name in JSON and configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AudioPaused => "audio-paused",
            Self::AudioOff => "audio-off",
            Self::AlertPaused => "alert-paused",
            Self::AlertOff => "alert-off",
        }
    }

    /// Whether it ends by itself.
    pub const fn is_timed(self) -> bool {
        match self {
            Self::AudioPaused | Self::AlertPaused => true,
            Self::AudioOff | Self::AlertOff => false,
        }
    }
}

/// A length of time for each priority of an alert.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DelayByPriority {
    #[serde(with = "duration")]
    pub low: Span,
    #[serde(with = "duration")]
    pub medium: Span,
    #[serde(with = "duration")]
    pub high: Span,
}

impl DelayByPriority {
    /// That of this priority; advice never waits.
    pub const fn of(&self, priority: Priority) -> Span {
        match priority {
            Priority::Info => Span::ZERO,
            Priority::Low => self.low,
            Priority::Medium => self.medium,
            Priority::High => self.high,
        }
    }
}

/// How alerts are signalled, `[signals]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SignalSettings {
    /// How long audio or alerts are paused where the command names no end; 120 s by default.
    #[serde(with = "duration")]
    pub pause: Span,
    /// The longest that a command may pause them; 10 min by default.
    #[serde(with = "duration")]
    pub longest_pause: Span,
    /// After how long an alert that is acknowledged, or whose signal is off, signals again, and how often from then on.
    ///
    /// 15 min by default.
    pub reminder: Watch,
    /// For how long whoever accepted an alert may take until it is acknowledged, before the next is called; 10 min by
    /// default.
    #[serde(with = "duration")]
    pub accepted_holds: Span,
    /// How long the last route has to answer before `alert.unanswered` is raised; 2 min by default.
    #[serde(with = "duration")]
    pub answer_within: Span,
    /// For how long a patient may be away where the command names no end, and at most; 4 h by default.
    #[serde(with = "duration")]
    pub longest_standby: Span,
    /// The inactivations that are allowed at all.
    pub inactivations: BTreeSet<Inactivation>,
    /// Whether alerts off covers asystole, apnoea and SpO2 below 80 %; not by default.
    pub off_covers_life_threatening: bool,
    /// The conditions, by name, whose alert stays after its end until it is reset.
    pub latching: BTreeSet<String>,
    /// From when the condition exists until it is signalled; none by default.
    pub delay: DelayByPriority,
    /// How far times how long a value must be beyond its limit, in units times seconds, until it is signalled before its
    /// signal delay is over: the deeper, the sooner. None by default.
    pub depth: std::collections::BTreeMap<crate::vitals::Vital, u32>,
    /// What differs at night.
    pub night: Option<NightSettings>,
}

impl Default for SignalSettings {
    fn default() -> Self {
        Self {
            pause: Span::from_secs(120),
            longest_pause: Span::from_mins(10),
            reminder: Watch::After(Span::from_mins(15)),
            accepted_holds: Span::from_mins(10),
            answer_within: Span::from_mins(2),
            longest_standby: Span::from_hours(4),
            inactivations: BTreeSet::from(Inactivation::ALL),
            off_covers_life_threatening: false,
            latching: BTreeSet::new(),
            delay: DelayByPriority::default(),
            depth: std::collections::BTreeMap::new(),
            night: None,
        }
    }
}

/// Everything a site decides about what is heard of an alert.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SignalPolicy {
    pub signals: SignalSettings,
    /// Who is called one after the other, `[[escalation]]`.
    pub escalation: Vec<EscalationStep>,
}

impl SignalPolicy {
    /// From when a condition of this priority exists until it is signalled, where that begins now.
    pub fn delay(&self, priority: Priority, now: Timestamp) -> Span {
        let night = self.signals.night.as_ref().filter(|night| night.holds_at(now));
        night.map_or(&self.signals.delay, |night| &night.delay).of(priority)
    }

    /// How often an alert that is acknowledged or off signals again.
    pub fn reminder(&self, now: Timestamp) -> Option<Span> {
        let night = self.signals.night.as_ref().filter(|night| night.holds_at(now));
        match night.map_or(self.signals.reminder, |night| night.reminder) {
            Watch::After(span) => Some(span),
            Watch::ByRhythm | Watch::Off => None,
        }
    }

    /// Whether the alert of this condition stays until it is reset.
    pub fn latches(&self, condition: &Condition) -> bool {
        !self.signals.latching.is_empty() && self.signals.latching.contains(&condition.to_string())
    }

    /// Whether this inactivation is allowed.
    pub fn allows(&self, inactivation: Inactivation) -> bool {
        self.signals.inactivations.contains(&inactivation)
    }

    /// The first step from this one on to which an alert of this priority goes; technical alerts go to none.
    pub fn step_from(&self, from: usize, kind: Kind, priority: Priority) -> Option<(usize, &EscalationStep)> {
        let steps = self.escalation.iter().enumerate().skip(from);
        let mut steps = steps.filter(|(_, step)| kind == Kind::Physiological && step.priority <= priority);
        steps.next()
    }
}
