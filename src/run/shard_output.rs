//! Where a shard's decisions leave: into the store, and from there onto the bus.
//!
//! This is the wiring between actors, store and publisher, which do not know each other.

use std::cell::RefCell;
use std::sync::{Arc, OnceLock};

use tokio::sync::mpsc::UnboundedSender;
use tracing::debug;
use wardwatch_actors::admission::AdmissionRecord;
use wardwatch_actors::alerts::AlertChange;
use wardwatch_actors::clock::Clock;
use wardwatch_actors::commands::RejectedCommand;
use wardwatch_actors::outlet::{Kept, Outlet};
use wardwatch_actors::patient::outcome::{LivePatient, RejectedArrival};
use wardwatch_actors::people::PatientId;

use super::provoked;
use crate::contract::payload::rejected::RejectedMessage;
use crate::contract::rejections::Rejections;
use crate::door::RejectedOutput;
use crate::fatal::Fatal;
use crate::feed::Cursor;
use crate::mqtt::bus_publisher::BusPublisher;
use crate::mqtt::ingest::IngestRequest;
use crate::mqtt::publisher::{DeliveryResult, LinkEvent, OutboxListener};
use crate::store::Store;
use crate::web::LiveView;

/// The way out of one shard, on its thread.
pub struct ShardOutput {
    pub clock: Clock,
    pub publisher: BusPublisher,
    pub store: Store,
    /// Whether anything is kept at all.
    pub saves: bool,
    pub rejections: RefCell<Rejections>,
    /// Subscriptions of single patients.
    pub subscriptions: Option<UnboundedSender<IngestRequest>>,
    /// What pages show.
    pub live: Arc<LiveView>,
    /// Whether the admission is registered: else one subscription covers everybody.
    pub registered: bool,
    pub fatal: UnboundedSender<Fatal>,
}

impl ShardOutput {
    /// Publishes what the second that is over leaves of rejections.
    pub fn turn(&self) {
        let rejections = self.rejections.borrow_mut().turn(self.clock.uptime());
        self.publish_rejections(rejections);
    }

    /// Publishes all that is left of rejections.
    pub fn flush(&self) {
        let rejections = self.rejections.borrow_mut().flush();
        self.publish_rejections(rejections);
    }

    fn publish_rejections(&self, messages: Vec<RejectedMessage>) {
        for message in messages {
            self.publisher.rejected(&message);
            self.store.reject(message);
        }
    }
}

impl Outlet for ShardOutput {
    fn keep(&self, kept: Kept) {
        provoked::panic("actor");
        if provoked::is("receipt") {
            drop(kept.receipt.clone());
        }
        self.store.keep(kept, self.clock.now().wall);
    }

    fn saves(&self) -> bool {
        self.saves
    }

    fn reject_arrival(&self, rejected: RejectedArrival) {
        let topic = self.publisher.topics.of_rejected(&rejected);
        let reason = rejected.rejection.to_string();
        self.reject(RejectedMessage::new(rejected.at, &topic, reason, None, &rejected.payload));
    }

    fn is_watched(&self, patient: &PatientId) -> bool {
        self.live.is_watched(patient)
    }

    fn show(&self, patient: &PatientId, live: Option<LivePatient>) {
        self.live.show(patient, live);
    }

    fn follow(&self, patient: &PatientId) {
        if let Some(subscriptions) = &self.subscriptions {
            let topic = self.publisher.topics.vitals(patient);
            // The session may have one from when the admission was registered: each reading would come twice.
            let request = match self.registered {
                true => IngestRequest::Subscribe(topic),
                false => IngestRequest::Unsubscribe(topic),
            };
            // Without an ingest the process is ending anyway.
            let _ = subscriptions.send(request);
        }
    }

    fn unfollow(&self, patient: &PatientId) {
        if let Some(subscriptions) = self.subscriptions.as_ref().filter(|_| self.registered) {
            let _ = subscriptions.send(IngestRequest::Unsubscribe(self.publisher.topics.vitals(patient)));
        }
    }

    fn empty_record(&self, patient: &PatientId) {
        self.publisher.empty_record(patient);
    }

    fn publish_record(&self, patient: &PatientId, record: &AdmissionRecord) {
        self.publisher.record(patient, record);
    }

    fn reject_command(&self, rejected: RejectedCommand) {
        self.reject(RejectedMessage::of_command(&self.publisher.topics, &rejected));
    }

    fn publish_again(&self, change: &AlertChange) {
        self.publisher.change_again(change);
    }

    fn died(&self, actor: &'static str) {
        let _ = self.fatal.send(Fatal::Actor(actor));
    }
}

impl RejectedOutput for ShardOutput {
    fn reject(&self, message: RejectedMessage) {
        debug!(topic = message.topic, reason = message.reason, "rejected");
        let rejections = self.rejections.borrow_mut().take(message, self.clock.uptime());
        self.publish_rejections(rejections);
    }
}

/// Brings the publisher's news to the shard and to the store.
pub struct PublishConfirmations {
    pub links: UnboundedSender<LinkEvent>,
    /// Opened after the publisher, whose outbox it publishes to.
    pub store: Arc<OnceLock<Store>>,
}

impl OutboxListener for PublishConfirmations {
    fn link(&self, event: LinkEvent) {
        // Without a shard there is nobody left to hear it.
        let _ = self.links.send(event);
    }

    fn done(&self, number: u64, _: DeliveryResult) {
        if let Some(store) = self.store.get() {
            store.done(number);
        }
    }
}
