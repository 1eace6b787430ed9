//! The limits that are judged: defaults by age class, and how overrides are laid over them.

use std::fmt;

use thiserror::Error;

use super::consistency;
use super::overrides::{LimitOverrides, LimitSetting, PartialVitalLimits};
use crate::clock::Span;
use crate::people::Class;
use crate::vitals::{Quantity, Vital, VitalSet};

/// The limits of one vital. All defaults are starting values that a site may change.
///
/// Below `low` or above `high` is of medium priority, beyond an extreme of high priority.
/// A limit itself is still inside.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct VitalLimits {
    pub low: Option<Quantity>,
    pub high: Option<Quantity>,
    pub extreme_low: Option<Quantity>,
    pub extreme_high: Option<Quantity>,
    /// How far back inside a value must be before an open alert ends.
    pub hysteresis: Quantity,
    /// For how long a value must be beyond `low` or `high` before the condition exists.
    pub delay: Span,
    /// For how long a value must be beyond an extreme before the condition exists.
    pub extreme_delay: Span,
    /// For how long a value must be back inside before an open alert falls or ends.
    pub clear_delay: Span,
}

/// One key of [`VitalLimits`], as it is named in the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LimitKey {
    Low,
    High,
    ExtremeLow,
    ExtremeHigh,
    Hysteresis,
    Delay,
    ExtremeDelay,
    ClearDelay,
}

impl LimitKey {
    /// Its name in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::High => "high",
            Self::ExtremeLow => "extreme_low",
            Self::ExtremeHigh => "extreme_high",
            Self::Hysteresis => "hysteresis",
            Self::Delay => "delay",
            Self::ExtremeDelay => "extreme_delay",
            Self::ClearDelay => "clear_delay",
        }
    }
}

impl fmt::Display for LimitKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why limits cannot be judged.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{vital}.{key}: {value} is not allowed; allowed is {allowed}")]
pub struct LimitFault {
    pub vital: Vital,
    pub key: LimitKey,
    /// The other key with which it does not agree.
    pub against: Option<LimitKey>,
    /// What stands there, with its unit.
    pub value: String,
    /// What may stand there.
    pub allowed: String,
}

/// The limits of every vital of one patient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    vitals: [VitalLimits; Vital::COUNT],
    /// Where `extreme_delay` was set by itself; elsewhere it follows `delay`.
    own_extreme_delay: VitalSet,
}

/// Default of every clear delay: a value that plays about its limit is one alert, not one a second.
const CLEAR_DELAY: Span = Span::from_secs(10);

/// The longest delay that can be set: a limit that waits longer is no limit that alerts.
pub const LONGEST_DELAY: Span = Span::from_mins(10);

const OFF: Option<Quantity> = None;

const fn at(units: i32) -> Option<Quantity> {
    Some(Quantity::whole(units))
}

/// Extreme low, low, high, extreme high of one vital.
type LimitsRow = (Vital, [Option<Quantity>; 4]);

/// Default limits of adults, from operator manuals (Contec CMS8000 p. 88, Mindray TM80 p. 12-5, LIFEPAK 15 table A-3).
const ADULT: [LimitsRow; 8] = [
    (Vital::HeartRate, [at(40), at(50), at(120), at(150)]),
    (Vital::OxygenSaturation, [at(80), at(90), OFF, OFF]),
    (Vital::RespiratoryRate, [at(5), at(8), at(30), at(35)]),
    (Vital::SystolicPressure, [at(80), at(90), at(160), at(200)]),
    (Vital::DiastolicPressure, [OFF, at(50), at(90), OFF]),
    (Vital::MeanPressure, [at(55), at(60), at(110), OFF]),
    (Vital::Temperature, [at(32), at(35), at(39), at(41)]),
    (Vital::Etco2, [OFF, at(15), at(50), OFF]),
];

