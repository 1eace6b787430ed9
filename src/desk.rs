//! Where a shard's decisions leave for the bus: the wiring between actors, store and publisher.

use std::cell::RefCell;
use std::rc::Rc;

use tokio::sync::mpsc::UnboundedSender;
use tracing::debug;
use wardwatch_actors::alerts::{AlertChange, Priority};
use wardwatch_actors::clock::Clock;
use wardwatch_actors::outlet::{Kept, Outlet};
use wardwatch_actors::people::PatientId;
use wardwatch_actors::people::outcome::Refused;

use crate::fatal::Fatal;
use crate::mqtt::announcement::{self, Announcement};
use crate::mqtt::inbox::Refusals;
use crate::mqtt::ingest::IngestRequest;
use crate::mqtt::payload::rejected::RejectedMessage;
use crate::mqtt::publisher::{Outbox, Outgoing, Way, Weight};
use crate::mqtt::rejections::Rejections;
use crate::mqtt::topics::Topics;

/// The way out of one shard, on its thread.
pub struct Desk {
    pub topics: Topics,
    pub clock: Clock,
    pub outbox: Outbox,
    pub rejections: RefCell<Rejections>,
    /// Subscriptions of single patients, where the admission is registered.
    pub subscriptions: Option<UnboundedSender<IngestRequest>>,
    pub fatal: UnboundedSender<Fatal>,
}

impl Desk {
    /// Publishes what the second that is over leaves to be told of refusals.
    pub fn turn(&self) {
        let tell = self.rejections.borrow_mut().turn(self.clock.uptime());
        self.tell(tell);
    }

    fn tell(&self, messages: Vec<RejectedMessage>) {
        for message in messages {
            debug!(topic = message.topic, reason = message.reason, count = message.count, "refused");
            self.send(announcement::rejected(&self.topics, &message), Way::Change(Weight::Info));
        }
    }

    fn send(&self, Announcement { topic, payload }: Announcement, way: Way) {
        self.outbox.publish(Outgoing {
            topic,
            payload: payload.into(),
            way,
            receipts: Vec::new(),
            row: None,
        });
    }
}

/// Which changes go first when the outbox is full.
fn weight(change: &AlertChange) -> Weight {
    match change.priority.max(change.previous_priority.unwrap_or(Priority::Info)) {
        Priority::Info => Weight::Info,
        Priority::Low => Weight::Low,
        Priority::Medium => Weight::Medium,
        Priority::High => Weight::High,
    }
}

impl Outlet for Desk {
    fn keep(&self, Kept { subject, outcome, receipt, .. }: Kept) {
        for change in &outcome.changes {
            let way = Way::Change(weight(change));
            for Announcement { topic, payload } in announcement::change(&self.topics, change) {
                let receipts = vec![receipt.clone()];
                self.outbox.publish(Outgoing { topic, payload: payload.into(), way, receipts, row: None });
            }
        }
        if let Some(patient) = announcement::patient(&subject) {
            let time = self.clock.now().wall;
            for score in &outcome.scores {
                self.send(announcement::score(&self.topics, patient, score, time), Way::Passing);
            }
            if let Some(state) = &outcome.state {
                self.send(announcement::state(&self.topics, patient, state), Way::Latest);
            }
        }
        receipt.settle();
    }

    fn saves(&self) -> bool {
        false
    }

    fn refuse(&self, refused: Refused) {
        let topic = self.topics.vitals(&refused.patient);
        let reason = refused.refusal.to_string();
        Refusals::refuse(self, RejectedMessage::new(refused.at, &topic, reason, None, &refused.payload));
    }

    fn follow(&self, patient: &PatientId) {
        if let Some(subscriptions) = &self.subscriptions {
            // Without an ingest the process is ending anyway.
            let _ = subscriptions.send(IngestRequest::Subscribe(self.topics.vitals(patient)));
        }
    }

    fn unfollow(&self, patient: &PatientId) {
        if let Some(subscriptions) = &self.subscriptions {
            let _ = subscriptions.send(IngestRequest::Unsubscribe(self.topics.vitals(patient)));
        }
    }

    fn empty_record(&self, patient: &PatientId) {
        let emptied = Announcement { topic: self.topics.record(patient), payload: Vec::new() };
        self.send(emptied, Way::Latest);
    }

    fn died(&self, actor: &'static str) {
        let _ = self.fatal.send(Fatal::Actor(actor));
    }
}

impl Refusals for Desk {
    fn refuse(&self, message: RejectedMessage) {
        let tell = self.rejections.borrow_mut().take(message, self.clock.uptime());
        self.tell(tell);
    }
}

impl Refusals for Rc<Desk> {
    fn refuse(&self, message: RejectedMessage) {
        Refusals::refuse(&**self, message);
    }
}
