//! For how long what a device sends of each vital sign may be withheld: the bound that no clock moves.
//!
//! Whether kept readings are a backlog or a wrong clock, [`clock`](super::clock) finds out; some clocks never let it. A
//! backlog that is drained catches up: its delays fall by at least half of the time that passes. What does not, for as
//! long as a catch-up may take, is published rather than withheld: from then on its arrival counts, as if it had no time.

use serde::{Deserialize, Serialize};

use super::clock::lag::catches_up;
use super::clock::{BACKLOG_FELL, Parts};
use crate::clock::{Span, Uptime};

/// For so long what counts by its arrival may be old all the same, and ends nothing.
const DOUBTED_FOR: Span = Span::from_mins(5);

/// What came of a device without being live, for each part of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Withheld(Vec<Stretch>);

/// One part that comes, and has not been live since.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Stretch {
    part: usize,
    /// From when on the time counts: when its delay was the least so far, and had fallen as a backlog's does.
    counts_from: Uptime,
    least: Span,
    /// The delay with which it began.
    first: Span,
    last: Uptime,
    last_delay: Span,
    /// Its stamps have gone on, and not only back as those of a backlog do that comes newest first.
    goes_on: bool,
    /// For how long it may last.
    at_most: Span,
    /// It has paused once as a backlog does, which is not taken for one again.
    paused: bool,
    /// Since then its arrival counts.
    released: Option<Uptime>,
    /// It has turned its device's clock, and has yet to come again.
    turned: bool,
    /// It did so before, which did not make it live.
    turned_before: bool,
}

impl Withheld {
    /// These came live.
    pub fn note_live(&mut self, parts: Parts) {
        if !self.0.is_empty() {
            let live = |stretch: &Stretch| parts.places().any(|place| place == stretch.part);
            self.0.retain(|stretch| !live(stretch));
        }
    }

    /// Takes what came and is kept, with the arrival less the stamp; answers what has been withheld for long enough.
    ///
    /// `at_most` says how long that is for a part that begins; `pause` how long what then goes on has paused.
    pub fn take(
        &mut self,
        parts: Parts,
        (arrival, delay): (Uptime, Span),
        pause: Span,
        at_most: impl Fn(usize) -> Span,
    ) -> Parts {
        parts.filter(|part| {
            let Some(stretch) = self.0.iter_mut().find(|stretch| stretch.part == part) else {
                self.0.push(Stretch::begun(part, arrival, delay, at_most(part)));
                return false;
            };
            stretch.go_on(arrival, delay, pause);
            stretch.is_released(arrival)
        })
    }

    /// Whether some of these may be old all the same: not for long enough has their arrival counted.
    pub fn is_doubted(&self, parts: Parts, arrival: Uptime) -> bool {
        let lasted = |released: Option<Uptime>| released.map_or(Span::ZERO, |since| arrival.since(since));
        let of_these = self.0.iter().filter(|stretch| parts.places().any(|place| place == stretch.part));
        of_these.map(|stretch| lasted(stretch.released)).any(|lasted| lasted < DOUBTED_FOR)
    }

    /// Its device's clock was found to have been set back: what comes next is live, and if not it begins anew, once.
    pub fn note_turned(&mut self) {
        self.0.iter_mut().for_each(|stretch| stretch.turned = !stretch.turned_before);
    }

    /// What could not be heard does not count.
    pub fn count_from(&mut self, hearing_since: Uptime) {
        for stretch in &mut self.0 {
            stretch.counts_from = stretch.counts_from.max(hearing_since);
            stretch.last = stretch.last.max(hearing_since);
        }
    }

    /// Moves what was noted on the uptime clock by `by`: that clock started anew.
    pub fn shift(&mut self, by: Span) {
        for stretch in &mut self.0 {
            (stretch.counts_from, stretch.last) = (stretch.counts_from + by, stretch.last + by);
            (stretch.least, stretch.first) = (stretch.least + by, stretch.first + by);
            stretch.last_delay = stretch.last_delay + by;
            stretch.released = stretch.released.map(|since| since + by);
        }
    }
}

impl Stretch {
    const fn begun(part: usize, arrival: Uptime, delay: Span, at_most: Span) -> Self {
        Self {
            part,
            counts_from: arrival,
            least: delay,
            first: delay,
            last: arrival,
            last_delay: delay,
            goes_on: false,
            at_most,
            paused: false,
            released: None,
            turned: false,
            turned_before: false,
        }
    }

    fn is_released(&mut self, arrival: Uptime) -> bool {
        let is_due = arrival.since(self.counts_from) >= self.at_most;
        self.released = if is_due { self.released.or(Some(arrival)) } else { None };
        is_due
    }

