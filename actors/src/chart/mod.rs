//! What is known of one patient now: the newest value of each quantity, and who measured it.

mod speakers;

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::clock::{Now, Span, Timestamp, Uptime};
use crate::people::DeviceId;
use crate::vitals::ReadingRef;
use crate::vitals::{Consciousness, Quantity, Reading, Vital, VitalSet};
pub use speakers::{HELD_FOR, Speakers};

/// For how long a kept value that is the newest known speaks at least.
const SPEAKS_FOR: Span = Span::from_mins(1);

/// The newest value of one vital sign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latest {
    pub value: Quantity,
    /// The judged time of its reading.
    pub at: Timestamp,
    /// When it was measured, on the uptime clock: its age counts from here.
    pub measured: Uptime,
    /// When it arrived.
    pub heard: Uptime,
    /// The reading that brought it.
    pub reading: Arc<ReadingRef>,
    /// Since when its device says instead that the vital is not measured.
    pub not_measured: Option<(Uptime, Timestamp)>,
}

/// Something that holds until it is said otherwise or grows too old.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held<T> {
    pub value: T,
    pub at: Timestamp,
    pub measured: Uptime,
}

/// What is known of one patient now.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chart {
    present: VitalSet,
    /// Those present, in the order of the quantities.
    latest: Vec<Latest>,
    /// The newest value of a device that does not speak for the vital, as long as it is newer than the one that does.
    waiting: Vec<(Vital, Latest)>,
    pub consciousness: Option<Held<Consciousness>>,
    /// Whether the patient breathes additional oxygen.
    pub oxygen: Option<Held<bool>>,
}

/// One reading as it is charted.
#[derive(Debug, Clone)]
pub struct ChartedReading<'a> {
    pub reading: &'a Reading,
    /// Its device, by the name under which the chart knows it.
    pub device: &'a DeviceId,
    /// Its judged time, as it is published.
    pub at: Timestamp,
    /// When it was measured.
    pub measured: Uptime,
    pub origin: &'a Arc<ReadingRef>,
    pub now: Now,
    /// Whether it counts as of now. What does not is charted only where nothing newer is known.
    pub live: bool,
    /// Who else measures the patient.
    pub speakers: Speakers<'a>,
}

/// What of a reading was charted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Charted {
    /// Newer values are known of all that it has: it is no sign of life.
    Late,
    /// Another device holds the vitals that it has.
    HeldByAnother,
    /// It is the newest, at least in part, or a sign of life without a value.
    New,
}

impl Chart {
    /// What version 1 of a memory knew.
    pub fn of_version_1(
        latest: impl IntoIterator<Item = (Vital, Latest)>,
        consciousness: Option<Held<Consciousness>>,
        oxygen: Option<Held<bool>>,
    ) -> Self {
        let mut chart = Self { consciousness, oxygen, ..Self::default() };
        latest.into_iter().for_each(|(vital, latest)| chart.set(vital, latest));
        chart
    }

    /// The newest value of a vital.
    pub fn latest(&self, vital: Vital) -> Option<&Latest> {
        self.present.contains(vital).then(|| &self.latest[self.place(vital)])
    }

    /// Every vital that has a value.
    pub fn present(&self) -> VitalSet {
        self.present
    }

    /// Since when the device that spoke last for this vital says that it does not measure it, with no value since.
    pub fn not_measured_since(&self, vital: Vital) -> Option<(Uptime, Timestamp)> {
        self.latest(vital)?.not_measured
    }

    /// Whether this device spoke last for any vital, or waits to.
    pub fn needs(&self, device: &DeviceId) -> bool {
        let waiting = self.waiting.iter().map(|(_, latest)| latest);
        self.latest.iter().chain(waiting).any(|latest| latest.is_of(device))
    }

    /// Charts a reading: each value that is not older than the one known, and not held by another device.
    pub fn enter(&mut self, entry: &ChartedReading<'_>) -> Charted {
        let mut charted = if entry.reading.has_measurements() { Charted::Late } else { Charted::New };
        for vital in entry.reading.not_measured.iter() {
            self.note_not_measured(vital, entry);
        }
        for (vital, value) in entry.reading.values.iter() {
            charted = charted.max(self.enter_value(vital, value, entry));
        }
        charted.max(self.enter_held(entry))
    }

