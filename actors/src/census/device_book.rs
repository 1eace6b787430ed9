//! Which patients each device measures, whether it said that it is gone, and how its clock is off.

use std::collections::{BTreeSet, HashMap};

use super::recent::Recent;
use super::turns::WaitingSource;
use super::{Census, Entry, EntryDevice};
use crate::clock::{Span, Uptime};
use crate::devices::clock::Skew;
use crate::installation::Clocks;
use crate::people::{DeviceId, PatientId};

/// One device that was heard for several patients within this time is a gateway.
const GATEWAY_WITHIN: Span = Span::from_mins(10);

/// How many devices' words of being gone are remembered for each place of a patient.
const STATUSES_PER_PLACE: usize = 16;

/// What is known of devices beyond what each patient remembers.
#[derive(Debug)]
pub(super) struct DeviceBook {
    /// Bounded by the patients who are here, each of whom knows a bounded number of devices.
    patients: HashMap<DeviceId, BTreeSet<PatientId>>,
    /// Devices that said they are gone, and whether a reading of theirs came since.
    offline: Recent<DeviceId, bool>,
    skews: HashMap<DeviceId, Skew>,
    behind: usize,
}

impl DeviceBook {
    /// No device is known; there are so many places for patients.
    pub fn new(places: usize) -> Self {
        Self {
            patients: HashMap::new(),
            offline: Recent::of_at_most(places.saturating_mul(STATUSES_PER_PLACE)),
            skews: HashMap::new(),
            behind: 0,
        }
    }

    fn link_to<A>(
        &mut self,
        entry: &mut Entry<A>,
        device: &DeviceId,
        patient: &PatientId,
        heard: Option<Uptime>,
    ) {
        if device.is_unnamed() || entry.device(device).is_some() {
            return;
        }
        self.patients.entry(device.clone()).or_default().insert(patient.clone());
        if let Some(forgotten) = entry.add(EntryDevice::new(device.clone(), heard)) {
            self.unlink(&forgotten, patient);
        }
    }

    fn unlink(&mut self, device: &DeviceId, patient: &PatientId) {
        let Some(patients) = self.patients.get_mut(device) else { return };
        patients.remove(patient);
        if patients.is_empty() {
            self.patients.remove(device);
            self.skew(device, None);
        }
    }

    fn skew(&mut self, device: &DeviceId, skew: Option<Skew>) {
        let before = match skew.filter(|_| self.patients.contains_key(device)) {
            Some(skew) => {
                self.behind += usize::from(skew == Skew::Behind);
                self.skews.insert(device.clone(), skew)
            }
            None => self.skews.remove(device),
        };
        self.behind -= usize::from(before == Some(Skew::Behind));
    }

    pub fn clocks(&self) -> Clocks {
        Clocks { devices: self.patients.len(), behind: self.behind, ahead: self.skews.len() - self.behind }
    }
}

impl<A> Census<A> {
    /// What the clocks of all devices say.
    pub fn clocks(&self) -> Clocks {
        self.book.clocks()
    }

    /// A reading came of this patient, from this device, at `now`: answers the patient's entry where it is here.
    pub fn hears(&mut self, patient: &str, device: Option<&DeviceId>, now: Uptime) -> Option<&Entry<A>> {
        if let Some(heard_since) = device.and_then(|device| self.book.offline.get_mut(device)) {
            *heard_since = true; // what it said of being gone may be over
        }
        let entry = self.entries.get_mut(patient)?;
        entry.active = true;
        if let Some(device) = device.filter(|device| !entry.hears(device, now) && entry.allows(device))
            && let Ok(patient) = patient.parse()
        {
            self.book.link_to(entry, device, &patient, Some(now));
        }
        Some(entry)
    }

    /// The queue in which a reading of this patient that comes at `now` waits; none where it is judged at once.
    pub fn queue_of(
        &mut self,
        patient: &str,
        device: Option<&DeviceId>,
        now: Uptime,
    ) -> Option<WaitingSource> {
        let most = self.settings.admission.max_rate;
        let entry = self.entries.get_mut(patient)?;
        if entry.takes_at_once(device, most, now) {
            return None;
        }
        Some(WaitingSource { patient: patient.into(), device: entry.wait(device, now) })
    }

    /// A reading of this queue waits no longer.
    pub fn go_on(&mut self, source: &WaitingSource) {
        if let Some(entry) = self.entries.get_mut(&*source.patient) {
            entry.go_on(source.device.as_ref());
        }
    }

    /// A device measures this patient: it was heard at that time, or only the record names it.
    pub fn link(&mut self, device: &DeviceId, patient: &PatientId, heard: Option<Uptime>) {
        if let Some(entry) = self.entries.get_mut(patient) {
            self.book.link_to(entry, device, patient, heard);
        }
    }

