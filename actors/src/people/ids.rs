//! Names of patients, units and devices, as they stand in topics and logs.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

/// How much of what is no name is quoted, in characters.
const QUOTED: usize = 64;

/// Why a name cannot stand for a unit, patient or device. Of what is too long only the beginning is quoted.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NameFault {
    /// Empty, or longer than 64 characters.
    #[error("`{beginning}` has {characters} characters, a name has 1 to 64")]
    Length { beginning: String, characters: usize },
    /// A character outside `A-Z a-z 0-9 . _ -`.
    #[error("`{name}` contains `{character}`, a name has only A-Z a-z 0-9 . _ -")]
    Character { name: String, character: char },
    /// `_` alone stands for "none".
    #[error("`_` alone is not a name, it stands for \"none\"")]
    Reserved,
    /// Not `unit/patient`.
    #[error("`{0}` is not unit/patient")]
    NotAPatient(String),
}

/// Checks one name: 1 to 64 of `A-Z a-z 0-9 . _ -`, and not `_` alone.
pub fn check_name(name: &str) -> Result<(), NameFault> {
    if name.is_empty() || name.len() > 64 {
        return Err(NameFault::Length { beginning: quoted(name), characters: name.chars().count() });
    }
    if name == "_" {
        return Err(NameFault::Reserved);
    }
    let valid = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    if name.bytes().all(valid) {
        return Ok(());
    }
    let character = name.chars().find(|c| !c.is_ascii() || !valid(*c as u8)).unwrap_or('?');
    Err(NameFault::Character { name: name.to_owned(), character })
}

/// What is no name, in so many characters as may be quoted of it.
fn quoted(text: &str) -> String {
    match text.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The two names of `unit/patient`, not checked yet.
pub fn unit_and_patient(id: &str) -> Result<(&str, &str), NameFault> {
    id.split_once('/').ok_or_else(|| NameFault::NotAPatient(quoted(id)))
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name as it stands in topics.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

    };
}

name! {
    /// A ward or other place of care, as `icu-1`.
    UnitId
}
name! {
    /// A device that measures, as `mon-17`.
    DeviceId
}
name! {
    /// Whoever receives alerts and confirms them, as `pager-icu-1`.
    ReceiverName
}
name! {
    /// A patient's stay, always `unit/patient`, as `icu-1/p-17`.
    PatientId
}

impl std::str::FromStr for UnitId {
    type Err = NameFault;

    fn from_str(name: &str) -> Result<Self, NameFault> {
        check_name(name)?;
        Ok(Self(name.into()))
    }
}

impl std::str::FromStr for DeviceId {
    type Err = NameFault;

    fn from_str(name: &str) -> Result<Self, NameFault> {
        check_name(name)?;
        Ok(Self(name.into()))
    }
}

impl std::str::FromStr for ReceiverName {
    type Err = NameFault;

    fn from_str(name: &str) -> Result<Self, NameFault> {
        check_name(name)?;
        Ok(Self(name.into()))
    }
}

impl std::str::FromStr for PatientId {
    type Err = NameFault;

    fn from_str(id: &str) -> Result<Self, NameFault> {
        let (unit, patient) = unit_and_patient(id)?;
        check_name(unit)?;
        check_name(patient)?;
        Ok(Self(id.into()))
    }
}

macro_rules! deserialize {
    ($($name:ident)+) => {$(
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let name = std::borrow::Cow::<str>::deserialize(deserializer)?;
                name.parse().map_err(serde::de::Error::custom)
            }
        }
    )+};
}

deserialize!(UnitId PatientId ReceiverName);

impl<'de> Deserialize<'de> for DeviceId {
    /// Of a snapshot, in which a device without a name is written `_`.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = std::borrow::Cow::<str>::deserialize(deserializer)?;
        if name == "_" {
            return Ok(Self::unnamed());
        }
        name.parse().map_err(serde::de::Error::custom)
    }
}

impl DeviceId {
    /// The device of readings that name none.
    pub fn unnamed() -> Self {
        Self("_".into())
    }

    /// Whether it stands for readings that name no device.
    pub fn is_unnamed(&self) -> bool {
        &*self.0 == "_"
    }
}

impl PatientId {
    /// The patient of this name in that unit.
    pub fn in_unit(unit: &UnitId, patient: &str) -> Result<Self, NameFault> {
        format!("{unit}/{patient}").parse()
    }

    /// The unit's part.
    pub fn unit(&self) -> &str {
        self.0.split_once('/').map_or(&*self.0, |(unit, _)| unit)
    }

    /// The patient's part, without the unit.
    pub fn patient(&self) -> &str {
        self.0.split_once('/').map_or("", |(_, patient)| patient)
    }
}

/// Whom an alert is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Subject {
    /// One patient.
    Patient(PatientId),
    /// A unit as a whole.
    Unit(UnitId),
    /// This installation of WardWatch.
    Installation,
}

impl fmt::Display for Subject {
    /// As in topics: `icu-1/p-17`, `icu-1/_`, `_/_`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Patient(patient) => patient.fmt(f),
            Self::Unit(unit) => write!(f, "{unit}/_"),
            Self::Installation => f.write_str("_/_"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_1_to_64_of_the_allowed_characters_and_not_an_underscore_alone() {
        for good in ["a", "icu-1", "A.b_c-9", "__", &"x".repeat(64)] {
            assert_eq!(check_name(good), Ok(()), "{good}");
        }
        for bad in ["", "_", "a b", "bett/1", "ä", "a+", "#", &"x".repeat(65)] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_patient_is_always_a_unit_and_a_patient() {
        let id: PatientId = "icu-1/p-17".parse().unwrap();
        assert_eq!((id.unit(), id.patient()), ("icu-1", "p-17"));
        for bad in ["icu-1", "icu-1/", "/p", "a/b/c", "_/p", "icu-1/_"] {
            assert!(bad.parse::<PatientId>().is_err(), "{bad}");
        }
    }
}
