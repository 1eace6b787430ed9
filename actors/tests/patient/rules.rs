//! Rules that come and go.

use wardwatch_actors::alerts::{Cause, Finding, Presence, RuleName, Timing};
use wardwatch_actors::analyzers::{Analysis, Analyzer, View};
use wardwatch_actors::clock::Span;
use wardwatch_actors::conditions::{Condition, Kind, NamedCondition, Priority};
use wardwatch_actors::vitals::Quantity;

use super::ward::*;

/// Finds a heart rate above the systolic pressure: a shock index above 1, a condition that only this rule knows.
struct ShockIndex;

impl Analyzer for ShockIndex {
    fn name(&self) -> RuleName {
        RuleName::Borrowed("shock_index")
    }

    fn analyze(&self, view: &View) -> Analysis {
        let rate = view.chart.latest(HeartRate);
        let Some((rate, pressure)) = rate.zip(view.chart.latest(SystolicPressure)) else {
            return Analysis::default();
        };
        let reached = (rate.value > pressure.value).then_some(Priority::High);
        let index = Quantity::hundredths(rate.value.as_hundredths() * 100 / pressure.value.as_hundredths());
        let finding = Finding {
            condition: Condition::Named(NamedCondition {
                name: "shock_index.high".into(),
                kind: Kind::Physiological,
            }),
            reached,
            kept: reached,
            presence: Presence::Present,
            cause: Cause::Measure {
                value: index,
                ucum: "1".into(),
                limits: [None, None, Some(Quantity::whole(1))],
            },
            at: rate.at,
            measured: rate.measured,
            reading: Some((*rate.reading).clone()),
            timing: Timing::IMMEDIATE,
            reason: None,
        };
        Analysis { findings: vec![finding], ..Analysis::default() }
    }
}

#[test]
fn a_condition_that_only_its_rule_knows_is_an_alert_like_any_other() {
    let mut ward = Ward::without_scores();
    ward.rules.push(Box::new(ShockIndex));
    ward.reads(0, &[(HeartRate, 110), (SystolicPressure, 100)]);
    ward.reads(1, &[(HeartRate, 80), (SystolicPressure, 100)]);
    let [raised, _] = &ward.published[..] else { panic!("{:?}", ward.lines()) };
    assert_eq!((raised.kind(), raised.ucum()), (Kind::Physiological, Some("1")));
    assert_eq!((raised.value(), raised.limit()), (Some(Quantity::hundredths(110)), Some(Quantity::whole(1))));
    ward.published(&["0 raised shock_index.high high", "1 cleared shock_index.high high"]);
}

#[test]
fn an_alert_whose_rule_does_not_exist_any_more_ends_after_a_restart() {
    let mut ward = Ward::without_scores();
    ward.rules.push(Box::new(ShockIndex));
    ward.reads(0, &[(HeartRate, 110), (SystolicPressure, 100)]);
    ward.published(&["0 raised shock_index.high high"]);
    ward.restart(Span::ZERO);
    ward.until(1);
    ward.published(&[]);
    ward.rules.pop();
    ward.restart(Span::ZERO);
    ward.until(2);
    assert_eq!(ward.published[0].reason.as_deref(), Some("no longer watched"));
    ward.published(&["1 cleared shock_index.high high"]);
}
