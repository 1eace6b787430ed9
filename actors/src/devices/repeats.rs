//! What a device sent lately, by which a repeat of it is recognized.

use std::collections::VecDeque;
use std::hash::{Hash, Hasher};

use serde::{Deserialize, Serialize};
use siphasher::sip::SipHasher13;

use super::clock::Parts;
use crate::vitals::Reading;

/// How many readings back a repeat is recognized. Older ones count as late, which is history too.
const REMEMBERED: usize = 32;

/// The last readings of one device, and whether its count and its stamps distinguish one from another.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "SavedRepeats", into = "SavedRepeats")]
pub struct Repeats {
    sent: VecDeque<SentReading>,
    last_seq: Option<u64>,
    /// It has sent one `seq` with different values: its `seq` is ignored.
    seq_is_void: bool,
    /// It has sent one `time` with different values, and has no `seq` that counts: nothing of it is a repeat.
    time_is_void: bool,
}

/// One reading, in as few bytes as will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct SentReading {
    seq: u32,
    time: u32,
    values: u32,
    parts: Parts,
}

impl Repeats {
    /// Whether this reading came before; it is remembered either way.
    ///
    /// The same `seq`, `time` and values, of which what was not sent counts as equal; a reading with neither is never
    /// a repeat. A `seq` that starts again is a restarted device's, and distinguishes its readings as before.
    pub fn repeats(&mut self, reading: &Reading) -> bool {
        let sent = SentReading::of(reading);
        self.note_conflicts(sent, reading);
        self.last_seq = reading.seq.or(self.last_seq);
        let distinguishes = match (reading.seq, reading.observed_at) {
            (Some(_), _) if !self.seq_is_void => true,
            (_, Some(_)) => !self.time_is_void,
            (_, None) => false,
        };
        let is_same = |known: &&SentReading| {
            (known.seq == sent.seq || self.seq_is_void)
                && (known.time, known.values, known.parts) == (sent.time, sent.values, sent.parts)
        };
        if distinguishes && self.sent.iter().any(|known| is_same(&known)) {
            return true;
        }
        if self.sent.len() == REMEMBERED {
            self.sent.pop_front();
        }
        self.sent.push_back(sent);
        false
    }

    /// Learns from one `seq`, or one `time`, with different values that it distinguishes nothing.
    fn note_conflicts(&mut self, sent: SentReading, reading: &Reading) {
        let differs = |known: &&SentReading| known.values != sent.values && known.parts.meets(sent.parts);
        if reading.seq.is_some() && !self.seq_is_void {
            let same_seq = self.sent.iter().filter(differs).rfind(|known| known.seq == sent.seq);
            let stands = |known: &SentReading| {
                reading.seq == self.last_seq || (reading.observed_at.is_some() && known.time == sent.time)
            };
            match same_seq {
                Some(known) if stands(known) => self.seq_is_void = true,
                Some(_) => self.sent.clear(),
                None => {}
            }
        }
        let seq_counts = reading.seq.is_some() && !self.seq_is_void;
        if reading.observed_at.is_some() && !seq_counts {
            self.time_is_void |= self.sent.iter().filter(differs).any(|known| known.time == sent.time);
        }
    }
}

impl SentReading {
    fn of(reading: &Reading) -> Self {
        let values = |hasher: &mut SipHasher13| {
            reading.values.iter().for_each(|value| value.hash(hasher));
            (reading.consciousness, reading.supplemental_oxygen).hash(hasher);
        };
        Self {
            seq: short(|hasher| reading.seq.hash(hasher)),
            time: short(|hasher| reading.observed_at.hash(hasher)),
            values: short(values),
            parts: Parts::of(reading),
        }
    }
}

/// Half a hash: there are few readings to be distinguished.
#[expect(clippy::cast_possible_truncation, reason = "half of it is enough")]
fn short(hash: impl FnOnce(&mut SipHasher13)) -> u32 {
    let mut hasher = SipHasher13::new();
    hash(&mut hasher);
    hasher.finish() as u32
}

/// As it is written: four numbers a reading, one after the other.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
enum SavedRepeats {
    Now {
        sent: Vec<u32>,
        last_seq: Option<u64>,
        #[serde(default)]
        seq_is_void: bool,
        #[serde(default)]
        time_is_void: bool,
    },
    /// Fingerprints that older versions wrote: of no use any more.
    Before(Vec<u64>),
}

impl From<SavedRepeats> for Repeats {
    fn from(saved: SavedRepeats) -> Self {
        let SavedRepeats::Now { sent, last_seq, seq_is_void, time_is_void } = saved else {
            return Self::default();
        };
        let sent = sent.chunks_exact(4).map(|sent| SentReading {
            seq: sent[0],
            time: sent[1],
            values: sent[2],
            parts: Parts::of_bits(sent[3]),
        });
        Self { sent: sent.collect(), last_seq, seq_is_void, time_is_void }
    }
}