/// Default limits from one to twelve years, from the same manuals.
const PAEDIATRIC: [LimitsRow; 8] = [
    (Vital::HeartRate, [at(1), at(75), at(160), OFF]),
    (Vital::OxygenSaturation, [at(80), at(90), OFF, OFF]),
    (Vital::RespiratoryRate, [at(1), at(12), at(40), OFF]),
    (Vital::SystolicPressure, [OFF, at(70), at(120), OFF]),
    (Vital::DiastolicPressure, [OFF, at(40), at(70), OFF]),
    (Vital::MeanPressure, [OFF, at(50), at(90), OFF]),
    (Vital::Temperature, [OFF, at(35), at(39), OFF]),
    (Vital::Etco2, [OFF, at(15), at(50), OFF]),
];

/// Default limits below one year, from the same manuals.
const NEONATE: [LimitsRow; 8] = [
    (Vital::HeartRate, [at(1), at(100), at(200), OFF]),
    (Vital::OxygenSaturation, [at(80), at(85), at(95), OFF]),
    (Vital::RespiratoryRate, [at(1), at(30), at(100), OFF]),
    (Vital::SystolicPressure, [OFF, at(40), at(90), OFF]),
    (Vital::DiastolicPressure, [OFF, at(20), at(60), OFF]),
    (Vital::MeanPressure, [OFF, at(25), at(70), OFF]),
    (Vital::Temperature, [OFF, at(36), at(38), OFF]),
    (Vital::Etco2, [OFF, at(15), at(50), OFF]),
];

/// Default hysteresis and delay, the same for every class.
///
/// A 15 s delay removed 60 to 70 % of all SpO2 alarms in the published studies (Rheineck; Johns Hopkins step-down).
const fn pace(vital: Vital) -> (Quantity, Span) {
    match vital {
        Vital::HeartRate => (Quantity::whole(3), Span::from_secs(5)),
        Vital::OxygenSaturation => (Quantity::whole(1), Span::from_secs(15)),
        Vital::RespiratoryRate => (Quantity::whole(1), Span::from_secs(10)),
        Vital::SystolicPressure | Vital::DiastolicPressure | Vital::MeanPressure => {
            (Quantity::whole(3), Span::ZERO)
        }
        Vital::Temperature => (Quantity::hundredths(20), Span::ZERO),
        Vital::Etco2 => (Quantity::whole(2), Span::from_secs(10)),
        Vital::PulseRate | Vital::Fio2 | Vital::OxygenFlow => (Quantity::ZERO, Span::ZERO),
    }
}

/// Default delay beyond an extreme, the same for every class. What is always high waits no longer, whatever is set.
pub const fn extreme_delay(vital: Vital) -> Span {
    match vital {
        Vital::OxygenSaturation => Span::ZERO,
        _ => pace(vital).1,
    }
}

/// Below this, a vital is of high priority in every class, and no site can switch that off.
///
/// SpO2 below 80 %, asystole and apnoea.
pub const fn always_high_below(vital: Vital) -> Option<Quantity> {
    match vital {
        Vital::OxygenSaturation => at(80),
        Vital::HeartRate | Vital::RespiratoryRate => at(1),
        _ => None,
    }
}

impl Limits {
    /// The vitals that have limits, in the order in which they are shown.
    ///
    /// A pulse rate is judged by the limits of the heart rate.
    pub const VITALS: [Vital; 8] = [
        Vital::HeartRate,
        Vital::OxygenSaturation,
        Vital::RespiratoryRate,
        Vital::SystolicPressure,
        Vital::DiastolicPressure,
        Vital::MeanPressure,
        Vital::Temperature,
        Vital::Etco2,
    ];

    /// The default limits of a class.
    pub fn of_class(class: Class) -> Self {
        let rows = match class {
            Class::Adult => ADULT,
            Class::Paediatric => PAEDIATRIC,
            Class::Neonate => NEONATE,
        };
        let mut limits =
            Self { vitals: [VitalLimits::default(); Vital::COUNT], own_extreme_delay: VitalSet::default() };
        for (vital, [extreme_low, low, high, extreme_high]) in rows {
            let (hysteresis, delay) = pace(vital);
            let (extreme_delay, clear_delay) = (extreme_delay(vital), CLEAR_DELAY);
            limits.vitals[vital.index()] = VitalLimits {
                low,
                high,
                extreme_low,
                extreme_high,
                hysteresis,
                delay,
                extreme_delay,
                clear_delay,
            };
        }
        limits.own_extreme_delay.insert(Vital::OxygenSaturation);
        limits
    }

