//! Discharges of many at once, which look the same whether a ward moved out or a broker lost its records: they are held.
//!
//! Where a mass is possible at all, each discharge waits a little to see whether it is one of many: whoever is discharged
//! first must not be lost for the others to be held. Whoever waits or is held is watched on, without new technical alerts:
//! one that waits, until its time is over; one that is held, until the discharges are confirmed, the record is back, or
//! nothing was heard for as long as anybody without a record may be silent.

use std::collections::{BTreeSet, VecDeque};

use super::Census;
use crate::clock::{Span, Uptime};
use crate::people::PatientId;

/// Discharges within this time are of one cause.
const WITHIN: Span = Span::from_secs(60);

/// Fewer discharges are no mass, whatever share of all they are.
const FEWEST: usize = 50;

/// How long a discharge waits, where few are discharged.
const WAITS: Span = Span::from_secs(2);

/// More than one in so many discharged in a minute, and at least so many, are not few: each waits for that minute.
const FEW_OF: usize = 10;
const FEW: usize = 10;

/// The discharges of the last minute, who waits, and who is held.
#[derive(Debug, Default)]
pub(super) struct RecentDischarges {
    /// When each was asked for; the same of those who are gone.
    asked: VecDeque<Uptime>,
    gone: VecDeque<Uptime>,
    /// Whose discharge waits, in order, and since when.
    waiting: VecDeque<(Uptime, PatientId)>,
    /// Everybody whose discharge is held or waits.
    held: BTreeSet<PatientId>,
}

/// What becomes of a discharge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DischargeDecision {
    Now,
    /// It waits to see whether it is one of many.
    Wait,
    /// It is one of many.
    Hold,
}

/// Whether so many discharges are a mass, of whom so many were here before.
fn is_mass(discharges: usize, here: usize) -> bool {
    discharges >= FEWEST && discharges * 2 > here
}

impl<A> Census<A> {
    /// The discharge of this patient is asked for at `now`: what becomes of it.
    pub fn decide_discharge(&mut self, patient: &PatientId, now: Uptime) -> DischargeDecision {
        match self.entries.get(patient) {
            None => return DischargeDecision::Now,
            Some(entry) if entry.held => return DischargeDecision::Hold,
            Some(_) => {}
        }
        self.forget_old_discharges(now);
        let (here, recent) = (self.entries.len() + self.discharges.gone.len(), &mut self.discharges);
        recent.asked.push_back(now);
        if is_mass(recent.asked.len(), here) {
            recent.waiting.clear();
            return DischargeDecision::Hold;
        }
        if here < FEWEST {
            recent.gone.push_back(now);
            return DischargeDecision::Now;
        }
        recent.waiting.push_back((now, patient.clone()));
        DischargeDecision::Wait
    }

    fn forget_old_discharges(&mut self, now: Uptime) {
        let RecentDischarges { asked, gone, .. } = &mut self.discharges;
        for times in [asked, gone] {
            while times.front().is_some_and(|at| now.since(*at) > WITHIN) {
                times.pop_front();
            }
        }
    }

    /// When the discharge that waits longest is over, by what is known at `now`.
    pub fn next_discharge(&mut self, now: Uptime) -> Option<Uptime> {
        self.forget_old_discharges(now);
        let (here, recent) = (self.entries.len() + self.discharges.gone.len(), &self.discharges);
        let few = recent.asked.len() < FEW || recent.asked.len() * FEW_OF < here;
        let (since, _) = recent.waiting.front()?;
        Some(*since + if few { WAITS } else { WITHIN })
    }

    /// The next patient whose discharge was no part of a mass by `now`, and does not wait any more.
    pub fn take_discharged(&mut self, now: Uptime) -> Option<PatientId> {
        self.next_discharge(now).filter(|at| *at <= now)?;
        let (since, patient) = self.discharges.waiting.pop_front()?;
        self.discharges.held.remove(&patient); // so that leaving looks for it among those who wait no more
        self.discharges.gone.push_back(since);
        Some(patient)
    }

    /// Whether those who are here without a record are so many that they are held.
    pub fn holds_unrecorded(&self, unrecorded: usize) -> bool {
        is_mass(unrecorded, self.entries.len())
    }

    /// Whether the discharges of many are held.
    pub fn holds_many(&self) -> bool {
        self.held_count() > 0
    }

    /// How many discharges are held, without those that only wait.
    pub fn held_count(&self) -> usize {
        self.discharges.held.len().saturating_sub(self.discharges.waiting.len())
    }

