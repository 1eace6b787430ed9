//! What a patient's actor does with confirmations, and which it may get.

use super::{HearConfirmation, PatientActor, ReceiverGone};
use crate::census_actor::Notify;
use crate::patient::outcome::Notice;
use crate::receipt::Receipt;

impl PatientActor {
    /// A receiver says what it took.
    pub(super) fn hear_confirmation(&mut self, HearConfirmation { confirmation, receipt }: HearConfirmation) {
        let now = self.shard.clock.now();
        match self.attempt(|patient| patient.confirmed(&confirmation, now)) {
            Some((draft, outcome)) => {
                self.patient = Some(draft);
                self.note_confirmable();
                self.deliver(None, outcome, receipt);
            }
            None => self.raise_failure(receipt),
        }
    }

    /// A receiver is gone.
    pub(super) fn receiver_gone(&mut self, ReceiverGone { receiver }: &ReceiverGone) {
        let now = self.shard.clock.now();
        match self.attempt(|patient| patient.receiver_gone(receiver, now)) {
            Some((draft, outcome)) => {
                self.patient = Some(draft);
                self.note_confirmable();
                self.deliver(None, outcome, Receipt::none());
            }
            None => self.raise_failure(Receipt::none()),
        }
    }

    /// After a restart: what nobody has confirmed goes out once more.
    pub(super) fn publish_unconfirmed_again(&self) {
        let unconfirmed = self.patient.iter().flat_map(|patient| patient.unconfirmed_before());
        unconfirmed.for_each(|change| self.shard.outlet.publish_again(change));
    }

    /// Reports to the shard for which alerts confirmations are this patient's.
    pub(super) fn note_confirmable(&mut self) {
        let Some(patient) = self.patient.as_ref().filter(|_| self.departure.is_none()) else { return };
        let mut alerts: Vec<_> = patient.confirmable().collect();
        alerts.sort_unstable();
        alerts.dedup();
        if alerts == self.confirmable {
            return;
        }
        let mut shard = self.shard.confirmable.borrow_mut();
        for alert in self.confirmable.iter().filter(|alert| alerts.binary_search(alert).is_err()) {
            shard.remove(alert);
        }
        for alert in alerts.iter().filter(|alert| self.confirmable.binary_search(alert).is_err()) {
            shard.insert(*alert, patient.id().clone());
        }
        drop(shard);
        self.confirmable = alerts;
    }

    /// The stay ends: nothing of it is confirmed any more, and nobody is blamed for it.
    pub(super) fn forget_confirmable(&mut self) {
        let mut shard = self.shard.confirmable.borrow_mut();
        std::mem::take(&mut self.confirmable).iter().for_each(|alert| drop(shard.remove(alert)));
        drop(shard);
        let Some(patient) = &self.patient else { return };
        for receiver in patient.unconfirmed_by() {
            let (patient, notice) = (patient.id().clone(), Notice::Unconfirmed(receiver, false));
            self.shard.census.do_send(Notify { patient, notice });
        }
    }
}
