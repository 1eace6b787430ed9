//! The feed's consumer that speaks to the bus: changes, scores and states as messages in the outbox.

use bytes::Bytes;
use wardwatch_actors::admission::AdmissionRecord;
use wardwatch_actors::alerts::AlertChange;
use wardwatch_actors::conditions::Priority;
use wardwatch_actors::people::PatientId;
use wardwatch_actors::receipt::Receipt;

use super::outgoing::{DeliveryClass, DropOrder, Outgoing};
use super::publisher::Outbox;
use crate::contract::announcement::{self, Announcement};
use crate::contract::payload::rejected::RejectedMessage;
use crate::contract::topics::Topics;
use crate::feed::{Consumer, Emission, NumberedChange};

/// Says decisions on the bus, from any thread. Its cursor are the changes that the broker has.
#[derive(Clone)]
pub struct BusPublisher {
    pub topics: Topics,
    pub outbox: Outbox,
}

impl BusPublisher {
    /// Publishes an alert change; it is done when the broker has all of it.
    pub fn change(&self, NumberedChange { number, change }: &NumberedChange, receipt: &Receipt) {
        let Some(mut outgoing) = self.outgoing(change) else { return };
        outgoing.receipts.push(receipt.clone());
        outgoing.number = Some(*number);
        self.outbox.publish(outgoing);
    }

    /// Publishes once more a change that the broker has had already.
    pub fn change_again(&self, change: &AlertChange) {
        self.outgoing(change).into_iter().for_each(|outgoing| self.outbox.publish(outgoing));
    }

    fn outgoing(&self, change: &AlertChange) -> Option<Outgoing> {
        let mut announcements = announcement::change(&self.topics, change);
        let class = DeliveryClass::Change(drop_order(change));
        let mut outgoing = Outgoing::new(announcements.next()?, class);
        outgoing.further.extend(announcements);
        outgoing.alert = Some(change.id);
        Some(outgoing)
    }

    /// Publishes what was rejected.
    pub fn rejected(&self, message: &RejectedMessage) {
        let rejected = announcement::rejected(&self.topics, message);
        self.send(rejected, DeliveryClass::Advisory);
    }

    /// Takes back the retained record of somebody who is here no more.
    pub fn empty_record(&self, patient: &PatientId) {
        let emptied = Announcement { topic: self.topics.record(patient), payload: Bytes::new() };
        self.send(emptied, DeliveryClass::Latest);
    }

    /// Publishes, retained, that somebody is here.
    pub fn record(&self, patient: &PatientId, record: &AdmissionRecord) {
        self.send(announcement::record(&self.topics, patient, record), DeliveryClass::Latest);
    }

    fn send(&self, announcement: Announcement, class: DeliveryClass) {
        self.outbox.publish(Outgoing::new(announcement, class));
    }
}

impl Consumer for BusPublisher {
    fn take(&self, emission: &Emission) {
        for change in &emission.changes {
            self.change(change, &emission.receipt);
        }
        // Whoever waits within the process is answered there.
        for reply in emission.replies.iter().filter(|reply| reply.to.caller.is_none()) {
            let class = DeliveryClass::Change(DropOrder::Info);
            let mut outgoing = Outgoing::new(announcement::reply(&self.topics, reply), class);
            outgoing.receipts.push(emission.receipt.clone());
            outgoing.correlation.clone_from(&reply.to.correlation);
            self.outbox.publish(outgoing);
        }
        let Some(patient) = announcement::patient(&emission.subject) else { return };
        for score in &emission.scores {
            let score = announcement::score(&self.topics, patient, score, emission.at);
            self.send(score, DeliveryClass::Passing);
        }
        if let Some(state) = &emission.state {
            self.send(announcement::state(&self.topics, patient, state), DeliveryClass::Latest);
        }
    }
}

/// Which changes go first when the outbox is full.
fn drop_order(change: &AlertChange) -> DropOrder {
    match change.priority.max(change.previous_priority.unwrap_or(Priority::Info)) {
        Priority::Info => DropOrder::Info,
        Priority::Low => DropOrder::Low,
        Priority::Medium => DropOrder::Medium,
        Priority::High => DropOrder::High,
    }
}
