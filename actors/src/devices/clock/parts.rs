//! What a reading speaks of: its vital signs, consciousness, oxygen; each may be live or kept by itself.

use serde::{Deserialize, Serialize};

use crate::vitals::{Reading, Vital};

/// A set of what a reading speaks of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Parts(u16);

const CONSCIOUSNESS: usize = Vital::COUNT;
const OXYGEN: usize = Vital::COUNT + 1;

impl Parts {
    /// How many there can be.
    pub const COUNT: usize = Vital::COUNT + 2;

    /// Nothing.
    pub const NONE: Self = Self(0);

    /// What this reading speaks of, "not measured" included.
    pub fn of(reading: &Reading) -> Self {
        let vitals = reading.values.present().iter().chain(reading.not_measured.iter());
        let bits = vitals.fold(0, |bits, vital| bits | 1 << vital.index());
        let consciousness = u16::from(reading.consciousness.is_some()) << CONSCIOUSNESS;
        Self(bits | consciousness | u16::from(reading.supplemental_oxygen.is_some()) << OXYGEN)
    }

    /// As it is written in one number with others.
    pub const fn bits(self) -> u32 {
        self.0 as u32
    }

    /// What was written so; what is no part is left out.
    pub fn of_bits(bits: u32) -> Self {
        Self((0..Self::COUNT).filter(|place| bits & (1 << place) != 0).fold(0, |set, place| set | 1 << place))
    }

    /// Whether there are none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether some are in both.
    pub const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Those of one or the other.
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Those that are not in the other.
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Those for which this holds, by their places.
    pub fn filter(self, mut holds: impl FnMut(usize) -> bool) -> Self {
        Self(self.places().filter(|place| holds(*place)).fold(0, |bits, place| bits | 1 << place))
    }

    /// The places of those in the set.
    pub fn places(self) -> impl Iterator<Item = usize> {
        (0..Self::COUNT).filter(move |place| self.0 & (1 << place) != 0)
    }

    /// Takes everything else out of a reading.
    pub fn keep_only(self, reading: &mut Reading) {
        for vital in Vital::ALL.into_iter().filter(|vital| self.0 & (1 << vital.index()) == 0) {
            reading.values.remove(vital);
            reading.not_measured.remove(vital);
        }
        reading.consciousness.take_if(|_| self.0 & (1 << CONSCIOUSNESS) == 0);
        reading.supplemental_oxygen.take_if(|_| self.0 & (1 << OXYGEN) == 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::vitals::{Consciousness, Quantity};

    #[test]
    fn a_reading_is_parted_into_what_stays_and_what_does_not() {
        let mut reading = Reading::empty(Timestamp::from_unix_ms(0));
        reading.values.set(Vital::HeartRate, Quantity::whole(70));
        reading.not_measured.insert(Vital::OxygenSaturation);
        reading.consciousness = Some(Consciousness::Alert);
        reading.supplemental_oxygen = Some(true);
        let all = Parts::of(&reading);
        assert_eq!(all.places().collect::<Vec<_>>(), [0, 2, 11, 12]);
        let some = all.filter(|place| place == 2 || place == 12);
        some.keep_only(&mut reading);
        assert_eq!(Parts::of(&reading), some);
        assert_eq!(all.without(some).places().collect::<Vec<_>>(), [0, 11]);
    }
}
