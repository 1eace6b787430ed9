//! What is said where judging failed inside WardWatch.

use crate::alerts::{Cause, ESCALATION, Finding, Moment, Presence, RuleName, Said, Timing, Words, wording};
use crate::analyzers;
use crate::conditions::{Condition, Priority};
use crate::receivers::DELIVERY;

/// The rule that owns what is said of WardWatch's own failures.
pub(super) const CORE: RuleName = RuleName::Borrowed("patient");

/// Says which rules failed; nothing where none did.
pub(super) fn failure(rules: Vec<String>, moment: &Moment) -> Vec<Finding> {
    if rules.is_empty() {
        return Vec::new();
    }
    vec![Finding {
        condition: Condition::AnalysisFailed,
        reached: Some(Priority::High),
        kept: Some(Priority::High),
        presence: Presence::Present,
        cause: Cause::Failed { rules },
        at: moment.at,
        measured: moment.measured,
        reading: moment.reading.clone(),
        timing: Timing::IMMEDIATE,
        reason: None,
    }]
}

/// The rule to which a condition of a patient belongs; none where there is no such rule any more.
pub(super) fn rule_of(condition: &Condition) -> Option<RuleName> {
    match condition {
        Condition::AnalysisFailed => Some(CORE),
        Condition::AlertUnanswered => Some(ESCALATION),
        Condition::DeliveryUnconfirmed(_) => Some(DELIVERY),
        _ => analyzers::rule_of(condition),
    }
}

/// Whether the rule is built in; others may be run all the same.
pub(super) fn is_known(rule: &RuleName) -> bool {
    is_own(rule) || analyzers::RULES.iter().any(|known| known.name == rule)
}

/// How every rule says its changes, WardWatch's own failures included.
pub(super) fn words_of(rule: &RuleName) -> Words {
    if *rule == DELIVERY {
        return delivery_words;
    }
    if is_own(rule) { words } else { analyzers::words_of(rule) }
}

/// Whether the patient itself finds what belongs to this rule.
pub(super) fn is_own(rule: &RuleName) -> bool {
    *rule == CORE || *rule == ESCALATION || *rule == DELIVERY
}

/// `pager-icu-1 did not confirm heart_rate.high within 10 s`.
fn delivery_words(said: &Said<'_>) -> String {
    match said.is_over() {
        true => "What is published of this patient is confirmed".to_owned(),
        false => wording::plain(said),
    }
}

/// `A reading could not be judged by news2. …`.
fn words(said: &Said<'_>) -> String {
    match said.cause {
        Cause::Failed { .. } if said.is_over() => "All rules judge again".to_owned(),
        Cause::Failed { rules } => {
            let rules = rules.join(", ");
            format!(
                "A reading could not be judged by: {rules}. Look after the patient; report it with the log"
            )
        }
        Cause::Words { .. } if said.is_over() => "Somebody has answered".to_owned(),
        _ => wording::plain(said),
    }
}
