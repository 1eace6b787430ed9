//! Whether anything is heard of a patient whom a record admitted, and what the census must know of it.

use super::outcome::{Inquiry, Notice};
use super::{Listening, Patient};
use crate::admission::AdmissionRecord;
use crate::alerts::Moment;
use crate::clock::{Now, Uptime};
use crate::conditions::Priority;

impl Patient {
    /// A record comes: from now on devices are to be heard that were not asked for before.
    ///
    /// Where nothing was heard until now either, silence goes on to count: other names are no sign of life.
    pub(super) fn ask_to_hear(&mut self, record: &AdmissionRecord, now: Uptime) {
        let Some(since) = self.unheard.since else { return self.unheard.since = Some(now) };
        let asks_for_others = record.devices.iter().flatten().any(|device| !self.record.names(device));
        let asked_for = self.devices.iter().filter(|device| self.record.allows(Some(&device.id)));
        if asks_for_others && asked_for.map(|device| device.live).max().is_some_and(|live| live > since) {
            self.unheard.since = Some(now);
        }
    }

    /// Whether nothing is heard of the patient, as last found.
    pub fn is_unheard(&self) -> Option<Priority> {
        self.unheard.found
    }

    /// That nothing is heard of the patient is one alert about the unit from now on, or no longer.
    pub fn unit_judged(&mut self, is_one_alert: bool, listening: Listening, now: Now) -> Option<Inquiry> {
        let before = std::mem::replace(&mut self.unheard.with_unit, is_one_alert);
        let concerns = before != is_one_alert && self.unheard.found.is_some();
        concerns.then(|| self.inquiry(Moment::without_reading(now), None, listening))
    }

    /// Remembers that nothing is heard, or something again; what the census must know of it.
    pub(super) fn note_unheard(&mut self, found: Option<Priority>) -> Option<Notice> {
        if std::mem::replace(&mut self.unheard.found, found) == found {
            return None;
        }
        self.last_saved.at = None;
        Some(Notice::Unheard(found))
    }
}