impl From<Repeats> for SavedRepeats {
    fn from(Repeats { sent, last_seq, seq_is_void, time_is_void }: Repeats) -> Self {
        let numbers = |sent: SentReading| [sent.seq, sent.time, sent.values, sent.parts.bits()];
        Self::Now { sent: sent.into_iter().flat_map(numbers).collect(), last_seq, seq_is_void, time_is_void }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::vitals::{Quantity, Vital};

    fn of(vital: Vital, seq: Option<u64>, time: Option<i64>, value: i32) -> Reading {
        let mut reading = Reading::empty(Timestamp::from_unix_ms(0));
        (reading.seq, reading.observed_at) = (seq, time.map(Timestamp::from_unix_ms));
        reading.values.set(vital, Quantity::whole(value));
        reading
    }

    fn reading(seq: Option<u64>, time: Option<i64>, heart_rate: i32) -> Reading {
        of(Vital::HeartRate, seq, time, heart_rate)
    }

    /// Which of these readings, one after the other, are repeats; a restart after each changes nothing.
    fn repeats(readings: impl IntoIterator<Item = Reading>) -> Vec<bool> {
        let mut sent = Repeats::default();
        let answers = readings.into_iter().map(|reading| {
            sent = serde_json::from_str(&serde_json::to_string(&sent).unwrap()).unwrap();
            sent.repeats(&reading)
        });
        answers.collect()
    }

    #[test]
    fn the_same_seq_time_and_values_are_a_repeat() {
        let first = reading(Some(1), Some(5), 70);
        let others = [reading(Some(1), Some(6), 70), reading(Some(2), Some(5), 70)];
        assert_eq!(repeats([first.clone(), first.clone()]), [false, true]);
        others.into_iter().for_each(|other| assert_eq!(repeats([first.clone(), other]), [false, false]));
    }

    #[test]
    fn what_was_not_sent_counts_as_equal() {
        for (seq, time) in [(None, Some(5)), (Some(1), None)] {
            assert_eq!(repeats([70, 70].map(|rate| reading(seq, time, rate))), [false, true]);
        }
        assert_eq!(repeats([70, 70].map(|rate| reading(None, None, rate))), [false, false]);
    }

    /// Seen to fail with `seq` and `time` alone: a device with one of each for ever was judged once.
    #[test]
    fn one_seq_and_one_time_for_ever_with_values_that_change_have_no_repeats() {
        for (seq, time) in [(Some(1), Some(5)), (None, Some(5)), (Some(1), None)] {
            let readings = [70, 0, 0, 70, 70].map(|rate| reading(seq, time, rate));
            assert_eq!(repeats(readings), [false; 5], "{seq:?} {time:?}");
        }
    }

    /// Its `seq` is ignored then, and its `time` distinguishes its readings.
    #[test]
    fn a_seq_that_stands_still_is_ignored() {
        let readings =
            [(5, 70), (6, 71), (6, 71), (7, 71)].map(|(time, rate)| reading(Some(1), Some(time), rate));
        assert_eq!(repeats(readings), [false, false, true, false]);
        let again = [(1, 5, 70), (1, 6, 71), (2, 6, 71)]
            .map(|(seq, time, rate)| reading(Some(seq), Some(time), rate));
        assert_eq!(repeats(again), [false, false, true]);
    }

    #[test]
    fn a_seq_that_starts_again_goes_on_to_count() {
        let before = (1..4).map(|seq| reading(Some(seq), Some(seq.cast_signed()), 70));
        let after = [(1, 11), (2, 12), (2, 12)].map(|(seq, time)| reading(Some(seq), Some(time), 80));
        assert_eq!(repeats(before.chain(after)), [false, false, false, false, false, true]);
        let untimed =
            [(1, 70), (2, 70), (1, 80), (2, 80), (2, 80)].map(|(seq, rate)| reading(Some(seq), None, rate));
        assert_eq!(repeats(untimed), [false, false, false, false, true]);
    }

    /// A gateway that sends each vital by itself has repeats as any other.
    #[test]
    fn different_vitals_of_one_seq_and_time_are_no_different_values() {
        let heart = of(Vital::HeartRate, Some(1), Some(5), 70);
        let oxygen = of(Vital::OxygenSaturation, Some(1), Some(5), 97);
        assert_eq!(repeats([heart.clone(), oxygen.clone(), heart, oxygen]), [false, false, true, true]);
    }

    #[test]
    fn what_an_older_version_wrote_is_read() {
        assert_eq!(serde_json::from_str::<Repeats>("[1,18446744073709551615]").unwrap(), Repeats::default());
    }
}
