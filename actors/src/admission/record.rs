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
    /// The age class, where it is said; else `born` decides ([`AdmissionRecord::class_at`]).
    pub class: Option<Class>,
    pub born: Option<Date>,
    pub pregnant: bool,
    pub spo2_scale: Spo2Scale,
    pub room: Option<String>,
    pub bed: Option<String>,
    /// A label by which staff know the patient; never a name in a log.
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

/// The last day of life on which a child is a neonate.
const NEONATE_TO_DAYS: i32 = 28;

/// The last completed year of life in which a child is paediatric; from then on an adult's limits hold.
const PAEDIATRIC_TO_YEARS: i16 = 12;

fn today(at: Timestamp) -> Option<Date> {
    Some(jiff::Timestamp::from_millisecond(at.unix_ms()).ok()?.to_zoned(jiff::tz::TimeZone::UTC).date())
}

impl AdmissionRecord {
    /// The age class at `at`: what the record says, else what the date of birth means, else adult.
    pub fn class_at(&self, at: Timestamp) -> Class {
        self.class.or_else(|| self.class_by_age(at)).unwrap_or_default()
    }

    /// The class that the date of birth means, where the record says another; what it says holds.
    pub fn contradicted_class(&self, at: Timestamp) -> Option<Class> {
        self.class_by_age(at).filter(|by_age| self.class.is_some_and(|class| class != *by_age))
    }

    /// The class at this age (clinical reference, section 3).
    fn class_by_age(&self, at: Timestamp) -> Option<Class> {
        let days = (today(at)? - self.born?).get_days();
        if days < -1 {
            return None; // not born yet, by more than a time zone
        }
        Some(match self.age_years(at)? {
            _ if days <= NEONATE_TO_DAYS => Class::Neonate,
            years if years <= PAEDIATRIC_TO_YEARS => Class::Paediatric,
            _ => Class::Adult,
        })
    }

    /// Completed years of age at `at`, where the date of birth is known.
    pub fn age_years(&self, at: Timestamp) -> Option<i16> {
        let (born, today) = (self.born?, today(at)?);
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

    /// Seen to fail with 27 days, and with 11 years, for the last of a class.
    #[test]
    fn without_a_class_the_date_of_birth_decides_and_a_class_that_is_said_holds() {
        let at = "2026-11-22T12:00:00Z".parse().unwrap();
        let record =
            |class, born: &str| AdmissionRecord { class, born: born.parse().ok(), ..Default::default() };
        let by_age = |born| record(None, born).class_at(at);
        assert_eq!(by_age("2026-11-23"), Class::Neonate, "tomorrow, where it is today already");
        assert_eq!(by_age("2026-10-25"), Class::Neonate, "28 days");
        assert_eq!(by_age("2026-10-24"), Class::Paediatric, "29 days");
        assert_eq!(by_age("2013-11-23"), Class::Paediatric, "twelve years, and thirteen tomorrow");
        assert_eq!(by_age("2013-11-22"), Class::Adult, "thirteen");
        assert_eq!(by_age("2062-11-22"), Class::Adult, "a slip of the pen");
        assert_eq!(by_age(""), Class::Adult);
        let contradicts = |class, born| record(Some(class), born).contradicted_class(at);
        assert_eq!(record(Some(Class::Adult), "2020-01-01").class_at(at), Class::Adult);
        assert_eq!(contradicts(Class::Adult, "2020-01-01"), Some(Class::Paediatric));
        assert_eq!(contradicts(Class::Paediatric, "2020-01-01"), None);
        assert_eq!(contradicts(Class::Adult, ""), None);
        assert_eq!(record(None, "2020-01-01").contradicted_class(at), None);
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
