//! What is known of single devices, by a pattern on their name.

use std::collections::BTreeMap;
use std::str::FromStr;

use serde::{Deserialize, Deserializer};
use thiserror::Error;
use wardwatch_actors::vitals::{Quantity, Vital, VitalSet};

/// A device's name in which `*` stands for any text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pattern(String);

/// Why a text is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "matches no device; allowed is a device's name of 1 to 64 of A-Z a-z 0-9 . _ -, where * stands for any text"
)]
pub struct PatternFault;

impl FromStr for Pattern {
    type Err = PatternFault;

    fn from_str(text: &str) -> Result<Self, PatternFault> {
        let valid = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'*');
        let possible = (1..=64).contains(&text.len()) && text.bytes().all(valid);
        if possible { Ok(Self(text.to_owned())) } else { Err(PatternFault) }
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl Pattern {
    /// Whether a device of this name is meant.
    pub fn matches(&self, device: &str) -> bool {
        let Some((head, rest)) = self.0.split_once('*') else { return self.0 == device };
        let Some(mut left) = device.strip_prefix(head) else { return false };
        let (middle, tail) = rest.rsplit_once('*').unwrap_or(("", rest));
        for part in middle.split('*').filter(|part| !part.is_empty()) {
            match left.find(part) {
                Some(at) => left = &left[at + part.len()..],
                None => return false,
            }
        }
        left.len() >= tail.len() && left.ends_with(tail)
    }
}

/// What is known of the devices of one pattern.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SourceConfig {
    /// The vitals whose zero means "not measured" on these devices, where it would be a measurement.
    pub zero_is_missing: Vec<Vital>,
    /// What these devices send where they measured nothing: `{ oxygen_saturation = [127] }`.
    pub missing_values: BTreeMap<Vital, Vec<Quantity>>,
}

/// Everything that is known of single devices.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sources {
    zero_is_missing: Vec<(Pattern, VitalSet)>,
    missing_values: Vec<(Pattern, Vec<(Vital, Quantity)>)>,
}

impl Sources {
    /// From the configuration, patterns in their order.
    pub fn new(sources: &BTreeMap<Pattern, SourceConfig>) -> Self {
        let zero_is_missing = sources
            .iter()
            .map(|(pattern, source)| (pattern.clone(), set_of(source.zero_is_missing.iter().copied())))
            .collect();
        let missing_values = sources
            .iter()
            .filter(|(_, source)| !source.missing_values.is_empty())
            .map(|(pattern, source)| {
                let of_vital = |(vital, values): (&Vital, &Vec<_>)| {
                    values.iter().map(|value| (*vital, *value)).collect::<Vec<_>>()
                };
                (pattern.clone(), source.missing_values.iter().flat_map(of_vital).collect())
            })
            .collect();
        Self { zero_is_missing, missing_values }
    }

    /// The vitals whose zero means "not measured" on this device: those of every pattern that matches.
    ///
    /// A reading without a device is meant only by `*`.
    pub fn zero_is_missing(&self, device: Option<&str>) -> VitalSet {
        let meant = |pattern: &Pattern| pattern.matches(device.unwrap_or_default());
        let matching = self.zero_is_missing.iter().filter(|(pattern, _)| meant(pattern));
        set_of(matching.flat_map(|(_, vitals)| vitals.iter()))
    }

    /// Whether this value says "not measured" on this device; without a device those of `*` count.
    pub fn is_missing_value(&self, device: Option<&str>, vital: Vital, value: Quantity) -> bool {
        let says = |(pattern, values): &(Pattern, Vec<_>)| {
            values.contains(&(vital, value)) && pattern.matches(device.unwrap_or_default())
        };
        self.missing_values.iter().any(says)
    }
}

fn set_of(vitals: impl Iterator<Item = Vital>) -> VitalSet {
    let mut set = VitalSet::default();
    vitals.for_each(|vital| set.insert(vital));
    set
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, device: &str) -> bool {
        pattern.parse::<Pattern>().unwrap().matches(device)
    }

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, device) in [
            ("mon-17", "mon-17"),
            ("mon-*", "mon-"),
            ("mon-*", "mon-17"),
            ("*-17", "mon-17"),
            ("*", ""),
            ("m*-*7", "mon-17"),
            ("a*b*b", "abb"),
        ] {
            assert!(matches(pattern, device), "{pattern} {device}");
        }
        for (pattern, device) in [
            ("mon-17", "mon-1"),
            ("mon-*", "xmon-1"),
            ("*-17", "mon-17x"),
            ("ab*ba", "aba"),
            ("a*b*b", "ab"),
            ("a*", ""),
        ] {
            assert!(!matches(pattern, device), "{pattern} {device}");
        }
    }

    #[test]
    fn a_device_has_what_every_matching_pattern_says() {
        let source = |vital| SourceConfig { zero_is_missing: vec![vital], ..SourceConfig::default() };
        let sources = Sources::new(&BTreeMap::from([
            ("s1-*".parse().unwrap(), source(Vital::HeartRate)),
            ("*-bedside".parse().unwrap(), source(Vital::Etco2)),
        ]));
        let of = |device| sources.zero_is_missing(device).iter().collect::<Vec<_>>();
        assert_eq!(of(Some("s1-bedside")), [Vital::HeartRate, Vital::Etco2]);
        assert_eq!(of(Some("s1-a")), [Vital::HeartRate]);
        assert_eq!(of(Some("s2")), []);
        assert_eq!(of(None), []);
    }

    #[test]
    fn a_sentinel_is_one_of_its_vital_and_its_devices_alone() {
        let missing_values = BTreeMap::from([(Vital::OxygenSaturation, vec![Quantity::whole(127)])]);
        let source = SourceConfig { missing_values, ..SourceConfig::default() };
        let sources = Sources::new(&BTreeMap::from([("cms50-*".parse().unwrap(), source)]));
        let says = |device, vital, value| sources.is_missing_value(device, vital, Quantity::whole(value));
        assert!(says(Some("cms50-1"), Vital::OxygenSaturation, 127));
        assert!(!says(Some("cms50-1"), Vital::OxygenSaturation, 97));
        assert!(!says(Some("cms50-1"), Vital::HeartRate, 127));
        assert!(!says(Some("mon-1"), Vital::OxygenSaturation, 127));
        assert!(!says(None, Vital::OxygenSaturation, 127));
    }
}