    /// The record names its devices: others measure this patient no more.
    pub(super) fn link_named(&mut self, patient: &PatientId) {
        let Some(entry) = self.entries.get_mut(patient) else { return };
        let Some(record) = entry.record.clone() else { return };
        let gone: Vec<_> = entry
            .devices
            .extract_if(.., |device| {
                !record.allows(Some(&device.id)) || (device.heard.is_none() && !record.names(&device.id))
            })
            .collect();
        gone.iter().for_each(|device| self.book.unlink(&device.id, patient));
        for device in record.devices.iter().flatten() {
            self.link(device, patient, None);
        }
    }

    /// The patient's devices go with the patient, or nowhere.
    pub(super) fn unlink_all(&mut self, devices: &[EntryDevice], patient: &PatientId) {
        devices.iter().for_each(|device| self.book.unlink(&device.id, patient));
    }

    /// Takes over the devices of the same person in another unit.
    pub(super) fn inherit_devices(&mut self, devices: Vec<EntryDevice>, patient: &PatientId) {
        for moved in devices {
            self.link(&moved.id, patient, moved.heard);
            let known = self.entries.get_mut(patient).and_then(|entry| entry.device(&moved.id));
            if let Some(known) = known {
                known.heard = known.heard.max(moved.heard);
                known.offline |= moved.offline;
                known.skew = known.skew.or(moved.skew);
            }
            if moved.skew.is_some() {
                self.book.skew(&moved.id, moved.skew);
            }
        }
    }

    /// A device says that it is gone or back: the patients whom that concerns.
    ///
    /// It belongs to the patient for whom it was heard last. One that was heard for several within ten minutes is
    /// a gateway, whose status concerns them all; one that was never heard concerns whoever's record names it. That
    /// it is back concerns whoever knew that it was gone, too.
    pub fn device_status(&mut self, device: &DeviceId, online: bool) -> Vec<PatientId> {
        if online {
            self.book.offline.remove(device);
        } else {
            self.book.offline.note(device.clone(), false);
        }
        let patients = self.book.patients.get(device).into_iter().flatten();
        let entries = &mut self.entries;
        let known = |entries: &mut super::Entries<A>, patient: &PatientId| {
            entries
                .get_mut(patient)
                .and_then(|entry| entry.device(device).map(|known| (known.heard, known.offline)))
        };
        let last = patients.clone().filter_map(|patient| known(entries, patient)?.0).max();
        let concerned = patients.filter(|patient| {
            known(entries, patient).is_some_and(|(heard, known_offline)| {
                let here = match (last, heard) {
                    (Some(last), Some(heard)) => last.since(heard) <= GATEWAY_WITHIN,
                    (Some(_), None) => false,
                    (None, _) => true,
                };
                here || (online && known_offline)
            })
        });
        let concerned: Vec<_> = concerned.cloned().collect();
        for patient in &concerned {
            if let Some(known) = self.entries.get_mut(patient).and_then(|entry| entry.device(device)) {
                known.offline = !online;
            }
        }
        concerned
    }

    /// Whether a device is gone by its own word, though a reading of it was judged; a live one that came
    /// after that word refutes it.
    pub fn is_gone(&self, device: &DeviceId, live: bool) -> bool {
        self.book.offline.get(device).is_some_and(|heard_since| !(live && *heard_since))
    }

