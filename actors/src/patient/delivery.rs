//! What is published of the patient and has to be confirmed: by whom, until when, and what follows where nobody does.

use std::collections::BTreeSet;
use std::sync::Arc;

use uuid::Uuid;

use super::Patient;
use super::outcome::{Notice, Outcome};
use crate::alerts::{AlertChange, AlertOrder, Author, Moment};
use crate::clock::{Now, Uptime};
use crate::conditions::Condition;
use crate::people::{ReceiverName, Subject};
use crate::receivers::{Confirmation, ConfirmationStatus, DELIVERY};

impl Patient {
    /// These receivers are gone from now on, and no others.
    pub fn know_gone(&mut self, gone: &Arc<BTreeSet<ReceiverName>>) {
        self.site.gone = Arc::clone(gone);
    }

    /// What is published now is to be confirmed; whoever stands in for a receiver is called where that is said.
    pub(super) fn ask_for_confirmations(&mut self, changes: &mut [AlertChange], now: Uptime) {
        let receivers = &self.site.settings.receivers;
        if receivers.is_empty() || changes.is_empty() {
            return;
        }
        for change in changes.iter_mut() {
            if matches!(change.condition, Condition::DeliveryUnconfirmed(_)) {
                change.route = self.deliveries.fallback(receivers).map(str::to_owned);
            }
        }
        self.deliveries.ask_for(changes, receivers, &self.site.gone, now);
    }

    /// A receiver says what it took, and whether somebody there takes responsibility.
    pub fn confirmed(&mut self, confirmation: &Confirmation, now: Now) -> Outcome {
        let mut outcome = Outcome::default();
        let before = self.unconfirmed_by();
        let open: Vec<Uuid> = self.alerts.published().map(|change| change.id).collect();
        self.deliveries.confirm(confirmation, |alert| open.contains(&alert));
        let order = match confirmation.status {
            ConfirmationStatus::Received => None,
            ConfirmationStatus::Accepted => Some(AlertOrder::Accept(confirmation.alert)),
            ConfirmationStatus::Rejected => Some(AlertOrder::Reject(confirmation.alert)),
        };
        let subject = Subject::Patient(self.id.clone());
        let caption = super::caption(&subject, &self.record, self.simulated, self.stay, &self.site);
        if let Some(order) = order {
            let name = confirmation.receiver.to_string();
            let author = Author { sender: name.clone(), by: name, reason: None };
            self.last_saved.at = None;
            match self.alerts.obey(&order, &author, now, &caption) {
                Ok(_) => outcome.changes = self.alerts.publish_by(&caption, false, now, Some(&author)),
                // Nobody further is called for it by the site.
                Err(_) if confirmation.status == ConfirmationStatus::Rejected => {
                    let of_it = |change: &&Arc<AlertChange>| change.id == confirmation.alert;
                    let condition =
                        self.alerts.published().find(of_it).map(|change| change.condition.clone());
                    condition
                        .into_iter()
                        .for_each(|condition| self.deliveries.reject(confirmation, condition));
                }
                Err(_) => {}
            }
        }
        self.judge_deliveries(&before, &mut outcome, now);
        self.conclude(&mut outcome, now);
        outcome
    }

    /// A receiver is gone: that is an alert of its own, and nothing more is asked of it here.
    pub fn receiver_gone(&mut self, receiver: &ReceiverName, now: Now) -> Outcome {
        let mut outcome = Outcome::default();
        let before = self.unconfirmed_by();
        self.deliveries.give_up(|of| of == receiver);
        self.judge_deliveries(&before, &mut outcome, now);
        self.conclude(&mut outcome, now);
        outcome
    }

    /// What nobody confirmed until `due` is an alert.
    pub(super) fn raise_unconfirmed(&mut self, due: Uptime, outcome: &mut Outcome, now: Now) {
        let before = self.unconfirmed_by();
        if self.deliveries.run_out(due) {
            let settings = Arc::clone(&self.site.settings);
            self.deliveries.give_up(|receiver| !settings.receivers.contains_key(receiver));
            self.judge_deliveries(&before, outcome, now);
        }
    }

    /// Who did not confirm in time is an alert of this patient, and reported to the census.
    fn judge_deliveries(&mut self, before: &[ReceiverName], outcome: &mut Outcome, now: Now) {
        let after = self.unconfirmed_by();
        let is_said = self.alerts.is_open(&Condition::DeliveryUnconfirmed(None));
        if *before == after && is_said != after.is_empty() {
            return;
        }
        let gone = before.iter().filter(|receiver| !after.contains(receiver)).map(|of| (of, false));
        let new = after.iter().filter(|receiver| !before.contains(receiver)).map(|of| (of, true));
        let notices = gone.chain(new).map(|(of, unconfirmed)| Notice::Unconfirmed(of.clone(), unconfirmed));
        outcome.notices.extend(notices);
        self.judge_delivery(&Moment::without_reading(now));
        let subject = Subject::Patient(self.id.clone());
        let caption = super::caption(&subject, &self.record, self.simulated, self.stay, &self.site);
        outcome.changes.extend(self.alerts.publish(&caption, false, now));
    }

    /// With each verdict: what is said of receivers that the site lists no more ends, as after a restart.
    pub(super) fn judge_deliveries_anew(&mut self, moment: &Moment) {
        let is_open = self.alerts.is_open(&Condition::DeliveryUnconfirmed(None));
        if !is_open && self.deliveries.overdue().next().is_none() {
            return;
        }
        let settings = Arc::clone(&self.site.settings);
        self.deliveries.give_up(|receiver| !settings.receivers.contains_key(receiver));
        self.judge_delivery(moment);
    }

    fn judge_delivery(&mut self, moment: &Moment) {
        let finding = self.deliveries.finding(&self.site.settings.receivers, moment);
        let subject = Subject::Patient(self.id.clone());
        let caption = super::caption(&subject, &self.record, self.simulated, self.stay, &self.site);
        self.alerts.judge(&DELIVERY, finding.into_iter().collect(), moment, &caption);
    }

    /// Which receivers did not confirm in time what was published of this patient.
    pub fn unconfirmed_by(&self) -> Vec<ReceiverName> {
        self.deliveries.overdue().cloned().collect()
    }

    /// The alerts of which somebody may yet say that they took a change.
    pub fn confirmable(&self) -> impl Iterator<Item = Uuid> {
        let open = self.alerts.published().map(|change| change.id);
        let listed = !self.site.settings.receivers.is_empty();
        open.filter(move |_| listed).chain(self.deliveries.alerts())
    }

    /// After a restart: what nobody confirmed before is asked for once more, as far as its alert is still open.
    pub(super) fn ask_for_confirmations_again(&mut self, now: Uptime) {
        if self.deliveries.is_empty() {
            return;
        }
        let open: Vec<_> = self.alerts.published().map(|change| (change.id, change.sequence)).collect();
        let settings = Arc::clone(&self.site.settings);
        let is_published = |alert, sequence| open.contains(&(alert, sequence));
        self.deliveries.begin_anew(&settings.receivers, now, is_published);
    }

    /// The changes that nobody confirmed before a restart: receivers get them again, with the same id and sequence.
    pub fn unconfirmed_before(&self) -> impl Iterator<Item = &Arc<AlertChange>> {
        self.alerts.published().filter(|change| self.deliveries.is_pending(change.id, change.sequence))
    }
}
