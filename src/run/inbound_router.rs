//! What the ingest hears, brought to door, census and heartbeat.

use tokio::sync::{mpsc, watch};
use tracing::{error, warn};
use wardwatch_actors::census_actor::IngestProgress;
use wardwatch_actors::clock::Timestamp;

use super::heartbeat::{Ear, IngestStatus};
use crate::contract::payload::system::Status;
use crate::door::Door;
use crate::fatal::Fatal;
use crate::mqtt::ingest::{self, Message};
use crate::mqtt::publisher::PublisherFault;

/// What counts as refused where the broker keeps our marks from us.
const MARKS: &str = "probe";

/// What the ingest hears goes to the door; what it says of its hearing to census and heartbeat.
pub struct InboundRouter {
    pub door: Door,
    pub rival: DuplicateInstance,
    pub fatal: mpsc::UnboundedSender<Fatal>,
    pub hearsay: watch::Sender<IngestStatus>,
}

impl ingest::Inbox for InboundRouter {
    fn message(&mut self, Message { topic, payload, retain, receipt, .. }: Message) {
        if topic == self.rival.topic {
            receipt.settle();
            match self.rival.hear(&payload) {
                Some(Word::DuplicateInstance) => {
                    let fault = PublisherFault::TakenOver(self.rival.instance.clone());
                    let _ = self.fatal.send(fault.into());
                }
                // The last will of one whose name we took over: say again that we are here.
                Some(Word::Gone) => self.hearsay.send_modify(|_| {}),
                None => {}
            }
            return;
        }
        self.door.take(&topic, payload, retain, receipt);
    }

    fn hearing(&mut self, hearing: ingest::IngestProgress) {
        let census = &self.door.census;
        match hearing {
            ingest::IngestProgress::Connected { .. } => {
                census.do_send(IngestProgress::Connected);
                // What is still refused is told anew.
                self.hearsay.send_modify(|hearsay| {
                    (hearsay.ear, hearsay.refused) =
                        (Ear::Draining, hearsay.refused.take_if(|of| of == MARKS));
                });
            }
            ingest::IngestProgress::Stalled => {
                warn!(
                    "the broker sends nothing more before readings of unknown patients are acknowledged: with open admission \
                     they are judged before their records are heard, otherwise refused"
                );
                census.do_send(IngestProgress::Stalled);
            }
            ingest::IngestProgress::Behind => {
                census.do_send(IngestProgress::Interrupted);
                self.hearsay.send_modify(|hearsay| hearsay.ear = Ear::Draining);
            }
            ingest::IngestProgress::RecordsRead => census.do_send(IngestProgress::RecordsRead),
            ingest::IngestProgress::Drained => {
                census.do_send(IngestProgress::Live);
                self.hearsay.send_modify(|hearsay| hearsay.ear = Ear::Listening);
            }
            ingest::IngestProgress::Probe { sent, round_trip } => {
                census.do_send(IngestProgress::CaughtUpTo(self.door.clock.uptime_of(sent)));
                self.hearsay.send_if_modified(|hearsay| {
                    hearsay.probe = Some(round_trip);
                    hearsay.refused.take_if(|of| of == MARKS).is_some()
                });
            }
            ingest::IngestProgress::Withheld => {
                error!(
                    "our own marks do not come back, and no timer runs without them: the broker's access list must let this \
                     client write and read probe/#, or a very long queue lies before them"
                );
                self.hearsay.send_modify(|hearsay| hearsay.refused = Some(MARKS.to_owned()));
            }
            ingest::IngestProgress::Refused(filter) => {
                error!(
                    filter,
                    "the broker refuses a subscription: nobody hears that; its access list must allow it"
                );
                self.hearsay.send_modify(|hearsay| hearsay.refused = Some(filter));
            }
            ingest::IngestProgress::Lost { .. } => {
                census.do_send(IngestProgress::Interrupted);
                self.hearsay.send_modify(|hearsay| hearsay.ear = Ear::Lost);
            }
        }
    }
}

/// Knows another instance of our own name by its heartbeat.
///
/// Brokers older than Mosquitto 2.0.15 do not tell whom they throw out; without this, two instances
/// would throw each other out for ever. The older one ends.
pub struct DuplicateInstance {
    pub topic: String,
    pub instance: String,
    pub started: Timestamp,
}

/// What a heartbeat of our own name says that is not ours.
enum Word {
    DuplicateInstance,
    Gone,
}

impl DuplicateInstance {
    fn hear(&self, heartbeat: &[u8]) -> Option<Word> {
        #[derive(serde::Deserialize)]
        struct Heard {
            started: Timestamp,
            status: Status,
        }
        let heard = serde_json::from_slice::<Heard>(heartbeat).ok()?;
        match heard.status {
            Status::Offline => Some(Word::Gone),
            Status::Online | Status::Degraded => {
                (heard.started > self.started).then_some(Word::DuplicateInstance)
            }
        }
    }
}
