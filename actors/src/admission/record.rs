//! The admission record: the one truth of who is here.

use jiff::civil::Date;
use serde::{Deserialize, Deserializer, Serialize, de};

use crate::clock::Timestamp;
use crate::people::Class;
use crate::people::{DeviceId, NameFault, UnitId};
use crate::settings::LimitOverrides;

/// Which SpO2 scale of NEWS2 was ordered for this patient; never inferred.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub enum Spo2Scale {
    /// For everybody without another order.
    #[default]
    One,
    /// Target 88 to 92 %, for hypercapnic respiratory failure.
    Two,
}

impl TryFrom<u8> for Spo2Scale {
    type Error = String;

    fn try_from(scale: u8) -> Result<Self, String> {
        match scale {
            1 => Ok(Self::One),
            2 => Ok(Self::Two),
            other => Err(format!("spo2_scale {other} is neither 1 nor 2")),
        }
    }
}

impl From<Spo2Scale> for u8 {
    fn from(scale: Spo2Scale) -> Self {
        match scale {
            Spo2Scale::One => 1,
            Spo2Scale::Two => 2,
        }
    }
}

/// What the record says of a patient. Everything may be left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AdmissionRecord {
    pub class: Class,
    pub born: Option<Date>,
    pub pregnant: bool,
    pub spo2_scale: Spo2Scale,
    pub room: Option<String>,
    pub bed: Option<String>,
    /// A mark by which staff know the patient; never a name in a log.
    pub label: Option<String>,
    /// The only devices whose readings are this patient's; none given: any.
    #[serde(deserialize_with = "named")]
    pub devices: Option<Vec<DeviceId>>,
    /// The unit from which the patient is transferred.
    pub from: Option<UnitId>,
    pub limits: LimitOverrides,
    pub attending: Option<String>,
}

/// Devices by their names: the one without a name is nobody's to claim.
fn named<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<DeviceId>>, D::Error> {
    let devices = Option::<Vec<DeviceId>>::deserialize(deserializer)?;
    match &devices {
        Some(named) if named.iter().any(DeviceId::is_unnamed) => Err(de::Error::custom(NameFault::Reserved)),
        _ => Ok(devices),
    }
}

impl AdmissionRecord {
    /// Completed years of age at `at`, where the date of birth is known.
    pub fn age_years(&self, at: Timestamp) -> Option<i16> {
        let born = self.born?;
        let today =
            jiff::Timestamp::from_millisecond(at.unix_ms()).ok()?.to_zoned(jiff::tz::TimeZone::UTC).date();
        let birthday_to_come = (today.month(), today.day()) < (born.month(), born.day());
        Some(today.year() - born.year() - i16::from(birthday_to_come))
    }

    /// Whether the record names this device.
    pub fn names(&self, device: &DeviceId) -> bool {
        self.devices.as_ref().is_some_and(|devices| devices.contains(device))
    }

    /// Whether readings of this device are this patient's.
    pub fn allows(&self, device: Option<&DeviceId>) -> bool {
        match (&self.devices, device) {
            (None, _) => true,
            (Some(devices), Some(device)) => devices.contains(device),
            (Some(_), None) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn age_is_counted_in_completed_years() {
        let record = AdmissionRecord { born: Some("2010-11-23".parse().unwrap()), ..Default::default() };
        let age = |day: &str| record.age_years(format!("{day}T12:00:00Z").parse().unwrap());
        assert_eq!(age("2026-11-22"), Some(15));
        assert_eq!(age("2026-11-23"), Some(16));
        assert_eq!(AdmissionRecord::default().age_years("2026-11-22T00:00:00Z".parse().unwrap()), None);
    }

    #[test]
    fn where_devices_are_named_no_other_is_allowed() {
        let record = AdmissionRecord { devices: Some(vec!["mon-17".parse().unwrap()]), ..Default::default() };
        assert!(record.allows(Some(&"mon-17".parse().unwrap())));
        assert!(!record.allows(Some(&"mon-18".parse().unwrap())));
        assert!(!record.allows(None));
    }

    #[test]
    fn a_record_names_its_devices_by_their_names() {
        let devices = |json| serde_json::from_str::<AdmissionRecord>(json).map(|record| record.devices);
        assert_eq!(devices("{}").unwrap(), None);
        assert_eq!(devices(r#"{"devices":["mon-17"]}"#).unwrap().unwrap().len(), 1);
        assert!(devices(r#"{"devices":["_"]}"#).is_err());
    }
}
