//! What a command may set a limit to.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::overrides::{LimitOverrides, LimitSetting};
use crate::vitals::{Quantity, Vital};

/// Between what a command may set the limits of one vital, `[bounds.VITAL]`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitBounds {
    /// No limit may be lower; left out: no bound.
    pub lowest: Option<Quantity>,
    /// No limit may be higher; left out: no bound.
    pub highest: Option<Quantity>,
    /// Whether a limit may be switched off.
    pub off: bool,
}

/// Why a command may not set a limit.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BoundFault {
    #[error("{vital}.{key}: a command may set low, high, extreme_low and extreme_high alone")]
    NoLimit { vital: Vital, key: &'static str },
    #[error("{vital}.{key}: a limit may not be switched off here (bounds.{vital}.off)")]
    Off { vital: Vital, key: &'static str },
    #[error("{vital}.{key}: {value} is outside bounds.{vital}, {}", within(.bounds))]
    Outside { vital: Vital, key: &'static str, value: Quantity, bounds: LimitBounds },
}

/// `30 to 100`.
fn within(bounds: &LimitBounds) -> String {
    let end = |bound: Option<Quantity>| bound.map_or("any".to_owned(), |bound| bound.to_string());
    format!("{} to {}", end(bounds.lowest), end(bounds.highest))
}

/// The bounds of every vital that has some.
pub type BoundTable = BTreeMap<Vital, LimitBounds>;

/// Checks that a command may set these limits; answers the first that it may not.
pub fn check(bounds: &BoundTable, limits: &LimitOverrides) -> Result<(), BoundFault> {
    for (vital, partial) in limits.iter() {
        let others = [
            ("hysteresis", partial.hysteresis.is_some()),
            ("delay", partial.delay.is_some()),
            ("extreme_delay", partial.extreme_delay.is_some()),
            ("clear_delay", partial.clear_delay.is_some()),
        ];
        if let Some((key, _)) = others.into_iter().find(|(_, given)| *given) {
            return Err(BoundFault::NoLimit { vital, key });
        }
        let bounds = bounds.get(&vital).copied().unwrap_or_default();
        let settings = [
            ("low", partial.low),
            ("high", partial.high),
            ("extreme_low", partial.extreme_low),
            ("extreme_high", partial.extreme_high),
        ];
        for (key, setting) in settings {
            match setting {
                None => {}
                Some(LimitSetting::Off) if bounds.off => {}
                Some(LimitSetting::Off) => return Err(BoundFault::Off { vital, key }),
                Some(LimitSetting::At(value)) => {
                    let low = bounds.lowest.is_some_and(|lowest| value < lowest);
                    if low || bounds.highest.is_some_and(|highest| value > highest) {
                        return Err(BoundFault::Outside { vital, key, value, bounds });
                    }
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_sets_limits_within_their_bounds_and_nothing_else() {
        let bounds: BoundTable =
            serde_json::from_str(r#"{"heart_rate":{"lowest":35,"highest":180},"etco2":{"off":true}}"#)
                .unwrap();
        let checked = |limits: &str| {
            let fault = check(&bounds, &serde_json::from_str(limits).unwrap());
            fault.err().map_or("fine".to_owned(), |fault| fault.to_string())
        };
        for (limits, said) in [
            (r#"{"heart_rate":{"low":35,"high":180}}"#, "fine"),
            (r#"{"heart_rate":{"low":34}}"#, "heart_rate.low: 34 is outside bounds.heart_rate, 35 to 180"),
            (
                r#"{"heart_rate":{"extreme_high":181}}"#,
                "heart_rate.extreme_high: 181 is outside bounds.heart_rate, 35 to 180",
            ),
            (
                r#"{"heart_rate":{"high":"off"}}"#,
                "heart_rate.high: a limit may not be switched off here (bounds.heart_rate.off)",
            ),
            (r#"{"etco2":{"high":"off"}}"#, "fine"),
            (
                r#"{"heart_rate":{"delay":"5min"}}"#,
                "heart_rate.delay: a command may set low, high, extreme_low and extreme_high alone",
            ),
            (r#"{"temperature":{"high":39.5}}"#, "fine"),
        ] {
            assert_eq!(checked(limits), said, "{limits}");
        }
    }
}
