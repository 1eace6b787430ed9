//! RecentDischarges of many at once, which look the same whether a ward moved out or a broker lost its records: they are held.
//!
//! Whoever is held is watched on, without new technical alerts, until the discharges are confirmed, the record is back,
//! or nothing was heard for as long as anybody without a record may be silent.

use std::collections::{BTreeSet, VecDeque};

use super::Census;
use crate::clock::{Span, Uptime};
use crate::people::PatientId;

/// RecentDischarges within this time are of one cause.
const WITHIN: Span = Span::from_secs(60);

/// Fewer discharges are no mass, whatever share of all they are.
const FEWEST: usize = 50;

/// The discharges of the last minute, and whose are held.
#[derive(Debug, Default)]
pub(super) struct RecentDischarges {
    /// When each was asked for, and whether it was held.
    recent: VecDeque<(Uptime, bool)>,
    held: BTreeSet<PatientId>,
}

/// Whether so many discharges are a mass, of whom so many were here before.
fn is_mass(discharges: usize, here: usize) -> bool {
    discharges >= FEWEST && discharges * 2 > here
}

impl<A> Census<A> {
    /// The discharge of this patient is asked for at `now`: whether it is to be held, as one of many.
    pub fn holds_discharge(&mut self, patient: &PatientId, now: Uptime) -> bool {
        let Some(entry) = self.entries.get(patient) else { return false };
        if entry.held {
            return true;
        }
        let recent = &mut self.discharges.recent;
        while recent.front().is_some_and(|(at, _)| now.since(*at) > WITHIN) {
            recent.pop_front();
        }
        let gone = recent.iter().filter(|(_, held)| !held).count();
        let holds = is_mass(recent.len() + 1, self.entries.len() + gone);
        recent.push_back((now, holds));
        holds
    }

    /// Whether those who are here without a record are so many that they are held.
    pub fn holds_unrecorded(&self, unrecorded: usize) -> bool {
        is_mass(unrecorded, self.entries.len())
    }

    /// The discharge of this patient is held from now on, or no longer; answers whether that is new.
    pub fn note_held(&mut self, patient: &PatientId, held: bool) -> bool {
        let Some(entry) = self.entries.get_mut(patient) else { return false };
        let is_new = std::mem::replace(&mut entry.held, held) != held;
        match held {
            true => self.discharges.held.insert(patient.clone()),
            false => self.discharges.held.remove(patient),
        };
        is_new
    }

    /// This patient is not here any more.
    pub(super) fn forget_held(&mut self, patient: &PatientId) {
        self.discharges.held.remove(patient);
    }

    /// Whose discharge is held, in order.
    pub fn held(&self) -> impl Iterator<Item = &PatientId> {
        self.discharges.held.iter()
    }

    /// How many discharges are held.
    pub fn held_count(&self) -> usize {
        self.discharges.held.len()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::census::Entry;
    use crate::clock::{Now, Timestamp};
    use crate::people::Departure;

    fn id(patient: usize) -> PatientId {
        format!("icu-1/p-{patient}").parse().unwrap()
    }

    /// How many of so many patients stay, of whom one is discharged every so many milliseconds.
    fn held(patients: usize, discharged: usize, every_ms: i64) -> usize {
        let mut census = Census::<()>::new(Arc::default());
        (0..patients).for_each(|patient| census.enter(&id(patient), Entry::new((), None, true)));
        for patient in 0..discharged {
            let uptime = Uptime::from_ms(patient as i64 * every_ms);
            if census.holds_discharge(&id(patient), uptime) {
                census.note_held(&id(patient), true);
            } else {
                let now = Now { uptime, wall: Timestamp::from_unix_ms(0) };
                census.leave(&id(patient), Departure::Discharged, now);
            }
        }
        census.held_count()
    }

    #[test]
    fn more_than_half_and_at_least_fifty_within_a_minute_are_a_mass() {
        for (patients, discharged, every_ms, expected) in [
            (100, 50, 0, 0),
            (100, 51, 0, 1),
            (100, 100, 0, 50),
            (49, 49, 0, 0),
            (60, 60, 0, 11),
            (1000, 500, 0, 0),
            (1000, 1000, 0, 500),
            (100, 100, 2000, 0),
            (100, 100, 500, 50),
        ] {
            assert_eq!(held(patients, discharged, every_ms), expected, "{discharged} of {patients}");
        }
    }

    #[test]
    fn whoever_is_discharged_again_counts_once() {
        let mut census = Census::<()>::new(Arc::default());
        (0..100).for_each(|patient| census.enter(&id(patient), Entry::new((), None, true)));
        census.note_held(&id(7), true);
        (0..100).for_each(|_| assert!(census.holds_discharge(&id(7), Uptime::START)));
        assert!(!census.holds_discharge(&id(8), Uptime::START));
    }
}
