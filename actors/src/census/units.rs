//! How many patients each unit has, and of how many of them nothing was heard.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::Census;
use crate::conditions::Priority;
use crate::installation::UnitHearing;
use crate::people::{PatientId, UnitId};

/// The units in which somebody is; bounded by the patients who are here.
#[derive(Debug, Default)]
pub(super) struct Units {
    units: HashMap<UnitId, UnitEntry>,
    /// Of which something is to be reported.
    changed: BTreeSet<UnitId>,
}

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
        let Ok(id) = patient.unit().parse::<UnitId>() else { return };
        let unit = self.units.entry(id.clone()).or_default();
        unit.patients.insert(patient.clone());
        if !unit.unheard.is_empty() {
            self.changed.insert(id);
        }
    }

    pub fn leave(&mut self, patient: &PatientId) {
        let Ok(id) = patient.unit().parse::<UnitId>() else { return };
        let Some(unit) = self.units.get_mut(&id) else { return };
        let matters = !unit.unheard.is_empty();
        unit.patients.remove(patient);
        unit.unheard.remove(patient);
        if unit.patients.is_empty() {
            self.units.remove(&id);
        }
        if matters {
            self.changed.insert(id);
        }
    }
}

impl<A> Census<A> {
    /// Of this patient nothing was heard for too long, or that is over.
    pub fn unheard(&mut self, patient: &PatientId, unheard: Option<Priority>) {
        let Ok(id) = patient.unit().parse::<UnitId>() else { return };
        let Some(unit) = self.units.units.get_mut(&id) else { return };
        let before = match unheard.filter(|_| unit.patients.contains(patient)) {
            Some(priority) => unit.unheard.insert(patient.clone(), priority),
            None => unit.unheard.remove(patient),
        };
        if before != unheard {
            self.units.changed.insert(id);
        }
    }

    /// The units of which something changed; none while somebody who was woken may still say something of them.
    pub fn changed_units(&mut self) -> Vec<(UnitId, UnitHearing)> {
        if self.units.changed.is_empty() || self.wakeups.are_awaited() {
            return Vec::new();
        }
        let changed = std::mem::take(&mut self.units.changed);
        changed.into_iter().map(|unit| (unit.clone(), self.unit_hearing(unit.as_str()))).collect()
    }

    /// How many of a unit are here, and of how many of them nothing was heard.
    fn unit_hearing(&self, unit: &str) -> UnitHearing {
        let Some(unit) = self.units.units.get(unit) else { return UnitHearing::default() };
        let (patients, unheard) = (unit.patients.len(), unit.unheard.len());
        UnitHearing { patients, unheard, priority: unit.unheard.values().max().copied() }
    }

    /// That nothing is heard of a unit is one alert about it, or no longer: whom that concerns.
    pub fn note_unit_unheard(&mut self, unit: &UnitId, is_one_alert: bool) -> Vec<PatientId> {
        let Some(unit) = self.units.units.get_mut(unit.as_str()) else { return Vec::new() };
        unit.is_one_alert = is_one_alert;
        unit.patients.iter().cloned().collect()
    }

    /// Whether that nothing is heard of this patient's unit is one alert about it.
    pub fn is_unit_unheard(&self, patient: &PatientId) -> bool {
        self.units.units.get(patient.unit()).is_some_and(|unit| unit.is_one_alert)
    }
}
