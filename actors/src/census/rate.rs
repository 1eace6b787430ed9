//! How fast readings come, by their arrival: whatever times they claim.

use crate::clock::Uptime;

/// One second, in the microseconds in which arrivals are counted.
const SECOND_US: i64 = 1_000_000;

/// A rate that is kept to, in one number: when the readings so far would all have come, had they come evenly.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct ArrivalRate {
    spent_until_us: i64,
}

impl ArrivalRate {
    /// Counts a reading that comes at `now`, unless there were more than `most` within a second.
    pub fn keeps_to(&mut self, most: u32, now: Uptime) -> bool {
        let next = self.after(most, now);
        let keeps = next <= now.as_ms() * 1000 + SECOND_US;
        if keeps {
            self.spent_until_us = next;
        }
        keeps
    }

    fn after(&self, most: u32, now: Uptime) -> i64 {
        self.spent_until_us.max(now.as_ms() * 1000) + SECOND_US / i64::from(most.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of the readings at these milliseconds keep to 5 a second.
    fn kept(readings: impl IntoIterator<Item = i64>) -> usize {
        let mut rate = ArrivalRate::default();
        readings.into_iter().filter(|ms| rate.keeps_to(5, Uptime::from_ms(*ms))).count()
    }

    #[test]
    fn so_many_a_second_keep_to_the_rate_and_so_many_may_come_at_once() {
        assert_eq!(kept([10_000; 100]), 5);
        assert_eq!(kept((10_000..20_000).step_by(200)), 50);
        assert_eq!(kept(10_000..20_000), 5 + 49);
        assert_eq!(kept([0; 9].into_iter().chain([1000; 9])), 10);
    }
}
