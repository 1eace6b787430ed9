//! Who is here: admission, discharge, transfer, and what concerns units and the installation.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::alerts::{
    AlertChange, AlertSet, Caption, Cause, Finding, Moment, Presence, RuleName, Timing, wording,
};
use crate::clock::{Now, Span, Timestamp, Uptime};
use crate::conditions::{Condition, Priority};
use crate::devices::device_clock::Skew;
use crate::patient::outcome::Refusal;
use crate::people::{DeviceId, PatientId, Subject, UnitId};
use crate::settings::Mode;
use crate::settings::Settings;
use std::sync::Arc;

/// How many devices must be known before our own clock may be blamed.
const DEVICES_TO_BLAME_OURSELVES: usize = 3;

/// For how long a device must not flood before that alert ends.
const FLOOD_OVER_AFTER: Span = Span::from_secs(60);

/// How many devices' status is remembered for each place of a patient.
const DEVICES_PER_PATIENT: usize = 16;

/// The rules that own the conditions below.
const CENSUS: RuleName = RuleName::Borrowed("census");

/// What to do with a reading of somebody who is not here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reception {
    Admit,
    /// The admission records have not been heard yet.
    Hold,
    Refuse(Refusal),
}

/// Changes about a unit or the installation.
pub type Announcements = Vec<AlertChange>;

/// Who is here, as far as decisions need it. The actor holds the patients themselves.
pub struct Census {
    settings: Arc<Settings>,
    started: Timestamp,
    present: usize,
    records_heard: bool,
    /// Nothing more comes, the records included, until what is held is let go.
    stalled: bool,
    /// Who was discharged or transferred, and when a reading last came all the same.
    departed: HashMap<PatientId, Uptime>,
    /// Which patients each device measures, in their order: nearly always one.
    measures: BTreeMap<DeviceId, Vec<PatientId>>,
    /// Devices that said they are gone, and whether a reading of theirs came since.
    offline: BTreeMap<DeviceId, bool>,
    skews: BTreeMap<DeviceId, Skew>,
    own_clock_suspect: bool,
    installation: AlertSet,
    /// Facts about the installation that hold now, told by those who know.
    facts: BTreeMap<Condition, Cause>,
    units: BTreeMap<UnitId, AlertSet>,
    /// Until when each device counts as flooding.
    floods: BTreeMap<(UnitId, DeviceId), Uptime>,
}

impl Census {
    /// Nobody is here yet.
    pub fn new(settings: Arc<Settings>, now: Now) -> Self {
        Self {
            settings,
            started: now.wall,
            present: 0,
            records_heard: false,
            stalled: false,
            departed: HashMap::new(),
            measures: BTreeMap::new(),
            offline: BTreeMap::new(),
            skews: BTreeMap::new(),
            own_clock_suspect: false,
            installation: AlertSet::default(),
            facts: BTreeMap::new(),
            units: BTreeMap::new(),
            floods: BTreeMap::new(),
        }
    }

    /// All retained admission records have been heard; answers whether for the first time.
    pub fn records_heard(&mut self) -> bool {
        !std::mem::replace(&mut self.records_heard, true)
    }

    /// Nothing more comes, the records included, until what is held is let go.
    pub fn stall(&mut self) {
        self.stalled = true;
    }

    /// Somebody was discharged or transferred before the restart, at `at`.
    pub fn departed_before(&mut self, patient: &PatientId, at: Timestamp, now: Now) {
        self.departed.insert(patient.clone(), now.uptime_at(at.min(now.wall)));
    }

    /// Takes up what is open for those who listen about units and the installation.
    ///
    /// A device that flooded has as long as ever to prove that it does no more. That the broker or the store is
    /// lost holds until whoever told so says that it is over. What else does not hold any more ends with
    /// [`Self::restored`].
    pub fn adopt(&mut self, open: Vec<AlertChange>, now: Now) {
        for change in open {
            match &change.subject {
                Subject::Installation => {
                    if matches!(change.condition, Condition::BrokerLost | Condition::StoreLost) {
                        self.facts.insert(change.condition.clone(), change.cause.clone());
                    }
                    self.installation.adopt(vec![change], |_| Some(CENSUS));
                }
                Subject::Unit(unit) => {
                    if let Condition::DeviceFlooding(device) = &change.condition {
                        self.floods.insert((unit.clone(), device.clone()), now.uptime + FLOOD_OVER_AFTER);
                    }
                    self.units.entry(unit.clone()).or_default().adopt(vec![change], |_| Some(CENSUS));
                }
                Subject::Patient(_) => {} // its own memory has it
            }
        }
    }

    /// Everybody from before the restart is here again: what of the installation's alerts still holds, and
    /// whether our own clock is the likelier fault.
    pub fn restored(&mut self, now: Now) -> (bool, Announcements) {
        if self.installation.is_open(&Condition::AdmissionFull) && self.is_full() {
            self.facts.insert(Condition::AdmissionFull, self.fullness());
        }
        self.doubt_own_clock(now)
    }

