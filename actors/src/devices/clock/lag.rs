//! The lag of a device: by how much less than the arrival its stamps say, where nothing was delayed.
//!
//! It is measured on our uptime clock, which no step of the wall clock moves: the delay of a reading is its
//! arrival there less its stamp, a large number whose differences alone mean something.

use serde::{Deserialize, Serialize};

use crate::clock::{Now, Span, Timestamp, Uptime};

/// How many delays are remembered; the smallest is the lag.
pub const REMEMBERED: usize = 16;

/// The delay of a reading: arrival less stamp.
pub fn delay(arrival: Uptime, stamp: Timestamp) -> Span {
    Span::from_ms(arrival.as_ms()) - Span::from_ms(stamp.unix_ms())
}

/// The delay of a stamp that says exactly what our wall clock says.
pub fn delay_of_wall(now: Now) -> Span {
    delay(now.uptime, now.wall)
}

/// When a reading of this stamp was measured, by this lag.
pub fn measured(stamp: Timestamp, lag: Span) -> Uptime {
    Uptime::from_ms(stamp.unix_ms()) + lag
}

/// Whether delays fell by at least half of the time that passed: something is being caught up.
pub fn catches_up(fell: Span, passed: Span) -> bool {
    fell > Span::ZERO && fell * 2 >= passed
}

/// The delays of the last 16 live readings of a device.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(from = "Vec<Span>", into = "Vec<Span>")]
pub struct Delays {
    last: [Span; REMEMBERED],
    /// How many have been noted; the place of the next is this, modulo sixteen.
    noted: u8,
}

impl Delays {
    /// One alone.
    pub fn only(delay: Span) -> Self {
        let mut delays = Self::default();
        delays.note(delay);
        delays
    }

    /// Notes the delay of a live reading.
    pub fn note(&mut self, delay: Span) {
        let place = usize::from(self.noted) % REMEMBERED;
        self.last[place] = delay;
        // Beyond sixteen the count only turns in a circle; it must stay sixteen or more.
        self.noted = if usize::from(self.noted) == 2 * REMEMBERED - 1 { 16 } else { self.noted + 1 };
    }

    /// The smallest: the lag. None before the first.
    pub fn lag(&self) -> Option<Span> {
        self.known().iter().min().copied()
    }

    /// How many are known.
    pub fn count(&self) -> usize {
        self.known().len()
    }

    /// By how much they differ.
    pub fn spread(&self) -> Span {
        let most = self.known().iter().max().copied();
        most.zip(self.lag()).map_or(Span::ZERO, |(most, least)| most - least)
    }

    /// Moves them by `by`: the clock that counts uptime started anew.
    pub fn shift(&mut self, by: Span) {
        let known = self.known().len();
        self.last[..known].iter_mut().for_each(|delay| *delay = *delay + by);
    }

    fn known(&self) -> &[Span] {
        &self.last[..usize::from(self.noted).min(REMEMBERED)]
    }
}

impl PartialEq for Delays {
    /// Where in the circle they stand makes no difference.
    fn eq(&self, other: &Self) -> bool {
        Vec::from(*self) == Vec::from(*other)
    }
}

impl Eq for Delays {}

impl From<Vec<Span>> for Delays {
    fn from(known: Vec<Span>) -> Self {
        let mut delays = Self::default();
        known.into_iter().for_each(|delay| delays.note(delay));
        delays
    }
}

impl From<Delays> for Vec<Span> {
    /// The oldest first.
    fn from(delays: Delays) -> Self {
        let (known, noted) = (delays.known(), usize::from(delays.noted));
        let oldest = if noted < REMEMBERED { 0 } else { noted % REMEMBERED };
        known[oldest..].iter().chain(&known[..oldest]).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(delays: impl IntoIterator<Item = i64>) -> Delays {
        delays.into_iter().map(Span::from_ms).collect::<Vec<_>>().into()
    }

    #[test]
    fn the_lag_is_the_smallest_of_the_last_sixteen() {
        assert_eq!(Delays::default().lag(), None);
        assert_eq!(of([7, 5, 9]).lag(), Some(Span::from_ms(5)));
        assert_eq!(of([1].into_iter().chain([9; 15])).lag(), Some(Span::from_ms(1)));
        assert_eq!(of([1].into_iter().chain([9; 16])).lag(), Some(Span::from_ms(9)));
        assert_eq!(of([7, 5, 9]).spread(), Span::from_ms(4));
    }

    #[test]
    fn they_are_written_and_read_in_their_order() {
        for count in [0, 3, 16, 20, 31, 32, 33, 50] {
            let (delays, first) = (of(0..count), (count - 16).max(0));
            let written = Vec::from(delays);
            assert_eq!(written, (first..count).map(Span::from_ms).collect::<Vec<_>>());
            assert_eq!(Delays::from(written).lag(), delays.lag());
        }
    }

    #[test]
    fn a_restart_moves_them_with_the_clock() {
        let mut delays = of([7, 5]);
        delays.shift(Span::from_ms(-100));
        assert_eq!(Vec::from(delays), [Span::from_ms(-93), Span::from_ms(-95)]);
    }
}
