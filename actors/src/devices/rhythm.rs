//! How often a vital sign comes, and after how long without it its silence is told.

use serde::{Deserialize, Serialize};

use crate::clock::Span;

/// No vital is called silent sooner.
pub const SHORTEST_SILENCE: Span = Span::from_secs(20);

/// Values that come less often than this are spot checks, whose absence says nothing.
const SPOT_CHECK: Span = Span::from_mins(15);

/// How many intervals must be known: those between four readings.
const INTERVALS_KNOWN: usize = 3;

/// The last eight intervals between the values of one vital sign.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rhythm {
    intervals_ms: [u32; 8],
    /// How many have been noted; the place of the next is this, modulo eight.
    noted: u8,
}

impl Rhythm {
    /// Notes that a value came `interval` after the one before; what is not later is no interval.
    pub fn note(&mut self, interval: Span) {
        let Ok(ms @ 1..) = u32::try_from(interval.as_ms()) else { return };
        self.intervals_ms[usize::from(self.noted % 8)] = ms;
        // Beyond eight the count only turns in a circle; it must stay eight or more.
        self.noted = if self.noted == 15 { 8 } else { self.noted + 1 };
    }

    /// After how long without a value its silence is told: 20 s, or three times the median interval.
    ///
    /// None while fewer than four readings are known, and for spot checks.
    pub fn silent_after(&self) -> Option<Span> {
        let known = usize::from(self.noted).min(8);
        if known < INTERVALS_KNOWN {
            return None;
        }
        let mut intervals = self.intervals_ms;
        let intervals = &mut intervals[..known];
        if intervals.iter().all(|ms| i64::from(*ms) * 3 <= SHORTEST_SILENCE.as_ms()) {
            return Some(SHORTEST_SILENCE);
        }
        intervals.sort_unstable();
        let median = i64::from(intervals[(known - 1) / 2]) + i64::from(intervals[known / 2]);
        let median = Span::from_ms(median / 2);
        if median > SPOT_CHECK {
            return None;
        }
        Some(Span::from_ms(median.as_ms() * 3).max(SHORTEST_SILENCE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn silent_after(intervals_s: &[i64]) -> Option<i64> {
        let mut rhythm = Rhythm::default();
        for seconds in intervals_s {
            rhythm.note(Span::from_secs(*seconds));
        }
        rhythm.silent_after().map(|span| span.as_ms() / 1000)
    }

    #[test]
    fn silence_is_three_times_the_median_interval_and_at_least_20_s() {
        assert_eq!(silent_after(&[1, 1, 1]), Some(20));
        assert_eq!(silent_after(&[60, 60, 60]), Some(180));
        assert_eq!(silent_after(&[60, 60, 60, 3600]), Some(180));
        assert_eq!(silent_after(&[10, 20, 30, 40]), Some(75));
    }

    #[test]
    fn three_readings_are_too_few_to_know() {
        assert_eq!(silent_after(&[1, 1]), None);
    }

    #[test]
    fn what_comes_every_20_minutes_is_a_spot_check() {
        assert_eq!(silent_after(&[1200, 1200, 1200, 1200]), None);
        assert_eq!(silent_after(&[900, 900, 900]), Some(2700));
    }

    #[test]
    fn only_the_last_eight_intervals_count() {
        let mut intervals = vec![60; 20];
        intervals.extend([1; 8]);
        assert_eq!(silent_after(&intervals), Some(20));
    }
}
