//! Where a shard's decisions leave: into the store, and from there onto the bus.
//!
//! This is the wiring between actors, store and publisher, which do not know each other.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::OnceLock;

use tokio::sync::mpsc::UnboundedSender;
use tracing::debug;
use wardwatch_actors::alerts::AlertChange;
use wardwatch_actors::clock::Clock;
use wardwatch_actors::conditions::Priority;
use wardwatch_actors::outlet::{Kept, Outlet};
use wardwatch_actors::patient::outcome::Refused;
use wardwatch_actors::people::PatientId;
use wardwatch_actors::receipt::Receipt;

use super::provoked;
use crate::contract::announcement::{self, Announcement};
use crate::contract::inbox::Refusals;
use crate::contract::payload::rejected::RejectedMessage;
use crate::contract::rejections::Rejections;
use crate::contract::topics::Topics;
use crate::fatal::Fatal;
use crate::mqtt::ingest::IngestRequest;
use crate::mqtt::publisher::{LinkEvent, Outbox, OutboxListener, Outcome, Outgoing, Way, Weight};
use crate::store::{Entry, Logged, Publication, Publish, Rejected, Store};

/// The way out of one shard, on its thread.
pub struct ShardOutput {
    pub clock: Clock,
    pub herald: BusPublisher,
    pub store: Store,
    /// Whether anything is kept at all.
    pub saves: bool,
    pub rejections: RefCell<Rejections>,
    /// Subscriptions of single patients, where the admission is registered.
    pub subscriptions: Option<UnboundedSender<IngestRequest>>,
    pub fatal: UnboundedSender<Fatal>,
}

impl ShardOutput {
    /// Tells what the second that is over leaves to be told of refusals.
    pub fn turn(&self) {
        let tell = self.rejections.borrow_mut().turn(self.clock.uptime());
        self.tell(tell);
    }

    /// Tells all that is left to be told of refusals.
    pub fn flush(&self) {
        let tell = self.rejections.borrow_mut().flush();
        self.tell(tell);
    }

    fn tell(&self, messages: Vec<RejectedMessage>) {
        for message in messages {
            debug!(topic = message.topic, reason = message.reason, count = message.count, "refused");
            let rejected = announcement::rejected(&self.herald.topics, &message);
            self.herald.send(rejected, Way::Change(Weight::Info));
            let RejectedMessage { time, topic, reason, field, payload, count } = message;
            let field = field.map(str::to_owned);
            self.store.reject(Rejected { time, topic, reason, field, payload, count });
        }
    }
}

impl Outlet for ShardOutput {
    fn keep(&self, Kept { subject, reading, outcome, saved, record, receipt }: Kept) {
        provoked::panic("actor");
        if provoked::is("receipt") {
            drop(receipt.clone());
        }
        self.store.keep(Entry {
            subject,
            at: self.clock.now().wall,
            reading,
            changes: outcome.changes,
            scores: outcome.scores,
            state: outcome.state,
            saved,
            record,
            receipt,
        });
    }

    fn saves(&self) -> bool {
        self.saves
    }

    fn refuse(&self, refused: Refused) {
        let topic = self.herald.topics.vitals(&refused.patient);
        let reason = refused.refusal.to_string();
        Refusals::refuse(self, RejectedMessage::new(refused.at, &topic, reason, None, &refused.payload));
    }

    fn follow(&self, patient: &PatientId) {
        if let Some(subscriptions) = &self.subscriptions {
            // Without an ingest the process is ending anyway.
            let _ = subscriptions.send(IngestRequest::Subscribe(self.herald.topics.vitals(patient)));
        }
    }

    fn unfollow(&self, patient: &PatientId) {
        if let Some(subscriptions) = &self.subscriptions {
            let _ = subscriptions.send(IngestRequest::Unsubscribe(self.herald.topics.vitals(patient)));
        }
    }

    fn empty_record(&self, patient: &PatientId) {
        let emptied = Announcement { topic: self.herald.topics.record(patient), payload: Vec::new() };
        self.herald.send(emptied, Way::Latest);
    }

    fn died(&self, actor: &'static str) {
        let _ = self.fatal.send(Fatal::Actor(actor));
    }
}

impl Refusals for ShardOutput {
    fn refuse(&self, message: RejectedMessage) {
        let tell = self.rejections.borrow_mut().take(message, self.clock.uptime());
        self.tell(tell);
    }
}

impl Refusals for Rc<ShardOutput> {
    fn refuse(&self, message: RejectedMessage) {
        Refusals::refuse(&**self, message);
    }
}

/// Says decisions on the bus, from any thread.
#[derive(Clone)]
pub struct BusPublisher {
    pub topics: Topics,
    pub outbox: Outbox,
}

impl BusPublisher {
    /// Owes an alert change to the bus; `row` is told when the broker has all of it.
    pub fn change(&self, change: &AlertChange, row: Option<u64>, receipt: &Receipt) {
        let way = Way::Change(weight(change));
        let mut announcements = announcement::change(&self.topics, change).peekable();
        while let Some(Announcement { topic, payload }) = announcements.next() {
            let row = row.filter(|_| announcements.peek().is_none());
            let receipts = vec![receipt.clone()];
            self.outbox.publish(Outgoing { topic, payload: payload.into(), way, receipts, row });
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

impl Publish for BusPublisher {
    fn publish(&self, publication: Publication) {
        provoked::panic("recorder");
        let Publication { subject, at, changes, scores, state, receipt } = publication;
        for Logged { row, change } in &changes {
            self.change(change, *row, &receipt);
        }
        if let Some(patient) = announcement::patient(&subject) {
            for score in &scores {
                self.send(announcement::score(&self.topics, patient, score, at), Way::Passing);
            }
            if let Some(state) = &state {
                self.send(announcement::state(&self.topics, patient, state), Way::Latest);
            }
        }
        receipt.settle();
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

/// Brings the publisher's news to the shard and to the store.
pub struct PublishConfirmations {
    pub links: UnboundedSender<LinkEvent>,
    /// Opened after the publisher, whose outbox it publishes to.
    pub store: std::sync::Arc<OnceLock<Store>>,
}

impl OutboxListener for PublishConfirmations {
    fn link(&self, event: LinkEvent) {
        // Without a shard there is nobody left to tell.
        let _ = self.links.send(event);
    }

    fn settled(&self, row: u64, _: Outcome) {
        if let Some(store) = self.store.get() {
            store.published(row);
        }
    }
}