    /// The discharge of this patient is held from now on, or no longer; answers whether that is new.
    pub fn note_held(&mut self, patient: &PatientId, held: bool) -> bool {
        let Some(entry) = self.entries.get_mut(patient) else { return false };
        let is_new = std::mem::replace(&mut entry.held, held) != held;
        match held {
            true => self.discharges.held.insert(patient.clone()),
            false => {
                self.forget_held(patient);
                true
            }
        };
        is_new
    }

    /// This patient is not here any more.
    pub(super) fn forget_held(&mut self, patient: &PatientId) {
        if self.discharges.held.remove(patient) {
            self.discharges.waiting.retain(|(_, waits)| waits != patient);
        }
    }

    /// Whose discharge is held or waits, in order.
    pub fn held(&self) -> impl Iterator<Item = &PatientId> {
        self.discharges.held.iter()
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

    /// How many of so many patients stay after a minute, of whom one is discharged every so many milliseconds, and how
    /// many of them are said to be held.
    fn held(patients: usize, discharged: usize, every_ms: i64) -> (usize, usize) {
        let mut census = Census::<()>::new(Arc::default());
        (0..patients).for_each(|patient| census.enter(&id(patient), Entry::new((), None, true)));
        let leave = |census: &mut Census<()>, patient: &PatientId, uptime| {
            census.leave(patient, Departure::Discharged, Now { uptime, wall: Timestamp::from_unix_ms(0) });
        };
        let mut uptime = Uptime::START;
        for patient in 0..discharged {
            uptime = Uptime::from_ms(patient as i64 * every_ms);
            while let Some(gone) = census.take_discharged(uptime) {
                leave(&mut census, &gone, uptime);
            }
            match census.decide_discharge(&id(patient), uptime) {
                DischargeDecision::Now => leave(&mut census, &id(patient), uptime),
                DischargeDecision::Wait | DischargeDecision::Hold => {
                    census.note_held(&id(patient), true);
                }
            }
        }
        let uptime = uptime + WITHIN;
        while let Some(gone) = census.take_discharged(uptime) {
            leave(&mut census, &gone, uptime);
        }
        (census.entries.len(), census.held_count())
    }

    #[test]
    fn more_than_half_and_at_least_fifty_within_a_minute_are_a_mass_and_all_of_them_stay() {
        for (patients, discharged, every_ms, expected) in [
            (100, 50, 0, (50, 0)),
            (100, 51, 0, (100, 51)),
            (100, 100, 0, (100, 100)),
            (49, 49, 0, (0, 0)),
            (60, 60, 0, (60, 60)),
            (1000, 500, 0, (500, 0)),
            (1000, 1000, 0, (1000, 1000)),
            (100, 100, 2000, (0, 0)),
            // Of those who leave one by one at first the first few are gone before anybody can know.
            (100, 100, 500, (94, 94)),
        ] {
            assert_eq!(held(patients, discharged, every_ms), expected, "{discharged} of {patients}");
        }
    }

    #[test]
    fn a_discharge_by_itself_waits_two_seconds_and_one_of_a_tenth_of_all_a_minute() {
        let mut census = Census::<()>::new(Arc::default());
        (0..100).for_each(|patient| census.enter(&id(patient), Entry::new((), None, true)));
        let ask = |census: &mut Census<()>, patient| {
            assert_eq!(census.decide_discharge(&id(patient), Uptime::START), DischargeDecision::Wait);
            census.note_held(&id(patient), true);
        };
        ask(&mut census, 0);
        assert_eq!(census.next_discharge(Uptime::START), Some(Uptime::START + WAITS));
        assert_eq!((census.take_discharged(Uptime::START), census.holds_many()), (None, false));
        (1..10).for_each(|patient| ask(&mut census, patient));
        assert_eq!(census.take_discharged(Uptime::START + WAITS), None);
        assert_eq!(census.next_discharge(Uptime::START), Some(Uptime::START + WITHIN));
        census.note_held(&id(0), false);
        assert_eq!(
            census.take_discharged(Uptime::START + WITHIN),
            Some(id(1)),
            "the record of the first is back"
        );
    }

    #[test]
    fn whoever_is_discharged_again_counts_once() {
        let mut census = Census::<()>::new(Arc::default());
        (0..100).for_each(|patient| census.enter(&id(patient), Entry::new((), None, true)));
        census.note_held(&id(7), true);
        let mut decide = |patient| census.decide_discharge(&id(patient), Uptime::START);
        (0..100).for_each(|_| assert_eq!(decide(7), DischargeDecision::Hold));
        assert_eq!(decide(8), DischargeDecision::Wait);
    }
}
