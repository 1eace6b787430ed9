//! The National Early Warning Score 2 (Royal College of Physicians, 2017).
//!
//! For adults from 16 years, not in pregnancy. The bands and points are the published ones and no
//! site's to change. A missing or old input never scores 0: the score then has a floor and a ceiling.

use std::borrow::Cow;
use std::sync::Arc;

use super::{Analysis, Analyzer, Rule, Score, View};
use crate::admission::Spo2Scale;
use crate::alerts::{Cause, Finding, Presence, RuleName, Said, Timing, wording};
use crate::clock::{Span, Uptime};
use crate::conditions::{Condition, Priority, ScoreName};
use crate::people::Class;
use crate::settings::{News2Settings, Settings};
use crate::vitals::{Consciousness, Quantity, Vital};

/// The score's name in topics.
pub const NEWS2: ScoreName = ScoreName::new("news2");

/// From this age on, in completed years.
const ADULT_FROM_YEARS: i16 = 16;

/// The seven parameters, in the order of the chart.
const RESPIRATORY_RATE: &str = "respiratory_rate";
const OXYGEN_SATURATION: &str = "oxygen_saturation";
const SUPPLEMENTAL_OXYGEN: &str = "supplemental_oxygen";
const SYSTOLIC_PRESSURE: &str = "systolic_pressure";
const PULSE: &str = "pulse";
const CONSCIOUSNESS: &str = "consciousness";
const TEMPERATURE: &str = "temperature";

/// The rule in the list.
pub const RULE: Rule = Rule {
    name: "news2",
    make: |settings| Box::new(News2Analyzer::new(settings)),
    words,
    owns: |condition| *condition == Condition::Risk(NEWS2),
};

/// Computes NEWS2 and finds the risk it means.
pub struct News2Analyzer {
    settings: Arc<Settings>,
}

impl News2Analyzer {
    /// With the site's delays and validity.
    pub fn new(settings: &Arc<Settings>) -> Self {
        Self { settings: Arc::clone(settings) }
    }
}

impl Analyzer for News2Analyzer {
    fn name(&self) -> RuleName {
        RuleName::Borrowed(RULE.name)
    }

    fn analyze(&self, view: &View) -> Analysis {
        let settings = &self.settings.news2;
        if !settings.enabled {
            return Analysis::default();
        }
        let condition = Condition::Risk(NEWS2);
        if let Some(reason) = excluded(view) {
            let ends = view.tracks(&condition).then(|| not_applicable(condition, view, reason));
            return Analysis {
                findings: ends.into_iter().collect(),
                recheck_at: None,
                score: Some(no_score(reason)),
            };
        }
        let (inputs, recheck_at) = Inputs::of(view, settings);
        let points = inputs.points();
        let score = points.score();
        let mut findings = Vec::new();
        if points.reached().is_some() || view.tracks(&condition) {
            findings.push(finding(condition, &points, &score, view, settings));
        }
        Analysis { findings, recheck_at, score: Some(score) }
    }
}

/// Why the score does not apply to this patient, if it does not.
fn excluded(view: &View) -> Option<&'static str> {
    if view.class() != Class::Adult {
        return Some("NEWS2 is not for children: the record's class is not adult");
    }
    if view.record.age_years(view.now.wall).is_some_and(|age| age < ADULT_FROM_YEARS) {
        return Some("NEWS2 is not for children under 16 years");
    }
    if view.record.pregnant {
        return Some("NEWS2 is not for pregnancy");
    }
    None
}

/// Ends at once what was judged before the record said that the score does not apply.
fn not_applicable(condition: Condition, view: &View, reason: &'static str) -> Finding {
    Finding {
        condition,
        reached: None,
        kept: None,
        presence: Presence::Present,
        cause: Cause::Words { words: reason.to_owned() },
        at: view.at,
        measured: view.measured,
        reading: view.reading.as_deref().cloned(),
        timing: Timing::IMMEDIATE,
        reason: Some("not applicable"),
    }
}

fn no_score(reason: &'static str) -> Score {
    Score {
        name: NEWS2,
        parts: Vec::new(),
        missing: Vec::new(),
        at_least: 0,
        at_most: 0,
        risk: Cow::Borrowed("none"),
        excluded: Some(Cow::Borrowed(reason)),
    }
}

