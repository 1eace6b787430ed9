//! Everything WardWatch remembers of one patient, and how a reading changes it.

mod backlog;
mod failure;
mod memory;
pub mod outcome;
mod site;
pub mod snapshot;
mod speakers;
mod version_1;

use std::collections::BTreeSet;
use std::slice;
use std::sync::{Arc, LazyLock};

use serde::{Deserialize, Serialize};

use crate::admission::AdmissionRecord;
use crate::alerts::{AlertSet, Caption, Moment, RuleName, Stage, UnderWay};
use crate::analyzers::{Analysis, Score, View};
use crate::chart::{Chart, Charted};
use crate::clock::{Now, Span, Timestamp, Uptime};
use crate::conditions::{Condition, Kind, Priority};
use crate::devices::{Device, Devices};
use crate::patient::backlog::release;
use crate::patient::failure::{CORE, failure, words_of};
use crate::patient::outcome::{Inquiry, Notice, Observed, Outcome, PatientState, Refusal, StateChange};
use crate::patient::site::Site;
use crate::patient::speakers::Timed;
use crate::people::{Departure, DeviceId, PatientId, Subject};
use crate::settings::Settings;
use crate::vitals::ReadingRef;
use crate::vitals::{Reading, Vital};

/// How often the retained state is published where nothing but values changed.
const STATE_EVERY: Span = Span::from_secs(10);

/// How often the memory is saved where no life cycle moved.
const SAVED_EVERY: Span = Span::from_secs(10);

/// Shared by all patients whom no record admitted.
static NO_RECORD: LazyLock<Arc<AdmissionRecord>> = LazyLock::new(Arc::default);

/// From when on silence counts; none while nothing can be heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listening {
    pub since: Option<Uptime>,
    /// Whether our own clock is the likelier fault.
    pub own_clock_suspect: bool,
}

/// Everything WardWatch remembers of one patient.
///
/// One value: it is copied before each step, so that a step that fails leaves no trace, and saved and
/// restored as a whole.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Patient {
    id: PatientId,
    record: Arc<AdmissionRecord>,
    /// Whether a record admitted the patient, or a reading.
    recorded: bool,
    chart: Arc<Chart>,
    devices: Arc<Devices>,
    alerts: AlertSet,
    scores: Arc<Vec<Score>>,
    recheck_at: Option<Uptime>,
    /// When the first value that waits for another device's to grow old may speak.
    takeover_at: Option<Uptime>,
    simulated: bool,
    /// When the stay began.
    stay: Timestamp,
    heard: Uptime,
    /// When the retained state was last published, and whether anything changed since.
    stated: Option<Uptime>,
    state_is_old: bool,
    #[serde(skip)]
    site: Site,
    #[serde(skip)]
    last_saved: LastSaved,
}

/// When the memory was last saved, and where its alerts stood then.
#[derive(Debug, Clone, Default)]
struct LastSaved {
    at: Option<Uptime>,
    stages: Vec<Stage>,
}

impl Patient {
    /// A patient whose stay begins with the first reading or a record, at `stay`.
    pub fn new(id: PatientId, settings: &Arc<Settings>, stay: Timestamp, now: Now) -> Self {
        let mut patient = Self {
            id,
            record: Arc::clone(&NO_RECORD),
            recorded: false,
            chart: Arc::default(),
            devices: Arc::default(),
            alerts: AlertSet::default(),
            scores: Arc::default(),
            recheck_at: None,
            takeover_at: None,
            simulated: false,
            stay,
            heard: now.uptime,
            stated: None,
            state_is_old: true,
            site: Site::default(),
            last_saved: LastSaved::default(),
        };
        patient.site.settings = Arc::clone(settings);
        patient.apply_settings(now.wall);
        patient
    }

    /// Whether a record admitted the patient.
    pub fn is_recorded(&self) -> bool {
        self.recorded
    }

    /// The admission record that holds.
    pub fn record(&self) -> &Arc<AdmissionRecord> {
        &self.record
    }

    /// The patient's id.
    pub fn id(&self) -> &PatientId {
        &self.id
    }

    /// How many alerts are open for those who listen.
    pub fn open_alerts(&self) -> usize {
        self.alerts.published().count()
    }

