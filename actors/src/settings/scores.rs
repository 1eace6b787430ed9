//! What a site decides of each score: one block a score, which the configuration reads, checks and shows as it stands.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::duration;
use super::limits::LONGEST_DELAY;
use crate::clock::Span;
use crate::vitals::Vital;

/// The settings of every score, each in its own section.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScoreSettings {
    pub news2: News2Settings,
}

impl ScoreSettings {
    /// Every score, as it is checked and shown.
    pub fn rules(&self) -> Vec<RuleSettings> {
        vec![self.news2.rule()]
    }
}

/// The settings of one score, as they are checked and shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleSettings {
    pub name: &'static str,
    /// For whom it is.
    pub of: &'static str,
    pub enabled: bool,
    pub spans: Vec<SpanSetting>,
}

/// One length of time that is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpanSetting {
    /// Its key in the configuration.
    pub key: String,
    /// What it is, to a person.
    pub words: &'static str,
    pub value: Span,
    pub allowed: RangeInclusive<Span>,
}

/// How the early warning score becomes an alert. The score itself is published and not a site's to change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct News2Settings {
    pub enabled: bool,
    /// For how long a risk must last before the condition exists; 60 s by default (clinical reference, section 1).
    #[serde(with = "duration")]
    pub delay: Span,
    /// For how long the risk must be lower before the alert falls or ends; 5 min by default (same section).
    #[serde(with = "duration")]
    pub clear_delay: Span,
    pub valid_for: ValidFor,
}

impl Default for News2Settings {
    fn default() -> Self {
        Self {
            enabled: true,
            delay: Span::from_secs(60),
            clear_delay: Span::from_mins(5),
            valid_for: ValidFor::default(),
        }
    }
}

/// For how long a value counts in a score. Defaults: clinical reference, section 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ValidFor {
    /// Heart and pulse rate, SpO2, respiratory rate; 15 min by default.
    #[serde(with = "duration")]
    pub continuous: Span,
    /// Systolic, diastolic and mean pressure; 6 h by default.
    #[serde(with = "duration")]
    pub blood_pressure: Span,
    /// 12 h by default.
    #[serde(with = "duration")]
    pub temperature: Span,
    /// 12 h by default.
    #[serde(with = "duration")]
    pub consciousness: Span,
}

impl News2Settings {
    /// As it is checked and shown.
    fn rule(&self) -> RuleSettings {
        let hour = Span::from_hours(1);
        let span = |key: &str, words, value, allowed| SpanSetting {
            key: format!("scores.news2.{key}"),
            words,
            value,
            allowed,
        };
        let of = &self.valid_for;
        let valid = |key: &str, words, value| {
            span(&format!("valid_for.{key}"), words, value, Span::from_mins(1)..=Span::from_hours(24))
        };
        let spans = vec![
            span("delay", "delay", self.delay, Span::ZERO..=LONGEST_DELAY),
            span("clear_delay", "falls or clears after", self.clear_delay, Span::ZERO..=hour),
            valid("continuous", "counts continuous vitals for", of.continuous),
            valid("blood_pressure", "counts blood pressure for", of.blood_pressure),
            valid("temperature", "counts temperature for", of.temperature),
            valid("consciousness", "counts consciousness for", of.consciousness),
        ];
        RuleSettings { name: "NEWS2", of: "adults", enabled: self.enabled, spans }
    }
}

impl ValidFor {
    /// For how long a value of this vital counts.
    pub const fn of(&self, vital: Vital) -> Span {
        match vital {
            Vital::SystolicPressure | Vital::DiastolicPressure | Vital::MeanPressure => self.blood_pressure,
            Vital::Temperature => self.temperature,
            Vital::HeartRate
            | Vital::PulseRate
            | Vital::OxygenSaturation
            | Vital::RespiratoryRate
            | Vital::Etco2
            | Vital::Fio2
            | Vital::OxygenFlow => self.continuous,
        }
    }
}

impl Default for ValidFor {
    fn default() -> Self {
        Self {
            continuous: Span::from_mins(15),
            blood_pressure: Span::from_hours(6),
            temperature: Span::from_hours(12),
            consciousness: Span::from_hours(12),
        }
    }
}