    /// Lets the newest value of another device speak wherever nobody holds its vital any more; whether any does.
    pub fn settle(&mut self, speakers: &Speakers<'_>) -> bool {
        let mut settled = false;
        while let Some(place) = self.waiting.iter().position(|waits| !self.is_held(waits, speakers)) {
            let (vital, latest) = self.waiting.swap_remove(place);
            self.set(vital, latest);
            settled = true;
        }
        settled
    }

    /// When the first value that waits may speak.
    pub fn next_takeover(&self, speakers: &Speakers<'_>) -> Option<Uptime> {
        let until = |(vital, waits): &(Vital, Latest)| {
            let holder = (*vital, self.latest(*vital)?);
            Some(speakers.held_until(holder, (*vital, &waits.device())).unwrap_or(speakers.now))
        };
        self.waiting.iter().filter_map(until).min()
    }

    fn is_held(&self, (vital, waits): &(Vital, Latest), speakers: &Speakers<'_>) -> bool {
        let holder = self.latest(*vital).map(|latest| (*vital, latest));
        holder.is_some_and(|holder| speakers.holds(holder, (*vital, &waits.device())))
    }

    /// Takes up what was known of the same person in another unit, where nothing newer is known; answers which vitals
    /// have newer values here.
    pub fn inherit(&mut self, moved: &Self) -> VitalSet {
        let mut newer = VitalSet::default();
        for vital in moved.present.iter() {
            match (self.latest(vital), moved.latest(vital)) {
                (Some(own), Some(theirs)) if own.measured >= theirs.measured => newer.insert(vital),
                (_, Some(theirs)) => self.set(vital, theirs.clone()),
                (_, None) => {}
            }
        }
        let newest = |own: Option<Uptime>, theirs: Uptime| own.is_none_or(|own| own < theirs);
        if let Some(held) = moved.consciousness
            && newest(self.consciousness.map(|own| own.measured), held.measured)
        {
            self.consciousness = Some(held);
        }
        if let Some(held) = moved.oxygen
            && newest(self.oxygen.map(|own| own.measured), held.measured)
        {
            self.oxygen = Some(held);
        }
        newer
    }

    /// A null of the device that speaks for the vital; that of another says nothing.
    fn note_not_measured(&mut self, vital: Vital, entry: &ChartedReading<'_>) {
        if !self.present.contains(vital) {
            return;
        }
        let place = self.place(vital);
        let known = &mut self.latest[place];
        if known.is_of(entry.device) && (entry.live || known.at <= entry.at) {
            known.not_measured.get_or_insert((entry.now.uptime, entry.at));
        }
    }

    fn enter_value(&mut self, vital: Vital, value: Quantity, entry: &ChartedReading<'_>) -> Charted {
        let (at, heard, reading) = (entry.at, entry.now.uptime, Arc::clone(entry.origin));
        let measured = entry.speaks_from(vital);
        let latest = Latest { value, at, measured, heard, reading, not_measured: None };
        if !entry.live && self.has_newer_twin(vital, entry) {
            return Charted::Late;
        }
        if let Some(known) = self.latest(vital) {
            let same = known.is_of(entry.device);
            if !entry.live && known.at > at {
                return Charted::Late;
            }
            if !same && entry.speakers.holds((vital, known), (vital, entry.device)) {
                return self.let_wait(vital, latest, entry);
            }
        }
        self.set(vital, latest);
        Charted::New
    }

    /// Whether another device has since measured what stands in for it: a heart rate from the past holds no pulse back.
    fn has_newer_twin(&self, vital: Vital, entry: &ChartedReading<'_>) -> bool {
        let twin = match vital {
            Vital::HeartRate => Vital::PulseRate,
            Vital::PulseRate => Vital::HeartRate,
            _ => return false,
        };
        let newer = |known: &Latest| {
            known.not_measured.is_none() && known.at > entry.at && !known.is_of(entry.device)
        };
        self.latest(twin).is_some_and(newer)
    }

    /// Remembers the newest live value of a device while another holds the vital.
    fn let_wait(&mut self, vital: Vital, latest: Latest, entry: &ChartedReading<'_>) -> Charted {
        if !entry.live {
            return Charted::HeldByAnother;
        }
        match self.waiting.iter_mut().find(|(of, _)| *of == vital) {
            Some((_, waits)) => *waits = latest,
            None => self.waiting.push((vital, latest)),
        }
        Charted::HeldByAnother
    }