    /// A reading arrived.
    pub fn observe(&mut self, reading: &Reading, listening: Listening, now: Now) -> Observed {
        #[cfg(test)]
        assert_ne!(reading.seq, Some(FAILING_SEQ), "on purpose");
        let device = reading.device.clone().unwrap_or_else(DeviceId::unnamed);
        if !self.record.allows(reading.device.as_ref()) {
            return Observed::Refused(Refusal::OtherDevice { patient: self.id.clone(), device });
        }
        self.grow_older(now.wall);
        let settings = Arc::clone(&self.site.settings);
        let known = self.device(&device);
        if known.repeats.repeats(reading) {
            return Observed::Duplicate;
        }
        let arrival = Now { wall: reading.received_at, ..now };
        let judged = known.clock.judge(reading.observed_at, reading.seq, arrival, &settings.alerts);
        let max = settings.admission.max_rate;
        if known.rate.exceeds(max, judged.at) {
            return Observed::Refused(Refusal::Flooding { device, max });
        }
        if judged.behind > Span::ZERO {
            self.alerts.correct(reading.device.as_ref(), judged.behind);
        }
        let origin = Arc::new(ReadingRef {
            device: reading.device.clone(),
            seq: reading.seq,
            time: reading.observed_at.unwrap_or(reading.received_at),
            timed: reading.observed_at.is_some(),
        });
        let settled = self.settle(listening, now.uptime);
        let (at, live) = (judged.at, !judged.backlog);
        let timed = Timed { reading, device: &device, origin: &origin, at, live };
        let charted = self.enter(&timed, listening, now);
        if charted > Charted::Late {
            (self.heard, self.simulated, self.state_is_old) = (now.uptime, reading.simulated, true);
        }
        if charted < Charted::New && !judged.backlog_ended {
            let moment = Moment::without_reading(now);
            let settled = settled.then(|| self.inquiry(moment, None, listening));
            return settled.map_or(Observed::History, Observed::Judge);
        }
        let backlog_of = judged.backlog.then(|| device.clone());
        let measured = now.uptime - now.wall.since(judged.at).max(Span::ZERO);
        let moment =
            Moment { at: judged.at, measured, now, reading: Some(ReadingRef::clone(&origin)), backlog_of };
        let mut inquiry = self.inquiry(moment, Some(origin), listening);
        inquiry.backlog_ended = judged.backlog_ended.then_some(device);
        Observed::Judge(inquiry)
    }

    /// The rules have answered: those that failed by none.
    pub fn judge(&mut self, inquiry: &Inquiry, answers: Vec<(RuleName, Option<Analysis>)>) -> Outcome {
        let mut outcome = Outcome::default();
        let mut failed = Vec::new();
        let mut scores = Vec::new();
        self.recheck_at = None;
        let subject = Subject::Patient(self.id.clone());
        let caption = caption(&subject, &self.record, self.simulated, self.stay);
        let is_asked = |rule: &RuleName| *rule == CORE || answers.iter().any(|(asked, _)| asked == rule);
        self.alerts.end_rules_gone(is_asked, inquiry.moment.now.wall);
        for (rule, analysis) in answers {
            let Some(analysis) = analysis else {
                failed.push(rule.into_owned());
                continue;
            };
            self.recheck_at = self.recheck_at.into_iter().chain(analysis.recheck_at).min();
            scores.extend(analysis.score);
            self.alerts.judge(&rule, analysis.findings, &inquiry.moment, &caption);
        }
        if !failed.is_empty() || inquiry.moment.reading.is_some() {
            self.alerts.judge(&CORE, failure(failed, &inquiry.moment), &inquiry.moment, &caption);
        }
        outcome.changes = self.alerts.publish(&caption, false);
        for device in self.drained(inquiry.backlog_ended.as_ref()) {
            outcome.changes.extend(release(&mut self.alerts, &device, &inquiry.moment, &caption));
        }
        outcome.scores = self.new_scores(scores);
        outcome.notices = self.notices(&inquiry.moment);
        self.conclude(&mut outcome, inquiry.moment.now);
        outcome
    }

    /// Judging this reading, or a timer, failed inside WardWatch: says so, and goes on without it.
    pub fn failed(&mut self, now: Now) -> Outcome {
        let subject = Subject::Patient(self.id.clone());
        let caption = caption(&subject, &self.record, self.simulated, self.stay);
        let moment = Moment::without_reading(now);
        self.alerts.judge(&CORE, failure(vec![CORE.into_owned()], &moment), &moment, &caption);
        let mut outcome = Outcome { changes: self.alerts.publish(&caption, false), ..Outcome::default() };
        self.conclude(&mut outcome, now);
        outcome
    }

