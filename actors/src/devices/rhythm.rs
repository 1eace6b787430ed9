//! How often a device sends one vital sign, counted on live arrivals, and after how long its silence is an alert.

use serde::{Deserialize, Serialize};

use crate::clock::{Span, Uptime};

/// No vital is called silent sooner.
pub const SHORTEST_SILENCE: Span = Span::from_secs(20);

/// Values that come less often than this are spot checks, whose absence says nothing.
const SPOT_CHECK: Span = Span::from_mins(15);

/// What comes within this of one arrival is part of it: an array, or a minute of readings sent at once.
///
/// Below a sixth of the shortest silence, so that no device is called silent later for it.
const ONE_ARRIVAL: Span = Span::from_secs(3);

/// So many readings must be known before silence is an alert.
const READINGS_KNOWN: u8 = 4;

/// How many intervals are remembered.
const INTERVALS: usize = 8;

/// When one vital sign of one device came, and how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rhythm {
    /// When it last came.
    heard: Uptime,
    /// The arrival from which the next interval counts.
    counted: Uptime,
    /// How many readings are known, up to 255.
    readings: u8,
    intervals_ms: [u32; INTERVALS],
    /// How many have been noted; the place of the next is this, modulo eight.
    noted: u8,
}

impl Rhythm {
    /// It came for the first time.
    pub const fn begun(now: Uptime) -> Self {
        Self { heard: now, counted: now, readings: 1, intervals_ms: [0; INTERVALS], noted: 0 }
    }

    /// What an older memory knew: when it last came, and the intervals before.
    pub const fn known(heard: Uptime, intervals_ms: [u32; INTERVALS], noted: u8) -> Self {
        Self { heard, counted: heard, readings: noted.saturating_add(1), intervals_ms, noted }
    }

    /// It came again. An interval in which we could not hear is none. What is noted late changes nothing.
    pub fn hear(&mut self, now: Uptime, listening_since: Uptime) {
        if now < self.heard {
            return;
        }
        self.heard = now;
        let interval = now.since(self.counted);
        if interval < ONE_ARRIVAL {
            self.readings = self.readings.saturating_add(1);
            return;
        }
        let was_silent = self.silent_after().is_some_and(|span| interval > span);
        let could_hear = self.counted >= listening_since;
        if could_hear && was_silent && interval > SPOT_CHECK && usize::from(self.noted) < INTERVALS {
            // A few readings in a row, and then one after hours: they were no rhythm.
            *self = Self::begun(now);
        }
        self.counted = now;
        self.readings = self.readings.saturating_add(1);
        if could_hear {
            self.note(interval);
        }
    }

    /// When it last came.
    pub const fn heard(&self) -> Uptime {
        self.heard
    }

    /// After how long without it its silence is an alert: 20 s, or three times the median interval.
    ///
    /// None while fewer than four readings are known, and for spot checks.
    pub fn silent_after(&self) -> Option<Span> {
        let known = self.intervals_known();
        if self.readings < READINGS_KNOWN || known == 0 {
            return None;
        }
        if self.intervals_ms[..known].iter().all(|ms| i64::from(*ms) * 3 <= SHORTEST_SILENCE.as_ms()) {
            return Some(SHORTEST_SILENCE);
        }
        let median = self.median();
        (median <= SPOT_CHECK).then(|| (median * 3).max(SHORTEST_SILENCE))
    }

    /// Whether it is known to come less often than every 15 min.
    pub fn is_spot_check(&self) -> bool {
        self.round().is_some()
    }

    /// Its usual interval, where it is known and that of spot checks.
    pub fn round(&self) -> Option<Span> {
        let known = &self.intervals_ms[..self.intervals_known()];
        let may_be = known.iter().any(|ms| i64::from(*ms) > SPOT_CHECK.as_ms());
        may_be.then(|| self.median()).filter(|median| *median > SPOT_CHECK)
    }

    /// Its usual interval, once it is known as silence would be.
    pub fn interval(&self) -> Option<Span> {
        (self.intervals_known() >= usize::from(READINGS_KNOWN)).then(|| self.median())
    }

    /// Whether it came once, so that no interval is known.
    pub fn is_new(&self) -> bool {
        self.intervals_known() == 0
    }

    /// Moves what was noted on the uptime clock by `by`: that clock started anew.
    pub fn shift(&mut self, by: Span) {
        (self.heard, self.counted) = (self.heard + by, self.counted + by);
    }

