//! Clocks of devices that are wrong.

use super::{Analysis, Analyzer, Rule, View};
use crate::alerts::{Cause, Finding, Presence, RuleName, Said, Timing, wording};
use crate::conditions::{Condition, Priority};
use crate::devices::Device;

/// The rule in the list.
pub const RULE: Rule = Rule {
    name: "clocks",
    make: |_| Box::new(ClockAnalyzer),
    words,
    owns: |condition| matches!(condition, Condition::ClockWrong(_)),
};

/// Finds devices whose clock is wrong, unless our own clock is the likelier fault.
///
/// One that is right again, and not yet for long enough to be published as, is not blamed for what our own clock was.
pub struct ClockAnalyzer;

impl Analyzer for ClockAnalyzer {
    fn name(&self) -> RuleName {
        RuleName::Borrowed(RULE.name)
    }

    fn analyze(&self, view: &View) -> Analysis {
        let wrong = view.devices.iter().filter_map(|device| Some((device, device.off_by()?)));
        let is_blamed = |device: &Device| !view.own_clock_suspect && device.clock.skew().is_some();
        let findings = wrong.map(|(device, off_by)| Finding {
            condition: Condition::ClockWrong(Some(device.id.clone())),
            reached: Some(Priority::Low).filter(|_| is_blamed(device)),
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