    /// The first timers are due, at `due`: what ran out, and the verdict to be found anew.
    pub fn tick(&mut self, due: Uptime, listening: Listening, now: Now) -> (Outcome, Option<Inquiry>) {
        #[cfg(test)]
        self.fail_on_purpose();
        let now = Now { uptime: due.min(now.uptime), wall: now.wall_at(due.min(now.uptime)) };
        let subject = Subject::Patient(self.id.clone());
        let caption = caption(&subject, &self.record, self.simulated, self.stay);
        let mut outcome = Outcome::default();
        while self.alerts.run_out(due, &caption) {
            outcome.changes.extend(self.alerts.publish(&caption, false));
        }
        let moment = Moment::without_reading(now);
        let rules = &self.site.settings.alerts;
        let is_due = |device: &Device| device.clock.backlog_deadline(rules).is_some_and(|end| end <= due);
        if self.devices.iter().any(is_due) {
            for device in Arc::make_mut(&mut self.devices).iter_mut() {
                if device.clock.backlog_due(due, rules) {
                    outcome.changes.extend(release(&mut self.alerts, &device.id, &moment, &caption));
                }
            }
        }
        if self.leave_at().is_some_and(|leave| leave <= due) {
            outcome.notices.push(Notice::Leaves);
            self.heard = now.uptime;
        }
        self.conclude(&mut outcome, now);
        let recheck = self.recheck_at.take_if(|recheck| *recheck <= due);
        let settled = self.settle(listening, now.uptime);
        (outcome, (settled || recheck.is_some()).then(|| self.inquiry(moment, None, listening)))
    }

    /// Gives up what is due after it failed twice.
    pub fn drop_timers(&mut self, due: Uptime) {
        self.alerts.drop_timers(due);
        self.recheck_at.take_if(|recheck| *recheck <= due);
        self.takeover_at.take_if(|takeover| *takeover <= due);
        self.stated = Some(due);
    }

    /// When something is due without any message.
    pub fn next_deadline(&self) -> Option<Uptime> {
        let rules = &self.site.settings.alerts;
        let backlogs = self.devices.iter().filter_map(|device| device.clock.backlog_deadline(rules));
        let state = self.stated.filter(|_| self.state_is_old).map(|stated| stated + STATE_EVERY);
        let others = [self.alerts.next_deadline(), self.recheck_at, self.takeover_at, state, self.leave_at()];
        others.into_iter().flatten().chain(backlogs).min()
    }

    /// An admission record came; none where it is the one that holds already.
    pub fn admit(&mut self, record: Arc<AdmissionRecord>, listening: Listening, now: Now) -> Option<Inquiry> {
        if self.recorded && self.record == record {
            return None;
        }
        self.record = record;
        self.last_saved.at = None;
        (self.recorded, self.state_is_old) = (true, true);
        self.apply_settings(now.wall);
        let moment = Moment::without_reading(now);
        self.stated = None;
        self.settle(listening, now.uptime);
        Some(self.inquiry(moment, None, listening))
    }

    /// A device of this patient says that it is gone, or back; or its last will does.
    pub fn device_status(
        &mut self,
        device: &DeviceId,
        online: bool,
        listening: Listening,
        now: Now,
    ) -> Inquiry {
        self.device(device).note_status(online, now);
        self.settle(listening, now.uptime);
        let moment = Moment::without_reading(now);
        self.inquiry(moment, None, listening)
    }

    /// The stay ends: open alerts end with it, and the retained state goes.
    pub fn leave(&mut self, departure: Departure, now: Now) -> Outcome {
        let subject = Subject::Patient(self.id.clone());
        let caption = caption(&subject, &self.record, self.simulated, self.stay);
        let changes = self.alerts.end(departure.reason(), now.wall, &caption);
        Outcome { changes, state: Some(StateChange::Emptied), ..Outcome::default() }
    }

    /// The same person in another unit: memory and alerts go along, and have yet to be told there.
    pub fn transferred_to(mut self, id: PatientId) -> Self {
        self.id = id;
        let subject = Subject::Patient(self.id.clone());
        let caption = caption(&subject, &self.record, self.simulated, self.stay);
        self.alerts.continue_as(&caption);
        self.scores = Arc::default();
        (self.recorded, self.stated) = (false, None);
        self
    }

    fn inquiry(&self, moment: Moment, reading: Option<Arc<ReadingRef>>, listening: Listening) -> Inquiry {
        let view = Arc::new(View {
            patient: self.id.clone(),
            record: Arc::clone(&self.record),
            chart: Arc::clone(&self.chart),
            devices: Arc::clone(&self.devices),
            limits: Arc::clone(&self.site.limits),
            watches: Arc::clone(&self.site.watches),
            tracked: Arc::clone(&self.site.tracked),
            at: moment.at,
            measured: moment.measured,
            now: moment.now,
            reading,
            backlog: moment.backlog_of.is_some(),
            listening_since: listening.since.unwrap_or(moment.now.uptime),
            own_clock_suspect: listening.own_clock_suspect,
        });
        Inquiry { view, moment, backlog_ended: None }
    }