    /// A reading of somebody who is not here.
    pub fn receive(&mut self, patient: &PatientId, now: Now) -> Reception {
        let registered = self.settings.admission.mode == Mode::Registered;
        // Better to judge somebody by the limits of an adult until the record comes than not at all.
        match (self.records_heard, self.stalled) {
            (false, false) => return Reception::Hold,
            (false, true) if registered => return Reception::Refuse(Refusal::TooEarly),
            _ => {}
        }
        if registered {
            return Reception::Refuse(Refusal::NotAdmitted(patient.clone()));
        }
        if let Some(last) = self.departed.get_mut(patient) {
            if now.uptime.since(*last) < self.settings.admission.readmit_after {
                *last = now.uptime;
                return Reception::Refuse(Refusal::Departed(patient.clone()));
            }
            self.departed.remove(patient);
        }
        if self.is_full() {
            let max = self.settings.admission.max_patients;
            return Reception::Refuse(Refusal::Full { patient: patient.clone(), max });
        }
        Reception::Admit
    }

    /// The patient is here now.
    pub fn admitted(&mut self, patient: &PatientId) {
        self.present += 1;
        self.departed.remove(patient);
    }

    /// The patient is not here any more; its readings are not taken for a while.
    pub fn departed(&mut self, patient: &PatientId, now: Now) {
        self.present -= 1;
        let readmit_after = self.settings.admission.readmit_after;
        if self.departed.len() >= self.settings.admission.max_patients {
            self.departed.retain(|_, last| now.uptime.since(*last) < readmit_after);
        }
        self.departed.insert(patient.clone(), now.uptime);
        self.measures.retain(|_, patients| {
            patients.retain(|of| of != patient);
            !patients.is_empty()
        });
        self.skews.retain(|device, _| self.measures.contains_key(device));
    }

    /// The patient left by itself: a reading admits it again at once.
    pub fn left(&mut self, patient: &PatientId, now: Now) {
        self.departed(patient, now);
        self.departed.remove(patient);
    }

    /// A reading of this device came: what it said before of being gone may be over.
    pub fn hears(&mut self, device: Option<&DeviceId>) {
        if let Some(heard_since) = device.and_then(|device| self.offline.get_mut(device)) {
            *heard_since = true;
        }
    }

    /// A device measures this patient.
    pub fn measures(&mut self, device: &DeviceId, patient: &PatientId) {
        let patients = self.measures.entry(device.clone()).or_default();
        if let Err(place) = patients.binary_search(patient) {
            patients.reserve_exact(1);
            patients.insert(place, patient.clone());
        }
    }

    /// Whether a device is gone by its own word, though a reading of it was judged; a live one that came
    /// after that word refutes it.
    pub fn is_gone(&self, device: &DeviceId, live: bool) -> bool {
        self.offline.get(device).is_some_and(|heard_since| !(live && *heard_since))
    }

    /// A device says that it is gone or back: the patients whom that concerns.
    pub fn device_status(&mut self, device: &DeviceId, online: bool) -> Vec<PatientId> {
        if online {
            self.offline.remove(device);
        } else if self.offline.len() < self.settings.admission.max_patients * DEVICES_PER_PATIENT {
            self.offline.insert(device.clone(), false);
        }
        self.measures.get(device).cloned().unwrap_or_default()
    }

    /// A device's clock seems to be off, or no longer.
    pub fn note_skew(&mut self, device: &DeviceId, skew: Option<Skew>) {
        match skew {
            Some(skew) => self.skews.insert(device.clone(), skew),
            None => self.skews.remove(device),
        };
    }

    /// Whether our own clock is the likelier fault, of all the devices that are known now.
    pub fn doubt_own_clock(&mut self, now: Now) -> (bool, Announcements) {
        let behind = self.skews.values().filter(|skew| **skew == Skew::Behind).count();
        let most = behind.max(self.skews.len() - behind);
        let known = self.measures.len();
        self.own_clock_suspect = known >= DEVICES_TO_BLAME_OURSELVES && most * 2 > known;
        let fact = self.own_clock_suspect.then(|| Cause::Words {
            words: format!(
                "{most} of {known} devices are off by the same sign: our own clock is the likelier fault; check its time service"
            ),
        });
        (self.own_clock_suspect, self.fact(Condition::ClockWrong(None), fact, now.wall, now))
    }

    /// All places are taken, or one is free again.
    pub fn note_full(&mut self, now: Now) -> Announcements {
        let cause = self.is_full().then(|| self.fullness());
        self.fact(Condition::AdmissionFull, cause, now.wall, now)
    }

    fn is_full(&self) -> bool {
        self.present >= self.settings.admission.max_patients
    }

