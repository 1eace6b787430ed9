//! Who is here: admission, discharge, transfer, and which devices measure whom.

mod device_book;
mod discharges;
mod entry;
pub mod progress;
mod rate;
mod recent;
pub mod turns;
mod units;
pub mod wakeups;

use std::collections::HashMap;
use std::sync::Arc;

use crate::admission::AdmissionRecord;
use crate::clock::{Now, Timestamp, Uptime};
use crate::patient::outcome::ArrivalRejection;
use crate::people::{Departure, PatientId};
use crate::settings::{Mode, Settings};

pub use discharges::DischargeDecision;
pub use entry::Entry;
pub use recent::Recent;

use device_book::DeviceBook;
use discharges::RecentDischarges;
use entry::EntryDevice;
use units::Units;
use wakeups::{Due, Wakeups};

/// What to do with a reading of somebody who is not here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reception {
    Admit,
    /// The admission records have not been heard yet.
    Hold,
    Reject(ArrivalRejection),
}

type Entries<A> = HashMap<PatientId, Entry<A>>;

/// Who is here; `A` is where a patient is reached.
#[derive(Debug)]
pub struct Census<A> {
    settings: Arc<Settings>,
    entries: Entries<A>,
    records_heard: bool,
    /// Nothing more comes, the records included, until held readings are released.
    stalled: bool,
    /// Who was discharged or transferred, and when a reading last came all the same.
    departed: Recent<PatientId, Uptime>,
    /// When the last stay of each name ended.
    ended: Recent<PatientId, Timestamp>,
    book: DeviceBook,
    units: Units,
    discharges: RecentDischarges,
    wakeups: Wakeups,
}

impl<A> Census<A> {
    /// Nobody is here yet.
    pub fn new(settings: Arc<Settings>) -> Self {
        let places = settings.admission.max_patients;
        Self {
            settings,
            entries: HashMap::new(),
            records_heard: false,
            stalled: false,
            departed: Recent::of_at_most(places),
            ended: Recent::of_at_most(places),
            book: DeviceBook::new(places),
            units: Units::default(),
            discharges: RecentDischarges::default(),
            wakeups: Wakeups::default(),
        }
    }

    /// The site's settings changed.
    pub fn apply(&mut self, settings: Arc<Settings>) {
        self.settings = settings;
    }

    /// All retained admission records have been heard; answers whether for the first time.
    pub fn records_heard(&mut self) -> bool {
        !std::mem::replace(&mut self.records_heard, true)
    }

    /// Nothing more comes, the records included, until held readings are released.
    pub fn stall(&mut self) {
        self.stalled = true;
    }

    /// Somebody was discharged or transferred before the restart, at `at`.
    pub fn departed_before(&mut self, patient: PatientId, at: Timestamp, now: Now) {
        self.ended.note(patient.clone(), at);
        self.departed.note(patient, now.uptime_at(at.min(now.wall)));
    }

    /// When the last stay of this name ended, where one is known.
    pub fn last_stay_ended(&self, patient: &PatientId) -> Option<Timestamp> {
        self.ended.get(patient).copied()
    }

    /// A reading of somebody who is not here.
    pub fn receive(&mut self, patient: &PatientId, now: Now) -> Reception {
        let registered = self.settings.admission.mode == Mode::Registered;
        // Better to judge somebody by the limits of an adult until the record comes than not at all.
        match (self.records_heard, self.stalled) {
            (false, false) => return Reception::Hold,
            (false, true) if registered => return Reception::Reject(ArrivalRejection::TooEarly),
            _ => {}
        }
        if registered {
            return Reception::Reject(ArrivalRejection::NotAdmitted(patient.clone()));
        }
        if let Some(last) = self.departed.get(patient) {
            if now.uptime.since(*last) < self.settings.admission.readmit_after {
                self.departed.note(patient.clone(), now.uptime);
                return Reception::Reject(ArrivalRejection::Departed(patient.clone()));
            }
            self.departed.remove(patient);
        }
        if self.is_full() {
            return Reception::Reject(self.full(patient));
        }
        Reception::Admit
    }