    /// The limits of one vital.
    pub const fn get(&self, vital: Vital) -> &VitalLimits {
        &self.vitals[vital.index()]
    }

    /// These limits with `overrides` laid over them key by key, or every reason why that cannot be judged.
    pub fn with(&self, overrides: &LimitOverrides) -> Result<Self, Vec<LimitFault>> {
        let (merged, faults) = self.overlaid(overrides);
        if faults.is_empty() { Ok(merged) } else { Err(faults) }
    }

    /// These limits with what can be judged of `overrides` laid over them, and what cannot.
    pub(super) fn overlaid(&self, overrides: &LimitOverrides) -> (Self, Vec<LimitFault>) {
        let mut merged = self.clone();
        let mut faults = Vec::new();
        for (vital, partial) in overrides.iter() {
            if Self::VITALS.contains(&vital) {
                merged.lay_over(vital, partial);
                faults.extend(consistency::faults(vital, merged.get(vital)));
            } else {
                faults.extend(consistency::not_judged(vital, partial));
            }
        }
        (merged, faults)
    }

    fn lay_over(&mut self, vital: Vital, partial: &PartialVitalLimits) {
        let limits = &mut self.vitals[vital.index()];
        let set = |limit: &mut Option<Quantity>, setting: Option<LimitSetting>| {
            if let Some(setting) = setting {
                *limit = setting.limit();
            }
        };
        set(&mut limits.low, partial.low);
        set(&mut limits.high, partial.high);
        set(&mut limits.extreme_low, partial.extreme_low);
        set(&mut limits.extreme_high, partial.extreme_high);
        limits.hysteresis = partial.hysteresis.unwrap_or(limits.hysteresis);
        limits.delay = partial.delay.unwrap_or(limits.delay);
        limits.clear_delay = partial.clear_delay.unwrap_or(limits.clear_delay);
        if let Some(extreme_delay) = partial.extreme_delay {
            limits.extreme_delay = extreme_delay;
            self.own_extreme_delay.insert(vital);
        } else if !self.own_extreme_delay.contains(vital) {
            limits.extreme_delay = limits.delay;
        }
    }
}

