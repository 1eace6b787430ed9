//! Who receives alerts, of which, and who is called where one does not confirm them.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

use super::duration;
use crate::clock::Span;
use crate::conditions::Priority;
use crate::people::{NameFault, ReceiverName, Subject, check_name};

/// The receivers, by their names.
pub type Receivers = BTreeMap<ReceiverName, ReceiverSettings>;

/// One receiver, `[receivers.NAME]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReceiverSettings {
    /// Of which alerts it confirms each change, as `alerts/high/icu-1/#`.
    pub filters: Vec<AlertFilter>,
    /// How long it may take to confirm a change; 10 s by default.
    #[serde(with = "duration")]
    pub within: Span,
    /// The route: who is called where it does not confirm, or is gone.
    pub fallback: String,
}

impl Default for ReceiverSettings {
    fn default() -> Self {
        Self { filters: Vec::new(), within: Span::from_secs(10), fallback: String::new() }
    }
}

impl ReceiverSettings {
    /// Whether it is to confirm what is published of this subject at one of these priorities.
    pub fn receives(&self, priorities: [Option<Priority>; 2], subject: &Subject) -> bool {
        let mut priorities = priorities.into_iter().flatten();
        priorities.any(|priority| self.filters.iter().any(|filter| filter.covers(priority, subject)))
    }
}

/// Which alerts, as a subscriber says it: a topic filter below the prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertFilter {
    text: String,
    /// Of the priority, the unit and the patient as many as are given, the others being any; none is any, too.
    levels: Vec<Option<String>>,
}

/// Why a text is no filter of alerts.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FilterFault {
    #[error(
        "`{0}` is no filter of alerts; allowed is alerts/PRIORITY/UNIT/PATIENT with + and # as MQTT has them"
    )]
    Shape(String),
    #[error("`{0}` is no priority; allowed are high, medium, low, info and +")]
    Priority(String),
    #[error("in the filter `{filter}`: {fault}")]
    Name { filter: String, fault: NameFault },
}

/// How many levels follow on the first: priority, unit and patient.
const LEVELS: usize = 3;

impl FromStr for AlertFilter {
    type Err = FilterFault;

    fn from_str(text: &str) -> Result<Self, FilterFault> {
        let shape = || FilterFault::Shape(text.to_owned());
        let below =
            text.strip_prefix("alerts").and_then(|below| below.strip_prefix('/')).ok_or_else(shape)?;
        let mut levels = Vec::new();
        let mut open = false;
        for (place, level) in below.split('/').enumerate() {
            match level {
                _ if open => return Err(shape()),
                "#" => open = true,
                "+" => levels.push(None),
                name if place == 0 && !Priority::ALL.iter().any(|known| known.name() == name) => {
                    return Err(FilterFault::Priority(name.to_owned()));
                }
                "_" if place > 0 => levels.push(Some(level.to_owned())),
                name => {
                    let named = |fault| FilterFault::Name { filter: text.to_owned(), fault };
                    check_name(name).map_err(named)?;
                    levels.push(Some(name.to_owned()));
                }
            }
        }
        match levels.len() {
            LEVELS => {}
            fewer if fewer < LEVELS && open => {}
            _ => return Err(shape()),
        }
        Ok(Self { text: text.to_owned(), levels })
    }
}

impl AlertFilter {
    /// All alerts.
    pub fn everything() -> Self {
        Self { text: ["alerts", "#"].join("/"), levels: Vec::new() }
    }

    /// Whether what is published of this subject at this priority matches it.
    pub fn covers(&self, priority: Priority, subject: &Subject) -> bool {
        let (unit, patient) = match subject {
            Subject::Patient(patient) => (patient.unit(), patient.patient()),
            Subject::Unit(unit) => (unit.as_str(), "_"),
            Subject::Installation => ("_", "_"),
        };
        let topic = [priority.name(), unit, patient];
        self.levels.iter().zip(topic).all(|(level, name)| level.as_deref().is_none_or(|level| level == name))
    }
}

impl fmt::Display for AlertFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for AlertFilter {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for AlertFilter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covers(filter: &str, priority: Priority, subject: &Subject) -> bool {
        filter.parse::<AlertFilter>().unwrap().covers(priority, subject)
    }

    #[test]
    fn a_filter_covers_what_a_subscription_of_it_would_bring() {
        let patient = Subject::Patient("icu-1/p-17".parse().unwrap());
        let unit = Subject::Unit("icu-1".parse().unwrap());
        // (filter, the patient at high, the patient at medium, the unit at high, the installation at high)
        for (filter, of_patient, at_medium, of_unit, of_installation) in [
            ("alerts/#", true, true, true, true),
            ("alerts/high/#", true, false, true, true),
            ("alerts/+/icu-1/#", true, true, true, false),
            ("alerts/high/icu-1/+", true, false, true, false),
            ("alerts/high/icu-1/+/#", true, false, true, false),
            ("alerts/high/icu-1/_", false, false, true, false),
            ("alerts/high/icu-2/+", false, false, false, false),
            ("alerts/high/icu-1/p-17", true, false, false, false),
            ("alerts/high/_/_", false, false, false, true),
        ] {
            let found = [
                covers(filter, Priority::High, &patient),
                covers(filter, Priority::Medium, &patient),
                covers(filter, Priority::High, &unit),
                covers(filter, Priority::High, &Subject::Installation),
            ];
            assert_eq!(found, [of_patient, at_medium, of_unit, of_installation], "{filter}");
        }
    }

    #[test]
    fn what_is_no_filter_of_alerts_is_rejected_with_its_reason() {
        let said = |filter: &str| filter.parse::<AlertFilter>().unwrap_err().to_string();
        for filter in ["", "alerts", "state/icu-1/#", "alerts/high", "alerts/high/icu-1", "alerts/#/icu-1"] {
            assert!(said(filter).contains("is no filter of alerts"), "{filter}: {}", said(filter));
        }
        assert!(said("alerts/high/icu-1/p-17/more").contains("is no filter"));
        assert_eq!(said("alerts/hihg/#"), "`hihg` is no priority; allowed are high, medium, low, info and +");
        assert!(said("alerts/high/icu 1/+").starts_with("in the filter `alerts/high/icu 1/+`: "));
        let written = serde_json::to_string(&"alerts/high/#".parse::<AlertFilter>().unwrap()).unwrap();
        assert_eq!(written, r#""alerts/high/#""#);
    }
}