    fn note(&mut self, interval: Span) {
        let ms = u32::try_from(interval.as_ms()).unwrap_or(u32::MAX);
        self.intervals_ms[usize::from(self.noted) % INTERVALS] = ms;
        // Beyond eight the count only turns in a circle; it must stay eight or more.
        self.noted = if self.noted == 15 { 8 } else { self.noted + 1 };
    }

    fn intervals_known(&self) -> usize {
        usize::from(self.noted).min(INTERVALS)
    }

    fn median(&self) -> Span {
        let known = self.intervals_known();
        let mut intervals = self.intervals_ms;
        let intervals = &mut intervals[..known];
        intervals.sort_unstable();
        Span::from_ms((i64::from(intervals[(known - 1) / 2]) + i64::from(intervals[known / 2])) / 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What came at these moments, in milliseconds.
    fn rhythm(arrivals_ms: impl IntoIterator<Item = i64>) -> Rhythm {
        let mut arrivals = arrivals_ms.into_iter().map(Uptime::from_ms);
        let mut rhythm = Rhythm::begun(arrivals.next().unwrap());
        arrivals.for_each(|now| rhythm.hear(now, Uptime::START));
        rhythm
    }

    /// After how many seconds without it it is silent, where it came at these intervals.
    fn silent_after(intervals_s: &[i64]) -> Option<i64> {
        let mut now = 0;
        let arrivals = intervals_s.iter().map(|interval| {
            now += interval * 1000;
            now
        });
        rhythm([0].into_iter().chain(arrivals)).silent_after().map(|span| span.as_ms() / 1000)
    }

    #[test]
    fn silence_is_three_times_the_median_interval_and_at_least_20_s() {
        assert_eq!(silent_after(&[1, 1, 1]), Some(20));
        assert_eq!(silent_after(&[6, 6, 6]), Some(20));
        assert_eq!(silent_after(&[60, 60, 60]), Some(180));
        assert_eq!(silent_after(&[60, 60, 60, 600]), Some(180));
        assert_eq!(silent_after(&[10, 20, 30, 40]), Some(75));
    }

    /// Seen to fail with the readings not counted.
    #[test]
    fn three_readings_are_too_few_to_know() {
        assert_eq!(silent_after(&[1, 1]), None);
        assert_eq!(silent_after(&[60, 60]), None);
    }

    #[test]
    fn what_comes_every_20_minutes_is_a_spot_check() {
        assert_eq!(silent_after(&[1200, 1200, 1200, 1200]), None);
        assert_eq!(silent_after(&[900, 900, 900]), Some(2700));
    }

    #[test]
    fn only_the_last_eight_intervals_count() {
        let mut intervals = vec![60; 20];
        intervals.extend([5; 8]);
        assert_eq!(silent_after(&intervals), Some(20));
    }

    /// Seen to fail with each reading counted as an arrival of its own.
    #[test]
    fn a_minute_of_readings_at_once_is_one_arrival() {
        let in_arrays = (0..4).flat_map(|minute| (0..60).map(move |_| minute * 60_000));
        assert_eq!(rhythm(in_arrays).silent_after(), Some(Span::from_secs(180)));
        let one_by_one = (0..4).flat_map(|minute| (0..60).map(move |n| minute * 60_000 + n * 10));
        assert_eq!(rhythm(one_by_one).silent_after(), Some(Span::from_secs(180)));
    }

    /// Seen to fail with the interval of four hours noted as any other: 20 s after each, it was called silent.
    #[test]
    fn four_readings_in_a_row_and_then_one_in_four_hours_are_no_rhythm() {
        assert_eq!(silent_after(&[1, 1, 1, 14_400]), None);
        assert_eq!(silent_after(&[1, 1, 1, 14_400, 14_400, 14_400]), None);
        assert_eq!(silent_after(&[300, 300, 300, 14_400]), None);
        assert!(rhythm([0, 1000, 2000, 3000, 14_400_000]).is_spot_check());
    }

    /// Seen to fail with every long gap taken for the end of a rhythm.
    #[test]
    fn a_monitor_that_was_away_for_an_hour_is_watched_again_from_its_first_reading_on() {
        let mut intervals = vec![5; 8];
        intervals.push(3600);
        assert_eq!(silent_after(&intervals), Some(20));
    }

    /// Seen to fail with the interval noted.
    #[test]
    fn a_gap_in_which_we_could_not_hear_is_no_interval() {
        let mut rhythm = rhythm([0, 60_000, 120_000, 180_000]);
        let hears_again = Uptime::from_ms(10_000_000);
        rhythm.hear(hears_again + Span::from_secs(1), hears_again);
        assert_eq!(rhythm.silent_after(), Some(Span::from_secs(180)));
    }
}
