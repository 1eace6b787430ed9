//! A patient's memory as it is saved, and what a restart makes of it.
//!
//! To add a field anywhere inside [`Patient`]: give it `#[serde(default)]`, with a function where what an older
//! memory means by its absence is not the type's default; [`VERSION`] stays. Never put that on a whole struct: a
//! memory that lacks what was always written is damaged, and its open alerts come from the log instead. To change
//! or take away what is written, raise [`VERSION`] and read both. `actors/tests/fixtures` has a memory of each
//! version, which is never written anew; `actors/tests/patient/restart.rs` reads them.

use std::fmt;

use serde::de::{Error, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::alerts::AlertChange;
use crate::clock::{Now, Span, Timestamp, Uptime};
use crate::patient::Patient;
use crate::patient::version_1::PatientOfVersion1;
use crate::people::{Departure, PatientId};
use crate::vitals::Reading;

/// The version of the form in which a memory is saved. Older ones are read.
pub const VERSION: u32 = 2;

/// A patient's memory at one moment.
#[derive(Debug, Clone, Serialize)]
pub struct Snapshot {
    pub version: u32,
    pub taken: Now,
    pub patient: Patient,
}

/// The keys of a memory, in the order in which they are written.
#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum Key {
    Version,
    Taken,
    Patient,
    #[serde(other)]
    Unknown,
}

impl<'de> Deserialize<'de> for Snapshot {
    /// Its version stands first and says how the patient is written.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(AnyVersion)
    }
}

struct AnyVersion;

impl<'de> Visitor<'de> for AnyVersion {
    type Value = Snapshot;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the memory of a patient, its version first")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Snapshot, A::Error> {
        let (mut version, mut taken, mut patient) = (None, None, None);
        while let Some(key) = map.next_key()? {
            match (key, version) {
                (Key::Version, _) => version = Some(map.next_value()?),
                (Key::Taken, _) => taken = Some(map.next_value()?),
                (Key::Patient, Some(1)) => {
                    let taken = taken.ok_or_else(|| A::Error::missing_field("taken"))?;
                    patient = Some(map.next_value::<PatientOfVersion1>()?.taken_at(taken));
                }
                (Key::Patient, Some(_)) => patient = Some(map.next_value()?),
                (Key::Patient, None) => return Err(A::Error::missing_field("version")),
                (Key::Unknown, _) => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        let snapshot = Snapshot {
            version: version.ok_or_else(|| A::Error::missing_field("version"))?,
            taken: taken.ok_or_else(|| A::Error::missing_field("taken"))?,
            patient: patient.ok_or_else(|| A::Error::missing_field("patient"))?,
        };
        match snapshot.is_of_one_time() {
            true => Ok(snapshot),
            false => Err(A::Error::custom("a time in it lies a century from the others")),
        }
    }
}

/// What is to be saved of a patient.
#[derive(Debug)]
pub enum Saved {
    Now(Box<Snapshot>),
    /// The stay is over.
    Gone(Departure),
}

/// A patient as a restart finds it.
#[derive(Debug)]
pub struct Restored {
    pub patient: PatientId,
    pub memory: Memory,
    /// Readings that were kept after the memory was saved, in the order of their arrival.
    pub readings: Vec<Reading>,
}

/// What a restart has of a patient's memory.
#[derive(Debug)]
pub enum Memory {
    Whole(Box<Snapshot>),
    /// It cannot be read; the open alerts are those of the log.
    Alerts {
        open: Vec<AlertChange>,
        since: Timestamp,
    },
    /// Nothing at all is left of any patient; the open alerts are those that the broker keeps for whoever listens.
    Published {
        open: Vec<AlertChange>,
        since: Timestamp,
    },
}

/// No process runs longer, and nothing waits longer: what says otherwise is damaged.
const CENTURY: Span = Span::from_hours(100 * 366 * 24);

impl Snapshot {
    /// Whether it can be caught up with: a timer that was due millennia ago would run for ever, day by day.
    fn is_of_one_time(&self) -> bool {
        let taken = self.taken.uptime;
        let near = |time: Uptime| time.since(taken).abs() <= CENTURY;
        near(Uptime::START) && self.patient.timers().all(near)
    }

    /// How far what was noted on the old uptime clock is from now: the time that passed since counts.
    pub fn shift_to(&self, now: Now) -> Span {
        let passed = now.wall.since(self.taken.wall).max(Span::ZERO);
        now.uptime.since(self.taken.uptime) - passed
    }
}
