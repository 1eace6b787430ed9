//! Receivers as the installation knows them: each that is gone is one alert, and its fallback route is called.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Installation, SubjectChanges};
use crate::alerts::{AlertChange, Cause};
use crate::clock::{Now, Uptime};
use crate::conditions::Condition;
use crate::people::{PatientId, ReceiverName};
use crate::receivers::Confirmation;

impl Installation {
    /// What receivers say of themselves is heard from now on.
    pub fn receivers_heard(&mut self, now: Now) {
        self.presence.listen(now.uptime);
    }

    /// A receiver says that it is there or gone.
    pub fn receiver_registered(&mut self, receiver: &ReceiverName, online: bool, now: Now) -> SubjectChanges {
        self.presence.register(receiver, online);
        self.judge(now.wall, now)
    }

    /// A receiver confirms something.
    pub fn receiver_confirmed(&mut self, confirmation: &Confirmation, now: Now) -> SubjectChanges {
        self.deliveries.confirm(confirmation, |_| false);
        self.presence.confirms(&confirmation.receiver);
        self.judge(now.wall, now)
    }

    /// A receiver did not confirm in time what was published of a patient, or has done so after all.
    pub fn delivery_reported(
        &mut self,
        receiver: &ReceiverName,
        patient: &PatientId,
        unconfirmed: bool,
        now: Now,
    ) -> SubjectChanges {
        self.presence.unconfirmed(receiver, patient, unconfirmed);
        self.judge(now.wall, now)
    }

    /// Who is gone now, where that has changed since it was last asked.
    pub fn changed_receivers(&mut self) -> Option<Arc<BTreeSet<ReceiverName>>> {
        let gone: BTreeSet<_> = self.presence.gone().map(|(receiver, _)| receiver.clone()).collect();
        (*self.gone != gone).then(|| {
            self.gone = Arc::new(gone);
            Arc::clone(&self.gone)
        })
    }

    /// When a receiver has not registered, or not confirmed what is no patient's.
    pub(super) fn receivers_deadline(&self) -> Option<Uptime> {
        [self.presence.deadline(), self.deliveries.deadline()].into_iter().flatten().min()
    }

    /// Does what is due of receivers; whether anything was.
    pub(super) fn run_out_receivers(&mut self, due: Uptime) -> bool {
        let is_due = self.receivers_deadline().is_some_and(|deadline| deadline <= due);
        self.presence.run_out(due);
        self.deliveries.run_out(due);
        self.deliveries.overdue().for_each(|receiver| self.presence.fail(receiver));
        self.deliveries.give_up(|receiver| self.presence.gone().any(|(gone, _)| gone == receiver));
        is_due
    }

    /// Who is gone is a fact about the installation.
    pub(super) fn note_receivers(&mut self, now: Now) {
        let name = |condition: &Condition| match condition {
            Condition::DeliveryUnconfirmed(Some(receiver)) => Some(receiver.clone()),
            _ => None,
        };
        let is_gone = |receiver: &ReceiverName| self.presence.gone().any(|(gone, _)| gone == receiver);
        self.facts.retain(|condition, _| name(condition).is_none_or(|receiver| is_gone(&receiver)));
        for (receiver, absence) in self.presence.gone() {
            let condition = Condition::DeliveryUnconfirmed(Some(receiver.clone()));
            let cause = Cause::Words { words: absence.words(receiver) };
            self.facts.entry(condition).or_insert((cause, now.wall));
        }
    }

    /// Who is called for what is published, and who is to confirm it.
    pub(super) fn ask_for_confirmations(&mut self, changes: &mut [AlertChange], now: Now) {
        let receivers = &self.settings.receivers;
        for change in changes.iter_mut() {
            if let Condition::DeliveryUnconfirmed(Some(receiver)) = &change.condition {
                change.route = receivers.get(receiver).map(|receiver| receiver.fallback.clone());
            }
        }
        let gone = self.presence.gone().map(|(receiver, _)| receiver.clone()).collect();
        self.deliveries.ask_for(changes, receivers, &gone, now.uptime);
    }
}
