//! What a unit or a patient's record sets differently: single keys, laid over the limits below them.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::duration;
use crate::clock::Span;
use crate::people::Class;
use crate::vitals::{Quantity, Vital};

/// One value for each age class.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ByClass<T: Default> {
    pub adult: T,
    pub paediatric: T,
    pub neonate: T,
}

impl<T: Default> ByClass<T> {
    /// One value for each class, made by `make`.
    pub fn build(mut make: impl FnMut(Class) -> T) -> Self {
        Self { adult: make(Class::Adult), paediatric: make(Class::Paediatric), neonate: make(Class::Neonate) }
    }

    /// The value of this class.
    pub const fn get(&self, class: Class) -> &T {
        match class {
            Class::Adult => &self.adult,
            Class::Paediatric => &self.paediatric,
            Class::Neonate => &self.neonate,
        }
    }
}

/// A limit as a site writes it: a number, or `"off"` where none shall be judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitSetting {
    /// Nothing is judged on this side.
    Off,
    /// Beyond this value the alert begins.
    At(Quantity),
}

impl LimitSetting {
    /// The limit, none where it is off.
    pub const fn limit(self) -> Option<Quantity> {
        match self {
            Self::Off => None,
            Self::At(limit) => Some(limit),
        }
    }
}

impl Serialize for LimitSetting {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Off => serializer.serialize_str("off"),
            Self::At(limit) => limit.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for LimitSetting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberOrOff)
    }
}

struct NumberOrOff;

impl de::Visitor<'_> for NumberOrOff {
    type Value = LimitSetting;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, or \"off\"")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<LimitSetting, E> {
        match text {
            "off" => Ok(LimitSetting::Off),
            number => number
                .parse()
                .map(LimitSetting::At)
                .map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self)),
        }
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<LimitSetting, E> {
        format!("{number}").parse().map(LimitSetting::At).map_err(E::custom)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<LimitSetting, E> {
        number.to_string().parse().map(LimitSetting::At).map_err(E::custom)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<LimitSetting, E> {
        number.to_string().parse().map(LimitSetting::At).map_err(E::custom)
    }
}

/// The limits of one vital, every key optional: a key that is not given stays as it was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PartialVitalLimits {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub low: Option<LimitSetting>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub high: Option<LimitSetting>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extreme_low: Option<LimitSetting>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extreme_high: Option<LimitSetting>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hysteresis: Option<Quantity>,
    #[serde(skip_serializing_if = "Option::is_none", with = "duration::option")]
    pub delay: Option<Span>,
    #[serde(skip_serializing_if = "Option::is_none", with = "duration::option")]
    pub extreme_delay: Option<Span>,
    #[serde(skip_serializing_if = "Option::is_none", with = "duration::option")]
    pub clear_delay: Option<Span>,
}

/// Limits that differ from those below them, by vital: `{"heart_rate":{"low":55,"high":110}}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LimitOverrides(BTreeMap<Vital, PartialVitalLimits>);

impl LimitOverrides {
    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What differs for this vital.
    pub fn get(&self, vital: Vital) -> Option<&PartialVitalLimits> {
        self.0.get(&vital)
    }

    /// Sets what differs for this vital.
    pub fn set(&mut self, vital: Vital, limits: PartialVitalLimits) {
        self.0.insert(vital, limits);
    }

    /// These with `above` laid over them, key by key.
    pub fn with(mut self, above: &Self) -> Self {
        for (vital, above) in above.iter() {
            let own = self.0.entry(vital).or_default();
            *own = PartialVitalLimits {
                low: above.low.or(own.low),
                high: above.high.or(own.high),
                extreme_low: above.extreme_low.or(own.extreme_low),
                extreme_high: above.extreme_high.or(own.extreme_high),
                hysteresis: above.hysteresis.or(own.hysteresis),
                delay: above.delay.or(own.delay),
                extreme_delay: above.extreme_delay.or(own.extreme_delay),
                clear_delay: above.clear_delay.or(own.clear_delay),
            };
        }
        self
    }

    /// Every vital for which something differs, in their order.
    pub fn iter(&self) -> impl Iterator<Item = (Vital, &PartialVitalLimits)> {
        self.0.iter().map(|(vital, limits)| (*vital, limits))
    }
}
