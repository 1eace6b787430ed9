//! A device's own count of its readings.

use serde::{Deserialize, Serialize};

use crate::vitals::Reading;

/// The last count of a device that sends nothing else by which its readings are distinguished.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    last: Option<u64>,
    /// How often it has started anew.
    generation: u32,
}

impl Count {
    /// Notes a reading; answers how often the count has started anew until then.
    ///
    /// Where a time is sent it distinguishes one reading from another, and the count need not.
    pub fn note(&mut self, reading: &Reading) -> u32 {
        let Some(seq) = reading.seq.filter(|_| reading.observed_at.is_none()) else { return 0 };
        if self.last.is_some_and(|last| seq <= last) {
            self.generation += 1;
        }
        self.last = Some(seq);
        self.generation
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;

    #[test]
    fn a_count_that_does_not_go_up_has_started_anew() {
        let mut count = Count::default();
        let mut note = |seq| {
            let mut reading = Reading::empty(Timestamp::from_unix_ms(0));
            reading.seq = seq;
            count.note(&reading)
        };
        let counted = [Some(5), Some(6), Some(9), Some(1), Some(2), None, Some(3), Some(1)].map(&mut note);
        assert_eq!(counted, [0, 0, 0, 1, 1, 0, 1, 2]);
    }
}
