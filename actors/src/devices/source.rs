//! One device as a patient remembers it: its clock, its last readings, and how many a second.

use std::collections::VecDeque;
use std::hash::{Hash, Hasher};

use serde::{Deserialize, Serialize};
use siphasher::sip::SipHasher13;

use crate::clock::{Now, Span, Timestamp, Uptime};
use crate::devices::device_clock::{DeviceClock, Judged, Leaning};
use crate::patient::outcome::Notice;
use crate::people::DeviceId;
use crate::settings::AlertSettings;
use crate::vitals::Reading;

/// How many readings back a repeat is recognized. Older ones count as late, which is history too.
const REMEMBERED: usize = 32;

/// One device as a patient remembers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    pub device: DeviceId,
    pub clock: DeviceClock,
    /// Marks of the last readings.
    recent: VecDeque<u64>,
    /// The second of the newest reading, and how many there were in it.
    second: i64,
    in_second: u32,
    /// What the census was last told of the clock.
    told_leaning: Option<Leaning>,
    /// Whether the census was told of the device.
    introduced: bool,
}

impl Source {
    /// A device that was never heard before.
    pub fn new(device: DeviceId) -> Self {
        Self {
            device,
            clock: DeviceClock::default(),
            recent: VecDeque::new(),
            second: 0,
            in_second: 0,
            told_leaning: None,
            introduced: false,
        }
    }

    /// Whether this reading came before; it is remembered either way.
    ///
    /// The same `seq` and `time`, or where one was not sent, what was sent and the same values. A
    /// reading with neither is never a repeat.
    pub fn repeats(&mut self, reading: &Reading) -> bool {
        let Some(mark) = mark(reading) else { return false };
        if self.recent.contains(&mark) {
            return true;
        }
        if self.recent.len() == REMEMBERED {
            self.recent.pop_front();
        }
        self.recent.push_back(mark);
        false
    }

    /// Judges the time of a reading.
    pub fn judge_time(&mut self, reading: &Reading, now: Now, rules: &AlertSettings) -> Judged {
        self.clock.judge(reading.observed_at, reading.seq, now, rules)
    }

    /// Whether there were more than `most` readings within the second of this judged time.
    pub fn floods(&mut self, at: Timestamp, most: u32) -> bool {
        let second = at.unix_ms().div_euclid(1000);
        if second == self.second {
            self.in_second += 1;
        } else {
            (self.second, self.in_second) = (second, 1);
        }
        self.in_second > most
    }

    /// What the census has to be told of the device, as far as it is new.
    pub fn news(&mut self, live: bool, now: Uptime, rules: &AlertSettings) -> Vec<Notice> {
        let mut news = Vec::new();
        if !std::mem::replace(&mut self.introduced, true) {
            news.push(Notice::Measures { device: self.device.clone(), live });
        }
        let leaning = self.clock.leaning(now, rules);
        if std::mem::replace(&mut self.told_leaning, leaning) != leaning {
            news.push(Notice::Leans(self.device.clone(), leaning));
        }
        news
    }

    /// What the census was last told of the clock.
    pub fn told_leaning(&self) -> Option<Leaning> {
        self.told_leaning
    }

    /// Moves what was noted on the uptime clock by `by`.
    pub fn shift(&mut self, by: Span) {
        self.clock.shift(by);
    }
}

/// What tells one reading of a device from another; none where nothing can.
fn mark(reading: &Reading) -> Option<u64> {
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
    use crate::vitals::{Quantity, Vital};

    fn reading(seq: Option<u64>, time: Option<i64>, heart_rate: i32) -> Reading {
        let mut reading = Reading::empty(Timestamp::from_unix_ms(0));
        (reading.seq, reading.observed_at) = (seq, time.map(Timestamp::from_unix_ms));
        reading.values.set(Vital::HeartRate, Quantity::whole(heart_rate));
        reading
    }

    fn repeats(first: Reading, second: Reading) -> bool {
        let mut source = Source::new(DeviceId::unnamed());
        assert!(!source.repeats(&first));
        source.repeats(&second)
    }

    #[test]
    fn the_same_seq_and_time_is_a_repeat() {
        assert!(repeats(reading(Some(1), Some(5), 70), reading(Some(1), Some(5), 70)));
        assert!(!repeats(reading(Some(1), Some(5), 70), reading(Some(1), Some(6), 70)));
        assert!(!repeats(reading(Some(1), Some(5), 70), reading(Some(2), Some(5), 70)));
    }

    #[test]
    fn without_a_seq_the_same_time_and_values_are_a_repeat() {
        assert!(repeats(reading(None, Some(5), 70), reading(None, Some(5), 70)));
        assert!(!repeats(reading(None, Some(5), 70), reading(None, Some(5), 71)));
    }

    #[test]
    fn a_reading_with_neither_seq_nor_time_is_never_a_repeat() {
        assert!(!repeats(reading(None, None, 70), reading(None, None, 70)));
    }

    #[test]
    fn more_readings_within_a_second_than_allowed_are_a_flood_and_a_backlog_is_none() {
        let mut source = Source::new(DeviceId::unnamed());
        let floods: Vec<_> = (0..4).map(|n| source.floods(Timestamp::from_unix_ms(n), 3)).collect();
        assert_eq!(floods, [false, false, false, true]);
        assert!(!(1..100).any(|n| source.floods(Timestamp::from_unix_ms(n * 1000), 3)));
    }
}
