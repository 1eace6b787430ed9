//! Readings from the past that wait to be judged in the order of their time.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::clock::Parts;
use super::former::FormerStay;
use crate::clock::{Span, Timestamp, Uptime};
use crate::people::DeviceId;
use crate::vitals::{Consciousness, Quantity, Reading, ReadingRef, Vital, VitalSet};

/// How many readings of one device may wait; beyond that the oldest go first.
const MOST: usize = 4096;

/// How many go at once where too many wait, and how many are copied where one is added.
const CHUNK: usize = 64;

/// One reading, or the part of it, that is from the past.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptReading {
    pub reading: Reading,
    /// The time that is published.
    pub at: Timestamp,
    /// When it was measured.
    pub measured: Uptime,
    pub arrival: Uptime,
    /// How an alert names it.
    origin: Arc<ReadingRef>,
}

impl KeptReading {
    /// A reading of this time, as it is published and on the uptime clock, that arrived then.
    pub fn new(
        reading: Reading,
        origin: Arc<ReadingRef>,
        (at, measured): (Timestamp, Uptime),
        arrival: Uptime,
    ) -> Self {
        Self { reading, at, measured, arrival, origin }
    }

    /// How an alert names it.
    pub fn origin(&self) -> &Arc<ReadingRef> {
        &self.origin
    }

    /// The device, by the name under which the patient knows it.
    pub fn device(&self) -> DeviceId {
        self.reading.device.clone().unwrap_or_else(DeviceId::unnamed)
    }

    /// Whether it was measured in a former stay of the same name.
    pub fn is_of(&self, former: FormerStay) -> bool {
        former.has(self.at, self.reading.received_at)
    }

    /// Judges it by a lag that is greater by `by`.
    ///
    /// What would then come from the future was sent by another clock, and stays.
    fn retime(&mut self, by: Span, live_within: Span, tolerance: Span) {
        let measured = self.measured + by;
        if measured.since(self.arrival) > live_within {
            return;
        }
        self.measured = measured;
        let wall = self.reading.received_at - self.arrival.since(measured);
        let sent = self.reading.observed_at.unwrap_or(wall);
        self.at = if wall.since(sent).abs() > tolerance { wall } else { sent };
    }
}

/// The kept readings of one device, in the order of their arrival.
///
/// In chunks that copies share: a patient's memory is copied before each step.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<SavedReading>", into = "Vec<SavedReading>")]
pub struct KeptReadings {
    chunks: Vec<Arc<Vec<KeptReading>>>,
}

impl KeptReadings {
    /// How many wait.
    pub fn len(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.len()).sum()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// Adds one; answers the oldest, where too many wait.
    pub fn push(&mut self, kept: KeptReading) -> Vec<KeptReading> {
        match self.chunks.last_mut().filter(|chunk| chunk.len() < CHUNK) {
            Some(chunk) => Arc::make_mut(chunk).push(kept),
            None => self.chunks.push(Arc::new(vec![kept])),
        }
        if self.len() > MOST { self.take_oldest() } else { Vec::new() }
    }

    /// Each of them.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &KeptReading> {
        self.chunks.iter().flat_map(|chunk| chunk.iter())
    }

    /// The last of them to arrive, from this place on.
    pub fn from(&self, place: usize) -> impl Iterator<Item = &KeptReading> {
        let whole = self.chunks.iter().scan(0, move |before, chunk| {
            let start = *before;
            *before += chunk.len();
            Some(chunk.iter().skip(place.saturating_sub(start)))
        });
        whole.flatten()
    }

    /// All of them in the order of their time.
    pub fn in_order(&self) -> Vec<KeptReading> {
        let mut all: Vec<_> = self.iter().cloned().collect();
        all.sort_by_key(|kept| kept.measured);
        all
    }

    /// The last `readings` of them were sent by a clock that was set back: judges them by a lag greater by `by`.
    pub fn retime(&mut self, readings: usize, by: Span, live_within: Span, tolerance: Span) {
        let first = self.len().saturating_sub(readings);
        let mut all: Vec<_> = self.iter().cloned().collect();
        all.iter_mut().skip(first).for_each(|kept| kept.retime(by, live_within, tolerance));
        *self = all.into_iter().collect();
    }

    /// Moves what was noted on the uptime clock by `by`: that clock started anew.
    pub fn shift(&mut self, by: Span) {
        for kept in self.chunks.iter_mut().flat_map(|chunk| Arc::make_mut(chunk).iter_mut()) {
            (kept.measured, kept.arrival) = (kept.measured + by, kept.arrival + by);
        }
    }

    fn take_oldest(&mut self) -> Vec<KeptReading> {
        let mut times: Vec<_> = self.iter().map(|kept| kept.measured).collect();
        let (_, &mut last, _) = times.select_nth_unstable(CHUNK - 1);
        let mut left = CHUNK;
        let (mut oldest, mut others) = (Vec::with_capacity(CHUNK), Vec::with_capacity(MOST));
        for kept in self.iter().cloned() {
            if left > 0 && kept.measured <= last {
                left -= 1;
                oldest.push(kept);
            } else {
                others.push(kept);
            }
        }
        *self = others.into_iter().collect();
        oldest.sort_by_key(|kept| kept.measured);
        oldest
    }
}

