//! What is said where judging failed inside WardWatch.

use crate::alerts::{Cause, ESCALATION, Finding, Moment, Presence, RuleName, Said, Timing, Words, wording};
use crate::analyzers;
use crate::conditions::{Condition, Priority};

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
        _ => analyzers::rule_of(condition),
    }
}

/// Whether the rule is built in; others may be run all the same.
pub(super) fn is_known(rule: &RuleName) -> bool {
    *rule == CORE || *rule == ESCALATION || analyzers::RULES.iter().any(|known| known.name == rule)
}

/// How every rule says its changes, WardWatch's own failures included.
pub(super) fn words_of(rule: &RuleName) -> Words {
    if *rule == CORE || *rule == ESCALATION { words } else { analyzers::words_of(rule) }
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