    /// Makes this the value that speaks; what waited is older.
    fn set(&mut self, vital: Vital, latest: Latest) {
        let place = self.place(vital);
        self.waiting.retain(|(of, _)| *of != vital);
        if self.present.contains(vital) {
            self.latest[place] = latest;
        } else {
            self.present.insert(vital);
            self.latest.insert(place, latest);
        }
    }

    fn enter_held(&mut self, entry: &ChartedReading<'_>) -> Charted {
        let ChartedReading { reading, at, measured, live, .. } = *entry;
        let mut charted = Charted::Late;
        if let Some(value) = reading.consciousness
            && self.consciousness.is_none_or(|held| live || held.at <= at)
        {
            self.consciousness = Some(Held { value, at, measured });
            charted = Charted::New;
        }
        if let Some(value) = oxygen_of(reading)
            && self.oxygen.is_none_or(|held| live || held.at <= at)
        {
            self.oxygen = Some(Held { value, at, measured });
            charted = Charted::New;
        }
        charted
    }

    /// Moves what was noted on the uptime clock by `by`: that clock started anew.
    pub fn shift(&mut self, by: Span) {
        let waiting = self.waiting.iter_mut().map(|(_, latest)| latest);
        for latest in self.latest.iter_mut().chain(waiting) {
            latest.shift(by);
        }
        if let Some(held) = &mut self.consciousness {
            held.measured = held.measured + by;
        }
        if let Some(held) = &mut self.oxygen {
            held.measured = held.measured + by;
        }
    }

    fn place(&self, vital: Vital) -> usize {
        self.present.before(vital)
    }
}

impl ChartedReading<'_> {
    /// From when the age of its value counts.
    ///
    /// What was kept, and is the newest that is known, speaks for a minute however old it is: it decides what is so.
    fn speaks_from(&self, vital: Vital) -> Uptime {
        let oldest = self.now.uptime - vital.facts().valid_for + SPEAKS_FOR;
        if self.live { self.measured } else { self.measured.max(oldest) }
    }
}

impl Latest {
    /// Whether this device measured it.
    pub fn is_of(&self, device: &DeviceId) -> bool {
        self.reading.device.as_ref().map_or(device.is_unnamed(), |holder| holder == device)
    }

    /// The device that measured it.
    pub fn device(&self) -> Cow<'_, DeviceId> {
        self.reading.device.as_ref().map_or_else(|| Cow::Owned(DeviceId::unnamed()), Cow::Borrowed)
    }

    fn shift(&mut self, by: Span) {
        (self.measured, self.heard) = (self.measured + by, self.heard + by);
        self.not_measured = self.not_measured.map(|(since, at)| (since + by, at));
    }
}

/// What a reading says of additional oxygen: its own word, else whether flow or inspired fraction show some.
fn oxygen_of(reading: &Reading) -> Option<bool> {
    let flow = reading.values.get(Vital::OxygenFlow).map(|flow| flow > Quantity::ZERO);
    let fraction = reading.values.get(Vital::Fio2).map(|fraction| fraction > Quantity::whole(21));
    reading.supplemental_oxygen.or(flow.max(fraction))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oxygen_is_given_where_the_flow_or_the_fraction_shows_some() {
        let oxygen = |said, flow: Option<i32>, fraction: Option<i32>| {
            let mut reading = Reading::empty(Timestamp::from_unix_ms(0));
            reading.supplemental_oxygen = said;
            for (vital, value) in [(Vital::OxygenFlow, flow), (Vital::Fio2, fraction)] {
                value.into_iter().for_each(|value| reading.values.set(vital, Quantity::whole(value)));
            }
            oxygen_of(&reading)
        };
        assert_eq!(oxygen(None, None, None), None);
        assert_eq!(oxygen(None, Some(0), None), Some(false));
        assert_eq!(oxygen(None, Some(2), None), Some(true));
        assert_eq!(oxygen(None, None, Some(21)), Some(false));
        assert_eq!(oxygen(None, Some(0), Some(60)), Some(true), "a ventilator gives it without a flow meter");
        assert_eq!(oxygen(Some(false), Some(0), Some(60)), Some(false), "its own word goes first");
    }
}
