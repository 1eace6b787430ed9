//! Names that nobody knows: reported once a device and start, with the nearest that is known.
//!
//! Whoever sends `bpm` and `spo2` looks watched and is not: nothing of the contract is in its readings.

use std::borrow::Cow;
use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use crate::config::nearest;

/// How many names are reported at once; of further ones only how many there are.
const MOST_NAMES: usize = 16;
/// How many names of one reading are looked at.
const MOST_LOOKED_AT: usize = 64;
/// How much of a name is reported, in characters.
const LONGEST_NAME: usize = 64;
/// How many pairs of device and name are remembered. Beyond, all are forgotten, and may be reported again: device names
/// without end must not keep the next real device from being reported.
const MOST_REMEMBERED: usize = 20_000;

/// What devices call what the contract calls otherwise.
const ALIASES: [(&str, &str); 34] = [
    ("hr", "heart_rate"),
    ("bpm", "heart_rate"),
    ("heart", "heart_rate"),
    ("ecghr", "heart_rate"),
    ("pulse", "pulse_rate"),
    ("pr", "pulse_rate"),
    ("prbpm", "pulse_rate"),
    ("spo2", "oxygen_saturation"),
    ("sao2", "oxygen_saturation"),
    ("o2sat", "oxygen_saturation"),
    ("sat", "oxygen_saturation"),
    ("saturation", "oxygen_saturation"),
    ("oxygen", "oxygen_saturation"),
    ("rr", "respiratory_rate"),
    ("resp", "respiratory_rate"),
    ("resprate", "respiratory_rate"),
    ("respiration", "respiratory_rate"),
    ("bp", "blood_pressure"),
    ("nibp", "blood_pressure"),
    ("abp", "blood_pressure"),
    ("sbp", "systolic_pressure"),
    ("sys", "systolic_pressure"),
    ("systolic", "systolic_pressure"),
    ("dbp", "diastolic_pressure"),
    ("dia", "diastolic_pressure"),
    ("diastolic", "diastolic_pressure"),
    ("map", "mean_pressure"),
    ("temp", "temperature"),
    ("co2", "etco2"),
    ("o2flow", "oxygen_flow"),
    ("avpu", "consciousness"),
    ("acvpu", "consciousness"),
    ("timestamp", "time"),
    ("ts", "time"),
];

/// What has been reported since the start.
#[derive(Default)]
pub struct ReportedNames {
    reported: HashSet<u64>,
    hasher: RandomState,
}

impl ReportedNames {
    /// Of these names, sent by `whom`, those that were not reported yet; they count as reported from now on.
    pub fn news<'n>(&mut self, whom: &str, names: &'n [Cow<'_, str>]) -> Vec<&'n str> {
        if self.reported.len() + MOST_LOOKED_AT > MOST_REMEMBERED {
            self.reported.clear();
        }
        let is_new = |name: &&str| self.reported.insert(self.hasher.hash_one((whom, name)));
        names.iter().map(|name| &**name).take(MOST_LOOKED_AT).filter(is_new).collect()
    }
}

/// Names with the nearest of the known ones: `unknown: bpm, spo2; did you mean heart_rate, oxygen_saturation?`
pub fn described<N: AsRef<str>>(names: &[N], known: &[&'static str]) -> String {
    described_by(names, |name| suggestion(name, known))
}

/// The same where what may be meant depends on the name's place.
pub fn described_by<N: AsRef<str>>(names: &[N], nearest: impl Fn(&str) -> Option<&'static str>) -> String {
    let shown = || names.iter().map(AsRef::as_ref).take(MOST_NAMES);
    let listed: Vec<_> = shown().map(printable).collect();
    let mut words = format!("unknown: {}", listed.join(", "));
    if names.len() > MOST_NAMES {
        words.push_str(&format!(" and {} more", names.len() - MOST_NAMES));
    }
    let mut meant: Vec<_> = shown().filter_map(nearest).collect();
    let mut seen = HashSet::new();
    meant.retain(|name| seen.insert(*name));
    if !meant.is_empty() {
        words.push_str(&format!("; did you mean {}?", meant.join(", ")));
    }
    words
}

fn printable(name: &str) -> String {
    let shown = name.chars().take(LONGEST_NAME);
    shown.map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// The known name that is nearest to this one, where one is near.
pub fn suggestion(name: &str, known: &[&'static str]) -> Option<&'static str> {
    let plain = plain(name);
    let is_known = |meant: &&str| known.contains(meant);
    let alias = ALIASES.iter().find(|(alias, _)| *alias == plain).map(|(_, meant)| *meant).filter(is_known);
    let same = || known.iter().copied().find(|known| self::plain(known) == plain);
    let near = || nearest(&name.chars().take(LONGEST_NAME).collect::<String>(), known);
    if plain.is_empty() { None } else { alias.or_else(same).or_else(near) }
}

/// Letters and digits alone, in lower case: `Heart-Rate` and `heartRate` are `heartrate`.
fn plain(name: &str) -> String {
    name.chars()
        .take(LONGEST_NAME)
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::payload::reading::known_names;

    #[test]
    fn the_nearest_known_name_is_found_and_none_where_none_is_near() {
        for (name, meant) in [
            ("bpm", Some("heart_rate")),
            ("spo2", Some("oxygen_saturation")),
            ("SpO2", Some("oxygen_saturation")),
            ("heartRate", Some("heart_rate")),
            ("hart_rate", Some("heart_rate")),
            ("temprature", Some("temperature")),
            ("etCO2", Some("etco2")),
            ("resp_rate", Some("respiratory_rate")),
            ("glucose", None),
            ("x", None),
            ("", None),
            ("…", None),
        ] {
            assert_eq!(suggestion(name, &known_names()), meant, "{name}");
        }
    }

    #[test]
    fn names_are_described_with_what_may_be_meant() {
        let known = known_names();
        let words = described(&["bpm", "spo2", "glucose"], &known);
        assert_eq!(words, "unknown: bpm, spo2, glucose; did you mean heart_rate, oxygen_saturation?");
        assert_eq!(described(&["glucose"], &known), "unknown: glucose");
        let many: Vec<_> = (0..20).map(|n| format!("x{n}")).collect();
        assert!(described(&many, &known).ends_with("x15 and 4 more"));
    }

    #[test]
    fn each_name_is_reported_once_a_device_and_the_memory_of_it_is_bounded() {
        let mut names = ReportedNames::default();
        let both: [Cow<'_, str>; 2] = ["bpm".into(), "spo2".into()];
        assert_eq!(names.news("mon-1", &both[..1]), ["bpm"]);
        assert_eq!(names.news("mon-1", &both), ["spo2"]);
        assert_eq!(names.news("mon-1", &both), [""; 0]);
        assert_eq!(names.news("mon-2", &both), ["bpm", "spo2"]);
        for device in 0..3 * MOST_REMEMBERED {
            assert_eq!(names.news(&device.to_string(), &both).len(), 2, "{device}");
        }
        assert!(names.reported.len() <= MOST_REMEMBERED);
    }
}
