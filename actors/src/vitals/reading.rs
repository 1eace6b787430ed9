//! One message of values that a device measured at one time.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::people::DeviceId;
use crate::vitals::{Consciousness, Values, VitalSet};

/// The reading that something rests on, as its device named it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadingRef {
    /// None where the device gave no name.
    pub device: Option<DeviceId>,
    /// The device's count, as sent.
    pub seq: Option<u64>,
    /// The time as sent; where none was sent, the arrival.
    pub time: Timestamp,
    /// Whether `time` was sent.
    pub timed: bool,
    /// How often the count of a device that sends no time had started anew.
    #[serde(default)]
    pub generation: u32,
    /// Whether it is not a person's.
    #[serde(default)]
    pub simulated: bool,
}

impl ReadingRef {
    /// How this reading is named.
    pub fn of(reading: &Reading) -> Self {
        Self {
            device: reading.device.clone(),
            seq: reading.seq,
            time: reading.observed_at.unwrap_or(reading.received_at),
            timed: reading.observed_at.is_some(),
            generation: 0,
            simulated: reading.simulated,
        }
    }
}

/// A reading as it came from a device, every value plausible.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// The device's time, as sent.
    pub observed_at: Option<Timestamp>,
    /// The newest time of the readings that came in the same message, where there were several.
    pub newest_beside: Option<Timestamp>,
    /// When it arrived here.
    pub received_at: Timestamp,
    /// When it was measured by our clock, as far as its device is known; none before that is judged.
    pub judged_at: Option<Timestamp>,
    /// Who measured it; devices that do not say are one device.
    pub device: Option<DeviceId>,
    /// The device's own count, as sent.
    pub seq: Option<u64>,
    /// What was measured.
    pub values: Values,
    /// What the device says it could not measure: a null, or a zero that stands for one.
    pub not_measured: VitalSet,
    /// Level of consciousness.
    pub consciousness: Option<Consciousness>,
    /// Whether the patient breathes additional oxygen.
    pub supplemental_oxygen: Option<bool>,
    /// True for what is not a person's.
    pub simulated: bool,
}

impl Reading {
    /// A reading without values, received at `received_at`.
    pub fn empty(received_at: Timestamp) -> Self {
        Self {
            observed_at: None,
            newest_beside: None,
            received_at,
            judged_at: None,
            device: None,
            seq: None,
            values: Values::default(),
            not_measured: VitalSet::default(),
            consciousness: None,
            supplemental_oxygen: None,
            simulated: false,
        }
    }

    /// Whether it says anything of the patient; one of only zeros or nulls does not.
    pub fn has_measurements(&self) -> bool {
        !self.values.is_empty() || self.consciousness.is_some() || self.supplemental_oxygen.is_some()
    }
}
