//! One patient as the census knows it: where it is reached, and which devices measure it.

use std::sync::Arc;

use crate::admission::AdmissionRecord;
use crate::clock::{Span, Uptime};
use crate::devices::clock::Skew;
use crate::people::DeviceId;

use super::rate::ArrivalRate;

/// How many devices of one patient the census knows; more than the patient itself remembers.
const MOST_DEVICES: usize = 32;

/// A device that was first heard longer ago is no newcomer, and has a rate of its own.
const NEWCOMER_FOR: Span = Span::from_secs(60);

/// One patient who is here.
#[derive(Debug)]
pub struct Entry<A> {
    /// Where the patient is reached.
    pub address: A,
    /// The record that holds; none where a reading admitted the patient.
    pub record: Option<Arc<AdmissionRecord>>,
    /// Whether a record has been heard since the start.
    pub confirmed: bool,
    /// Whether the patient is to be discharged, with so many others that it is held.
    pub held: bool,
    /// For when the patient asked to be woken.
    pub deadline: Option<Uptime>,
    /// Whether a reading came since the patient was last woken.
    pub active: bool,
    pub(super) devices: Vec<EntryDevice>,
    /// How fast the readings of all newcomers come, and of devices without a name: a new name for each reading
    /// is no way around the rate.
    newcomers: ArrivalRate,
    /// How many of their readings wait for their turn.
    waiting: u32,
}

/// A device of one patient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EntryDevice {
    pub id: DeviceId,
    /// When it was last heard for this patient; none where only the record names it.
    pub heard: Option<Uptime>,
    /// Whether the patient last learned that it is offline.
    pub offline: bool,
    /// How its clock is off, by this patient's word.
    pub skew: Option<Skew>,
    /// When it was first heard.
    since: Option<Uptime>,
    /// How fast its readings come.
    rate: ArrivalRate,
    /// How many of its readings wait for their turn.
    waiting: u32,
}

impl EntryDevice {
    /// A device of which nothing but this is known.
    pub fn new(id: DeviceId, heard: Option<Uptime>) -> Self {
        Self { id, heard, offline: false, skew: None, since: heard, rate: ArrivalRate::default(), waiting: 0 }
    }
}

impl EntryDevice {
    /// Whether it is no newcomer at `now`.
    fn is_established(&self, now: Uptime) -> bool {
        self.since.is_some_and(|since| now.since(since) >= NEWCOMER_FOR)
    }
}

impl<A> Entry<A> {
    /// Whether a reading of this device, which comes at `now`, is within its rate, and none of it waits.
    pub(super) fn takes_at_once(&mut self, device: Option<&DeviceId>, most: u32, now: Uptime) -> bool {
        match self.established(device, now) {
            Some(known) => known.waiting == 0 && known.rate.keeps_to(most, now),
            None => self.waiting == 0 && self.newcomers.keeps_to(most, now),
        }
    }

    /// The device of this name, where it is no newcomer at `now`.
    fn established(&mut self, device: Option<&DeviceId>, now: Uptime) -> Option<&mut EntryDevice> {
        self.device(device?).filter(|known| known.is_established(now))
    }

    /// A reading of this device waits; answers in whose queue.
    pub(super) fn wait(&mut self, device: Option<&DeviceId>, now: Uptime) -> Option<DeviceId> {
        match self.established(device, now) {
            Some(known) => {
                known.waiting = known.waiting.saturating_add(1);
                Some(known.id.clone())
            }
            None => {
                self.waiting = self.waiting.saturating_add(1);
                None
            }
        }
    }

    /// A reading of this queue waits no longer.
    pub(super) fn go_on(&mut self, queue: Option<&DeviceId>) {
        match queue {
            Some(device) => {
                if let Some(known) = self.device(device) {
                    known.waiting = known.waiting.saturating_sub(1);
                }
            }
            None => self.waiting = self.waiting.saturating_sub(1),
        }
    }

    /// An entry of nobody's device yet.
    pub fn new(address: A, record: Option<Arc<AdmissionRecord>>, confirmed: bool) -> Self {
        Self {
            address,
            record,
            confirmed,
            held: false,
            deadline: None,
            active: true,
            devices: Vec::new(),
            newcomers: ArrivalRate::default(),
            waiting: 0,
        }
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
            known.since.get_or_insert(now);
        }
        is_known
    }

    pub(super) fn device(&mut self, id: &DeviceId) -> Option<&mut EntryDevice> {
        self.devices.iter_mut().find(|device| device.id == *id)
    }

    /// Adds a device that is not known yet; answers which one is forgotten for it.
    ///
    /// One that the record names, or that the patient was said to be offline, stays for longest; then one whose
    /// readings wait, and one that is no newcomer: new names without end drive out each other.
    pub(super) fn add(&mut self, device: EntryDevice) -> Option<DeviceId> {
        let now = device.heard;
        self.devices.push(device);
        if self.devices.len() <= MOST_DEVICES {
            return None;
        }
        let named = |id: &DeviceId| self.record.as_ref().is_some_and(|record| record.names(id));
        let keep = |device: &EntryDevice| {
            let stays = device.waiting > 0 || now.is_some_and(|now| device.is_established(now));
            (named(&device.id) || device.offline, stays, device.heard)
        };
        let others = self.devices[..MOST_DEVICES].iter().enumerate();
        let (place, _) = others.min_by_key(|(_, device)| keep(device))?;
        Some(self.devices.remove(place).id)
    }
}
