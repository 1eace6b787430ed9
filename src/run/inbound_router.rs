//! The inbound router: messages from the ingest go to the door, its progress to census and heartbeat.

use std::rc::Rc;

use tokio::sync::{mpsc, watch};
use tracing::{error, warn};
use wardwatch_actors::census_actor::IngestProgress;

use super::duplicate_instance::{DuplicateInstance, OwnTopic};
use super::heartbeat::{IngestState, IngestStatus};
use crate::contract::payload::rejected::RejectedMessage;
use crate::contract::topics::BROKER_DROPPED;
use crate::door::Door;
use crate::fatal::Fatal;
use crate::mqtt::ingest::{ConnectionProgress, Inbox, Message};
use crate::mqtt::publisher::PublisherFault;

/// What counts as rejected where the broker keeps our probes from us.
const PROBES: &str = "probe";

/// Messages from the ingest go to the door, its progress to census and heartbeat.
pub struct InboundRouter {
    pub door: Rc<Door>,
    pub duplicate_instance: DuplicateInstance,
    /// The topic of our own probe.
    pub probe: String,
    pub fatal: mpsc::UnboundedSender<Fatal>,
    /// How many messages the broker has dropped, whenever it says so.
    pub drops: mpsc::UnboundedSender<u64>,
    pub status: watch::Sender<IngestStatus>,
}

impl Inbox for InboundRouter {
    fn message(&mut self, message: Message) {
        if message.topic == self.duplicate_instance.topic {
            self.own_topic(message);
        } else if message.topic == self.probe {
            self.foreign(&message);
            message.receipt.settle();
        } else if message.topic == BROKER_DROPPED {
            self.broker_dropped(&message.payload);
            message.receipt.settle();
        } else {
            let Message { topic, payload, size, retain, receipt, .. } = message;
            self.door.take_beginning(&topic, payload, size, retain, receipt);
        }
    }

    fn too_much(&mut self, Message { topic, payload, receipt, .. }: Message) {
        self.door.too_much(&topic, &payload, receipt);
    }

    fn hearing(&mut self, progress: ConnectionProgress) {
        log(&progress);
        match &progress {
            ConnectionProgress::Connected { .. } => {
                self.duplicate_instance.connected();
                self.door.draining.set(true);
            }
            ConnectionProgress::Behind => self.door.draining.set(true),
            ConnectionProgress::Drained => self.door.draining.set(false),
            ConnectionProgress::Lost { .. } => self.duplicate_instance.lost(self.door.clock.uptime()),
            _ => {}
        }
        if let Some(progress) = self.for_census(&progress) {
            self.door.census.do_send(progress);
        }
        self.update_status(progress);
    }
}

impl InboundRouter {
    /// Something came on our own heartbeat's topic.
    fn own_topic(&mut self, message: Message) {
        let now = self.door.clock.uptime();
        let say_again = match self.duplicate_instance.hear(&message.payload, message.retain, now) {
            OwnTopic::Ours => false,
            OwnTopic::SayAgain => true,
            OwnTopic::TakenOver => {
                let fault = PublisherFault::TakenOver(self.duplicate_instance.instance.clone());
                let _ = self.fatal.send(fault.into());
                false
            }
            OwnTopic::Foreign { say_again } => {
                self.foreign(&message);
                say_again
            }
        };
        message.receipt.settle();
        if say_again {
            self.status.send_modify(|_| {});
        }
    }

    /// Somebody else published on a topic of our own.
    fn foreign(&self, Message { topic, payload, .. }: &Message) {
        let reason = "no other client publishes on WardWatch's own topic: it means nothing here".to_owned();
        let now = self.door.clock.now().wall;
        self.door.reject(RejectedMessage::new(now, topic, reason, None, payload));
    }

    /// The broker says how many messages it has dropped since its start.
    fn broker_dropped(&self, count: &[u8]) {
        let count = std::str::from_utf8(count).ok().and_then(|count| count.trim().parse().ok());
        if let Some(count) = count {
            let _ = self.drops.send(count); // without housekeeping the process is ending anyway
        }
    }

    /// What of it the census gets.
    fn for_census(&self, progress: &ConnectionProgress) -> Option<IngestProgress> {
        Some(match progress {
            ConnectionProgress::Connected { .. } => IngestProgress::Connected,
            ConnectionProgress::RecordsRead => IngestProgress::RecordsRead,
            ConnectionProgress::Drained => IngestProgress::Live,
            ConnectionProgress::Behind | ConnectionProgress::Lost { .. } => IngestProgress::Interrupted,
            ConnectionProgress::Probe { sent, .. } | ConnectionProgress::Ping { sent } => {
                IngestProgress::CaughtUpTo(self.door.clock.uptime_of(*sent))
            }
            ConnectionProgress::Stalled => IngestProgress::Stalled,
            ConnectionProgress::Withheld | ConnectionProgress::SubscriptionRejected(_) => return None,
        })
    }

    /// What of it the heartbeat says.
    fn update_status(&self, progress: ConnectionProgress) {
        let now = |state| self.status.send_modify(|status| status.state = state);
        match progress {
            ConnectionProgress::Connected { .. } => self.status.send_modify(|status| {
                status.state = IngestState::Draining;
                // What the broker still rejects it says again.
                status.rejected.take_if(|of| of != PROBES);
            }),
            ConnectionProgress::Behind => now(IngestState::Draining),
            ConnectionProgress::Drained => now(IngestState::Live),
            ConnectionProgress::Lost { .. } => now(IngestState::Lost),
            ConnectionProgress::Probe { round_trip, .. } => {
                self.status.send_if_modified(|status| {
                    status.probe = Some(round_trip);
                    status.rejected.take_if(|of| of == PROBES).is_some()
                });
            }
            ConnectionProgress::Withheld => {
                self.status.send_modify(|status| status.rejected = Some(PROBES.to_owned()));
            }
            ConnectionProgress::SubscriptionRejected(filter) => {
                self.status.send_modify(|status| status.rejected = Some(filter));
            }
            // What is rejected stays so.
            ConnectionProgress::Ping { .. }
            | ConnectionProgress::RecordsRead
            | ConnectionProgress::Stalled => {}
        }
    }
}

/// Logs what an operator has to know of it.
fn log(progress: &ConnectionProgress) {
    match progress {
        ConnectionProgress::Stalled => warn!(
            "the broker sends nothing more before readings of unknown patients are acknowledged: with open admission they \
             are judged without their records, otherwise rejected"
        ),
        ConnectionProgress::Withheld => error!(
            "our own probes do not come back, and no timer runs out without them: the broker's access list must let this \
             client write and read probe/#, or a very long queue lies before them"
        ),
        ConnectionProgress::SubscriptionRejected(filter) => error!(
            filter,
            "the broker rejects a subscription, nothing of it is received; the broker's access list must allow it"
        ),
        _ => {}
    }
}
