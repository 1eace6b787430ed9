//! How many patients each unit has, and of how many of them nothing was heard.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::Census;
use crate::conditions::Priority;
use crate::installation::UnitHearing;
use crate::people::{PatientId, UnitId};

/// The units in which somebody is; bounded by the patients who are here.
#[derive(Debug, Default)]
pub(super) struct Units(HashMap<UnitId, UnitEntry>);

#[derive(Debug, Default)]
struct UnitEntry {
    patients: BTreeSet<PatientId>,
    /// Of whom nothing has been heard for too long, and how soon someone must come.
    unheard: BTreeMap<PatientId, Priority>,
    /// Whether that is one alert about the unit.
    is_one_alert: bool,
}

impl Units {
    pub fn enter(&mut self, patient: &PatientId) {
        let Ok(unit) = patient.unit().parse::<UnitId>() else { return };
        self.0.entry(unit).or_default().patients.insert(patient.clone());
    }

    pub fn leave(&mut self, patient: &PatientId) {
        let Some(unit) = self.0.get_mut(patient.unit()) else { return };
        unit.patients.remove(patient);
        unit.unheard.remove(patient);
        if unit.patients.is_empty() {
            self.0.remove(patient.unit());
        }
    }
}

impl<A> Census<A> {
    /// Of this patient nothing was heard for too long, or that is over.
    pub fn unheard(&mut self, patient: &PatientId, unheard: Option<Priority>) {
        let Some(unit) = self.units.0.get_mut(patient.unit()) else { return };
        match unheard.filter(|_| unit.patients.contains(patient)) {
            Some(priority) => unit.unheard.insert(patient.clone(), priority),
            None => unit.unheard.remove(patient),
        };
    }

    /// How many of a unit are here, and of how many of them nothing was heard.
    pub fn unit_hearing(&self, unit: &str) -> UnitHearing {
        let Some(unit) = self.units.0.get(unit) else { return UnitHearing::default() };
        let (patients, unheard) = (unit.patients.len(), unit.unheard.len());
        UnitHearing { patients, unheard, priority: unit.unheard.values().max().copied() }
    }

    /// That nothing is heard of a unit is one alert about it, or no longer: whom that concerns.
    pub fn note_unit_unheard(&mut self, unit: &UnitId, is_one_alert: bool) -> Vec<PatientId> {
        let Some(unit) = self.units.0.get_mut(unit.as_str()) else { return Vec::new() };
        unit.is_one_alert = is_one_alert;
        unit.patients.iter().cloned().collect()
    }

    /// Whether that nothing is heard of this patient's unit is one alert about it.
    pub fn is_unit_unheard(&self, patient: &PatientId) -> bool {
        self.units.0.get(patient.unit()).is_some_and(|unit| unit.is_one_alert)
    }
}
