//! The simulated device fleet: `wardwatch simulate`, and the ward of `demo` and `bench`.
//!
//! [`Fleet`] decides what is measured and sent when, without I/O and on time that is handed in; [`runner`] sends it to a
//! broker at its pace, [`recording`] writes it down at once. The same settings and start give the same bytes.

mod bed;
mod connection;
pub mod episodes;
pub mod fleet;
pub mod nurse;
pub mod physiology;
mod reading;
pub mod recording;
pub mod runner;
pub mod schedule;

use std::ops::RangeInclusive;
use std::time::Duration;

use thiserror::Error;
use wardwatch_actors::people::{NameFault, check_name};

pub use episodes::{Episode, EpisodeKind};
pub use fleet::{Act, Fleet, FleetEvent};
pub use runner::{FleetProgress, SimulatorFault};
pub use schedule::Schedule;
pub use wardwatch_actors::people::Class;

/// What every unit's name begins with, unless the user says that they know what they do.
const UNIT_PREFIX: &str = "sim-";

/// Readings per second of one patient; "not a number" is not among them.
const RATES: RangeInclusive<f64> = 0.0001..=1000.0;

/// Why a fleet cannot be.
#[derive(Debug, Error)]
pub enum SettingsFault {
    /// A real ward's name would put invented readings among real ones.
    #[error(
        "unit `{0}` does not begin with `sim-`: its people would get simulated readings beside their own; \
         name another unit, or say --i-know if nobody real is there"
    )]
    RealUnit(String),
    /// A name that topics do not allow.
    #[error("a unit's name is not allowed")]
    Name(#[from] NameFault),
    /// No units.
    #[error("a fleet needs at least one unit")]
    NoUnit,
    /// No patients.
    #[error("a fleet needs at least one patient")]
    NoPatient,
    /// Not a number of readings that a device could send.
    #[error("{0} readings per second and patient are not possible; allowed is 0.0001 to 1000")]
    Rate(f64),
}

/// Rejects names of units that are not obviously simulated, unless the user knows.
pub fn check_units(units: &[String], i_know: bool) -> Result<(), SettingsFault> {
    if units.is_empty() {
        return Err(SettingsFault::NoUnit);
    }
    for unit in units {
        check_name(unit)?;
        if !i_know && !unit.starts_with(UNIT_PREFIX) {
            return Err(SettingsFault::RealUnit(unit.clone()));
        }
    }
    Ok(())
}

/// What a fleet is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct FleetSettings {
    /// How many patients, each with one device; they are dealt out to the units in turn.
    pub patients: usize,
    /// The same seed gives the same readings.
    pub seed: u64,
    /// Names of the units; see [`check_units`].
    pub units: Vec<String>,
    /// Readings per second of each patient.
    pub rate: f64,
    /// Whether readings carry `"simulated":true`.
    pub simulated: bool,
    /// Whether admission records are published; needed where admission is registered, and for classes.
    pub records: bool,
    /// Whether every sixth patient is a child and every twelfth a neonate; publishes admission records.
    pub children: bool,
    /// What goes wrong, and when.
    pub schedule: Schedule,
    /// The kinds of episode that may happen; a script is not bound by it.
    pub kinds: Vec<EpisodeKind>,
    /// Between two cuff measurements of a patient; zero measures with each reading.
    pub pressure_every: Duration,
    /// Between two temperatures of a patient; zero measures with each reading.
    pub temperature_every: Duration,
    /// Between two notes of consciousness and oxygen by a nurse; a change is noted at once.
    pub observation_every: Duration,
    /// The first part of every topic.
    pub prefix: String,
}

impl Default for FleetSettings {
    fn default() -> Self {
        Self {
            patients: 12,
            seed: 1,
            units: vec!["sim-1".to_owned()],
            rate: 1.0,
            simulated: true,
            records: false,
            children: false,
            schedule: Schedule::Realistic,
            kinds: EpisodeKind::ALL.to_vec(),
            pressure_every: Duration::from_secs(15 * 60),
            temperature_every: Duration::from_secs(4 * 60),
            observation_every: Duration::from_secs(3600),
            prefix: "wardwatch".to_owned(),
        }
    }
}

impl FleetSettings {
    /// A ward to look at: something happens from the first seconds on, and pressures come more often.
    pub fn demo(patients: usize, seed: u64) -> Self {
        Self {
            patients,
            seed,
            schedule: Schedule::Demo,
            records: true,
            pressure_every: Duration::from_secs(2 * 60),
            temperature_every: Duration::from_secs(60),
            ..Self::default()
        }
    }

    /// The class of the patient of this number.
    pub fn class_of(&self, patient: usize) -> Class {
        match patient % 12 {
            11 if self.children => Class::Neonate,
            5 if self.children => Class::Paediatric,
            _ => Class::Adult,
        }
    }

    fn check(&self) -> Result<(), SettingsFault> {
        check_units(&self.units, true)?;
        if self.patients == 0 {
            return Err(SettingsFault::NoPatient);
        }
        if !RATES.contains(&self.rate) {
            return Err(SettingsFault::Rate(self.rate));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_that_could_be_real_needs_the_user_to_know() {
        let units = |name: &str| [name.to_owned()];
        assert!(check_units(&units("sim-1"), false).is_ok());
        assert!(check_units(&units("icu-1"), true).is_ok());
        let rejected = check_units(&units("icu-1"), false).unwrap_err().to_string();
        assert!(rejected.contains("`icu-1`") && rejected.contains("--i-know"), "{rejected}");
        for bad in ["", "_", "a/b", "sim 1"] {
            assert!(check_units(&units(bad), true).is_err(), "{bad}");
        }
        assert!(check_units(&[], true).is_err());
    }
}