    /// The clock of a device of this patient seems to be off, or no longer.
    pub fn skew(&mut self, device: &DeviceId, patient: &PatientId, skew: Option<Skew>) {
        let entry = self.entries.get_mut(patient);
        if let Some(known) = entry.and_then(|entry| entry.device(device)) {
            known.skew = skew;
            self.book.skew(device, skew);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::admission::AdmissionRecord;

    /// A census in which these are, admitted by readings.
    fn census(patients: &[&str]) -> Census<()> {
        let mut census = Census::new(Arc::default());
        patients.iter().for_each(|patient| census.enter(&id(patient), Entry::new((), None, false)));
        census
    }

    fn id(patient: &str) -> PatientId {
        format!("icu-1/{patient}").parse().unwrap()
    }

    fn device(name: &str) -> DeviceId {
        name.parse().unwrap()
    }

    /// A reading of mon-17 came for this patient at this minute.
    fn hears(census: &mut Census<()>, patient: &str, minute: i64) {
        let now = Uptime::START + Span::from_mins(minute);
        census.hears(id(patient).as_str(), Some(&device("mon-17")), now);
    }

    /// Whom the status of mon-17 concerns.
    fn concerned(census: &mut Census<()>, online: bool) -> Vec<String> {
        let patients = census.device_status(&device("mon-17"), online);
        patients.iter().map(|patient| patient.patient().to_owned()).collect()
    }

    #[test]
    fn a_last_will_right_behind_the_first_reading_counts() {
        let mut census = census(&["a"]);
        hears(&mut census, "a", 0);
        assert_eq!(concerned(&mut census, false), ["a"]);
        assert!(census.is_gone(&device("mon-17"), true));
    }

    #[test]
    fn a_last_will_from_before_is_refuted_by_a_live_reading_and_by_no_other() {
        let (mut census, device) = (census(&["a"]), device("mon-17"));
        assert_eq!(concerned(&mut census, false), [""; 0]);
        hears(&mut census, "a", 0);
        assert!(!census.is_gone(&device, true));
        assert!(census.is_gone(&device, false));
        concerned(&mut census, true);
        assert!(!census.is_gone(&device, false));
    }

    /// Seen to fail where everybody it ever measured hears of it.
    #[test]
    fn the_status_of_a_device_that_moved_concerns_its_new_patient_alone() {
        let mut census = census(&["a", "b"]);
        hears(&mut census, "a", 0);
        hears(&mut census, "b", 11);
        assert_eq!(concerned(&mut census, false), ["b"]);
        hears(&mut census, "a", 30);
        assert_eq!(concerned(&mut census, false), ["a"]);
    }

    /// Seen to fail where only the patient for whom it was heard last hears of it.
    #[test]
    fn the_status_of_a_gateway_concerns_all_for_whom_it_was_heard_within_ten_minutes() {
        let mut census = census(&["a", "b", "c"]);
        hears(&mut census, "c", 0);
        for minute in 20..25 {
            hears(&mut census, "a", minute);
            hears(&mut census, "b", minute);
        }
        assert_eq!(concerned(&mut census, false), ["a", "b"]);
    }

    #[test]
    fn that_a_device_is_back_concerns_whoever_knew_that_it_was_gone() {
        let mut census = census(&["a", "b"]);
        hears(&mut census, "a", 0);
        assert_eq!(concerned(&mut census, false), ["a"]);
        hears(&mut census, "b", 60);
        assert_eq!(concerned(&mut census, true), ["a", "b"]);
        assert_eq!(concerned(&mut census, true), ["b"]);
    }

    #[test]
    fn a_device_that_was_never_heard_is_whose_record_names_it_until_another_hears_it() {
        let mut census = census(&["a"]);
        let named = |devices: &[&str]| {
            let devices = Some(devices.iter().map(|name| device(name)).collect());
            Arc::new(AdmissionRecord { devices, ..AdmissionRecord::default() })
        };
        census.enter(&id("b"), Entry::new((), Some(named(&["mon-17"])), true));
        assert_eq!(concerned(&mut census, false), ["b"]);
        hears(&mut census, "a", 0);
        assert_eq!(concerned(&mut census, false), ["a"]);
        census.confirm(&id("b"), &named(&["mon-18"]));
        assert_eq!(concerned(&mut census, true), ["a"], "the record of b names another now");
    }

    /// Seen to fail with the bound taken out of `Entry::add`.
    #[test]
    fn a_device_under_a_new_name_each_second_does_not_drive_out_the_one_that_is_offline() {
        let mut census = census(&["a"]);
        hears(&mut census, "a", 0);
        concerned(&mut census, false);
        for n in 0..100_000 {
            let now = Uptime::START + Span::from_secs(n);
            census.hears(id("a").as_str(), Some(&device(&format!("new-{n}"))), now);
        }
        assert_eq!(concerned(&mut census, true), ["a"]);
        assert!(census.clocks().devices <= 32, "{:?}", census.clocks());
    }

    #[test]
    fn what_was_said_by_a_hundred_thousand_devices_of_nobody_is_forgotten_one_by_one() {
        let mut settings = crate::settings::Settings::default();
        settings.admission.max_patients = 10;
        let mut census = Census::<()>::new(Arc::new(settings));
        for n in 0..100_000 {
            assert_eq!(census.device_status(&device(&format!("mon-{n}")), false), []);
        }
        assert!(!census.is_gone(&device("mon-0"), false));
        assert!(census.is_gone(&device("mon-99999"), false));
    }

    #[test]
    fn whoever_leaves_takes_the_devices_along() {
        let mut census = census(&["a", "b"]);
        hears(&mut census, "a", 0);
        census.skew(&device("mon-17"), &id("a"), Some(Skew::Behind));
        let now = crate::clock::Now { uptime: Uptime::START, wall: crate::clock::Timestamp::from_unix_ms(0) };
        let left = census.leave(&id("a"), crate::people::Departure::Transferred, now).unwrap();
        assert_eq!(census.clocks(), Clocks::default());
        census.moved(left, &id("b"));
        assert_eq!(census.clocks(), Clocks { devices: 1, behind: 1, ahead: 0 });
        assert_eq!(concerned(&mut census, false), ["b"]);
    }
}
