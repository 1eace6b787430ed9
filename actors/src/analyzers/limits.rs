//! Values beyond a limit: one condition for each vital and side, escalating from limit to extreme.

use super::view::Voice;
use super::{Analysis, Analyzer, Rule, View};
use crate::alerts::{Cause, Finding, Presence, RuleName, Said, Side, Timing, UnderWay, wording};
use crate::chart::Latest;
use crate::clock::Span;
use crate::conditions::{Condition, Priority};
use crate::settings::limits::{always_high_below, extreme_delay};
use crate::settings::{Limits, VitalLimits};
use crate::vitals::ReadingRef;
use crate::vitals::{Quantity, Vital};

/// The rule in the list.
pub const RULE: Rule = Rule {
    name: "limits",
    make: |_| Box::new(LimitAnalyzer),
    words,
    owns: |condition| matches!(condition, Condition::Low(_) | Condition::High(_)),
};

/// Finds values beyond the limits of class, unit and patient.
///
/// Medium priority outside `low`–`high`, high priority outside the extremes; a limit itself is inside.
/// SpO2 below 80 %, a heart rate of 0 and a respiratory rate of 0 are high for everybody.
pub struct LimitAnalyzer;

impl Analyzer for LimitAnalyzer {
    fn name(&self) -> RuleName {
        RuleName::Borrowed(RULE.name)
    }

    fn analyze(&self, view: &View) -> Analysis {
        let mut analysis = Analysis::default();
        for vital in Limits::VITALS {
            let limits = view.limits.get(vital);
            match speaker(view, vital) {
                Some((measured, latest)) => {
                    for side in [Side::Low, Side::High] {
                        let beyond = Beyond::of(vital, limits, side);
                        let [reached, kept] = beyond.judge(latest.value, side, limits.hysteresis);
                        let is_said = kept.is_some() || view.tracks(&condition(vital, side));
                        if is_said && beyond.has_limits() {
                            let found = finding(vital, measured, side, &beyond, limits, latest);
                            analysis.findings.push(Finding { reached, kept, ..found });
                        }
                    }
                }
                None => unknown(view, vital, &mut analysis),
            }
        }
        if !analysis.findings.is_empty() {
            recheck(view, &mut analysis);
        }
        if let (_, Some(until)) = view.rate() {
            analysis.recheck(until);
        }
        analysis
    }
}

/// The value that speaks for `vital`: the pulse rate where no fresh heart rate is there.
fn speaker(view: &View, vital: Vital) -> Option<(Vital, &Latest)> {
    let measured = if vital == Vital::HeartRate { view.rate().0 } else { vital };
    match view.voice(measured) {
        Voice::Fresh(latest, _) => Some((measured, latest)),
        Voice::Unknown | Voice::Never => None,
    }
}

/// What spoke last for `vital`, however old.
fn last(view: &View, vital: Vital) -> Option<(Vital, &Latest)> {
    let pulse = view.chart.latest(Vital::PulseRate).filter(|_| vital == Vital::HeartRate);
    let own = view.chart.latest(vital);
    match pulse.filter(|pulse| own.is_none_or(|own| own.at < pulse.at)) {
        Some(pulse) => Some((Vital::PulseRate, pulse)),
        None => own.map(|own| (vital, own)),
    }
}

/// Says of what is under way that nothing can be said: absence of data never clears.
///
/// Where nothing comes any more, the last value goes on to be beyond its limit, so that its delay ends. Where the
/// device says that it does not measure, the delay is held: a probe that fell off is no desaturation.
fn unknown(view: &View, vital: Vital, analysis: &mut Analysis) {
    for (side, condition) in [(Side::Low, Condition::Low(vital)), (Side::High, Condition::High(vital))] {
        let Some(under_way) = view.under_way(&condition) else { continue };
        let Some((measured, latest)) = last(view, vital) else {
            analysis.findings.push(forgotten(under_way, view));
            continue;
        };
        let limits = view.limits.get(vital);
        let beyond = Beyond::of(vital, limits, side);
        let held = view.chart.not_measured_since(measured).is_some();
        let [reached, _] = beyond.judge(latest.value, side, limits.hysteresis);
        let awaited = view.expected_until(measured);
        awaited.into_iter().for_each(|until| analysis.recheck(until));
        analysis.findings.push(Finding {
            reached: reached.filter(|_| !held),
            kept: Some(Priority::High),
            presence: if awaited.is_some() { Presence::Present } else { Presence::Unknown },
            ..finding(vital, measured, side, &beyond, limits, latest)
        });
    }
}

/// Says of an alert that nothing else is remembered of it: it stays until a value decides.
fn forgotten(under_way: &UnderWay, view: &View) -> Finding {
    Finding {
        condition: under_way.condition.clone(),
        reached: None,
        kept: Some(Priority::High),
        presence: Presence::Unknown,
        cause: under_way.published.clone().unwrap_or(Cause::Words { words: under_way.condition.to_string() }),
        at: view.at,
        measured: view.measured,
        reading: None,
        timing: Timing::IMMEDIATE,
        reason: None,
    }
}

