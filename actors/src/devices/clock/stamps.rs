//! What a device stamped its readings with: the newest of each vital sign, and stamps that stand still.

use serde::{Deserialize, Serialize};

use super::parts::Parts;
use crate::clock::{Span, Timestamp, Uptime};

/// The most that one stamp is taken to last, where judging how much later than the others a reading may come.
const LONGEST: Span = Span::from_secs(60);

/// A stamp, and when it first came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    #[serde(with = "as_ms")]
    pub time: Timestamp,
    pub first: Uptime,
}

impl Stamp {
    /// The newer of two stamps; of one that came again, when it came first.
    pub fn newest(known: Option<Self>, time: Timestamp, arrival: Uptime) -> Self {
        known.filter(|known| known.time >= time).unwrap_or(Self { time, first: arrival })
    }

    /// For how long the stamp has lasted, if this is it again.
    pub fn lasted(self, time: Timestamp, arrival: Uptime) -> Option<Span> {
        (self.time == time).then(|| arrival.since(self.first).max(Span::ZERO))
    }

    /// Moves it with the clock that counts uptime.
    pub fn shift(&mut self, by: Span) {
        self.first = self.first + by;
    }
}

/// The stamps of a device's live readings since its lag last started anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamps {
    /// The newest of each part, in milliseconds since 1970.
    of_parts: [i64; Parts::COUNT],
    newest: Option<Stamp>,
    /// The longest that one stamp lasted, at most 60 s: how coarse they are.
    longest: Span,
}

impl Default for Stamps {
    fn default() -> Self {
        Self { of_parts: [i64::MIN; Parts::COUNT], newest: None, longest: Span::ZERO }
    }
}

impl Stamps {
    /// The longest that one stamp lasted.
    pub fn longest(&self) -> Span {
        self.longest
    }

    /// For how long the newest stamp has lasted, if this is it again.
    pub fn lasted(&self, time: Timestamp, arrival: Uptime) -> Option<Span> {
        self.newest?.lasted(time, arrival)
    }

    /// Notes that one stamp lasted for so long.
    pub fn note_lasted(&mut self, lasted: Span) {
        self.longest = self.longest.max(lasted.min(LONGEST));
    }

    /// Of these parts those of which a newer stamp is known.
    pub fn overtaken(&self, parts: Parts, time: Timestamp) -> Parts {
        parts.filter(|place| time.unix_ms() < self.of_parts[place])
    }

    /// Whether a newer stamp is known, whatever it came with.
    pub fn is_overtaken(&self, time: Timestamp) -> bool {
        self.newest.is_some_and(|newest| time < newest.time)
    }

    /// Notes the stamp of live parts.
    pub fn note(&mut self, parts: Parts, time: Timestamp, arrival: Uptime) {
        for place in parts.places() {
            self.of_parts[place] = self.of_parts[place].max(time.unix_ms());
        }
        self.newest = Some(Stamp::newest(self.newest, time, arrival));
    }

    /// The lag starts anew: what came before it says nothing of what is newer.
    pub fn start_anew(&mut self, newest: Option<Stamp>) {
        *self = Self { newest, longest: self.longest, ..Self::default() };
    }

    /// Moves what was noted on the uptime clock by `by`.
    pub fn shift(&mut self, by: Span) {
        if let Some(newest) = &mut self.newest {
            newest.shift(by);
        }
    }
}

/// A moment as a number, which is shorter than its text.
pub mod as_ms {
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::clock::Timestamp;

    pub fn serialize<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(time.unix_ms())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        i64::deserialize(deserializer).map(Timestamp::from_unix_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(at: i64) -> Timestamp {
        Timestamp::from_unix_ms(at * 1000)
    }

    fn arrival(at: i64) -> Uptime {
        Uptime::from_ms(at * 1000)
    }

    fn parts(places: &[usize]) -> Parts {
        places.iter().fold(Parts::NONE, |parts, place| {
            let mut reading = crate::vitals::Reading::empty(second(0));
            reading.not_measured.insert(crate::vitals::Vital::ALL[*place]);
            parts.and(Parts::of(&reading))
        })
    }

    #[test]
    fn each_part_is_overtaken_by_its_own_stamps_alone() {
        let mut stamps = Stamps::default();
        stamps.note(parts(&[0, 1]), second(100), arrival(1));
        assert_eq!(stamps.overtaken(parts(&[0, 4]), second(80)), parts(&[0]));
        assert_eq!(stamps.overtaken(parts(&[0, 4]), second(100)), Parts::NONE);
        stamps.start_anew(None);
        assert_eq!(stamps.overtaken(parts(&[0]), second(80)), Parts::NONE);
    }

    #[test]
    fn a_stamp_lasts_from_its_first_arrival_and_counts_for_a_minute_at_most() {
        let mut stamps = Stamps::default();
        stamps.note(parts(&[0]), second(100), arrival(1));
        stamps.note(parts(&[0]), second(100), arrival(31));
        assert_eq!(stamps.lasted(second(100), arrival(41)), Some(Span::from_secs(40)));
        assert_eq!(stamps.lasted(second(99), arrival(41)), None);
        for (lasted, longest) in [(40, 40), (20, 40), (300, 60)] {
            stamps.note_lasted(Span::from_secs(lasted));
            assert_eq!(stamps.longest(), Span::from_secs(longest));
        }
    }
}