    /// The device whose backlog just ended, and each that holds something back without one.
    fn drained(&self, ended: Option<&DeviceId>) -> BTreeSet<DeviceId> {
        let draining =
            |device: &DeviceId| self.devices.get(device).is_some_and(|device| device.clock.in_backlog());
        let without = self.alerts.withheld_by().filter(|device| !draining(device));
        without.chain(ended).cloned().collect()
    }

    fn note_tracked(&mut self) {
        if let Some(tracked) = self.alerts.under_way(&self.site.tracked) {
            self.site.tracked = tracked;
        }
    }

    /// The scores that differ from what was last published.
    fn new_scores(&mut self, scores: Vec<Score>) -> Vec<Score> {
        let mut changed = Vec::new();
        for score in scores {
            let place = self.scores.iter().position(|known| known.name == score.name);
            match place {
                Some(place) if self.scores[place] == score => continue,
                Some(place) => Arc::make_mut(&mut self.scores)[place] = score.clone(),
                None => self.scores = Arc::new([&self.scores[..], slice::from_ref(&score)].concat()),
            }
            changed.push(score);
        }
        changed
    }

    /// What the census must know of the device whose reading was judged.
    fn notices(&mut self, moment: &Moment) -> Vec<Notice> {
        let Some(reading) = &moment.reading else { return Vec::new() };
        let id = reading.device.clone().unwrap_or_else(DeviceId::unnamed);
        let news = self
            .devices
            .get(&id)
            .and_then(|device| device.news(moment.now.uptime, &self.site.settings.alerts));
        let Some(news) = news else { return Vec::new() };
        if let Some(device) = Arc::make_mut(&mut self.devices).get_mut(&id) {
            device.note_published(news);
        }
        let live = moment.backlog_of.is_none();
        let measures = news.is_new.then(|| Notice::Measures { device: id.clone(), live });
        let skew = news.skew_changed.then_some(Notice::ClockSkew(id, news.skew));
        measures.into_iter().chain(skew).collect()
    }

    /// After each step: what is under way now, and whether the state is to be published.
    fn conclude(&mut self, outcome: &mut Outcome, now: Now) {
        self.note_tracked();
        let due = self.stated.is_none_or(|stated| now.uptime.since(stated) >= STATE_EVERY);
        let changed = !outcome.changes.is_empty() || !outcome.scores.is_empty();
        if changed || (due && self.state_is_old) {
            outcome.state = Some(StateChange::Now(Box::new(self.state(now))));
            (self.stated, self.state_is_old) = (Some(now.uptime), false);
        }
    }

    fn state(&self, now: Now) -> PatientState {
        let is_missing = |vital: &Vital| self.alerts.is_open(&Condition::Missing(*vital));
        PatientState {
            record: Arc::clone(&self.record),
            chart: Arc::clone(&self.chart),
            time: now.wall,
            missing: Vital::ALL.into_iter().filter(is_missing).collect(),
            alerts: self.alerts.published().cloned().collect(),
            scores: self.scores.clone(),
            simulated: self.simulated,
        }
    }

    /// When a patient whom no record admitted leaves: never while a physiological alert of medium or high priority
    /// is open.
    fn leave_at(&self) -> Option<Uptime> {
        let keeps = |of: &UnderWay| {
            of.priority >= Some(Priority::Medium) && of.condition.kind() == Kind::Physiological
        };
        let leaves = !self.recorded && !self.site.tracked.iter().any(keeps);
        leaves.then(|| self.heard + self.site.settings.admission.leave_after)
    }
}

/// A reading of this count makes the core fail, for tests of what that costs.
#[cfg(test)]
pub(crate) const FAILING_SEQ: u64 = 666_666;

/// While this is the last reading, every timer fails.
#[cfg(test)]
pub(crate) const FAILING_TIMER_SEQ: u64 = 666_667;

#[cfg(test)]
impl Patient {
    fn fail_on_purpose(&self) {
        let last = self.chart.latest(Vital::HeartRate).and_then(|latest| latest.reading.seq);
        assert_ne!(last, Some(FAILING_TIMER_SEQ), "on purpose");
    }
}

fn caption<'a>(
    subject: &'a Subject,
    record: &'a AdmissionRecord,
    simulated: bool,
    stay: Timestamp,
) -> Caption<'a> {
    Caption { subject, bed: record.bed.as_deref(), simulated, words_of, stay }
}
