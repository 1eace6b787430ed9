//! A vital that its device says is not measured, while a delay of its limits waits for the next value.

use super::MissingCheck;
use crate::alerts::{Cause, Delay, Side};
use crate::analyzers::view::Voice;
use crate::chart::Latest;
use crate::clock::Span;
use crate::conditions::{Condition, Priority};
use crate::vitals::{Quantity, Vital};

impl MissingCheck<'_> {
    /// Judges a vital whose delay is held: missing, of medium priority, from when the delay would have ended; whether it
    /// is (clinical reference, section 3).
    pub(super) fn not_measured(&mut self, vital: Vital) -> bool {
        let Some(latest) = self.not_measured_last(vital) else { return false };
        let view = self.view;
        let held = view.delays().filter_map(|delay| Some((delay, side(&delay, vital.judged_as())?)));
        let Some((delay, side)) = held.min_by_key(|(delay, _)| delay.ends) else { return false };
        if view.now.uptime < delay.ends {
            self.found.recheck(delay.ends);
            return false;
        }
        let lasted = view.now.uptime.since(latest.heard);
        let lasted = Span::from_secs(lasted.as_ms() / 1000);
        let (value, limit) = (latest.value, self.limit(vital, side, latest.value));
        let cause = Cause::NotMeasured { vital, lasted, side, value, limit };
        self.find(Condition::Missing(vital), Some(Priority::Medium), None, cause, None);
        true
    }

    /// The last value of a vital of which its device says that it is not measured, and in whose place nothing speaks.
    fn not_measured_last(&self, vital: Vital) -> Option<&Latest> {
        let view = self.view;
        let latest = view.chart.latest(vital).filter(|latest| latest.not_measured.is_some())?;
        let other = match vital {
            Vital::HeartRate => Vital::PulseRate,
            Vital::PulseRate => Vital::HeartRate,
            _ => return Some(latest),
        };
        let spoke_last = match (view.voice(other), view.chart.latest(other)) {
            (Voice::Fresh(..), _) => false,
            (_, Some(other_latest)) if other_latest.heard == latest.heard => vital == Vital::HeartRate,
            (_, Some(other_latest)) => other_latest.heard < latest.heard,
            (_, None) => true,
        };
        spoke_last.then_some(latest)
    }

    /// The limit that the last value was beyond.
    fn limit(&self, vital: Vital, side: Side, value: Quantity) -> Option<Quantity> {
        let limits = self.view.limits.get(vital.judged_as());
        match side {
            Side::Low => limits.low.filter(|low| value < *low).or(limits.extreme_low),
            Side::High => limits.high.filter(|high| value > *high).or(limits.extreme_high),
        }
    }
}

/// On which side of this vital's limits the delay runs, if it is one of its limits.
fn side(delay: &Delay<'_>, vital: Vital) -> Option<Side> {
    match delay.condition {
        Condition::Low(of) if *of == vital => Some(Side::Low),
        Condition::High(of) if *of == vital => Some(Side::High),
        _ => None,
    }
}
