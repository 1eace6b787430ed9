//! Judges what was kept, in the order of its time and by the same rules, on a track of its own.

use std::sync::Arc;

use super::drain::Track;
use super::outcome::{Answers, Inquiry};
use super::{Listening, Patient};
use crate::alerts::{Caption, Moment};
use crate::analyzers::View;
use crate::chart::{ChartedReading, Speakers};
use crate::clock::{Now, Uptime};
use crate::conditions::Kind;
use crate::devices::kept::KeptReading;
use crate::people::{DeviceId, Subject};

/// Why what a device brought from the past is to be judged.
#[derive(Debug, Clone, Copy)]
pub(super) enum Purpose {
    /// A live reading decides: judged only if it reaches something that was not so before.
    Decide,
    /// A clock was set back, or a backlog fell silent: its newest values decide.
    DecideByTimer,
    /// Nothing kept has come for a while: what came and went is summed up.
    Summarize,
    /// Too many wait: the oldest go first.
    Oldest,
}

/// What a device brought from the past, to be judged before a verdict is there.
#[derive(Debug, Clone)]
pub struct Account {
    pub(super) device: DeviceId,
    pub(super) purpose: Purpose,
}

/// Kept readings that are being judged one after the other, and the verdict that waits for them.
#[derive(Debug, Clone)]
pub(super) struct Replay {
    pub inquiry: Box<Inquiry>,
    pub answers: Answers,
    pub track: Track,
    steps: std::vec::IntoIter<KeptReading>,
    /// Of what the rules are being asked.
    moment: Moment,
    /// From when on rules are asked.
    begins: Uptime,
}

impl Replay {
    /// The device that brought it.
    pub fn device(&self) -> Option<DeviceId> {
        self.inquiry.account.as_ref().map(|account| account.device.clone())
    }
}

impl Patient {
    /// Gives up what a device brought from the past: judging it failed.
    pub fn give_up_past(&mut self, device: &DeviceId) {
        self.drains.retain(|drain| drain.device != *device);
        if let Some(known) = Arc::make_mut(&mut self.devices).get_mut(device) {
            known.clock.drop_catch_up();
        }
    }

    /// Begins to judge what a verdict rests on besides what is known.
    pub(super) fn begin_replay(&mut self, inquiry: Inquiry, answers: Answers) -> Replay {
        let live = Arc::clone(&self.chart);
        let account = inquiry.account.as_ref();
        let drain = account.and_then(|a| self.drains.iter_mut().find(|drain| drain.device == a.device));
        let (begins, (track, steps)) = match (drain, account.map(|account| account.purpose)) {
            (None, _) => (Uptime::START, Default::default()),
            (Some(drain), Some(Purpose::Oldest)) => (Uptime::from_ms(i64::MIN), drain.oldest()),
            (Some(drain), _) => (drain.begins(), drain.in_order(&live)),
        };
        let moment = inquiry.moment.clone();
        Replay { inquiry: Box::new(inquiry), answers, track, steps: steps.into_iter(), moment, begins }
    }

    /// Charts the next reading on the kept track, and asks of it; none where all have been judged.
    pub(super) fn next_question(&self, replay: &mut Replay) -> Option<(Arc<View>, Moment)> {
        loop {
            let kept = replay.steps.next()?;
            let now = Now { uptime: kept.measured, wall: kept.at };
            self.run_out_until(now, &mut replay.track);
            self.chart_kept(&kept, now, &mut replay.track);
            if kept.measured >= replay.begins {
                let reading = Some(kept.origin().as_ref().clone());
                replay.moment = Moment { at: kept.at, measured: kept.measured, now, reading };
                let view = self.view_of_track(&replay.track, &replay.moment, &kept);
                return Some((view, replay.moment.clone()));
            }
        }
    }

    /// The rules have answered of one kept reading.
    pub(super) fn take_answers(&self, replay: &mut Replay, answers: Answers) {
        let subject = Subject::Patient(self.id.clone());
        let caption = super::caption(&subject, &self.record, self.simulated, self.stay, &self.site);
        let caption = Caption { policy: None, ..caption };
        for (rule, analysis) in answers {
            let mut findings = analysis.map(|analysis| analysis.findings).unwrap_or_default();
            findings.retain(|finding| finding.condition.kind() == Kind::Physiological);
            replay.track.alerts.judge(&rule, findings, &replay.moment, &caption);
        }
    }

    fn run_out_until(&self, until: Now, track: &mut Track) {
        let subject = Subject::Patient(self.id.clone());
        let caption = super::caption(&subject, &self.record, self.simulated, self.stay, &self.site);
        let caption = Caption { policy: None, ..caption };
        while track.alerts.run_out(until.uptime, until, &caption).is_some() {}
    }

    fn chart_kept(&self, kept: &KeptReading, now: Now, track: &mut Track) {
        let speakers = Speakers {
            devices: &self.devices,
            named: self.record.devices.as_deref(),
            now: now.uptime,
            listening_since: Uptime::from_ms(i64::MIN / 2),
        };
        let entry = ChartedReading {
            reading: &kept.reading,
            device: &kept.device(),
            at: kept.at,
            measured: kept.measured,
            origin: kept.origin(),
            now,
            live: false,
            speakers,
        };
        Arc::make_mut(&mut track.chart).enter(&entry);
    }

    fn view_of_track(&self, track: &Track, moment: &Moment, kept: &KeptReading) -> Arc<View> {
        let listening = Listening { since: Some(Uptime::from_ms(i64::MIN / 2)), own_clock_suspect: true };
        let mut view = self.view(moment, Some(Arc::clone(kept.origin())), listening);
        view.chart = Arc::clone(&track.chart);
        view.tracked = track.alerts.under_way(&[]).unwrap_or_default();
        Arc::new(view)
    }
}
