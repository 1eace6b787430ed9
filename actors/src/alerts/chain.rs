//! Who is called while nobody answers: one alert's way through the steps of the site.

use serde::{Deserialize, Serialize};

use crate::clock::{Span, Uptime};
use crate::conditions::{Kind, Priority};
use crate::settings::SignalPolicy;

/// Where an alert is on its way through the steps. It always has exactly one route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Chain {
    /// The route; none before the first step: whoever subscribes to the alert.
    route: Option<String>,
    /// From which step on the next is looked for.
    next: usize,
    /// When the next is called; none while it is held, or where nobody is left.
    deadline: Option<Uptime>,
    /// How much of that was left when it was held.
    held: Option<Span>,
    /// Whether somebody has taken responsibility.
    pub accepted: bool,
    /// Whether nobody is left, and the last had its time.
    pub unanswered: bool,
}

/// What a step brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stepped {
    /// The next is called; whether the alert rises.
    Called { raise_priority: bool },
    /// Nobody is left.
    Unanswered,
}

impl Chain {
    /// The way of an alert that begins; none where the site calls nobody for it.
    pub fn begin(kind: Kind, priority: Priority, policy: &SignalPolicy, now: Uptime) -> Option<Self> {
        let (_, first) = policy.step_from(0, kind, priority)?;
        let deadline = Some(now + first.after);
        Some(Self { route: None, next: 0, deadline, held: None, accepted: false, unanswered: false })
    }

    /// Who is called now.
    pub fn route(&self) -> Option<&str> {
        self.route.as_deref()
    }

    /// When the next is called.
    pub fn deadline(&self) -> Option<Uptime> {
        self.deadline
    }

    /// Nobody answered, or somebody rejected: the next.
    pub fn step(&mut self, priority: Priority, policy: &SignalPolicy, now: Uptime) -> Stepped {
        (self.accepted, self.held) = (false, None);
        // Of physiological alerts alone there is a chain.
        let Some((place, step)) = policy.step_from(self.next, Kind::Physiological, priority) else {
            (self.deadline, self.unanswered) = (None, true);
            return Stepped::Unanswered;
        };
        (self.route, self.next) = (Some(step.to.clone()), place + 1);
        let following = policy.step_from(self.next, Kind::Physiological, priority);
        let waits = following.map_or(policy.signals.answer_within, |(_, following)| following.after);
        self.deadline = Some(now + waits);
        Stepped::Called { raise_priority: step.raise_priority }
    }

    /// Somebody has taken responsibility: the next is called only if nobody acknowledges for long.
    pub fn accept(&mut self, policy: &SignalPolicy, now: Uptime) {
        (self.accepted, self.unanswered) = (true, false);
        self.held = self.held.map(|_| policy.signals.accepted_holds);
        self.deadline = self.held.is_none().then(|| now + policy.signals.accepted_holds);
    }

    /// Holds the time while nothing is to be heard of the alert, or lets it go on.
    pub fn hold(&mut self, hold: bool, now: Uptime) {
        match (hold, self.deadline, self.held) {
            (true, Some(deadline), None) => {
                (self.deadline, self.held) = (None, Some(deadline.since(now).max(Span::ZERO)));
            }
            (false, None, Some(left)) => (self.deadline, self.held) = (Some(now + left), None),
            (true | false, Some(_) | None, Some(_) | None) => {}
        }
    }

    /// Gives up what is due, which failed.
    pub fn drop_timer(&mut self, due: Uptime) {
        self.deadline.take_if(|deadline| *deadline <= due);
    }

    /// Moves what was noted on the uptime clock by `by`.
    pub fn shift(&mut self, by: Span) {
        self.deadline = self.deadline.map(|deadline| deadline + by);
    }
}
