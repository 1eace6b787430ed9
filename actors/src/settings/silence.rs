//! When silence is an alert: of a vital, of a device, and of a patient of whom nothing was heard at all.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::duration::{parse, write};
use super::overrides::ByClass;
use crate::clock::Span;
use crate::people::{Class, UnitId};
use crate::vitals::Vital;

/// The longest silence that a site may fix: home care that measures once a week.
pub const LONGEST_SILENCE: Span = Span::from_hours(7 * 24);

/// After how long nothing counts as unheard where only spot checks came before.
const UNHEARD_BETWEEN_SPOT_CHECKS: Span = Span::from_hours(12);

/// When the silence of one vital is an alert.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Watch {
    /// By how often it usually comes.
    #[default]
    ByRhythm,
    /// After this long without it, however often it comes.
    After(Span),
    /// Never.
    Off,
}

impl fmt::Display for Watch {
    /// For people: `26 h`, `off`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ByRhythm => f.write_str("usual"),
            Self::After(span) => span.fmt(f),
            Self::Off => f.write_str("off"),
        }
    }
}

impl Serialize for Watch {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::After(span) => serializer.serialize_str(&write(*span)),
            other => serializer.collect_str(other),
        }
    }
}

impl<'de> Deserialize<'de> for Watch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(WatchText)
    }
}

struct WatchText;

impl de::Visitor<'_> for WatchText {
    type Value = Watch;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a duration in quotes, as \"30s\" or \"26h\", or \"off\"")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Watch, E> {
        match text.trim() {
            "off" => Ok(Watch::Off),
            span => parse(span).map(Watch::After).map_err(|fault| E::custom(format!("{fault}, or off"))),
        }
    }
}

/// For some vitals, when the silence of each is an alert: `{"heart_rate":"30s","temperature":"off"}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SilenceOverrides(BTreeMap<Vital, Watch>);

impl SilenceOverrides {
    /// Whether nothing is set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// When the silence of this vital is an alert, where that is set.
    pub fn get(&self, vital: Vital) -> Option<Watch> {
        self.0.get(&vital).copied()
    }

    /// Every vital for which something is set, in their order.
    pub fn iter(&self) -> impl Iterator<Item = (Vital, Watch)> + '_ {
        self.0.iter().map(|(vital, watch)| (*vital, *watch))
    }
}

/// When silence is an alert, where the site fixes it; elsewhere the usual interval decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingTable {
    /// After how long a `.missing`, `device.silent` or `device.offline` rises from low to medium priority.
    ///
    /// 5 min by default (contract, alert conditions).
    pub medium_after: Span,
    /// After how long a patient with a record, from whose devices nothing live came, is unheard.
    ///
    /// 10 min by default (contract, alert conditions).
    pub unheard: Span,
    /// What is fixed for every unit.
    pub classes: ByClass<SilenceOverrides>,
    /// What is fixed for single units, over that.
    pub units: BTreeMap<UnitId, ByClass<SilenceOverrides>>,
}

impl MissingTable {
    /// When the silence of this vital is an alert.
    pub fn watch(&self, class: Class, unit: &str, vital: Vital) -> Watch {
        let of_unit = self.units.get(unit).and_then(|classes| classes.get(class).get(vital));
        of_unit.or_else(|| self.classes.get(class).get(vital)).unwrap_or_default()
    }

    /// After how long a patient of whom only spot checks came is unheard: 12 h, or longer where that is set.
    pub fn unheard_between_spot_checks(&self) -> Span {
        self.unheard.max(UNHEARD_BETWEEN_SPOT_CHECKS)
    }
}

impl Default for MissingTable {
    fn default() -> Self {
        Self {
            medium_after: Span::from_mins(5),
            unheard: Span::from_mins(10),
            classes: ByClass::default(),
            units: BTreeMap::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_for_the_unit_goes_before_that_of_the_class() {
        let table = MissingTable {
            classes: serde_json::from_str(
                r#"{"adult":{"heart_rate":"30s","etco2":"1min","temperature":"off"}}"#,
            )
            .unwrap(),
            units: serde_json::from_str(r#"{"icu-1":{"adult":{"heart_rate":"10s","temperature":"26h"}}}"#)
                .unwrap(),
            ..MissingTable::default()
        };
        let watch = |unit, vital| table.watch(Class::Adult, unit, vital).to_string();
        assert_eq!(watch("icu-1", Vital::HeartRate), "10 s");
        assert_eq!(watch("icu-1", Vital::Etco2), "60 s");
        assert_eq!(watch("icu-1", Vital::Temperature), "26 h");
        assert_eq!(watch("ward-2", Vital::HeartRate), "30 s");
        assert_eq!(watch("ward-2", Vital::Temperature), "off");
        assert_eq!(watch("icu-1", Vital::RespiratoryRate), "usual");
    }
}
