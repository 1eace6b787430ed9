//! A patient's memory as it is saved, and what a restart makes of it.
//!
//! To add a field anywhere inside [`Patient`]: give it `#[serde(default)]`, with a function where what an older
//! memory means by its absence is not the type's default; [`VERSION`] stays. Never put that on a whole struct: a
//! memory that lacks what was always written is damaged, and its open alerts come from the log instead. To change
//! or take away what is written, raise [`VERSION`] and read both. `actors/tests/fixtures` has a memory of each
//! version, which is never written anew; `actors/tests/patient/restart.rs` reads them.

use serde::{Deserialize, Serialize};

use crate::alerts::AlertChange;
use crate::clock::{Now, Span, Timestamp};
use crate::patient::Patient;
use crate::people::{Departure, PatientId};
use crate::vitals::Reading;

/// The version of the form in which a memory is saved. Older ones are read; fields are only added.
pub const VERSION: u32 = 1;

/// A patient's memory at one moment.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Snapshot {
    pub version: u32,
    pub taken: Now,
    pub patient: Patient,
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
}

impl Snapshot {
    /// How far what was noted on the old uptime clock is from now: the time that passed since counts.
    pub fn shift_to(&self, now: Now) -> Span {
        let passed = now.wall.since(self.taken.wall).max(Span::ZERO);
        now.uptime.since(self.taken.uptime) - passed
    }
}
