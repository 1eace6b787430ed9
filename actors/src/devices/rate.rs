//! How many readings a device sends within one second, by the time as judged and by its stamps.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

/// The second of the newest reading, and how many there were in it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadingRate {
    second: i64,
    /// The second of its stamp, where it has one.
    #[serde(default)]
    stamped: i64,
    in_second: u32,
}

impl ReadingRate {
    /// So many readings within this second.
    pub fn of(second: i64, in_second: u32) -> Self {
        Self { second, stamped: second, in_second }
    }

    /// Counts a reading of this judged time and stamp: whether there were more than `most` within its second.
    ///
    /// A buffer that is emptied at once is no flood, whether it is taken for live or not; nor is a stamp that stands
    /// still.
    pub fn exceeds(&mut self, most: u32, at: Timestamp, stamp: Option<Timestamp>) -> bool {
        let of = |time: Timestamp| time.unix_ms().div_euclid(1000);
        let seconds = (of(at), of(stamp.unwrap_or(at)));
        if seconds == (self.second, self.stamped) {
            self.in_second += 1;
        } else {
            (self.second, self.stamped, self.in_second) = (seconds.0, seconds.1, 1);
        }
        self.in_second > most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_readings_within_a_second_than_allowed_are_a_flood_and_a_backlog_is_none() {
        let at = Timestamp::from_unix_ms;
        for stamp in [None, Some(at(7))] {
            let mut rate = ReadingRate::default();
            let floods: Vec<_> = (0..4).map(|n| rate.exceeds(3, at(n), stamp)).collect();
            assert_eq!(floods, [false, false, false, true]);
        }
        let mut rate = ReadingRate::default();
        assert!(!(1..100).any(|n| rate.exceeds(3, at(n * 1000), None)));
    }

    /// Seen to fail with the judged time alone: a clock that runs ahead is judged live however fast it comes.
    #[test]
    fn a_buffer_that_is_emptied_at_once_is_no_flood_though_it_is_taken_for_live() {
        let (mut rate, at) = (ReadingRate::default(), Timestamp::from_unix_ms);
        assert!(!(0..100).any(|n| rate.exceeds(3, at(5000), Some(at(n * 1000)))));
        assert!(!(0..100).any(|n| rate.exceeds(3, at(n * 1000), Some(at(5000)))));
    }
}
