//! Clocks of devices that are wrong.

use super::{Analysis, Analyzer, View};
use crate::alerts::{Cause, Finding, Presence, RuleName, Timing};
use crate::conditions::{Condition, Priority};

/// The rule's name.
pub const NAME: RuleName = RuleName::Borrowed("clocks");

/// Finds devices whose clock is wrong, unless our own clock is the likelier fault.
pub struct ClockAnalyzer;

impl Analyzer for ClockAnalyzer {
    fn name(&self) -> RuleName {
        NAME
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
