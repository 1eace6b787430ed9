//! What is said where judging failed inside WardWatch.

use crate::alerts::{Cause, Finding, Moment, Presence, RuleName, Timing};
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