impl FromIterator<KeptReading> for KeptReadings {
    fn from_iter<I: IntoIterator<Item = KeptReading>>(readings: I) -> Self {
        let mut kept = Self::default();
        for reading in readings {
            kept.push(reading);
        }
        kept
    }
}

/// A kept reading as it is written: short, since there may be thousands.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct SavedReading {
    /// Published, measured, arrived, received, and as sent.
    t: (i64, Uptime, Uptime, i64, Option<i64>),
    #[serde(default, skip_serializing_if = "Option::is_none")]
    d: Option<DeviceId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seq: Option<u64>,
    v: Vec<(Vital, Quantity)>,
    #[serde(default, skip_serializing_if = "is_none")]
    n: VitalSet,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    c: Option<Consciousness>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    o: Option<bool>,
    #[serde(default, skip_serializing_if = "is_false")]
    sim: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
fn is_false(said: &bool) -> bool {
    !said
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
fn is_none(set: &VitalSet) -> bool {
    set.is_empty()
}

impl From<KeptReadings> for Vec<SavedReading> {
    fn from(kept: KeptReadings) -> Self {
        let saved = kept.iter().map(|KeptReading { reading, at, measured, arrival, .. }| SavedReading {
            t: (
                at.unix_ms(),
                *measured,
                *arrival,
                reading.received_at.unix_ms(),
                reading.observed_at.map(|time| time.unix_ms()),
            ),
            d: reading.device.clone(),
            seq: reading.seq,
            v: reading.values.iter().collect(),
            n: reading.not_measured,
            c: reading.consciousness,
            o: reading.supplemental_oxygen,
            sim: reading.simulated,
        });
        saved.collect()
    }
}

impl From<Vec<SavedReading>> for KeptReadings {
    fn from(saved: Vec<SavedReading>) -> Self {
        saved.into_iter().map(KeptReading::from).collect()
    }
}

impl From<SavedReading> for KeptReading {
    fn from(saved: SavedReading) -> Self {
        let (at, measured, arrival, received, sent) = saved.t;
        let mut reading = Reading::empty(Timestamp::from_unix_ms(received));
        reading.observed_at = sent.map(Timestamp::from_unix_ms);
        (reading.device, reading.seq, reading.not_measured) = (saved.d, saved.seq, saved.n);
        (reading.consciousness, reading.supplemental_oxygen) = (saved.c, saved.o);
        reading.simulated = saved.sim;
        saved.v.into_iter().for_each(|(vital, value)| reading.values.set(vital, value));
        let origin = Arc::new(ReadingRef::of(&reading));
        Self::new(reading, origin, (Timestamp::from_unix_ms(at), measured), arrival)
    }
}

/// What of a reading is from the past, and what is left of it.
pub fn part(reading: &Reading, kept: Parts) -> (Reading, Reading) {
    let (mut past, mut live) = (reading.clone(), reading.clone());
    kept.keep_only(&mut past);
    Parts::of(reading).without(kept).keep_only(&mut live);
    (past, live)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(measured: i64) -> KeptReading {
        let mut reading = Reading::empty(Timestamp::from_unix_ms(measured + 5));
        reading.values.set(Vital::HeartRate, Quantity::whole(70));
        reading.seq = u64::try_from(measured).ok();
        let (at, measured) = (Timestamp::from_unix_ms(measured), Uptime::from_ms(measured));
        let origin = Arc::new(ReadingRef::of(&reading));
        KeptReading::new(reading, origin, (at, measured), Uptime::from_ms(9))
    }

    fn times<'a>(readings: impl IntoIterator<Item = &'a KeptReading>) -> Vec<i64> {
        readings.into_iter().map(|kept| kept.measured.as_ms()).collect()
    }

    #[test]
    fn beyond_the_most_that_may_wait_the_oldest_go_first() {
        let (mut waiting, most) = (KeptReadings::default(), i64::try_from(MOST).unwrap());
        for n in 0..most {
            assert_eq!(waiting.push(kept((n * 7919) % most)), []);
        }
        let oldest = waiting.push(kept(-5));
        assert_eq!(times(&oldest), (-5..63).filter(|n| *n == -5 || *n >= 0).take(64).collect::<Vec<_>>());
        assert_eq!(waiting.len(), MOST + 1 - CHUNK);
        assert_eq!(times(&waiting.in_order()), (63..most).collect::<Vec<_>>());
    }

    #[test]
    fn they_are_written_and_read_as_they_were() {
        let mut waiting: KeptReadings = (0..100).map(kept).collect();
        let written = serde_json::to_string(&waiting).unwrap();
        assert_eq!(serde_json::from_str::<KeptReadings>(&written).unwrap(), waiting);
        assert!(written.len() < 100 * 100, "{} bytes", written.len());
        waiting.shift(Span::from_ms(-50));
        assert_eq!(times(waiting.from(98)), [48, 49]);
    }

    #[test]
    fn a_clock_that_was_set_back_moves_its_readings_and_none_into_the_future() {
        let mut waiting: KeptReadings = [kept(-9000), kept(1), kept(2), kept(-4000)].into_iter().collect();
        waiting.retime(3, Span::from_ms(3000), Span::from_ms(30), Span::from_ms(5000));
        assert_eq!(times(waiting.iter()), [-9000, 1, 2, -1000]);
    }
}