    /// Why nobody more is admitted.
    pub fn full(&self, patient: &PatientId) -> ArrivalRejection {
        ArrivalRejection::Full { patient: patient.clone(), max: self.settings.admission.max_patients }
    }

    /// Whether all places are taken.
    pub fn is_full(&self) -> bool {
        self.entries.len() >= self.settings.admission.max_patients
    }

    /// How many are here.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Everybody who is here, in the order of their ids.
    pub fn patients(&self) -> Vec<(&PatientId, &Entry<A>)> {
        let mut patients: Vec<_> = self.entries.iter().collect();
        patients.sort_unstable_by_key(|(patient, _)| *patient);
        patients
    }

    /// Whether nobody is here.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// What is known of somebody who is here.
    pub fn entry(&self, patient: &str) -> Option<&Entry<A>> {
        self.entries.get(patient)
    }

    /// The patient is here from now on.
    pub fn enter(&mut self, patient: &PatientId, entry: Entry<A>) {
        self.departed.remove(patient);
        self.units.enter(patient);
        self.entries.insert(patient.clone(), entry);
        self.link_named(patient);
    }

    /// The patient is not here any more; where its readings are not to admit it again, they are rejected for a while.
    pub fn leave(&mut self, patient: &PatientId, departure: Departure, now: Now) -> Option<Entry<A>> {
        let entry = self.entries.remove(patient)?;
        self.wakeups.cancel(patient, entry.deadline);
        self.unlink_all(&entry.devices, patient);
        self.units.leave(patient);
        self.forget_held(patient);
        let after_the_last =
            self.last_stay_ended(patient).map(|end| Timestamp::from_unix_ms(end.unix_ms() + 1));
        self.ended.note(patient.clone(), now.wall.max(after_the_last.unwrap_or(now.wall)));
        if departure.bars_readmission() {
            self.departed.note(patient.clone(), now.uptime);
        }
        Some(entry)
    }

    /// The same person goes on in another unit, with its devices.
    pub fn moved(&mut self, left: Entry<A>, to: &PatientId) {
        self.inherit_devices(left.devices, to);
    }

    /// A record came for somebody who is here: answers whether it is another than the one that holds.
    pub fn confirm(&mut self, patient: &PatientId, record: &Arc<AdmissionRecord>) -> Option<bool> {
        let entry = self.entries.get_mut(patient)?;
        entry.confirmed = true;
        let is_new = entry.record.as_ref() != Some(record);
        if is_new {
            entry.record = Some(Arc::clone(record));
            self.link_named(patient);
        }
        Some(is_new)
    }

    /// Whoever is here, and whose record has not been heard since the start, in order, and whether the discharge is
    /// held already.
    pub fn unconfirmed(&self) -> Vec<(PatientId, bool)> {
        let unconfirmed = self.entries.iter().filter(|(_, entry)| !entry.confirmed);
        let mut patients: Vec<_> =
            unconfirmed.map(|(patient, entry)| (patient.clone(), entry.held)).collect();
        patients.sort_unstable();
        patients
    }

    /// Whether somebody whom nothing was heard of for long may leave: no record came meanwhile, and no reading.
    pub fn may_leave(&self, patient: &PatientId) -> bool {
        self.entries.get(patient).is_some_and(|entry| (entry.record.is_none() || entry.held) && !entry.active)
    }

    /// The patient asks to be woken at `at`, instead of whenever it asked for before.
    pub fn arm(&mut self, patient: &PatientId, at: Uptime) {
        if let Some(entry) = self.entries.get_mut(patient) {
            self.wakeups.arm(patient, entry.deadline.replace(at), at);
        }
    }

    /// Whom to wake at `until` at the latest.
    pub fn due(&mut self, until: Uptime) -> Option<Due> {
        let due = self.wakeups.due(until)?;
        for patient in &due.patients {
            if let Some(entry) = self.entries.get_mut(patient) {
                (entry.deadline, entry.active) = (None, false);
            }
        }
        Some(due)
    }

    /// Somebody who was woken has done what was due.
    pub fn answered(&mut self) {
        self.wakeups.answered();
    }

    /// When somebody is due next; none while somebody who was woken has not answered.
    pub fn next_deadline(&self) -> Option<Uptime> {
        self.wakeups.next_deadline()
    }
}
