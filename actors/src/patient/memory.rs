//! A patient's memory across a restart: when it is saved, and how it is taken up again.

use std::sync::Arc;

use super::{LastSaved, Patient, SAVED_EVERY};
use crate::clock::{Now, Span, Uptime};
use crate::devices::clock::Skew;
use crate::patient::failure::{is_known, rule_of};
use crate::patient::snapshot::{self, Memory, Snapshot};
use crate::people::{DeviceId, PatientId};
use crate::settings::Settings;

impl Patient {
    /// A patient as a restart finds it: time went on while nobody watched, and silence starts anew.
    pub fn restored(memory: Memory, id: PatientId, settings: &Arc<Settings>, now: Now) -> Self {
        match memory {
            Memory::Whole(snapshot) => {
                let shift = snapshot.shift_to(now);
                let mut patient = snapshot.patient;
                patient.shift(shift);
                patient.site.settings = Arc::clone(settings);
                patient.apply_settings(now.wall);
                patient.judge_rules_gone(now);
                patient.ask_for_confirmations_again(now.uptime);
                // An older memory does not say since when; silence begins anew all the same.
                let recorded = patient.recorded.then_some(now.uptime);
                patient.unheard.since = patient.unheard.since.or(recorded);
                patient
            }
            Memory::Alerts { open, since } | Memory::Published { open, since } => {
                let mut patient = Self::new(id, settings, since, now);
                patient.alerts.adopt(open, rule_of);
                patient.note_tracked();
                patient.judge_rules_gone(now);
                patient
            }
        }
    }

    /// What a rule found that may not exist any more is judged at once, and ends where there is no such rule.
    fn judge_rules_gone(&mut self, now: Now) {
        if self.alerts.rules().any(|rule| !is_known(rule)) {
            self.recheck_at = Some(now.uptime);
        }
    }

    /// Moves what was noted on the uptime clock by `by`: that clock started anew.
    fn shift(&mut self, by: Span) {
        Arc::make_mut(&mut self.chart).shift(by);
        Arc::make_mut(&mut self.devices).shift(by);
        self.alerts.shift(by);
        self.shift_orders(by);
        self.deliveries.shift(by);
        self.drains.iter_mut().for_each(|drain| drain.shift(by));
        self.heard = self.heard + by;
        self.held = self.held.map(|held| held + by);
        self.recheck_at = self.recheck_at.map(|recheck| recheck + by);
        self.takeover_at = self.takeover_at.map(|takeover| takeover + by);
        self.stated = self.stated.map(|stated| stated + by);
        self.unheard.since = self.unheard.since.map(|since| since + by);
    }

    /// The memory, where it is to be saved now: with each step of a life cycle, else every 10 s.
    pub fn to_save(&mut self, now: Now) -> Option<Box<Snapshot>> {
        let moved = !self.last_saved.stages.iter().copied().eq(self.alerts.stages());
        let due = self.last_saved.at.is_none_or(|saved| now.uptime.since(saved) >= SAVED_EVERY);
        if !moved && !due {
            return None;
        }
        self.last_saved = LastSaved { at: Some(now.uptime), stages: self.alerts.stages().collect() };
        Some(Box::new(Snapshot { version: snapshot::VERSION, taken: now, patient: self.clone() }))
    }

    /// The devices that are known to measure this patient, when each was heard, and what the census knows of its clock.
    pub fn devices(&self) -> impl Iterator<Item = (&DeviceId, Uptime, Option<Skew>)> {
        self.devices.iter().map(|device| (&device.id, device.heard, device.published_skew()))
    }
}
