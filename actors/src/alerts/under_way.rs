//! A condition under way, as the rules see it.

use crate::alerts::finding::Cause;
use crate::clock::Uptime;
use crate::conditions::{Condition, Priority};

/// A condition whose delay runs, or whose alert is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnderWay {
    pub condition: Condition,
    /// The priority of the alert, where one is open.
    pub priority: Option<Priority>,
    /// When the alert was raised, where one is open: what was known after that was part of it.
    pub raised: Option<Uptime>,
    /// Why, as it was last published.
    pub published: Option<Cause>,
    /// When the delays of low, medium and high end, where they run.
    pub delays: [Option<Uptime>; 3],
}

/// A delay that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delay<'a> {
    pub condition: &'a Condition,
    pub priority: Priority,
    /// When it ends on the uptime clock.
    pub ends: Uptime,
}

impl UnderWay {
    /// An alert of which nothing but its condition is distinguished, as tests need it.
    pub const fn open(condition: Condition) -> Self {
        let raised = Some(Uptime::from_ms(i64::MIN / 4));
        Self { condition, priority: Some(Priority::High), raised, published: None, delays: [None; 3] }
    }

    /// The delays that run, from that of the lowest priority.
    pub fn delays(&self) -> impl Iterator<Item = Delay<'_>> {
        let ends = Priority::ALERTING.into_iter().zip(self.delays);
        ends.filter_map(|(priority, ends)| Some(Delay { condition: &self.condition, priority, ends: ends? }))
    }
}
