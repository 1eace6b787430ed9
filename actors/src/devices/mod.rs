//! The devices of one patient, each as one record: its clock, its repeats, its rhythm, when it was heard.

pub mod device;
pub mod device_clock;
pub mod rate;
pub mod repeats;
pub mod rhythm;

use serde::{Deserialize, Serialize};

use crate::clock::Span;
use crate::people::DeviceId;
pub use device::Device;

/// How many devices of one patient are remembered; the one not heard for longest goes first.
const MOST: usize = 16;

/// The devices of one patient, in the order in which they were first heard of; at most 16.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Devices(Vec<Device>);

impl Devices {
    /// The device of this name.
    pub fn get(&self, id: &DeviceId) -> Option<&Device> {
        self.0.iter().find(|device| device.id == *id)
    }

    /// The same, to be changed.
    pub fn get_mut(&mut self, id: &DeviceId) -> Option<&mut Device> {
        self.0.iter_mut().find(|device| device.id == *id)
    }

    /// The device of this name, which is new where it was not known.
    pub fn known_or_new(&mut self, id: &DeviceId) -> &mut Device {
        let place = self.0.iter().position(|device| device.id == *id).unwrap_or_else(|| {
            if self.0.len() >= MOST {
                self.forget_one();
            }
            self.0.reserve_exact(1);
            self.0.push(Device::new(id.clone()));
            self.0.len() - 1
        });
        &mut self.0[place]
    }

    /// Every device.
    pub fn iter(&self) -> impl Iterator<Item = &Device> {
        self.0.iter()
    }

    /// Every device, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Device> {
        self.0.iter_mut()
    }

    /// Moves what was noted on the uptime clock by `by`: that clock started anew.
    pub fn shift(&mut self, by: Span) {
        self.0.iter_mut().for_each(|device| device.shift(by));
    }

    /// Makes room: forgets the device that was not heard for longest.
    fn forget_one(&mut self) {
        let longest = self.0.iter().enumerate().min_by_key(|(_, device)| device.heard);
        if let Some(place) = longest.map(|(place, _)| place) {
            self.0.remove(place);
        }
    }
}

impl FromIterator<Device> for Devices {
    fn from_iter<I: IntoIterator<Item = Device>>(devices: I) -> Self {
        Self(devices.into_iter().collect())
    }
}
