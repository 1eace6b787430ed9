//! How many readings a device sends within one second of their own time.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

/// The second of the newest reading, and how many there were in it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadingRate {
    second: i64,
    in_second: u32,
}

impl ReadingRate {
    /// So many readings within this second.
    pub fn of(second: i64, in_second: u32) -> Self {
        Self { second, in_second }
    }

    /// Counts a reading of this judged time: whether there were more than `most` within its second.
    pub fn exceeds(&mut self, most: u32, at: Timestamp) -> bool {
        let second = at.unix_ms().div_euclid(1000);
        if second == self.second {
            self.in_second += 1;
        } else {
            (self.second, self.in_second) = (second, 1);
        }
        self.in_second > most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_readings_within_a_second_than_allowed_are_a_flood_and_a_backlog_is_none() {
        let mut rate = ReadingRate::default();
        let floods: Vec<_> = (0..4).map(|n| rate.exceeds(3, Timestamp::from_unix_ms(n))).collect();
        assert_eq!(floods, [false, false, false, true]);
        assert!(!(1..100).any(|n| rate.exceeds(3, Timestamp::from_unix_ms(n * 1000))));
    }
}
