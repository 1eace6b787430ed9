//! Which limits can be judged: in range, in order, and with room between them.

use super::limits::{LONGEST_DELAY, LimitFault, LimitKey, Limits, VitalLimits, always_high_below};
use super::overrides::PartialVitalLimits;
use crate::clock::Span;
use crate::vitals::{Quantity, Vital};

/// Every reason why these limits of a vital cannot be judged.
pub(super) fn faults(vital: Vital, limits: &VitalLimits) -> Vec<LimitFault> {
    let check = LimitCheck { vital, limits };
    let mut faults = check.outside_the_plausible();
    faults.extend(check.always_high());
    if faults.is_empty() {
        faults.extend(check.out_of_order());
    }
    if faults.is_empty() {
        faults.extend(check.hysteresis());
    }
    faults.extend(check.delays());
    faults
}

/// One fault for each key that was set for a vital whose limits nothing judges.
pub(super) fn not_judged(vital: Vital, partial: &PartialVitalLimits) -> Vec<LimitFault> {
    let given = [
        (LimitKey::Low, partial.low.is_some()),
        (LimitKey::High, partial.high.is_some()),
        (LimitKey::ExtremeLow, partial.extreme_low.is_some()),
        (LimitKey::ExtremeHigh, partial.extreme_high.is_some()),
        (LimitKey::Hysteresis, partial.hysteresis.is_some()),
        (LimitKey::Delay, partial.delay.is_some()),
        (LimitKey::ExtremeDelay, partial.extreme_delay.is_some()),
        (LimitKey::ClearDelay, partial.clear_delay.is_some()),
    ];
    let allowed = match vital {
        Vital::PulseRate => "to set heart_rate, whose limits judge the pulse rate too".to_owned(),
        _ => format!("one of {}", Limits::VITALS.map(Vital::name).join(", ")),
    };
    let fault = |key| LimitFault {
        vital,
        key,
        against: None,
        value: format!("a limit of {vital}"),
        allowed: allowed.clone(),
    };
    given.into_iter().filter(|(_, given)| *given).map(|(key, _)| fault(key)).collect()
}

struct LimitCheck<'a> {
    vital: Vital,
    limits: &'a VitalLimits,
}

impl LimitCheck<'_> {
    /// The limits that are on, from the lowest to the highest.
    fn given(&self) -> impl Iterator<Item = (LimitKey, Quantity)> {
        let limits = self.limits;
        [
            (LimitKey::ExtremeLow, limits.extreme_low),
            (LimitKey::Low, limits.low),
            (LimitKey::High, limits.high),
            (LimitKey::ExtremeHigh, limits.extreme_high),
        ]
        .into_iter()
        .filter_map(|(key, limit)| limit.map(|limit| (key, limit)))
    }

    fn outside_the_plausible(&self) -> Vec<LimitFault> {
        let (least, most) = self.vital.facts().plausible;
        self.given()
            .filter(|(_, limit)| self.vital.plausible(*limit).is_err())
            .map(|(key, limit)| {
                self.fault(key, None, self.unit(limit), format!("{least} to {}", self.unit(most)))
            })
            .collect()
    }

    fn always_high(&self) -> Option<LimitFault> {
        let floor = always_high_below(self.vital)?;
        let allowed = || format!("{} or more: below, the alert is always of high priority", self.unit(floor));
        match self.limits.extreme_low {
            Some(limit) if limit >= floor => None,
            Some(limit) => Some(self.fault(LimitKey::ExtremeLow, None, self.unit(limit), allowed())),
            None => Some(self.fault(LimitKey::ExtremeLow, None, "off".to_owned(), allowed())),
        }
    }

    fn out_of_order(&self) -> Vec<LimitFault> {
        let given: Vec<_> = self.given().collect();
        given
            .windows(2)
            .filter_map(|pair| match *pair {
                [(lower, least), (upper, most)] if least >= most => {
                    let allowed = format!("a value below {upper} ({})", self.unit(most));
                    Some(self.fault(lower, Some(upper), self.unit(least), allowed))
                }
                _ => None,
            })
            .collect()
    }

    /// An alert must be able to end: with the hysteresis off both sides, something must be left between the limits.
    fn hysteresis(&self) -> Option<LimitFault> {
        let hysteresis = self.limits.hysteresis;
        let fault = |against, allowed| {
            Some(self.fault(LimitKey::Hysteresis, against, self.unit(hysteresis), allowed))
        };
        if hysteresis < Quantity::ZERO {
            return fault(None, "0 or more".to_owned());
        }
        let (least, most) = self.vital.facts().plausible;
        let low = self.limits.low.or(self.limits.extreme_low);
        let high = self.limits.high.or(self.limits.extreme_high);
        let (room, room_between) = match (low, high) {
            (Some(low), Some(high)) => {
                (half(high - low), format!("half of the way from {low} to {}", self.unit(high)))
            }
            (Some(low), None) => (most - low, format!("the way from {low} to {}", self.unit(most))),
            (None, Some(high)) => (high - least, format!("the way from {least} to {}", self.unit(high))),
            (None, None) => return None,
        };
        let against = match (self.limits.low, self.limits.high) {
            (Some(_), _) => LimitKey::Low,
            (None, Some(_)) => LimitKey::High,
            (None, None) if low.is_some() => LimitKey::ExtremeLow,
            (None, None) => LimitKey::ExtremeHigh,
        };
        let swallowed = if low.is_some() && high.is_some() { hysteresis >= room } else { hysteresis > room };
        if swallowed { fault(Some(against), format!("less than {room}, {room_between}")) } else { None }
    }

    fn delays(&self) -> Vec<LimitFault> {
        let VitalLimits { delay, extreme_delay, clear_delay, .. } = *self.limits;
        let given = [
            (LimitKey::Delay, delay),
            (LimitKey::ExtremeDelay, extreme_delay),
            (LimitKey::ClearDelay, clear_delay),
        ];
        given
            .into_iter()
            .filter(|(_, delay)| !(Span::ZERO..=LONGEST_DELAY).contains(delay))
            .filter(|(key, _)| *key != LimitKey::ExtremeDelay || extreme_delay != delay)
            .map(|(key, delay)| self.fault(key, None, delay.to_string(), format!("0 s to {LONGEST_DELAY}")))
            .collect()
    }

    fn unit(&self, value: Quantity) -> String {
        format!("{value} {}", self.vital.facts().symbol)
    }

    fn fault(&self, key: LimitKey, against: Option<LimitKey>, value: String, allowed: String) -> LimitFault {
        LimitFault { vital: self.vital, key, against, value, allowed }
    }
}

/// Half of a distance, cut off to hundredths.
fn half(distance: Quantity) -> Quantity {
    Quantity::hundredths(distance.as_hundredths() / 2)
}
