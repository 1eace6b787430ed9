//! The inbound router: messages from the ingest go to the door, its progress to census and heartbeat.

use tokio::sync::{mpsc, watch};
use tracing::{error, warn};
use wardwatch_actors::census_actor::IngestProgress;
use wardwatch_actors::clock::Timestamp;

use super::heartbeat::{IngestState, IngestStatus};
use super::setup::Setup;
use crate::contract::payload::system::Status;
use crate::door::Door;
use crate::fatal::Fatal;
use crate::mqtt::ingest::{self, Message};
use crate::mqtt::publisher::PublisherFault;

/// What counts as rejected where the broker keeps our probes from us.
const PROBES: &str = "probe";

/// Messages from the ingest go to the door, its progress to census and heartbeat.
pub struct InboundRouter {
    pub door: Door,
    pub duplicate_instance: DuplicateInstance,
    pub fatal: mpsc::UnboundedSender<Fatal>,
    pub status: watch::Sender<IngestStatus>,
}

impl ingest::Inbox for InboundRouter {
    fn message(&mut self, Message { topic, payload, retain, receipt, .. }: Message) {
        if topic == self.duplicate_instance.topic {
            receipt.settle();
            match self.duplicate_instance.hear(&payload) {
                Some(OtherInstance::Newer) => {
                    let fault = PublisherFault::TakenOver(self.duplicate_instance.instance.clone());
                    let _ = self.fatal.send(fault.into());
                }
                // The last will of one whose name we took over: say again that we are here.
                Some(OtherInstance::Gone) => self.status.send_modify(|_| {}),
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
                // What the broker still rejects it says again.
                self.status.send_modify(|status| {
                    status.state = IngestState::Draining;
                    status.rejected.take_if(|of| of != PROBES);
                });
            }
            ingest::IngestProgress::Stalled => {
                warn!(
                    "the broker sends nothing more before readings of unknown patients are acknowledged: with open admission \
                     they are judged without their records, otherwise rejected"
                );
                census.do_send(IngestProgress::Stalled);
            }
            ingest::IngestProgress::Behind => {
                census.do_send(IngestProgress::Interrupted);
                self.status.send_modify(|status| status.state = IngestState::Draining);
            }
            ingest::IngestProgress::RecordsRead => census.do_send(IngestProgress::RecordsRead),
            ingest::IngestProgress::Drained => {
                census.do_send(IngestProgress::Live);
                self.status.send_modify(|status| status.state = IngestState::Live);
            }
            ingest::IngestProgress::Probe { sent, round_trip } => {
                census.do_send(IngestProgress::CaughtUpTo(self.door.clock.uptime_of(sent)));
                self.status.send_if_modified(|status| {
                    status.probe = Some(round_trip);
                    status.rejected.take_if(|of| of == PROBES).is_some()
                });
            }
            ingest::IngestProgress::Withheld => {
                error!(
                    "our own probes do not come back, and no timer runs out without them: the broker's access list must let \
                     this client write and read probe/#, or a very long queue lies before them"
                );
                self.status.send_modify(|status| status.rejected = Some(PROBES.to_owned()));
            }
            ingest::IngestProgress::Refused(filter) => {
                error!(
                    filter,
                    "the broker rejects a subscription, so that nothing of it is received: its access list must allow it"
                );
                self.status.send_modify(|status| status.rejected = Some(filter));
            }
            ingest::IngestProgress::Lost { .. } => {
                census.do_send(IngestProgress::Interrupted);
                self.status.send_modify(|status| status.state = IngestState::Lost);
            }
        }
    }
}

/// Knows another instance of our own name by its heartbeat.
///
/// Brokers older than Mosquitto 2.0.15 end the session of the first of two clients without a word; without this, two
/// instances would end each other's sessions for ever. The older one ends.
pub struct DuplicateInstance {
    pub topic: String,
    pub instance: String,
    pub started: Timestamp,
}

/// What a heartbeat of our own name says that is not ours.
enum OtherInstance {
    Newer,
    Gone,
}

impl DuplicateInstance {
    /// Knows others of our own name.
    pub fn of(setup: &Setup) -> Self {
        let (topic, instance) = (setup.topics.system(setup.instance()), setup.instance().to_owned());
        Self { topic, instance, started: setup.started }
    }

    fn hear(&self, heartbeat: &[u8]) -> Option<OtherInstance> {
        #[derive(serde::Deserialize)]
        struct Heard {
            started: Timestamp,
            status: Status,
        }
        let heard = serde_json::from_slice::<Heard>(heartbeat).ok()?;
        match heard.status {
            Status::Offline => Some(OtherInstance::Gone),
            Status::Online | Status::Degraded => {
                (heard.started > self.started).then_some(OtherInstance::Newer)
            }
        }
    }
}
