//! Clocks of devices that are wrong.

use super::{Analysis, Analyzer, Rule, View};
use crate::alerts::{Cause, Finding, Presence, RuleName, Said, Timing, wording};
use crate::conditions::{Condition, Priority};

/// The rule in the list.
pub const RULE: Rule = Rule {
    name: "clocks",
    make: |_| Box::new(ClockAnalyzer),
    words,
    owns: |condition| matches!(condition, Condition::ClockWrong(_)),
};

/// Finds devices whose clock is wrong, unless our own clock is the likelier fault.
pub struct ClockAnalyzer;

impl Analyzer for ClockAnalyzer {
    fn name(&self) -> RuleName {
        RuleName::Borrowed(RULE.name)
    }

    fn analyze(&self, view: &View) -> Analysis {
        let wrong = view.devices.iter().filter_map(|device| Some((&device.id, device.off_by()?)));
        let findings = wrong.map(|(device, off_by)| Finding {
            condition: Condition::ClockWrong(Some(device.clone())),
            reached: Some(Priority::Low).filter(|_| !view.own_clock_suspect),
            kept: Some(Priority::Low),
            presence: Presence::Present,
            cause: Cause::Clock { off_by },
            at: view.at,
            measured: view.measured,
            reading: view.reading.as_deref().cloned(),
            timing: Timing::IMMEDIATE,
            reason: None,
        });
        Analysis { findings: findings.collect(), ..Analysis::default() }
    }
}

/// `Device clock 1 h behind ours; its readings are judged by corrected times`.
fn words(said: &Said<'_>) -> String {
    match said.cause {
        Cause::Clock { .. } if said.is_over() => "Device clock correct again".to_owned(),
        Cause::Clock { off_by } => {
            let direction = if off_by.as_ms() >= 0 { "behind" } else { "ahead of" };
            format!(
                "Device clock {} {direction} ours; its readings are judged by corrected times",
                off_by.abs()
            )
        }
        _ => wording::plain(said),
    }
}
