//! Silence: a vital sign that stops coming, a device from which nothing comes or that is gone, a patient never heard.
//!
//! One cause is one alert: a device that is silent as a whole is one, and what one probe or one line measures is one.

mod devices;
mod held;
mod unheard;
mod vitals;

mod words;

use std::sync::Arc;

use self::words::words;
use super::{Analysis, Analyzer, Rule, View};
use crate::alerts::{Cause, Finding, Presence, RuleName, Timing};
use crate::clock::{Span, Uptime};
use crate::conditions::{Condition, Priority};
use crate::devices::Device;
use crate::settings::{MissingTable, Settings};
use devices::Watched;
pub use unheard::Unheard;

/// The rule in the list.
pub const RULE: Rule = Rule {
    name: "missing",
    make: |settings| Box::new(MissingAnalyzer::new(settings)),
    words,
    owns: |condition| {
        matches!(
            condition,
            Condition::Missing(_)
                | Condition::DeviceSilent(_)
                | Condition::DeviceOffline(_)
                | Condition::PatientUnheard
        )
    },
};

/// Finds vitals and devices that have fallen silent.
pub struct MissingAnalyzer {
    settings: Arc<Settings>,
}

impl MissingAnalyzer {
    /// With the site's delay until a silence is of medium priority.
    pub fn new(settings: &Arc<Settings>) -> Self {
        Self { settings: Arc::clone(settings) }
    }
}

impl Analyzer for MissingAnalyzer {
    fn name(&self) -> RuleName {
        RuleName::Borrowed(RULE.name)
    }

    fn analyze(&self, view: &View) -> Analysis {
        let mut inquiry = MissingCheck { view, missing: &self.settings.missing, found: Analysis::default() };
        let on_record = |device: &&Device| view.record.allows(Some(&device.id));
        let watched: Vec<_> =
            view.devices.iter().filter(on_record).map(|device| Watched::new(view, device)).collect();
        inquiry.off_record();
        for device in &watched {
            inquiry.device(device);
        }
        inquiry.vitals(&watched);
        inquiry.patient(&watched);
        inquiry.found
    }
}

struct MissingCheck<'a> {
    view: &'a View,
    missing: &'a MissingTable,
    found: Analysis,
}

/// One silence: of what, since when, and after how long it counts.
struct Silence {
    condition: Condition,
    cause: Cause,
    /// Whether what is under way stays though it has not lasted for the span: nothing came yet that would end it.
    keeps: bool,
    /// From when its silence counts.
    from: Uptime,
    /// After how long it is an alert.
    span: Span,
    /// Since when it lasts all in all, where it was published before and nothing since bore out that it was over.
    lasting_since: Option<Uptime>,
    /// One that may not begin now is kept where it is under way.
    may_begin: bool,
}

impl MissingCheck<'_> {
    fn judge(&mut self, silence: Silence) {
        let Silence { condition, cause, keeps, from, span, lasting_since, may_begin } = silence;
        let lasted = self.view.now.uptime.since(from);
        let tracked = self.view.tracks(&condition);
        if lasted >= span {
            let reached = match lasting_since {
                Some(since) => self.priority(self.view.now.uptime.since(since), Span::ZERO, since),
                None => self.priority(lasted, span, from),
            };
            if may_begin || tracked {
                self.find(condition, reached.filter(|_| may_begin), Some(Priority::High), cause, None);
            }
            return;
        }
        self.found.recheck(from + span);
        if tracked && keeps {
            self.find(condition, None, Some(Priority::High), cause, None);
        }
    }

    /// Low, and medium once it has lasted `medium_after` more.
    fn priority(&mut self, lasted: Span, span: Span, from: Uptime) -> Option<Priority> {
        if lasted >= span + self.missing.medium_after {
            return Some(Priority::Medium);
        }
        self.found.recheck(from + span + self.missing.medium_after);
        Some(Priority::Low)
    }

    fn find(
        &mut self,
        condition: Condition,
        reached: Option<Priority>,
        kept: Option<Priority>,
        cause: Cause,
        reason: Option<&'static str>,
    ) {
        self.found.findings.push(Finding {
            condition,
            reached,
            kept: kept.max(reached),
            presence: Presence::Present,
            cause,
            at: self.view.now.wall,
            measured: self.view.now.uptime,
            reading: None,
            timing: Timing::IMMEDIATE,
            reason,
        });
    }
}

#[cfg(test)]
mod tests;
