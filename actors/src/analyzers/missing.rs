//! Silence: a vital sign that stops coming, a device from which nothing comes, a device that is gone.
//!
//! A device that is silent as a whole is one alert; its vitals are not told one by one.

use std::sync::Arc;

use super::{Analysis, Analyzer, View};
use crate::alerts::{Cause, Finding, Presence, RuleName, Timing};
use crate::chart::Latest;
use crate::clock::{Span, Timestamp, Uptime};
use crate::conditions::{Condition, Priority};
use crate::devices::Device;
use crate::settings::Settings;
use crate::vitals::Vital;

/// The rule's name.
pub const NAME: RuleName = RuleName::Borrowed("missing");

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
        NAME
    }

    fn analyze(&self, view: &View) -> Analysis {
        let mut inquiry =
            Inquiry { view, medium_after: self.settings.missing.medium_after, told: Analysis::default() };
        for device in view.devices.iter() {
            inquiry.device(device);
        }
        inquiry.told
    }
}

/// One vital sign of a device, and after how long it is missing.
type Watched<'a> = (Vital, &'a Latest, Span);

struct Inquiry<'a> {
    view: &'a View,
    medium_after: Span,
    told: Analysis,
}

impl<'a> Inquiry<'a> {
    fn device(&mut self, device: &Device) {
        let vitals: Vec<_> = self.watched(device).collect();
        // A vital that was silent already when the device last spoke says nothing of the device; one
        // that only said that it is online has yet to speak.
        let speaks = vitals.iter().any(|(_, latest, _)| latest.heard >= device.back);
        let left_out = |latest: &Latest, span: Span| speaks && device.heard.since(latest.heard) >= span;
        let verdict_after = vitals
            .iter()
            .filter(|(_, latest, span)| !left_out(latest, *span))
            .map(|(_, _, span)| *span)
            .min();
        if let Some(since) = device.offline {
            self.offline(device, since);
        } else if let Some(span) = verdict_after {
            self.silent(device, span);
        }
        let heard_for = self.view.silent_for(device.heard);
        let gone = device.offline.is_some() || verdict_after.is_some_and(|span| heard_for >= span);
        for (vital, latest, span) in vitals {
            let heard_lately = heard_for.as_ms() * 2 < span.as_ms() || left_out(latest, span);
            self.vital(vital, latest, span, device.back, !gone && heard_lately);
        }
    }

