//! What a device sent lately, by which a repeat of it is recognized.

use std::collections::VecDeque;
use std::hash::{Hash, Hasher};

use serde::{Deserialize, Serialize};
use siphasher::sip::SipHasher13;

use crate::vitals::Reading;

/// How many readings back a repeat is recognized. Older ones count as late, which is history too.
const REMEMBERED: usize = 32;

/// Fingerprints of the last readings of one device.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Repeats(VecDeque<u64>);

impl Repeats {
    /// Whether this reading came before; it is remembered either way.
    ///
    /// The same `seq` and `time`, or where one was not sent, what was sent and the same values. A
    /// reading with neither is never a repeat.
    pub fn repeats(&mut self, reading: &Reading) -> bool {
        let Some(fingerprint) = fingerprint(reading) else { return false };
        if self.0.contains(&fingerprint) {
            return true;
        }
        if self.0.len() == REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back(fingerprint);
        false
    }
}

/// What tells one reading of a device from another; none where nothing can.
fn fingerprint(reading: &Reading) -> Option<u64> {
    let mut hasher = SipHasher13::new();
    match (reading.seq, reading.observed_at) {
        (None, None) => return None,
        (Some(seq), Some(time)) => (seq, time).hash(&mut hasher),
        (seq, time) => {
            (seq, time).hash(&mut hasher);
            reading.values.iter().for_each(|value| value.hash(&mut hasher));
            (reading.consciousness, reading.supplemental_oxygen).hash(&mut hasher);
        }
    }
    Some(hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::vitals::{Quantity, Vital};

    fn reading(seq: Option<u64>, time: Option<i64>, heart_rate: i32) -> Reading {
        let mut reading = Reading::empty(Timestamp::from_unix_ms(0));
        (reading.seq, reading.observed_at) = (seq, time.map(Timestamp::from_unix_ms));
        reading.values.set(Vital::HeartRate, Quantity::whole(heart_rate));
        reading
    }

    fn repeats(first: &Reading, second: &Reading) -> bool {
        let mut sent = Repeats::default();
        assert!(!sent.repeats(first));
        sent.repeats(second)
    }

    #[test]
    fn the_same_seq_and_time_is_a_repeat() {
        assert!(repeats(&reading(Some(1), Some(5), 70), &reading(Some(1), Some(5), 70)));
        assert!(!repeats(&reading(Some(1), Some(5), 70), &reading(Some(1), Some(6), 70)));
        assert!(!repeats(&reading(Some(1), Some(5), 70), &reading(Some(2), Some(5), 70)));
    }

    #[test]
    fn without_a_seq_the_same_time_and_values_are_a_repeat() {
        assert!(repeats(&reading(None, Some(5), 70), &reading(None, Some(5), 70)));
        assert!(!repeats(&reading(None, Some(5), 70), &reading(None, Some(5), 71)));
    }

    #[test]
    fn a_reading_with_neither_seq_nor_time_is_never_a_repeat() {
        assert!(!repeats(&reading(None, None, 70), &reading(None, None, 70)));
    }
}
