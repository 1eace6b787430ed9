//! The National Early Warning Score 2 (Royal College of Physicians, 2017).
//!
//! For adults from 16 years, not in pregnancy. The bands and points are the published ones and no
//! site's to change. A missing or old input never scores 0: the score then has a floor and a ceiling.

mod inputs;
mod points;

use std::borrow::Cow;
use std::sync::Arc;

use super::{Analysis, Analyzer, Rule, Score, View};
use crate::alerts::{Cause, Finding, Presence, RuleName, Said, Timing, UnderWay, wording};
use crate::clock::Span;
use crate::conditions::{Condition, Priority, ScoreName};
use crate::people::Class;
use crate::settings::{News2Settings, Settings};
pub use inputs::Inputs;
pub use points::{Part, Points, Risk};

/// The score's name in topics.
pub const NEWS2: ScoreName = ScoreName::new("news2");

/// An alert opens with the highest priority that has been reached through the last of its delay (clinical reference, 1).
const OPENS_BY: Span = Span::from_secs(5);

/// From this age on, in completed years.
const ADULT_FROM_YEARS: i16 = 16;

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
        let settings = &self.settings.scores.news2;
        if !settings.enabled {
            return Analysis::default();
        }
        let condition = Condition::Risk(NEWS2);
        if let Some(reason) = excluded(view) {
            let ends = view.tracks(&condition).then(|| not_applicable(condition, view, reason));
            return Analysis {
                findings: ends.into_iter().collect(),
                score: Some(no_score(reason)),
                ..Analysis::default()
            };
        }
        let known = Inputs::known(view, settings).points();
        let score = known.score();
        let mut findings = Vec::new();
        if known.reached().is_some() || view.tracks(&condition) {
            findings.push(finding(condition, &known, &score, view, settings));
        }
        let recheck_at = inputs::first_expiry(view, settings);
        Analysis { findings, recheck_at, score: Some(score), ..Analysis::default() }
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

/// What is reached on the points present, and kept by what was lost meanwhile.
fn finding(
    condition: Condition,
    known: &Points,
    score: &Score,
    view: &View,
    settings: &News2Settings,
) -> Finding {
    let under_way = view.under_way(&condition);
    let (kept, lost) = match under_way {
        Some(under_way) => kept(known, under_way, view, settings),
        None => (known.reached(), Vec::new()),
    };
    let reached = known.reached();
    // Where what is known keeps the alert as it is, nothing is in doubt.
    let current = under_way.and_then(|under_way| under_way.priority).unwrap_or(Priority::High);
    let stands = kept.min(Some(current));
    let in_doubt = stands > reached;
    let unknown = in_doubt && stands > Inputs::expected(view, settings).points().reached();
    Finding {
        condition,
        reached,
        kept,
        presence: if unknown { Presence::Unknown } else { Presence::Present },
        cause: Cause::Score {
            points: u32::from(score.at_least),
            risk: score.risk.clone(),
            parts: score.parts.clone(),
            missing: score.missing.clone(),
            lost: if in_doubt { lost } else { Vec::new() },
            from: [None, Some(5), Some(7)],
        },
        at: view.at,
        measured: view.measured,
        reading: view.reading.as_deref().cloned(),
        timing: timing(settings),
        reason: None,
    }
}

fn timing(settings: &News2Settings) -> Timing {
    let News2Settings { delay, clear_delay, .. } = *settings;
    Timing { delay: [delay; 3], clear_delay, opens_by: Some(OPENS_BY) }
}

/// What keeps the alert: what is known, and what was lost since it was raised, at the points that it last had.
///
/// While its delay runs, what was lost since that began. What was too old or unmeasured then keeps nothing.
fn kept(
    known: &Points,
    under_way: &UnderWay,
    view: &View,
    settings: &News2Settings,
) -> (Option<Priority>, Vec<(Cow<'static, str>, u8)>) {
    let began = under_way.delays().map(|delay| delay.ends - settings.delay).min();
    let since = under_way.raised.or(began).unwrap_or(view.now.uptime);
    let alerted = match &under_way.published {
        // Where nothing else is remembered of an alert, what it says was part of it.
        Some(Cause::Score { parts, .. }) => &parts[..],
        _ => &[],
    };
    let forgotten = |parameter: &str| inputs::is_forgotten(view, parameter);
    let lasting = Inputs::known_since(view, settings, since).points().with(alerted, forgotten);
    (lasting.reached(), lasting.beyond(known))
}

/// `NEWS2 7, high risk: respiratory rate 2, oxygen saturation 2, …; without temperature`.
fn words(said: &Said<'_>) -> String {
    let Cause::Score { points, risk, parts, missing, lost, .. } = said.cause else {
        return wording::plain(said);
    };
    let plain = |name: &str| name.replace('_', " ");
    let scored = |parts: &[(Cow<'static, str>, u8)]| {
        let scored = parts.iter().filter(|(_, points)| *points > 0);
        scored.map(|(name, points)| format!("{} {points}", plain(name))).collect::<Vec<_>>().join(", ")
    };
    let (parts, lost) = (scored(parts), scored(lost));
    let missing: Vec<_> = missing.iter().map(|name| plain(name)).collect();
    let floor = if missing.is_empty() { "" } else { "at least " };
    let mut words = format!("NEWS2 {floor}{points}, {risk} risk");
    if !parts.is_empty() {
        words.push_str(&format!(": {}", parts));
    }
    if !missing.is_empty() {
        words.push_str(&format!("; without {}", missing.join(", ")));
    }
    if !lost.is_empty() {
        words.push_str(&format!("; kept by what was last known: {lost}"));
    }
    words
}
