//! Whether a device's clock is wrong: it is published, and decides nothing.

use serde::{Deserialize, Serialize};

use super::lag::Delays;
use crate::clock::{Span, Uptime};
use crate::settings::AlertSettings;

/// How long a clock must have been right to be published as.
const RIGHT_FOR: Span = Span::from_secs(60);

/// So many delays must be known to say that they agree: two entries by hand may be late by the same.
const AGREE: usize = 8;

/// In which direction a clock is off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Skew {
    Behind,
    Ahead,
}

/// What a device's lag against our wall clock says of its clock.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockFault {
    /// The lag against our wall clock; positive: behind ours.
    lag: Span,
    beyond_since: Option<Uptime>,
    right_since: Option<Uptime>,
    wrong: bool,
}

impl ClockFault {
    /// Of a clock of which this was known.
    pub fn known(lag: Span, wrong: bool) -> Self {
        Self { lag, wrong, ..Self::default() }
    }

    /// Notes the lag after a live reading: the least of these delays. Such as vary are no wrong clock.
    pub fn note(&mut self, lag: Span, delays: &Delays, now: Uptime, rules: &AlertSettings) {
        let allowed = rules.clock_tolerance + delays.spread();
        self.lag = lag;
        self.beyond_since = (lag.abs() > allowed).then(|| self.beyond_since.unwrap_or(now));
        self.right_since = (lag.abs() * 2 < allowed).then(|| self.right_since.unwrap_or(now));
        let lasted = |since: Option<Uptime>, span| since.is_some_and(|since| now.since(since) >= span);
        if lasted(self.beyond_since, rules.catch_up) && delays.count() >= AGREE {
            self.wrong = true;
        } else if lasted(self.right_since, RIGHT_FOR) {
            self.wrong = false;
        }
    }

    /// By how much the clock is wrong, if it is.
    pub fn off_by(&self) -> Option<Span> {
        self.wrong.then_some(self.lag)
    }

    /// In which direction it is off, known before it is published as wrong: it may be ours that is.
    pub fn skew(&self) -> Option<Skew> {
        self.beyond_since.map(|_| if self.lag > Span::ZERO { Skew::Behind } else { Skew::Ahead })
    }

    /// Moves what was noted on the uptime clock by `by`.
    pub fn shift(&mut self, by: Span) {
        self.beyond_since = self.beyond_since.map(|since| since + by);
        self.right_since = self.right_since.map(|since| since + by);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Notes (second, lag, spread); answers the seconds at which the clock was published as wrong.
    fn wrong_at(notes: impl IntoIterator<Item = (i64, i64, i64)>) -> Vec<i64> {
        let (mut fault, rules) = (ClockFault::default(), AlertSettings::default());
        let wrong = notes.into_iter().filter(|(at, lag, spread)| {
            fault.note(Span::from_secs(*lag), &delays(8, *spread), Uptime::from_ms(at * 1000), &rules);
            fault.off_by().is_some()
        });
        wrong.map(|(at, ..)| at).collect()
    }

    /// So many delays, the last of which is longer by so many seconds.
    fn delays(count: usize, spread: i64) -> Delays {
        let mut delays = vec![Span::ZERO; count];
        delays.push(Span::from_secs(spread));
        delays.split_off(1).into()
    }

    /// Seen to fail with one delay alone taken for the spread of many.
    #[test]
    fn a_few_delays_that_happen_to_agree_are_no_wrong_clock() {
        for (count, wrong) in [(1, false), (7, false), (8, true)] {
            let (mut fault, rules) = (ClockFault::default(), AlertSettings::default());
            for at in [0, 600] {
                fault.note(Span::from_mins(5), &delays(count, 0), Uptime::from_ms(at * 1000), &rules);
            }
            assert_eq!(fault.off_by().is_some(), wrong, "{count}");
        }
    }

    #[test]
    fn a_clock_is_wrong_once_its_lag_stayed_beyond_the_tolerance_for_ten_seconds() {
        assert_eq!(wrong_at((0..=12).map(|at| (at, 60, 0))), [10, 11, 12]);
        assert_eq!(wrong_at((0..=12).map(|at| (at, -6, 0))), [10, 11, 12]);
        assert_eq!(wrong_at((0..=12).map(|at| (at, 5, 0))), [0; 0]);
        assert_eq!(wrong_at([(0, 60, 0), (9, 0, 0), (10, 60, 0), (19, 60, 0)]), [0; 0]);
    }

    #[test]
    fn delays_that_vary_are_no_wrong_clock() {
        assert_eq!(wrong_at((0..=30).map(|at| (at, 20, 16))), [0; 0]);
        assert_eq!(wrong_at((0..=10).map(|at| (at, 20, 14))), [10]);
    }

    #[test]
    fn a_clock_is_right_again_after_a_minute_within_half_of_the_tolerance() {
        let wrong =
            |lag| wrong_at((0..=10).map(|at| (at, 60, 0)).chain((11..100).map(move |at| (at, lag, 0))));
        assert_eq!(wrong(2), (10..=70).collect::<Vec<_>>());
        assert_eq!(wrong(3).last(), Some(&99));
    }

    #[test]
    fn its_direction_is_known_at_once() {
        let mut fault = ClockFault::default();
        for (lag, skew) in [(60, Some(Skew::Behind)), (-60, Some(Skew::Ahead)), (4, None)] {
            fault.note(Span::from_secs(lag), &delays(8, 0), Uptime::START, &AlertSettings::default());
            assert_eq!(fault.skew(), skew);
        }
    }
}
