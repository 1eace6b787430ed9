//! The same person in another unit: what moves along, and what is newer there.

use std::sync::Arc;

use super::Patient;
use crate::analyzers::missing::Unheard;
use crate::clock::Now;
use crate::conditions::Condition;
use crate::people::{PatientId, Subject};
use crate::receivers::Deliveries;

impl Patient {
    /// The same person in another unit: memory and alerts go along, and have yet to be published there.
    pub fn transferred_to(mut self, id: PatientId) -> Self {
        self.id = id;
        let subject = Subject::Patient(self.id.clone());
        let caption = super::caption(&subject, &self.record, self.simulated, self.stay, &self.site);
        self.alerts.continue_as(&caption);
        self.scores = Arc::default();
        // What is published there has other ids.
        self.deliveries = Deliveries::default();
        (self.recorded, self.stated) = (false, None);
        self.unheard = Unheard { since: self.unheard.since, ..Unheard::default() };
        self
    }

    /// Takes up the memory of the same person's stay in another unit, where readings or a record came here already.
    ///
    /// What is newer speaks. Nothing is published before the next verdict has been found with all of it.
    pub fn inherit(&mut self, moved: Self, now: Now) {
        let newer = Arc::make_mut(&mut self.chart).inherit(&moved.chart);
        Arc::make_mut(&mut self.devices).inherit(&moved.devices);
        let subject = Subject::Patient(self.id.clone());
        let caption = super::caption(&subject, &self.record, self.simulated, self.stay, &self.site);
        let outdated = |condition: &Condition| match condition {
            Condition::Low(vital) | Condition::High(vital) | Condition::Missing(vital) => {
                newer.contains(*vital)
            }
            Condition::Risk(_) => newer.iter().next().is_some(),
            _ => false,
        };
        self.alerts.inherit(moved.alerts, outdated, now, &caption);
        self.inherit_orders(moved.orders, now);
        let known = |drain: &super::Drain| self.drains.iter().any(|own| own.device == drain.device);
        let drains: Vec<_> = moved.drains.into_iter().filter(|drain| !known(drain)).collect();
        self.drains.extend(drains);
        if self.passed.is_empty() {
            self.passed = moved.passed;
        }
        self.heard = self.heard.max(moved.heard);
        (self.stated, self.state_is_old, self.last_saved.at) = (None, true, None);
        self.note_tracked();
    }
}
