//! What waits for its commit before consumers get it: decided without I/O, on running time.

use std::collections::VecDeque;
use std::time::Duration;

use wardwatch_actors::clock::Timestamp;

use super::Emission;

/// Emissions in the order of their arrival, until the commit of their number.
#[derive(Default)]
pub struct Uncommitted {
    waiting: VecDeque<Waiting>,
}

struct Waiting {
    number: u64,
    /// In running time.
    arrived: Duration,
    emission: Emission,
}

impl Waiting {
    /// Whether it has a change or a score that no consumer has got.
    fn is_unpublished(&self) -> bool {
        !self.emission.changes.is_empty() || !self.emission.scores.is_empty()
    }

    /// Its changes and scores; the state, which is retained, and the receipt still wait for the commit.
    fn take_before_commit(&mut self) -> Emission {
        let Emission { subject, at, changes, scores, receipt, .. } = &mut self.emission;
        let (changes, scores) = (std::mem::take(changes), std::mem::take(scores));
        let (state, replies, receipt) = (None, Vec::new(), receipt.clone());
        Emission { subject: subject.clone(), at: *at, changes, scores, state, replies, receipt }
    }
}

impl Uncommitted {
    /// This waits for the commit of `number`.
    pub fn push(&mut self, number: u64, arrived: Duration, emission: Emission) {
        self.waiting.push_back(Waiting { number, arrived, emission });
    }

    /// Everything up to this number is committed: what waited for that, in order.
    pub fn committed(&mut self, upto: u64) -> Vec<Emission> {
        let mut emissions = Vec::new();
        while let Some(waiting) = self.waiting.pop_front_if(|waiting| waiting.number <= upto) {
            emissions.push(waiting.emission);
        }
        emissions
    }

    /// Nothing waits for its commit any more: all of it, in order.
    pub fn release_all(&mut self) -> Vec<Emission> {
        self.waiting.drain(..).map(|waiting| waiting.emission).collect()
    }

    /// What has waited since `before` or longer goes out before its commit.
    pub fn overdue(&mut self, before: Duration) -> Vec<Emission> {
        let late = self.waiting.iter_mut().take_while(|waiting| waiting.arrived <= before);
        late.filter(|waiting| waiting.is_unpublished()).map(Waiting::take_before_commit).collect()
    }

    /// When the oldest came, in running time and by the wall clock.
    pub fn oldest(&self) -> Option<(Duration, Timestamp)> {
        self.waiting.front().map(|waiting| (waiting.arrived, waiting.emission.at))
    }

    /// When the oldest came of which consumers should hear before long.
    pub fn oldest_unpublished(&self) -> Option<Duration> {
        self.waiting.iter().find(|waiting| waiting.is_unpublished()).map(|waiting| waiting.arrived)
    }
}