/// The verdict on what is under way changes when its value grows too old or stops coming.
fn recheck(view: &View, analysis: &mut Analysis) {
    for vital in Limits::VITALS.into_iter().chain([Vital::PulseRate]) {
        if let Voice::Fresh(_, until) = view.voice(vital) {
            analysis.recheck(until);
        }
    }
}

/// The limits on one side: that of medium and that of high priority.
struct Beyond {
    limit: Option<Quantity>,
    extreme: Option<Quantity>,
}

impl Beyond {
    fn of(vital: Vital, limits: &VitalLimits, side: Side) -> Self {
        match side {
            Side::Low => {
                Self { limit: limits.low, extreme: limits.extreme_low.max(always_high_below(vital)) }
            }
            Side::High => Self { limit: limits.high, extreme: limits.extreme_high },
        }
    }

    /// Whether the side has limits at all.
    fn has_limits(&self) -> bool {
        self.limit.is_some() || self.extreme.is_some()
    }

    /// The priority that a value reaches, and the one that it keeps.
    fn judge(&self, value: Quantity, side: Side, hysteresis: Quantity) -> [Option<Priority>; 2] {
        [Quantity::ZERO, hysteresis].map(|hysteresis| {
            let outside = |limit: Option<Quantity>| {
                limit.is_some_and(|limit| match side {
                    Side::Low => value < limit + hysteresis,
                    Side::High => value > limit - hysteresis,
                })
            };
            match (outside(self.extreme), outside(self.limit)) {
                (true, _) => Some(Priority::High),
                (false, true) => Some(Priority::Medium),
                (false, false) => None,
            }
        })
    }
}

fn condition(vital: Vital, side: Side) -> Condition {
    match side {
        Side::Low => Condition::Low(vital),
        Side::High => Condition::High(vital),
    }
}

/// How long it must last: what is always high waits for no longer than by default, whatever is set.
fn timing(vital: Vital, value: Quantity, limits: &VitalLimits) -> Timing {
    let always_high = always_high_below(vital).is_some_and(|limit| value < limit);
    let extreme_delay =
        if always_high { limits.extreme_delay.min(extreme_delay(vital)) } else { limits.extreme_delay };
    Timing {
        delay: [limits.delay, limits.delay, extreme_delay],
        clear_delay: limits.clear_delay,
        opens_by: None,
    }
}

fn finding(
    vital: Vital,
    measured: Vital,
    side: Side,
    beyond: &Beyond,
    limits: &VitalLimits,
    latest: &Latest,
) -> Finding {
    Finding {
        condition: condition(vital, side),
        reached: None,
        kept: None,
        presence: Presence::Present,
        cause: Cause::Limit {
            vital: measured,
            side,
            value: latest.value,
            limit: beyond.limit,
            extreme: beyond.extreme,
        },
        at: latest.at,
        measured: latest.measured,
        reading: Some(ReadingRef::clone(&latest.reading)),
        timing: timing(vital, latest.value, limits),
        reason: None,
    }
}

/// `Heart rate 158 /min, above 150 /min for 5 s`.
fn words(said: &Said<'_>) -> String {
    let Cause::Limit { vital, side, value, .. } = said.cause else { return wording::plain(said) };
    let facts = vital.facts();
    let limit = said.cause.limit(said.priority);
    let inside = limit.is_some_and(|limit| match side {
        Side::Low => *value >= limit,
        Side::High => *value <= limit,
    });
    let beyond = match (said.is_over() || inside, side) {
        (true, Side::Low) => "no longer below",
        (true, Side::High) => "no longer above",
        (false, Side::Low) => "below",
        (false, Side::High) => "above",
    };
    let limit = limit.map(|limit| limit.to_string()).unwrap_or_default();
    let lasted = if said.delay == Span::ZERO { String::new() } else { format!(" for {}", said.delay) };
    let unknown = match (said.is_over(), said.presence) {
        (false, Presence::Unknown) => "; the value is now missing or too old to tell",
        (true, _) | (false, Presence::Present | Presence::Absent) => "",
    };
    let symbol = facts.symbol;
    format!("{} {value} {symbol}, {beyond} {limit} {symbol}{lasted}{unknown}", facts.words)
}

#[cfg(test)]
mod tests {
    use super::super::view::testing::view_of;
    use super::*;
    use crate::alerts::Event;

    /// What an adult's value of this vital reaches and keeps.
    fn adult(vital: Vital, value: i32) -> Option<(String, Option<Priority>, Option<Priority>)> {
        let analysis = LimitAnalyzer.analyze(&view_of(&[(vital, value)]));
        analysis.findings.first().map(|f| (f.condition.to_string(), f.reached, f.kept))
    }

    const MEDIUM: Option<Priority> = Some(Priority::Medium);
    const HIGH: Option<Priority> = Some(Priority::High);

