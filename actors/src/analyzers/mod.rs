//! Clinical and technical rules, one a file: they see a patient at one moment and say what they find.
//!
//! A rule knows no time but the view's, and remembers nothing: delays, hysteresis in time and what has
//! been published belong to the alert's life cycle.

pub mod clocks;
pub mod limits;
pub mod missing;
pub mod news2;
pub mod view;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::alerts::{Finding, RuleName, Words, wording};
use crate::clock::Uptime;
use crate::conditions::{Condition, Priority, ScoreName};
use crate::settings::Settings;
pub use view::View;

/// A rule. There is one of each kind in a shard, for all of its patients.
pub trait Analyzer: Send + 'static {
    /// The rule's name, in `analysis.failed` and in logs.
    fn name(&self) -> RuleName;

    /// What it finds in this patient at this moment.
    fn analyze(&self, view: &View) -> Analysis;
}

/// What one rule says of one patient at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Analysis {
    /// Only what is so, or belongs to a condition under way; everything else is not so.
    pub findings: Vec<Finding>,
    /// When the findings change without a new reading.
    pub recheck_at: Option<Uptime>,
    /// The score, where the rule computes one.
    pub score: Option<Score>,
    /// That nothing is heard of the patient, and how soon someone must come: counted for the unit, too.
    pub unheard: Option<Priority>,
}

impl Analysis {
    /// Asks to be asked again at `when`, if that is sooner than what was asked before.
    pub fn recheck(&mut self, when: Uptime) {
        self.recheck_at = Some(self.recheck_at.map_or(when, |before| before.min(when)));
    }
}

/// A score, or why there is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Score {
    pub name: ScoreName,
    /// The points of each parameter that has some.
    pub parts: Vec<(std::borrow::Cow<'static, str>, u8)>,
    /// The parameters without points.
    pub missing: Vec<std::borrow::Cow<'static, str>>,
    /// The points present.
    pub at_least: u8,
    /// The points present plus the most that what is missing can add.
    pub at_most: u8,
    /// The risk that the points present mean, which is a floor.
    pub risk: std::borrow::Cow<'static, str>,
    /// Why the score does not apply to this patient; then everything else is empty.
    pub excluded: Option<std::borrow::Cow<'static, str>>,
}

impl Score {
    /// Whether nothing is missing.
    pub fn complete(&self) -> bool {
        self.missing.is_empty() && self.excluded.is_none()
    }

    /// The total, of a complete score.
    pub fn total(&self) -> Option<u8> {
        self.complete().then_some(self.at_least)
    }
}

/// A rule as the list has it.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// Its name, in `analysis.failed` and in logs.
    pub name: &'static str,
    /// Makes it, with the site's settings.
    pub make: fn(&Arc<Settings>) -> Box<dyn Analyzer>,
    /// How it says its changes.
    pub words: Words,
    /// Whether a condition is its own: needed only where nothing but an alert is remembered.
    pub owns: fn(&Condition) -> bool,
}

/// Every rule, in the order in which they are asked.
pub const RULES: &[Rule] = &[limits::RULE, news2::RULE, missing::RULE, clocks::RULE];

/// Every rule, made with the site's settings.
pub fn all(settings: &Arc<Settings>) -> Vec<Box<dyn Analyzer>> {
    RULES.iter().map(|rule| (rule.make)(settings)).collect()
}

/// The rule to which a condition belongs, if there is one.
pub fn rule_of(condition: &Condition) -> Option<RuleName> {
    RULES.iter().find(|rule| (rule.owns)(condition)).map(|rule| RuleName::Borrowed(rule.name))
}

/// How the rule of this name says its changes.
pub fn words_of(name: &RuleName) -> Words {
    RULES.iter().find(|rule| rule.name == name).map_or(wording::plain, |rule| rule.words)
}