    /// The watched vitals that this device holds.
    fn watched<'e>(&self, device: &'e Device) -> impl Iterator<Item = Watched<'a>> + use<'a, 'e> {
        let view = self.view;
        view.chart.present().iter().filter_map(move |vital| {
            let latest = view.chart.latest(vital)?;
            let span = view.silent_after(vital, latest)?;
            latest.is_of(&device.id).then_some((vital, latest, span))
        })
    }

    fn offline(&mut self, device: &Device, since: Uptime) {
        let condition = Condition::DeviceOffline(device.id.clone());
        let lasted = self.view.now.uptime.since(since);
        let reached = self.priority(lasted, Span::ZERO, since);
        self.find(condition, reached, None, Cause::Offline, None);
        let silent = Condition::DeviceSilent(device.id.clone());
        if self.view.tracks(&silent) {
            let cause = Cause::Silent { since: device.heard_at };
            self.find(silent, None, None, cause, Some("device.offline"));
        }
    }

    fn silent(&mut self, device: &Device, span: Span) {
        let condition = Condition::DeviceSilent(device.id.clone());
        let cause = Cause::Silent { since: device.heard_at };
        let heard = device.heard;
        self.judge(condition, heard, heard, span, cause, true);
    }

    fn vital(&mut self, vital: Vital, latest: &Latest, span: Span, back: Uptime, device_heard_lately: bool) {
        let cause = Cause::Missing { vital, since: self.heard_at(latest) };
        self.judge(Condition::Missing(vital), latest.heard, back, span, cause, device_heard_lately);
    }

    /// Judges one silence, which counts from when its device came back; one that may not begin now is kept where it is under way.
    fn judge(
        &mut self,
        condition: Condition,
        heard: Uptime,
        back: Uptime,
        span: Span,
        cause: Cause,
        may_begin: bool,
    ) {
        let from = heard.max(self.view.listening_since).max(back);
        let lasted = self.view.now.uptime.since(from);
        let tracked = self.view.tracks(&condition);
        if lasted >= span {
            let reached = self.priority(lasted, span, from);
            if may_begin || tracked {
                self.find(condition, reached.filter(|_| may_begin), Some(Priority::High), cause, None);
            }
            return;
        }
        self.told.recheck(from + span);
        if tracked && heard < from {
            self.find(condition, None, Some(Priority::High), cause, None);
        }
    }

    /// Low, and medium once it has lasted `medium_after` more.
    fn priority(&mut self, lasted: Span, span: Span, from: Uptime) -> Option<Priority> {
        if lasted >= span + self.medium_after {
            return Some(Priority::Medium);
        }
        self.told.recheck(from + span + self.medium_after);
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
        self.told.findings.push(Finding {
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

    /// When a value arrived, on the wall clock.
    fn heard_at(&self, latest: &Latest) -> Timestamp {
        self.view.now.wall_at(latest.heard)
    }
}

#[cfg(test)]
mod tests {
    use super::super::view::testing::view_of;
    use super::*;
    use crate::alerts::UnderWay;

    /// A patient whose heart rate and SpO2 came each second from one device, `silent` seconds ago.
    fn silent_for(
        heart_rate_s: i64,
        saturation_s: i64,
        tracked: &[Condition],
    ) -> Vec<(String, Option<Priority>)> {
        let mut view = view_of(&[(Vital::HeartRate, 72), (Vital::OxygenSaturation, 98)]);
        let start = Uptime::from_ms(10_000_000);
        let heard = |seconds: i64| start - Span::from_secs(seconds);
        let chart = Arc::make_mut(&mut view.chart);
        chart.hear_for_tests(Vital::HeartRate, heard(heart_rate_s));
        chart.hear_for_tests(Vital::OxygenSaturation, heard(saturation_s));
        let mut device = Device::new(crate::people::DeviceId::unnamed());
        device.heard = heard(heart_rate_s.min(saturation_s));
        device.back = Uptime::from_ms(i64::MIN / 4);
        view.devices = Arc::new([device].into_iter().collect());
        view.now.uptime = start;
        view.tracked = tracked.iter().cloned().map(UnderWay::open).collect();
        let analysis = MissingAnalyzer::new(&Arc::default()).analyze(&view);
        analysis.findings.into_iter().map(|f| (f.condition.to_string(), f.reached)).collect()
    }

    const LOW: Option<Priority> = Some(Priority::Low);

    #[test]
    fn a_vital_is_missing_after_20_s_if_its_device_goes_on() {
        assert_eq!(silent_for(0, 19, &[]), []);
        assert_eq!(silent_for(0, 20, &[]), [("oxygen_saturation.missing".to_owned(), LOW)]);
        let medium = Some(Priority::Medium);
        assert_eq!(silent_for(0, 320, &[]), [("oxygen_saturation.missing".to_owned(), medium)]);
    }

    #[test]
    fn a_device_that_is_silent_as_a_whole_is_one_finding() {
        assert_eq!(silent_for(20, 20, &[]), [("device.silent".to_owned(), LOW)]);
    }

    #[test]
    fn a_vital_waits_for_the_verdict_on_its_device() {
        assert_eq!(silent_for(12, 20, &[]), [], "the device was last heard in the first half of the span");
        assert_eq!(silent_for(9, 20, &[]), [("oxygen_saturation.missing".to_owned(), LOW)]);
    }

    #[test]
    fn what_is_missing_stays_so_when_its_device_falls_silent() {
        let missing = Condition::Missing(Vital::OxygenSaturation);
        let found = silent_for(30, 60, &[missing]);
        assert_eq!(
            found,
            [("device.silent".to_owned(), LOW), ("oxygen_saturation.missing".to_owned(), None)]
        );
    }
}