    #[test]
    fn an_alert_says_value_limit_and_delay() {
        let limit = |whole| Some(Quantity::whole(whole));
        let cause = Cause::Limit {
            vital: Vital::HeartRate,
            side: Side::High,
            value: Quantity::whole(158),
            limit: limit(120),
            extreme: limit(150),
        };
        let condition = Condition::High(Vital::HeartRate);
        let said = |event, priority, delay| {
            let (condition, cause, presence) = (&condition, &cause, Presence::Present);
            words(&Said { condition, event, priority, presence, cause, delay: Span::from_secs(delay) })
        };
        let raised = said(Event::Raised, Priority::High, 5);
        assert_eq!(raised, "Heart rate 158 /min, above 150 /min for 5 s");
        let cleared = said(Event::Cleared, Priority::Medium, 0);
        assert_eq!(cleared, "Heart rate 158 /min, no longer above 120 /min");
    }

    #[test]
    fn a_value_at_the_limit_is_inside_it() {
        assert_eq!(adult(Vital::HeartRate, 100), None);
        assert_eq!(adult(Vital::HeartRate, 120), Some(("heart_rate.high".into(), None, MEDIUM)));
        assert_eq!(adult(Vital::HeartRate, 121), Some(("heart_rate.high".into(), MEDIUM, MEDIUM)));
        assert_eq!(adult(Vital::HeartRate, 150), Some(("heart_rate.high".into(), MEDIUM, HIGH)));
        assert_eq!(adult(Vital::HeartRate, 151), Some(("heart_rate.high".into(), HIGH, HIGH)));
        assert_eq!(adult(Vital::HeartRate, 50), Some(("heart_rate.low".into(), None, MEDIUM)));
        assert_eq!(adult(Vital::HeartRate, 39), Some(("heart_rate.low".into(), HIGH, HIGH)));
    }

    #[test]
    fn a_value_beyond_the_hysteresis_keeps_nothing() {
        assert_eq!(adult(Vital::HeartRate, 117), None);
        assert_eq!(adult(Vital::HeartRate, 118), Some(("heart_rate.high".into(), None, MEDIUM)));
        assert_eq!(adult(Vital::OxygenSaturation, 91), None);
        assert_eq!(adult(Vital::OxygenSaturation, 90), Some(("oxygen_saturation.low".into(), None, MEDIUM)));
    }

    #[test]
    fn asystole_apnoea_and_a_saturation_below_80_are_high_even_where_every_limit_is_off() {
        for vital in [Vital::HeartRate, Vital::RespiratoryRate, Vital::OxygenSaturation] {
            let off = VitalLimits::default();
            let value = Quantity::whole(if vital == Vital::OxygenSaturation { 79 } else { 0 });
            let [reached, _] = Beyond::of(vital, &off, Side::Low).judge(value, Side::Low, off.hysteresis);
            assert_eq!(reached, HIGH, "{vital}");
        }
    }

    #[test]
    fn the_pulse_speaks_where_no_heart_rate_is_there() {
        let found = LimitAnalyzer.analyze(&view_of(&[(Vital::PulseRate, 160)])).findings.remove(0);
        assert_eq!(found.condition, Condition::High(Vital::HeartRate));
        assert!(matches!(found.cause, Cause::Limit { vital: Vital::PulseRate, .. }));
        let both = view_of(&[(Vital::HeartRate, 80), (Vital::PulseRate, 160)]);
        assert_eq!(LimitAnalyzer.analyze(&both).findings, []);
    }

    #[test]
    fn a_condition_under_way_whose_value_grew_too_old_is_unknown_and_kept() {
        let mut view = view_of(&[(Vital::HeartRate, 160)]);
        view.tracked = std::sync::Arc::new([UnderWay::open(Condition::High(Vital::HeartRate))]);
        view.now.uptime = view.now.uptime + Vital::HeartRate.facts().valid_for;
        let found = LimitAnalyzer.analyze(&view).findings.remove(0);
        assert_eq!((found.reached, found.kept, found.presence), (HIGH, HIGH, Presence::Unknown));
    }

    #[test]
    fn a_pulse_that_grew_too_old_keeps_the_alert_of_the_heart_rate_it_spoke_for() {
        let mut view = view_of(&[(Vital::PulseRate, 160)]);
        view.tracked = std::sync::Arc::new([UnderWay::open(Condition::High(Vital::HeartRate))]);
        view.now.uptime = view.now.uptime + Vital::PulseRate.facts().valid_for;
        let found = LimitAnalyzer.analyze(&view).findings.remove(0);
        assert_eq!((found.reached, found.kept, found.presence), (HIGH, HIGH, Presence::Unknown));
        assert!(matches!(found.cause, Cause::Limit { vital: Vital::PulseRate, .. }));
    }

    #[test]
    fn the_first_value_beyond_a_limit_asks_for_its_age_to_be_looked_at_again() {
        let recheck = |rate| LimitAnalyzer.analyze(&view_of(&[(Vital::HeartRate, rate)])).recheck_at;
        assert_eq!(recheck(160), Some(crate::clock::Uptime::START + Vital::HeartRate.facts().valid_for));
        assert_eq!(recheck(80), None);
    }
}