/// The inputs that are young enough to count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Inputs {
    pub respiratory_rate: Option<Quantity>,
    pub oxygen_saturation: Option<Quantity>,
    pub supplemental_oxygen: Option<bool>,
    pub systolic_pressure: Option<Quantity>,
    pub pulse: Option<Quantity>,
    pub consciousness: Option<Consciousness>,
    pub temperature: Option<Quantity>,
    pub scale_two: bool,
}

impl Inputs {
    /// What counts at the view's moment, and when the first of it will not.
    fn of(view: &View, settings: &News2Settings) -> (Self, Option<Uptime>) {
        let mut recheck_at: Option<Uptime> = None;
        let mut counts = |measured: Uptime, valid_for: Span| {
            let until = measured + valid_for;
            let young = view.now.uptime < until;
            if young {
                recheck_at = Some(recheck_at.map_or(until, |before| before.min(until)));
            }
            young
        };
        let mut value = |vital: Vital| {
            let latest = view.chart.latest(vital)?;
            counts(latest.measured, settings.valid_for.of(vital)).then_some(latest.value)
        };
        let inputs = Self {
            respiratory_rate: value(Vital::RespiratoryRate),
            oxygen_saturation: value(Vital::OxygenSaturation),
            supplemental_oxygen: view.chart.oxygen.map(|held| held.value),
            systolic_pressure: value(Vital::SystolicPressure),
            pulse: match view.rate().0 {
                Vital::PulseRate => value(Vital::PulseRate),
                _ => value(Vital::HeartRate).or_else(|| value(Vital::PulseRate)),
            },
            temperature: value(Vital::Temperature),
            scale_two: view.record.spo2_scale == Spo2Scale::Two,
            consciousness: view
                .chart
                .consciousness
                .filter(|held| counts(held.measured, settings.valid_for.consciousness))
                .map(|held| held.value),
        };
        (inputs, recheck_at)
    }

    /// The points of each parameter.
    pub fn points(&self) -> Points {
        let air = self.supplemental_oxygen.map(|oxygen| !oxygen);
        let whole =
            |value: Option<Quantity>| value.map(|value| value.rounded(crate::vitals::Resolution::Whole));
        let tenth =
            |value: Option<Quantity>| value.map(|value| value.rounded(crate::vitals::Resolution::Tenth));
        let saturation = match whole(self.oxygen_saturation) {
            None => Part::missing(3),
            Some(value) if self.scale_two => scale_two(value, air),
            Some(value) => Part::of(scale_one(value)),
        };
        Points([
            (RESPIRATORY_RATE, Part::or_missing(whole(self.respiratory_rate).map(respiratory_rate), 3)),
            (OXYGEN_SATURATION, saturation),
            (
                SUPPLEMENTAL_OXYGEN,
                Part::or_missing(self.supplemental_oxygen.map(|o| if o { 2 } else { 0 }), 2),
            ),
            (SYSTOLIC_PRESSURE, Part::or_missing(whole(self.systolic_pressure).map(systolic_pressure), 3)),
            (PULSE, Part::or_missing(whole(self.pulse).map(pulse), 3)),
            (CONSCIOUSNESS, Part::or_missing(self.consciousness.map(consciousness), 3)),
            (TEMPERATURE, Part::or_missing(tenth(self.temperature).map(temperature), 3)),
        ])
    }
}

/// The points of one parameter: known, or at most so many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    pub points: Option<u8>,
    pub at_most: u8,
}

impl Part {
    const fn of(points: u8) -> Self {
        Self { points: Some(points), at_most: points }
    }

    const fn missing(at_most: u8) -> Self {
        Self { points: None, at_most }
    }

    fn or_missing(points: Option<u8>, at_most: u8) -> Self {
        points.map_or(Self::missing(at_most), Self::of)
    }
}

const fn at(value: Quantity, whole: i32) -> bool {
    value.as_hundredths() >= whole * 100
}

fn respiratory_rate(value: Quantity) -> u8 {
    match value {
        v if at(v, 25) => 3,
        v if at(v, 21) => 2,
        v if at(v, 12) => 0,
        v if at(v, 9) => 1,
        _ => 3,
    }
}

fn scale_one(value: Quantity) -> u8 {
    match value {
        v if at(v, 96) => 0,
        v if at(v, 94) => 1,
        v if at(v, 92) => 2,
        _ => 3,
    }
}

