//! A clock that goes on beside a backlog: a device that was set back sends what it kept between what it measures.

use serde::{Deserialize, Serialize};

use super::catch_up::KeptArrival;
use super::lag::{self, Delays};
use super::stamps::Stamp;
use crate::clock::{Span, Uptime};

/// Kept readings that a drain interrupted, and those that went on where they stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parallel {
    /// From when on the time counts after which it is the clock that holds.
    counts_from: Uptime,
    /// The delay with which it began.
    delay: Span,
    delays: Delays,
    newest: Stamp,
    went_on: bool,
}

impl Parallel {
    /// Of what began with this delay, and may be going on.
    pub fn begun(counts_from: Uptime, delay: Span, delays: Delays, newest: Stamp) -> Self {
        Self { counts_from, delay, delays, newest, went_on: false }
    }

    /// Takes a reading that goes on where it stood; whether this one does, and is not catching up.
    pub fn take(&mut self, kept: KeptArrival, live_within: Span, coarse: Span) -> bool {
        let (fell, passed) = (self.delay - kept.delay - coarse, kept.arrival.since(self.counts_from));
        let catches_up = lag::catches_up(fell, passed);
        let is_near = (kept.delay - self.delay).abs() <= live_within;
        let goes_on = is_near && !catches_up && kept.time >= self.newest.time;
        if goes_on {
            self.went_on = true;
            self.newest = Stamp::newest(Some(self.newest), kept.time, kept.arrival);
            self.delays.note(kept.delay);
        }
        goes_on
    }

    /// Whether it went on at all.
    pub const fn went_on(&self) -> bool {
        self.went_on
    }

    /// When it is the clock that holds, if it went on.
    pub fn deadline(&self, catch_up: Span) -> Option<Uptime> {
        self.went_on.then(|| self.counts_from + catch_up)
    }

    /// Its delays and its newest stamp.
    pub const fn clock(&self) -> (Delays, Stamp) {
        (self.delays, self.newest)
    }

    /// What could not be heard does not count.
    pub fn count_from(&mut self, hearing_since: Uptime) {
        self.counts_from = self.counts_from.max(hearing_since);
    }

    /// Moves what was noted on the uptime clock by `by`.
    pub fn shift(&mut self, by: Span) {
        (self.counts_from, self.delay) = (self.counts_from + by, self.delay + by);
        self.delays.shift(by);
        self.newest.shift(by);
    }
}