impl Default for Limits {
    /// Those of an adult.
    fn default() -> Self {
        Self::of_class(Class::Adult)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adult_with(json: &str) -> Result<Limits, Vec<String>> {
        let overrides = serde_json::from_str(json).unwrap();
        Limits::default()
            .with(&overrides)
            .map_err(|faults| faults.iter().map(LimitFault::to_string).collect())
    }

    #[test]
    fn the_defaults_of_every_class_can_be_judged() {
        for class in Class::ALL {
            for vital in Limits::VITALS {
                let limits = Limits::of_class(class);
                assert_eq!(consistency::faults(vital, limits.get(vital)), [], "{} {vital}", class.name());
            }
        }
    }

    #[test]
    fn low_saturation_asystole_and_apnoea_are_extreme_in_every_class() {
        for class in Class::ALL {
            let limits = Limits::of_class(class);
            assert_eq!(limits.get(Vital::OxygenSaturation).extreme_low, at(80));
            assert!(limits.get(Vital::HeartRate).extreme_low > Some(Quantity::ZERO));
            assert!(limits.get(Vital::RespiratoryRate).extreme_low > Some(Quantity::ZERO));
        }
    }

    #[test]
    fn a_record_changes_only_the_keys_it_gives() {
        let limits = adult_with(r#"{"heart_rate":{"low":55,"high":"off"}}"#).unwrap();
        let rate = limits.get(Vital::HeartRate);
        assert_eq!(
            (rate.extreme_low, rate.low, rate.high, rate.extreme_high),
            (at(40), at(55), OFF, at(150))
        );
        assert_eq!(limits.get(Vital::Temperature), Limits::default().get(Vital::Temperature));
    }

    #[test]
    fn an_extreme_waits_as_long_as_its_limit_unless_it_was_given_its_own_delay() {
        let delays = |json| {
            let limits = adult_with(json).unwrap();
            let of = |vital| (limits.get(vital).delay.as_ms(), limits.get(vital).extreme_delay.as_ms());
            (of(Vital::HeartRate), of(Vital::OxygenSaturation))
        };
        let both = r#"{"heart_rate":{"delay":"20s"},"oxygen_saturation":{"delay":"20s"}}"#;
        assert_eq!(delays(both), ((20_000, 20_000), (20_000, 0)));
        assert_eq!(delays(r#"{"heart_rate":{"delay":"20s","extreme_delay":"5s"}}"#).0, (20_000, 5000));
    }

    #[test]
    fn limits_that_cannot_be_judged_are_rejected_with_what_is_allowed() {
        let cases = [
            (
                r#"{"heart_rate":{"low":130}}"#,
                "heart_rate.low: 130 /min is not allowed; allowed is a value below high (120 /min)",
            ),
            (
                r#"{"heart_rate":{"low":50,"high":50}}"#,
                "heart_rate.low: 50 /min is not allowed; allowed is a value below high (50 /min)",
            ),
            (
                r#"{"heart_rate":{"low":"off","high":"off","extreme_high":30}}"#,
                "heart_rate.extreme_low: 40 /min is not allowed; allowed is a value below extreme_high (30 /min)",
            ),
            (
                r#"{"temperature":{"high":102}}"#,
                "temperature.high: 102 °C is not allowed; allowed is 20 to 45 °C",
            ),
            (
                r#"{"heart_rate":{"hysteresis":-1}}"#,
                "heart_rate.hysteresis: -1 /min is not allowed; allowed is 0 or more",
            ),
            (
                r#"{"heart_rate":{"hysteresis":35}}"#,
                "heart_rate.hysteresis: 35 /min is not allowed; allowed is less than 35, half of the way from 50 to 120 /min",
            ),
            (
                r#"{"oxygen_saturation":{"hysteresis":11}}"#,
                "oxygen_saturation.hysteresis: 11 % is not allowed; allowed is less than 10, the way from 90 to 100 %",
            ),
            (
                r#"{"heart_rate":{"delay":"11min"}}"#,
                "heart_rate.delay: 11 min is not allowed; allowed is 0 s to 10 min",
            ),
            (
                r#"{"oxygen_saturation":{"extreme_low":"off"}}"#,
                "oxygen_saturation.extreme_low: off is not allowed; allowed is 80 % or more: below, the alert is always of high priority",
            ),
            (
                r#"{"pulse_rate":{"low":40}}"#,
                "pulse_rate.low: a limit of pulse_rate is not allowed; allowed is to set heart_rate, whose limits judge the pulse rate too",
            ),
        ];
        for (json, fault) in cases {
            assert_eq!(adult_with(json).unwrap_err()[0], fault, "{json}");
        }
    }

    #[test]
    fn every_fault_is_reported_at_once() {
        let json = r#"{"heart_rate":{"low":130,"delay":"1h"},"etco2":{"high":500}}"#;
        assert_eq!(adult_with(json).unwrap_err().len(), 3);
    }

    #[test]
    fn an_unknown_key_or_vital_is_rejected() {
        for json in
            [r#"{"heart_rate":{"lwo":1}}"#, r#"{"heartrate":{"low":1}}"#, r#"{"heart_rate":{"low":"of"}}"#]
        {
            assert!(serde_json::from_str::<LimitOverrides>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn what_was_read_is_written_the_same() {
        let json = r#"{"heart_rate":{"low":55,"high":"off","delay":"90s"},"temperature":{"high":38.5}}"#;
        let overrides: LimitOverrides = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&overrides).unwrap(), json);
    }
}
