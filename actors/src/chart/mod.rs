//! What is known of one patient now: the newest value of each quantity, and who measured it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::clock::{Now, Span, Timestamp, Uptime};
use crate::devices::rhythm::{Rhythm, SHORTEST_SILENCE};
use crate::people::DeviceId;
use crate::vitals::ReadingRef;
use crate::vitals::{Consciousness, Quantity, Reading, Vital, VitalSet};

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
    /// How often it comes.
    pub rhythm: Rhythm,
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
    pub consciousness: Option<Held<Consciousness>>,
    /// Whether the patient breathes additional oxygen.
    pub oxygen: Option<Held<bool>>,
}

/// One reading as it is charted.
#[derive(Debug, Clone)]
pub struct Entry<'a> {
    pub reading: &'a Reading,
    /// Its device, by the name under which the chart knows it.
    pub device: &'a DeviceId,
    /// Its judged time.
    pub at: Timestamp,
    pub origin: &'a Arc<ReadingRef>,
    pub now: Now,
    /// From when on silence counts.
    pub listening_since: Uptime,
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
    /// The newest value of a vital.
    pub fn latest(&self, vital: Vital) -> Option<&Latest> {
        self.present.contains(vital).then(|| &self.latest[self.place(vital)])
    }

    /// Every vital that has a value.
    pub fn present(&self) -> VitalSet {
        self.present
    }

    /// Charts a reading: each value that is not older than the one known, and not held by another device.
    pub fn enter(&mut self, entry: &Entry<'_>) -> Charted {
        let measured = entry.now.uptime - entry.now.wall.since(entry.at).max(Span::ZERO);
        let mut charted = if entry.reading.has_measurements() { Charted::Late } else { Charted::New };
        for (vital, value) in entry.reading.values.iter() {
            charted = charted.max(self.enter_value(vital, value, measured, entry));
        }
        charted.max(self.enter_held(measured, entry))
    }

    fn enter_value(&mut self, vital: Vital, value: Quantity, measured: Uptime, entry: &Entry<'_>) -> Charted {
        let place = self.place(vital);
        let mut rhythm = Rhythm::default();
        if self.present.contains(vital) {
            let known = &self.latest[place];
            if !known.is_of(entry.device) && known.holds(entry.now.uptime, entry.listening_since) {
                return Charted::HeldByAnother;
            }
            if known.at > entry.at {
                return Charted::Late;
            }
            rhythm = known.rhythm;
            rhythm.note(entry.at.since(known.at));
        }
        let (at, heard, reading) = (entry.at, entry.now.uptime, Arc::clone(entry.origin));
        let latest = Latest { value, at, measured, heard, reading, rhythm };
        if self.present.contains(vital) {
            self.latest[place] = latest;
        } else {
            self.present.insert(vital);
            self.latest.insert(place, latest);
        }
        Charted::New
    }

    fn enter_held(&mut self, measured: Uptime, entry: &Entry<'_>) -> Charted {
        let (reading, at) = (entry.reading, entry.at);
        let mut charted = Charted::Late;
        if let Some(value) = reading.consciousness
            && self.consciousness.is_none_or(|held| held.at <= at)
        {
            self.consciousness = Some(Held { value, at, measured });
            charted = Charted::New;
        }
        if let Some(value) = oxygen_of(reading)
            && self.oxygen.is_none_or(|held| held.at <= at)
        {
            self.oxygen = Some(Held { value, at, measured });
            charted = Charted::New;
        }
        charted
    }

    /// Moves what was noted on the uptime clock by `by`: that clock started anew.
    pub fn shift(&mut self, by: Span) {
        for latest in &mut self.latest {
            (latest.measured, latest.heard) = (latest.measured + by, latest.heard + by);
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

impl Latest {
    /// Whether this device measured it.
    pub fn is_of(&self, device: &DeviceId) -> bool {
        self.reading.device.as_ref().map_or(device.is_unnamed(), |holder| holder == device)
    }

    /// Whether its device still holds this vital against another that measures it too.
    fn holds(&self, now: Uptime, listening_since: Uptime) -> bool {
        let silent_for = now.since(self.heard.max(listening_since));
        silent_for < self.rhythm.silent_after().unwrap_or(SHORTEST_SILENCE)
    }
}

/// What a reading says of additional oxygen: its own word, else whether flow or inspired fraction show some.
fn oxygen_of(reading: &Reading) -> Option<bool> {
    let flow = reading.values.get(Vital::OxygenFlow).map(|flow| flow > Quantity::ZERO);
    let fraction = reading.values.get(Vital::Fio2).map(|fraction| fraction > Quantity::whole(21));
    reading.supplemental_oxygen.or(flow.max(fraction))
}

#[cfg(test)]
impl Chart {
    /// Makes a vital one that came each second and was last heard at `heard`.
    pub(crate) fn hear_for_tests(&mut self, vital: Vital, heard: Uptime) {
        let place = self.place(vital);
        let latest = &mut self.latest[place];
        (latest.heard, latest.measured) = (heard, heard);
        (0..8).for_each(|_| latest.rhythm.note(Span::from_secs(1)));
    }
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