    fn fullness(&self) -> Cause {
        let max = self.settings.admission.max_patients;
        let words = format!(
            "All {max} places are taken: readings of further patients are rejected (admission.max_patients)"
        );
        Cause::Words { words }
    }

    /// Whether all places are taken and somebody was told so.
    pub fn is_told_full(&self) -> bool {
        self.facts.contains_key(&Condition::AdmissionFull)
    }

    /// Something about the installation is so since `at`, or is not (no cause).
    pub fn fact(
        &mut self,
        condition: Condition,
        cause: Option<Cause>,
        at: Timestamp,
        now: Now,
    ) -> Announcements {
        match cause {
            Some(cause) => self.facts.insert(condition, cause),
            None => self.facts.remove(&condition),
        };
        let findings =
            self.facts.iter().map(|(condition, cause)| finding(condition, cause, Priority::High, at, now));
        let findings = findings.collect();
        let subject = Subject::Installation;
        let caption = Caption {
            subject: &subject,
            bed: None,
            simulated: false,
            words_of: |_| wording::plain,
            stay: self.started,
        };
        self.installation.judge(&CENSUS, findings, &moment(at, now), &caption);
        self.installation.publish(&caption, false)
    }

    /// A device sends more than can be meant.
    pub fn floods(
        &mut self,
        patient: &PatientId,
        device: &DeviceId,
        now: Now,
    ) -> Option<(UnitId, Announcements)> {
        let unit: UnitId = patient.unit().parse().ok()?;
        let until = now.uptime + FLOOD_OVER_AFTER;
        let began = self.floods.insert((unit.clone(), device.clone()), until).is_none();
        began.then(|| (unit.clone(), self.judge_floods(&unit, now)))
    }

    /// When a flood counts as over.
    pub fn next_deadline(&self) -> Option<Uptime> {
        self.floods.values().min().copied()
    }

    /// Ends the floods that are over at `due`.
    pub fn tick(&mut self, due: Uptime, now: Now) -> Vec<(UnitId, Announcements)> {
        let over = self.floods.extract_if(.., |_, until| *until <= due);
        let units: BTreeSet<_> = over.map(|((unit, _), _)| unit).collect();
        units.into_iter().map(|unit| (unit.clone(), self.judge_floods(&unit, now))).collect()
    }

    fn judge_floods(&mut self, unit: &UnitId, now: Now) -> Announcements {
        let max = self.settings.admission.max_rate;
        let flooding = self.floods.keys().filter(|(of, _)| of == unit);
        let findings = flooding.map(|(_, device)| {
            let words = format!(
                "Device {device} sends more than {max} readings a second; what is beyond is rejected"
            );
            finding(
                &Condition::DeviceFlooding(device.clone()),
                &Cause::Words { words },
                Priority::Medium,
                now.wall,
                now,
            )
        });
        let findings = findings.collect();
        let subject = Subject::Unit(unit.clone());
        let caption = Caption {
            subject: &subject,
            bed: None,
            simulated: false,
            words_of: |_| wording::plain,
            stay: self.started,
        };
        let alerts = self.units.entry(unit.clone()).or_default();
        alerts.judge(&CENSUS, findings, &moment(now.wall, now), &caption);
        alerts.publish(&caption, false)
    }
}

fn moment(at: Timestamp, now: Now) -> Moment {
    Moment { at, ..Moment::without_reading(now) }
}

fn finding(condition: &Condition, cause: &Cause, priority: Priority, at: Timestamp, now: Now) -> Finding {
    let priority = if matches!(condition, Condition::ClockWrong(_)) { Priority::Low } else { priority };
    Finding {
        condition: condition.clone(),
        reached: Some(priority),
        kept: Some(priority),
        presence: Presence::Present,
        cause: cause.clone(),
        at,
        measured: now.uptime,
        reading: None,
        timing: Timing::IMMEDIATE,
        reason: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Uptime;

    fn census() -> Census {
        Census::new(Arc::default(), Now { uptime: Uptime::START, wall: Timestamp::from_unix_ms(0) })
    }

    #[test]
    fn a_last_will_right_behind_the_first_reading_counts() {
        let (mut census, device) = (census(), "mon-17".parse().unwrap());
        census.hears(Some(&device));
        // Nobody knows yet whom the device measures.
        assert_eq!(census.device_status(&device, false), []);
        census.measures(&device, &"icu-1/p-17".parse().unwrap());
        assert!(census.is_gone(&device, true));
    }

    #[test]
    fn a_last_will_from_before_is_refuted_by_a_live_reading_and_by_no_other() {
        let (mut census, device) = (census(), "mon-17".parse().unwrap());
        census.device_status(&device, false);
        census.hears(Some(&device));
        assert!(!census.is_gone(&device, true));
        assert!(census.is_gone(&device, false));
        census.device_status(&device, true);
        assert!(!census.is_gone(&device, false));
    }
}
