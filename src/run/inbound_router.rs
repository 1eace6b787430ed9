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
use crate::mqtt::ingest::{ConnectionProgress, Inbox, Message};
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

impl Inbox for InboundRouter {
    fn message(&mut self, Message { topic, payload, size, retain, receipt, .. }: Message) {
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
        self.door.take_beginning(&topic, payload, size, retain, receipt);
    }

    fn hearing(&mut self, progress: ConnectionProgress) {
        log(&progress);
        if let Some(progress) = self.for_census(&progress) {
            self.door.census.do_send(progress);
        }
        self.update_status(progress);
    }
}

impl InboundRouter {
    /// What of it the census is told.
    fn for_census(&self, progress: &ConnectionProgress) -> Option<IngestProgress> {
        Some(match progress {
            ConnectionProgress::Connected { .. } => IngestProgress::Connected,
            ConnectionProgress::RecordsRead => IngestProgress::RecordsRead,
            ConnectionProgress::Drained => IngestProgress::Live,
            ConnectionProgress::Behind | ConnectionProgress::Lost { .. } => IngestProgress::Interrupted,
            ConnectionProgress::Probe { sent, .. } => {
                IngestProgress::CaughtUpTo(self.door.clock.uptime_of(*sent))
            }
            ConnectionProgress::Stalled => IngestProgress::Stalled,
            ConnectionProgress::Withheld | ConnectionProgress::Refused(_) => return None,
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
            ConnectionProgress::Refused(filter) => {
                self.status.send_modify(|status| status.rejected = Some(filter));
            }
            ConnectionProgress::RecordsRead | ConnectionProgress::Stalled => {}
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
        ConnectionProgress::Refused(filter) => error!(
            filter,
            "the broker rejects a subscription, nothing of it is received; the broker's access list must allow it"
        ),
        _ => {}
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