    fn go_on(&mut self, arrival: Uptime, delay: Span, pause: Span) {
        let goes_back = delay - self.last_delay > arrival.since(self.last);
        // Readings of one message are one arrival, as old as the newest of them.
        self.goes_on |= !goes_back && arrival > self.last;
        if self.turned || !self.goes_on {
            let turned_before = self.turned || self.turned_before;
            *self = Self { turned_before, ..Self::begun(self.part, arrival, delay, self.at_most) };
            return;
        }
        let (fell, passed) = (self.least - delay, arrival.since(self.counts_from));
        let pauses =
            !self.paused && arrival.since(self.last) >= pause && self.first - self.least > BACKLOG_FELL;
        if pauses || catches_up(fell, passed) {
            (self.counts_from, self.least) = (arrival, delay);
            self.paused |= pauses;
        }
        (self.last, self.last_delay) = (arrival, delay);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::vitals::{Reading, Vital};

    fn parts(vitals: &[Vital]) -> Parts {
        let mut reading = Reading::empty(Timestamp::from_unix_ms(0));
        vitals.iter().for_each(|vital| reading.not_measured.insert(*vital));
        Parts::of(&reading)
    }

    /// Heart rates that arrive at these seconds with these delays: at which they are withheld no longer than 15 s.
    fn released_at(kept: impl IntoIterator<Item = (i64, i64)>) -> Vec<i64> {
        let mut withheld = Withheld::default();
        let heart_rate = parts(&[Vital::HeartRate]);
        let released = kept.into_iter().filter(|(at, delay)| {
            let (arrival, delay) = (Uptime::from_ms(at * 1000), Span::from_secs(*delay));
            let at_most = |_| Span::from_secs(15);
            !withheld.take(heart_rate, (arrival, delay), Span::from_secs(10), at_most).is_empty()
        });
        released.map(|(at, _)| at).collect()
    }

    #[test]
    fn whatever_a_clock_says_its_arrival_counts_after_a_while() {
        let nothing_before = |delay: fn(i64) -> i64| released_at((0..20).map(|at| (at, delay(at))));
        let from_15 = [15, 16, 17, 18, 19];
        assert_eq!(nothing_before(|_| 3600), from_15, "set back");
        assert_eq!(nothing_before(|at| 31 * (at / 5)), from_15, "back again and again");
        // From the first stamp that goes on: until then it could be a backlog that comes newest first.
        assert_eq!(nothing_before(|at| 3600 * (1 + at % 3)), [18, 19], "three clocks");
        assert_eq!(
            nothing_before(|at| 3600 - at * 2 / 5),
            from_15,
            "a drain slower than 1.5 times real time"
        );
        assert_eq!(
            released_at((0..4).map(|minute| (60 * minute, 60 * minute))),
            [60, 120, 180],
            "once a minute"
        );
    }

    #[test]
    fn what_catches_up_is_withheld_until_it_has() {
        assert_eq!(released_at((0..1000).map(|at| (at, 3600 - at / 2 - at % 2))), [0; 0]);
        assert_eq!(released_at((0..100).map(|at| (at, 3600 - 9 * at))), [0; 0]);
    }

    #[test]
    fn what_comes_newest_first_is_a_backlog() {
        assert_eq!(released_at((0..100).map(|at| (at, 3600 + 2 * at))), [0; 0]);
        assert_eq!(released_at((0..200).map(|n| (n / 2, 3600 + 2 * (n / 2)))), [0; 0], "two of each message");
    }

    #[test]
    fn a_backlog_may_pause_once() {
        let drained = |from: i64, delay: i64| (0..8).map(move |n| (from + n, delay - 20 * n));
        let once = drained(0, 3600).chain(drained(30, 3490));
        assert_eq!(released_at(once.clone()), [0; 0]);
        assert_eq!(released_at(once.chain(drained(60, 3373))).first(), Some(&60));
    }

    #[test]
    fn what_turned_a_clock_begins_anew_once() {
        let mut withheld = Withheld::default();
        let heart_rate = parts(&[Vital::HeartRate]);
        let mut ends = Vec::new();
        for at in (0..6).map(|n| 140 * n) {
            let came = (Uptime::from_ms(at * 1000), Span::from_secs(40 + at / 2));
            ends.push(withheld.take(heart_rate, came, Span::from_secs(10), |_| Span::from_secs(15)));
            withheld.note_turned();
        }
        assert_eq!(ends, [Parts::NONE, Parts::NONE, heart_rate, heart_rate, heart_rate, heart_rate]);
        assert!(withheld.is_doubted(heart_rate, Uptime::from_ms(570_000)));
        assert!(!withheld.is_doubted(heart_rate, Uptime::from_ms(580_000)));
    }

    #[test]
    fn what_was_live_since_or_could_not_be_heard_does_not_count() {
        let mut withheld = Withheld::default();
        let both = parts(&[Vital::HeartRate, Vital::Temperature]);
        let take = |withheld: &mut Withheld, at: i64| {
            let came = (Uptime::from_ms(at * 1000), Span::from_secs(3600));
            withheld.take(both, came, Span::from_secs(10), |_| Span::from_secs(15))
        };
        assert_eq!(take(&mut withheld, 0), Parts::NONE);
        withheld.note_live(parts(&[Vital::HeartRate]));
        assert_eq!(take(&mut withheld, 15), parts(&[Vital::Temperature]));
        withheld.count_from(Uptime::from_ms(20_000));
        assert_eq!(take(&mut withheld, 30), Parts::NONE);
        assert_eq!(take(&mut withheld, 35), both);
        withheld.shift(Span::from_secs(-20));
        let came = (Uptime::from_ms(15_000), Span::from_secs(3580));
        assert_eq!(withheld.take(both, came, Span::from_secs(10), |_| Span::from_secs(15)), both);
    }
}
