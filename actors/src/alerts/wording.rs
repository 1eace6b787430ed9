//! How a change is put in words: by the rule that found it, and only when it is published.

use crate::alerts::change::Event;
use crate::alerts::finding::{Cause, Presence};
use crate::alerts::life_cycle::RuleName;
use crate::clock::Span;
use crate::conditions::{Condition, Priority};

/// What there is to say of a change.
#[derive(Debug, Clone, Copy)]
pub struct Said<'a> {
    pub condition: &'a Condition,
    pub event: Event,
    pub priority: Priority,
    pub presence: Presence,
    pub cause: &'a Cause,
    /// The condition delay that was over before it was raised.
    pub delay: Span,
}

/// How a rule says a change to a person: what, against which limit, for how long.
pub type Words = fn(&Said<'_>) -> String;

/// How the rule of this name says its changes.
pub type WordsOf = fn(&RuleName) -> Words;

impl Said<'_> {
    /// Whether the condition ended.
    pub fn is_over(&self) -> bool {
        matches!(self.event, Event::Cleared | Event::Latched)
    }
}

/// Says what its cause says in words already, or that this is over; else only the condition.
pub fn plain(said: &Said<'_>) -> String {
    match said.cause {
        Cause::Words { words } if said.is_over() => format!("Over: {words}"),
        Cause::Words { words } => words.clone(),
        Cause::Limit { .. }
        | Cause::Score { .. }
        | Cause::Measure { .. }
        | Cause::Missing { .. }
        | Cause::NotMeasured { .. }
        | Cause::Silent { .. }
        | Cause::Offline
        | Cause::Unheard { .. }
        | Cause::Clock { .. }
        | Cause::Failed { .. } => match said.is_over() {
            true => format!("{} is over", said.condition),
            false => said.condition.to_string(),
        },
    }
}