/// Scale 2: from 93 % on, points are given only on oxygen; where that is unknown, they may be due.
fn scale_two(value: Quantity, air: Option<bool>) -> Part {
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

fn systolic_pressure(value: Quantity) -> u8 {
    match value {
        v if at(v, 220) => 3,
        v if at(v, 111) => 0,
        v if at(v, 101) => 1,
        v if at(v, 91) => 2,
        _ => 3,
    }
}

fn pulse(value: Quantity) -> u8 {
    match value {
        v if at(v, 131) => 3,
        v if at(v, 111) => 2,
        v if at(v, 91) => 1,
        v if at(v, 51) => 0,
        v if at(v, 41) => 1,
        _ => 3,
    }
}

fn consciousness(level: Consciousness) -> u8 {
    match level {
        Consciousness::Alert => 0,
        Consciousness::Confusion
        | Consciousness::Voice
        | Consciousness::Pain
        | Consciousness::Unresponsive => 3,
    }
}

fn temperature(value: Quantity) -> u8 {
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
pub struct Points([(&'static str, Part); 7]);

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

    /// What may still be so on the points that what is missing can add.
    pub fn kept(&self) -> Option<Priority> {
        Risk::of(self.at_most(), self.0.iter().any(|(_, part)| part.at_most == 3)).priority()
    }

    /// These points, without what may be due for parameters of which nothing ever came.
    ///
    /// An alert is kept for a value that was there and is too old, never for one that never was: else
    /// a monitor that measures no consciousness could never end one.
    pub fn without(&self, never: impl Fn(&str) -> bool) -> Self {
        let part = |(name, part): (&'static str, Part)| {
            let unknown = part.points.is_none() && never(name);
            (name, if unknown { Part::missing(0) } else { part })
        };
        Self(self.0.map(part))
    }

    /// Whether nothing at all is known any more.
    fn is_silent(&self) -> bool {
        self.0.iter().all(|(_, part)| part.points.is_none())
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

/// Whether nothing of this parameter ever came: then it never was part of what was alerted on.
fn never_measured(view: &View, parameter: &str) -> bool {
    let never = |vital| view.chart.latest(vital).is_none();
    match parameter {
        RESPIRATORY_RATE => never(Vital::RespiratoryRate),
        OXYGEN_SATURATION => never(Vital::OxygenSaturation),
        SUPPLEMENTAL_OXYGEN => view.chart.oxygen.is_none(),
        SYSTOLIC_PRESSURE => never(Vital::SystolicPressure),
        PULSE => never(Vital::HeartRate) && never(Vital::PulseRate),
        CONSCIOUSNESS => view.chart.consciousness.is_none(),
        TEMPERATURE => never(Vital::Temperature),
        _ => false,
    }
}

fn finding(
    condition: Condition,
    points: &Points,
    score: &Score,
    view: &View,
    settings: &News2Settings,
) -> Finding {
    let presence = if points.is_silent() { Presence::Unknown } else { Presence::Present };
    Finding {
        condition,
        reached: points.reached(),
        kept: points.without(|parameter| never_measured(view, parameter)).kept(),
        presence,
        cause: Cause::Score {
            points: u32::from(score.at_least),
            risk: score.risk.clone(),
            parts: score.parts.clone(),
            missing: score.missing.clone(),
            from: [None, Some(5), Some(7)],
        },
        at: view.at,
        measured: view.measured,
        reading: view.reading.as_deref().cloned(),
        timing: Timing { delay: [settings.delay; 3], clear_delay: settings.clear_delay },
        reason: None,
    }
}

/// `NEWS2 7, high risk: respiratory rate 2, oxygen saturation 2, …; without temperature`.
fn words(said: &Said<'_>) -> String {
    let Cause::Score { points, risk, parts, missing, .. } = said.cause else { return wording::plain(said) };
    let plain = |name: &str| name.replace('_', " ");
    let scored = parts.iter().filter(|(_, points)| *points > 0);
    let parts: Vec<_> = scored.map(|(name, points)| format!("{} {points}", plain(name))).collect();
    let missing: Vec<_> = missing.iter().map(|name| plain(name)).collect();
    let floor = if missing.is_empty() { "" } else { "at least " };
    let mut words = format!("NEWS2 {floor}{points}, {risk} risk");
    if !parts.is_empty() {
        words.push_str(&format!(": {}", parts.join(", ")));
    }
    if !missing.is_empty() {
        words.push_str(&format!("; without {}", missing.join(", ")));
    }
    words
}
