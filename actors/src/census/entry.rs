//! One patient as the census knows it: where it is reached, and which devices measure it.

use std::sync::Arc;

use crate::admission::AdmissionRecord;
use crate::clock::Uptime;
use crate::people::DeviceId;

/// How many devices of one patient the census knows; more than the patient itself remembers.
const MOST_DEVICES: usize = 32;

/// One patient who is here.
#[derive(Debug)]
pub struct Entry<A> {
    /// Where the patient is reached.
    pub address: A,
    /// The record that holds; none where a reading admitted the patient.
    pub record: Option<Arc<AdmissionRecord>>,
    /// Whether a record has been heard since the start.
    pub confirmed: bool,
    /// For when the patient asked to be woken.
    pub deadline: Option<Uptime>,
    /// Whether a reading came since the patient was last woken.
    pub active: bool,
    pub(super) devices: Vec<EntryDevice>,
}

/// A device of one patient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EntryDevice {
    pub id: DeviceId,
    /// When it was last heard for this patient; none where only the record names it.
    pub heard: Option<Uptime>,
    /// Whether the patient was last told that it is offline.
    pub offline: bool,
}

impl<A> Entry<A> {
    /// An entry of nobody's device yet.
    pub fn new(address: A, record: Option<Arc<AdmissionRecord>>, confirmed: bool) -> Self {
        Self { address, record, confirmed, deadline: None, active: true, devices: Vec::new() }
    }

    /// Whether readings of this device are taken.
    pub fn allows(&self, device: &DeviceId) -> bool {
        self.record.as_ref().is_none_or(|record| record.allows(Some(device)))
    }

    /// A reading of this device came at `now`; answers whether the device is known.
    pub(super) fn hears(&mut self, device: &DeviceId, now: Uptime) -> bool {
        let known = self.device(device);
        let is_known = known.is_some();
        if let Some(known) = known {
            known.heard = Some(now);
        }
        is_known
    }

    pub(super) fn device(&mut self, id: &DeviceId) -> Option<&mut EntryDevice> {
        self.devices.iter_mut().find(|device| device.id == *id)
    }

    /// Adds a device that is not known yet; answers which one is forgotten for it.
    ///
    /// One that the record names, or that the patient was told to be offline, stays for longest.
    pub(super) fn add(&mut self, device: EntryDevice) -> Option<DeviceId> {
        self.devices.push(device);
        if self.devices.len() <= MOST_DEVICES {
            return None;
        }
        let named = |id: &DeviceId| self.record.as_ref().is_some_and(|record| record.names(id));
        let keep = |device: &EntryDevice| (named(&device.id) || device.offline, device.heard);
        let others = self.devices[..MOST_DEVICES].iter().enumerate();
        let (place, _) = others.min_by_key(|(_, device)| keep(device))?;
        Some(self.devices.remove(place).id)
    }
}
