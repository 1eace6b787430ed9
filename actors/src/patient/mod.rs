//! Everything WardWatch remembers of one patient, and how a reading changes it.

mod backlog;
mod delivery;
mod drain;
mod failure;
mod memory;
mod obey;
mod observe;
pub mod outcome;
mod replay;
mod site;
pub mod snapshot;
mod speakers;
mod timers;
mod transfer;
mod unheard;
mod verdict;
mod version_1;

use std::sync::{Arc, LazyLock};

use serde::{Deserialize, Serialize};

use crate::admission::AdmissionRecord;
use crate::alerts::{AlertSet, Caption, Moment, Stage, UnderWay};
use crate::analyzers::missing::Unheard;
use crate::analyzers::{Score, View};
use crate::chart::Chart;
use crate::clock::{Now, Span, Timestamp, Uptime};
use crate::conditions::{Condition, Kind, Priority};
use crate::devices::Devices;
use crate::patient::backlog::CameAndWent;
use crate::patient::drain::Drain;
use crate::patient::failure::words_of;
use crate::patient::obey::Orders;
pub use crate::patient::obey::Standby;
use crate::patient::outcome::{Inquiry, LivePatient, Outcome, PatientState, StateChange};
use crate::patient::site::Site;
use crate::people::{Departure, DeviceId, PatientId, Subject};
use crate::receivers::Deliveries;
use crate::settings::Settings;
use crate::vitals::ReadingRef;
use crate::vitals::{Vital, VitalSet};

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
    /// What devices bring from the past, and what of it came and went.
    #[serde(default)]
    drains: Vec<Drain>,
    #[serde(default)]
    passed: CameAndWent,
    /// Of what a reading that was alone in turning a clock was not believed, with nothing live since.
    #[serde(default)]
    taken_back: VitalSet,
    scores: Arc<Vec<Score>>,
    recheck_at: Option<Uptime>,
    /// When the first value that waits for another device's to grow old may speak.
    takeover_at: Option<Uptime>,
    simulated: bool,
    #[serde(default)]
    unheard: Unheard,
    /// What was published and is not confirmed yet.
    #[serde(default, skip_serializing_if = "Deliveries::is_empty")]
    deliveries: Deliveries,
    /// What was commanded; of most patients nothing.
    #[serde(default)]
    orders: Option<Box<Orders>>,
    /// When the stay began.
    stay: Timestamp,
    heard: Uptime,
    /// Since when the discharge is held: it is one of very many.
    #[serde(default)]
    held: Option<Uptime>,
    /// When the retained state was last published, and whether anything changed since.
    stated: Option<Uptime>,
    state_is_old: bool,
    /// When the last reading was measured, by our clock.
    #[serde(skip)]
    judged_at: Option<Timestamp>,
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
            drains: Vec::new(),
            passed: CameAndWent::default(),
            taken_back: VitalSet::default(),
            scores: Arc::default(),
            recheck_at: None,
            takeover_at: None,
            simulated: false,
            unheard: Unheard::default(),
            deliveries: Deliveries::default(),
            orders: None,
            stay,
            heard: now.uptime,
            held: None,
            stated: None,
            state_is_old: true,
            judged_at: None,
            site: Site::default(),
            last_saved: LastSaved::default(),
        };
        patient.site.settings = Arc::clone(settings);
        patient.apply_settings(now.wall);
        patient
    }

    /// A stay of this name ended before, at `end`: its alerts keep their ids for themselves.
    pub fn follow_stay(&mut self, end: Timestamp) {
        self.alerts.follow_stay(end);
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

    /// When the last reading that was observed was measured, by our clock.
    pub fn judged_at(&self) -> Option<Timestamp> {
        self.judged_at
    }

    /// How many alerts are open for those who listen.
    pub fn open_alerts(&self) -> usize {
        self.alerts.published().count()
    }

    /// An admission record came; none where it is the one that holds already.
    pub fn admit(&mut self, record: Arc<AdmissionRecord>, listening: Listening, now: Now) -> Option<Inquiry> {
        if self.recorded && self.record == record {
            return None;
        }
        self.ask_to_hear(&record, now.uptime);
        self.record = record;
        self.last_saved.at = None;
        (self.recorded, self.state_is_old) = (true, true);
        self.apply_settings(now.wall);
        let moment = Moment::without_reading(now);
        self.stated = None;
        self.settle(listening, now.uptime);
        Some(self.inquiry(moment, None, listening))
    }

    /// The site's settings changed.
    pub fn reconsider(&mut self, settings: Arc<Settings>, listening: Listening, now: Now) -> Inquiry {
        self.site.settings = settings;
        self.apply_settings(now.wall);
        self.settle(listening, now.uptime);
        self.inquiry(Moment::without_reading(now), None, listening)
    }

    /// The discharge is held from now on, or no longer.
    pub fn hold_discharge(&mut self, held: bool, now: Now) {
        self.held = held.then(|| self.held.unwrap_or(now.uptime));
        if !held {
            // What was held back meanwhile is judged now.
            self.recheck_at = Some(now.uptime);
        }
        self.last_saved.at = None;
    }

    /// Whether the discharge is held.
    pub fn is_held(&self) -> bool {
        self.held.is_some()
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
        let caption = caption(&subject, &self.record, self.simulated, self.stay, &self.site);
        let changes = self.alerts.end(departure.reason(), now, &caption);
        Outcome { changes, state: Some(StateChange::Emptied), ..Outcome::default() }
    }

    fn inquiry(&self, moment: Moment, reading: Option<Arc<ReadingRef>>, listening: Listening) -> Inquiry {
        let view = Arc::new(self.view(&moment, reading, listening));
        Inquiry { view, moment, account: None, more_follow: false, replay: None }
    }

    fn view(&self, moment: &Moment, reading: Option<Arc<ReadingRef>>, listening: Listening) -> View {
        let away_until = self.away_until(moment.now);
        View {
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
            listening_since: listening.since.unwrap_or(moment.now.uptime).max(away_until),
            away_until,
            own_clock_suspect: listening.own_clock_suspect,
            unheard: self.unheard,
        }
    }

    /// Until when the patient was away; silence does not count before.
    fn away_until(&self, now: Now) -> Uptime {
        let back = || self.orders.as_ref().and_then(|orders| orders.back_since);
        let longest_ago = Uptime::from_ms(i64::MIN / 2);
        if self.standby().is_some() { now.uptime } else { back().unwrap_or(longest_ago) }
    }

    fn note_tracked(&mut self) {
        if let Some(tracked) = self.alerts.under_way(&self.site.tracked) {
            self.site.tracked = tracked;
        }
    }

    /// After each step: what is under way now, and whether the state is to be published.
    fn conclude(&mut self, outcome: &mut Outcome, now: Now) {
        self.note_tracked();
        self.ask_for_confirmations(&mut outcome.changes, now.uptime);
        let due = self.stated.is_none_or(|stated| now.uptime.since(stated) >= STATE_EVERY);
        let changed = !outcome.changes.is_empty() || !outcome.scores.is_empty();
        if changed || (due && self.state_is_old) {
            outcome.state = Some(StateChange::Now(Box::new(self.state(now))));
            (self.stated, self.state_is_old) = (Some(now.uptime), false);
        }
    }

    /// How the patient is now, for whoever looks.
    pub fn live(&self, now: Now) -> LivePatient {
        LivePatient { state: self.state(now), limits: Arc::clone(&self.site.limits) }
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
            standby: self.standby().cloned(),
            inactivated: self.alerts.inactivated().cloned().collect(),
        }
    }

    /// When a patient whom no record admitted leaves: never while a physiological alert of medium or high priority
    /// is open.
    fn leave_at(&self) -> Option<Uptime> {
        let keeps = |of: &UnderWay| {
            of.priority >= Some(Priority::Medium) && of.condition.kind() == Kind::Physiological
        };
        let leaves = (!self.recorded || self.is_held()) && !self.site.tracked.iter().any(keeps);
        leaves.then(|| {
            self.held.map_or(self.heard, |held| held.max(self.heard))
                + self.site.settings.admission.leave_after
        })
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
    site: &'a Site,
) -> Caption<'a> {
    let policy = Some(&site.settings.policy);
    Caption { subject, bed: record.bed.as_deref(), simulated, words_of, stay, policy }
}
