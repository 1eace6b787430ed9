//! Devices that send more than can be meant, and until when they count as doing so.

use std::collections::{BTreeMap, BTreeSet};

use super::finding;
use crate::alerts::{Cause, Finding};
use crate::clock::{Now, Span, Uptime};
use crate::conditions::{Condition, Priority};
use crate::people::{DeviceId, UnitId};

/// For how long a device must not flood before that alert ends.
const OVER_AFTER: Span = Span::from_secs(60);

/// How many floods are published at a time; the one that ends first makes room.
const MOST_FLOODS: usize = 1000;

/// Until when each device counts as flooding.
#[derive(Debug, Default)]
pub(super) struct Floods {
    units: BTreeMap<UnitId, BTreeMap<DeviceId, Uptime>>,
    by_end: BTreeSet<(Uptime, UnitId, DeviceId)>,
}

impl Floods {
    /// The device floods at `now`; answers the units of which there is something new to say.
    pub fn note(&mut self, unit: &UnitId, device: &DeviceId, now: Uptime) -> BTreeSet<UnitId> {
        let until = now + OVER_AFTER;
        let before = self.units.entry(unit.clone()).or_default().insert(device.clone(), until);
        if let Some(before) = before {
            self.by_end.remove(&(before, unit.clone(), device.clone()));
        }
        self.by_end.insert((until, unit.clone(), device.clone()));
        let mut units: BTreeSet<_> = before.is_none().then(|| unit.clone()).into_iter().collect();
        if self.by_end.len() > MOST_FLOODS {
            units.extend(self.end_first());
        }
        units
    }

    /// Ends what is over at `due`; answers the units of which there is something new to say.
    pub fn end(&mut self, due: Uptime) -> BTreeSet<UnitId> {
        let mut units = BTreeSet::new();
        while self.next_deadline().is_some_and(|until| until <= due) {
            units.extend(self.end_first());
        }
        units
    }

    fn end_first(&mut self) -> Option<UnitId> {
        let (_, unit, device) = self.by_end.pop_first()?;
        let devices = self.units.get_mut(&unit)?;
        devices.remove(&device);
        if devices.is_empty() {
            self.units.remove(&unit);
        }
        Some(unit)
    }

    /// When the first flood counts as over.
    pub fn next_deadline(&self) -> Option<Uptime> {
        self.by_end.first().map(|(until, ..)| *until)
    }

    /// Whether a device of this unit counts as flooding.
    pub fn has(&self, unit: &UnitId) -> bool {
        self.units.contains_key(unit)
    }

    pub fn findings(&self, unit: &UnitId, max: u32, now: Now) -> Vec<Finding> {
        let flooding = self.units.get(unit).into_iter().flatten().map(|(device, _)| {
            let words = format!(
                "Device {device} sends more than {max} readings a second; what can wait no longer is rejected"
            );
            finding(
                Condition::DeviceFlooding(device.clone()),
                Cause::Words { words },
                Priority::Medium,
                now.wall,
                now,
            )
        });
        flooding.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;

    fn second(second: i64) -> Uptime {
        Uptime::from_ms(second * 1000)
    }

    fn flooding(floods: &Floods, unit: &str) -> usize {
        let now = Now { uptime: Uptime::START, wall: Timestamp::from_unix_ms(0) };
        floods.findings(&unit.parse().unwrap(), 100, now).len()
    }

    #[test]
    fn a_flood_is_over_a_minute_after_its_last_reading_too_many() {
        let (mut floods, unit, device) =
            (Floods::default(), "icu-1".parse().unwrap(), "mon-17".parse().unwrap());
        assert_eq!(floods.note(&unit, &device, second(0)).len(), 1);
        assert_eq!(floods.note(&unit, &device, second(30)).len(), 0, "nothing new");
        assert_eq!((floods.end(second(89)).len(), flooding(&floods, "icu-1")), (0, 1));
        assert_eq!((floods.end(second(90)).len(), flooding(&floods, "icu-1")), (1, 0));
        assert!(!floods.has(&unit) && floods.next_deadline().is_none());
    }

    /// Seen to fail with the bound taken out of `note`.
    #[test]
    fn of_a_hundred_thousand_floods_the_last_thousand_are_published() {
        let (mut floods, unit) = (Floods::default(), "icu-1".parse().unwrap());
        for n in 0..100_000 {
            floods.note(&unit, &format!("mon-{n}").parse().unwrap(), second(n));
        }
        assert_eq!((flooding(&floods, "icu-1"), floods.by_end.len()), (MOST_FLOODS, MOST_FLOODS));
    }
}
