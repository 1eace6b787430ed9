//! What of a subject's signals somebody has paused or switched off: by whom, of what, up to which priority, until when.

use serde::{Deserialize, Serialize};

use crate::clock::{Span, Timestamp, Uptime};
use crate::conditions::{Condition, Priority};
use crate::settings::Inactivation;

/// How many hold at most for one subject; beyond, none is taken.
const MOST: usize = 64;

/// Who commanded something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Author {
    /// The system through which it came, as the broker knows it.
    pub sender: String,
    /// The person.
    pub by: String,
    pub reason: Option<String>,
}

/// One order to be quiet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inactivated {
    pub inactivation: Inactivation,
    /// The one condition; none: everything about the subject.
    pub condition: Option<Condition>,
    /// What is of a higher priority breaks through.
    pub up_to: Priority,
    /// When it ends: always where it is timed.
    pub ends: Option<Uptime>,
    /// The same for those who read it.
    pub until: Option<Timestamp>,
    pub since: Timestamp,
    pub author: Author,
}

impl Inactivated {
    /// Whether it covers an alert of this condition and priority.
    fn covers(&self, condition: &Condition, priority: Priority) -> bool {
        priority <= self.up_to && self.condition.as_ref().is_none_or(|only| only == condition)
    }
}

/// Every order to be quiet that holds for one subject.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Inactivations {
    holding: Vec<Inactivated>,
}

impl Inactivations {
    /// The strongest that covers an alert of this condition and priority; `breaks_off`: one that alerts off may not cover.
    pub fn covering(
        &self,
        condition: &Condition,
        priority: Priority,
        breaks_off: bool,
    ) -> Option<&Inactivated> {
        let covers = |of: &&Inactivated| {
            of.covers(condition, priority) && !(breaks_off && of.inactivation == Inactivation::AlertOff)
        };
        self.holding.iter().filter(covers).max_by_key(|of| (of.inactivation, of.ends))
    }

    /// This holds from now on, in place of the same order for the same; false where too many hold already.
    pub fn add(&mut self, new: Inactivated) -> bool {
        let same = |of: &Inactivated| of.inactivation == new.inactivation && of.condition == new.condition;
        match self.holding.iter().position(same) {
            Some(place) => self.holding[place] = new,
            None if self.holding.len() < MOST => self.holding.push(new),
            None => return false,
        }
        true
    }

    /// Ends what holds for this condition, or without one all of that kind; whether anything did.
    pub fn end(&mut self, inactivation: Inactivation, condition: Option<&Condition>) -> bool {
        let before = self.holding.len();
        self.holding.retain(|of| {
            of.inactivation != inactivation
                || condition.is_some_and(|only| of.condition.as_ref() != Some(only))
        });
        self.holding.len() < before
    }

    /// Ends what is over by now.
    pub fn run_out(&mut self, now: Uptime) {
        self.holding.retain(|of| of.ends.is_none_or(|ends| ends > now));
    }

    /// When the first ends by itself.
    pub fn deadline(&self) -> Option<Uptime> {
        self.holding.iter().filter_map(|of| of.ends).min()
    }

    /// Moves what was noted on the uptime clock by `by`.
    pub fn shift(&mut self, by: Span) {
        self.holding.iter_mut().for_each(|of| of.ends = of.ends.map(|ends| ends + by));
    }

    /// Those of the same person's stay elsewhere hold here, too.
    pub fn inherit(&mut self, moved: Self) {
        for of in moved.holding {
            let known =
                |own: &Inactivated| own.inactivation == of.inactivation && own.condition == of.condition;
            if !self.holding.iter().any(known) {
                self.add(of);
            }
        }
    }

    /// Everything that holds.
    pub fn iter(&self) -> impl Iterator<Item = &Inactivated> {
        self.holding.iter()
    }
}
