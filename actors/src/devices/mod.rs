//! The devices of one patient, each as one record: its clock, its repeats, its rhythm, when it was heard.

pub mod clock;
pub mod count;
pub mod device;
pub mod former;
pub mod kept;
pub mod repeats;
pub mod rhythm;
pub mod withheld;

use serde::{Deserialize, Serialize};

use crate::clock::Span;
use crate::people::DeviceId;
pub use device::Device;

/// How many devices of one patient are remembered; beyond, the least needed goes first.
const MOST: usize = 16;

/// How many, where each holds a vital or has an open alert; beyond, the one not heard for longest goes with its alert.
const MOST_NEEDED: usize = 64;

/// The devices of one patient, in the order in which they were first heard of.
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
    ///
    /// Where there are too many, one is forgotten for it that is not `needed`: it holds no vital, no alert about it is
    /// open, and what it keeps sending has been found out.
    pub fn known_or_new(&mut self, id: &DeviceId, needed: impl Fn(&DeviceId) -> bool) -> &mut Device {
        let place = self.0.iter().position(|device| device.id == *id).unwrap_or_else(|| {
            if self.0.len() >= MOST {
                self.forget_one(needed);
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

    /// Takes up the devices of the same person in another unit: where both know one, as it was heard last.
    pub fn inherit(&mut self, moved: &Self) {
        for theirs in &moved.0 {
            let has_room = self.0.len() < MOST_NEEDED;
            match self.get_mut(&theirs.id) {
                Some(own) if own.heard < theirs.heard => *own = theirs.clone(),
                Some(_) => {}
                None if has_room => self.0.push(theirs.clone()),
                None => {}
            }
        }
    }

    /// Makes room: forgets one whose silence nobody watches before one whose silence is watched, and the one not heard
    /// for longest first.
    fn forget_one(&mut self, needed: impl Fn(&DeviceId) -> bool) {
        let places = self.0.iter().enumerate();
        let least = places.filter(|(_, device)| !needed(&device.id) && !device.clock.is_catching_up());
        let least =
            least.min_by_key(|(_, device)| (device.is_watched(), device.heard)).map(|(place, _)| place);
        let oldest = || (0..self.0.len()).min_by_key(|place| self.0[*place].heard);
        let is_full = self.0.len() >= MOST_NEEDED;
        if let Some(place) = least.or_else(|| oldest().filter(|_| is_full)) {
            self.0.remove(place);
        }
    }
}

impl FromIterator<Device> for Devices {
    fn from_iter<I: IntoIterator<Item = Device>>(devices: I) -> Self {
        Self(devices.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Now, Timestamp, Uptime};
    use crate::vitals::{Vital, VitalSet};

    fn id(name: &str) -> DeviceId {
        name.parse().unwrap()
    }

    /// Hears a device of this name in this second.
    fn hear(devices: &mut Devices, name: &str, second: i64, needed: &[&str]) {
        let needed = |of: &DeviceId| needed.contains(&of.as_str());
        let now =
            Now { uptime: Uptime::from_ms(second * 1000), wall: Timestamp::from_unix_ms(second * 1000) };
        let device = devices.known_or_new(&id(name), needed);
        device.hear_live(VitalSet::of(Vital::Temperature), now, Uptime::START);
    }

    fn names(devices: &Devices) -> Vec<&str> {
        devices.iter().map(|device| device.id.as_str()).collect()
    }

    /// Seen to fail with the one not heard for longest forgotten first: the monitor that died.
    #[test]
    fn a_gateway_with_a_new_name_each_second_has_neither_a_monitor_nor_the_needed_forgotten() {
        let mut devices = Devices::default();
        (0..5).for_each(|second| hear(&mut devices, "mon-1", second, &[]));
        hear(&mut devices, "cuff-1", 5, &[]);
        (6..1000).for_each(|second| hear(&mut devices, &format!("gw-{second}"), second, &["cuff-1"]));
        assert_eq!(names(&devices).len(), MOST);
        assert_eq!(names(&devices)[..3], ["mon-1", "cuff-1", "gw-986"]);
    }

    /// Seen to fail with no bound for those that are needed.
    #[test]
    fn even_those_that_are_needed_have_a_bound() {
        let mut devices = Devices::default();
        let needed = (0..100).map(|n| format!("gw-{n}")).collect::<Vec<_>>();
        let needed: Vec<_> = needed.iter().map(String::as_str).collect();
        needed.iter().enumerate().for_each(|(second, name)| hear(&mut devices, name, second as i64, &needed));
        assert_eq!(names(&devices).len(), MOST_NEEDED);
        assert_eq!(names(&devices).last(), Some(&"gw-99"));
    }
}
