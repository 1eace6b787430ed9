//! The printed chart of NEWS2: the points of each parameter, and the risk that they mean.

use std::borrow::Cow;

use super::NEWS2;
use crate::analyzers::Score;
use crate::conditions::Priority;
use crate::vitals::{Consciousness, Quantity};

/// The seven parameters, in the order of the chart.
pub(super) const RESPIRATORY_RATE: &str = "respiratory_rate";
pub(super) const OXYGEN_SATURATION: &str = "oxygen_saturation";
pub(super) const SUPPLEMENTAL_OXYGEN: &str = "supplemental_oxygen";
pub(super) const SYSTOLIC_PRESSURE: &str = "systolic_pressure";
pub(super) const PULSE: &str = "pulse";
pub(super) const CONSCIOUSNESS: &str = "consciousness";
pub(super) const TEMPERATURE: &str = "temperature";

/// The points of one parameter: known, or at most so many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    pub points: Option<u8>,
    pub at_most: u8,
}

impl Part {
    pub(super) const fn of(points: u8) -> Self {
        Self { points: Some(points), at_most: points }
    }

    pub(super) const fn missing(at_most: u8) -> Self {
        Self { points: None, at_most }
    }

    pub(super) fn or_missing(points: Option<u8>, at_most: u8) -> Self {
        points.map_or(Self::missing(at_most), Self::of)
    }
}

const fn at(value: Quantity, whole: i32) -> bool {
    value.as_hundredths() >= whole * 100
}

pub(super) fn respiratory_rate(value: Quantity) -> u8 {
    match value {
        v if at(v, 25) => 3,
        v if at(v, 21) => 2,
        v if at(v, 12) => 0,
        v if at(v, 9) => 1,
        _ => 3,
    }
}

pub(super) fn scale_one(value: Quantity) -> u8 {
    match value {
        v if at(v, 96) => 0,
        v if at(v, 94) => 1,
        v if at(v, 92) => 2,
        _ => 3,
    }
}

/// Scale 2: from 93 % on, points are given only on oxygen; where that is unknown, they may be due.
pub(super) fn scale_two(value: Quantity, air: Option<bool>) -> Part {
    let on_oxygen = match value {
        v if at(v, 97) => 3,
        v if at(v, 95) => 2,
        v if at(v, 93) => 1,
        v if at(v, 88) => return Part::of(0),
        v if at(v, 86) => return Part::of(1),
        v if at(v, 84) => return Part::of(2),
        _ => return Part::of(3),
    };
    match air {
        Some(true) => Part::of(0),
        Some(false) => Part::of(on_oxygen),
        None => Part::missing(on_oxygen),
    }
}

pub(super) fn systolic_pressure(value: Quantity) -> u8 {
    match value {
        v if at(v, 220) => 3,
        v if at(v, 111) => 0,
        v if at(v, 101) => 1,
        v if at(v, 91) => 2,
        _ => 3,
    }
}

pub(super) fn pulse(value: Quantity) -> u8 {
    match value {
        v if at(v, 131) => 3,
        v if at(v, 111) => 2,
        v if at(v, 91) => 1,
        v if at(v, 51) => 0,
        v if at(v, 41) => 1,
        _ => 3,
    }
}

pub(super) fn consciousness(level: Consciousness) -> u8 {
    match level {
        Consciousness::Alert => 0,
        Consciousness::Confusion
        | Consciousness::Voice
        | Consciousness::Pain
        | Consciousness::Unresponsive => 3,
    }
}

pub(super) fn temperature(value: Quantity) -> u8 {
    match value.as_hundredths() {
        3910.. => 2,
        3810.. => 1,
        3610.. => 0,
        3510.. => 1,
        _ => 3,
    }
}

/// What the points mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Risk {
    Low,
    /// A 3 in a single parameter.
    LowMedium,
    Medium,
    High,
}

impl Risk {
    const fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::LowMedium => "low-medium",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }

    const fn of(total: u8, single_three: bool) -> Self {
        match total {
            7.. => Self::High,
            5..=6 => Self::Medium,
            _ if single_three => Self::LowMedium,
            _ => Self::Low,
        }
    }

    const fn priority(self) -> Option<Priority> {
        match self {
            Self::High => Some(Priority::High),
            Self::Medium => Some(Priority::Medium),
            Self::LowMedium => Some(Priority::Low),
            Self::Low => None,
        }
    }
}

/// The points of all seven parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Points(pub(super) [(&'static str, Part); 7]);

impl Points {
    /// The points present.
    pub fn at_least(&self) -> u8 {
        self.0.iter().filter_map(|(_, part)| part.points).sum()
    }

    /// The points present plus the most that what is missing can add.
    pub fn at_most(&self) -> u8 {
        self.0.iter().map(|(_, part)| part.at_most).sum()
    }

    /// The risk of the points present.
    pub fn risk(&self) -> Risk {
        Risk::of(self.at_least(), self.0.iter().any(|(_, part)| part.points == Some(3)))
    }

    /// What is reached on the points present.
    pub fn reached(&self) -> Option<Priority> {
        self.risk().priority()
    }

    /// These points, with those that an alert says where nothing of the parameter is remembered.
    pub fn with(&self, alerted: &[(Cow<'static, str>, u8)], forgotten: impl Fn(&str) -> bool) -> Self {
        let part = |(name, part): (&'static str, Part)| {
            let of_alert = alerted.iter().find(|(of, _)| of == name && forgotten(name));
            (name, of_alert.map_or(part, |(_, points)| Part::of(*points)))
        };
        Self(self.0.map(part))
    }

    /// The parameters that have points only here, with them.
    pub fn beyond(&self, known: &Self) -> Vec<(Cow<'static, str>, u8)> {
        let lost = self.0.iter().zip(&known.0).filter(|(_, (_, known))| known.points.is_none());
        lost.filter_map(|((name, part), _)| Some((Cow::Borrowed(*name), part.points?))).collect()
    }

    /// As it is published.
    pub fn score(&self) -> Score {
        let named = |(name, part): &(&'static str, Part)| Some((Cow::Borrowed(*name), part.points?));
        let missing = self.0.iter().filter(|(_, part)| part.points.is_none());
        Score {
            name: NEWS2,
            parts: self.0.iter().filter_map(named).collect(),
            missing: missing.map(|(name, _)| Cow::Borrowed(*name)).collect(),
            at_least: self.at_least(),
            at_most: self.at_most(),
            risk: Cow::Borrowed(self.risk().name()),
            excluded: None,
        }
    }
}
