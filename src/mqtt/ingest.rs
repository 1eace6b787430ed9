//! The ingest: hears readings and records from the broker, and acknowledges them when nothing is owed any more.
//!
//! It runs on its shard's thread, next to the actors it hands messages to. A burst is handed over, the
//! actors run, and the acknowledgements of all that is settled by then leave in one write. It reads no
//! further while `Ring` is full or the publisher asks to hold, and the broker keeps the rest.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use thiserror::Error;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tracing::{error, info, warn};
use wardwatch_actors::receipt::{Ledger, Receipt};

use super::connection::Connection;
use super::ring::{Ring, RingFault};
use super::wire::{Wire, WireFault};
use crate::causes::Causes;
use crate::link::{Backoff, Link};

/// After so many connections in a row that were lost before a mark came back, the marks are the likely cause.
const LOST_FOR_MARKS: u32 = 3;

/// What an ingest is told once.
#[derive(Clone)]
pub struct IngestSettings {
    /// The broker and the session at it.
    pub link: Link,
    /// Topic of our own mark.
    pub probe: String,
    /// What is heard before anything is judged: admission records, device status.
    pub records: Vec<String>,
    /// Readings of everybody with open admission; nothing with registered admission.
    pub vitals: Vec<String>,
    /// How often a mark tells up to when everything has been heard.
    pub mark_every: Duration,
    /// Payloads of more bytes are not read.
    pub max_payload: usize,
    /// How long a shutdown waits for receipts.
    pub drain_within: Duration,
}

/// A message from the broker.
#[derive(Debug)]
pub struct Message {
    pub topic: String,
    /// A view into the read buffer, 8 KiB or more: copy what is kept for long.
    pub payload: Bytes,
    /// Bytes of the payload as it was sent: more than `payload` has where it is too large to be read.
    pub size: usize,
    /// The broker kept it from before we subscribed.
    pub retain: bool,
    /// The broker may have delivered it before.
    pub duplicate: bool,
    /// To be settled once nothing is owed for the message.
    pub receipt: Receipt,
}

/// What the ingest can say about its own hearing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConnectionProgress {
    /// Connected; what follows may be old. `resumed` if the broker has kept what came meanwhile.
    Connected { resumed: bool },
    /// Every retained record has been handed over: who is unknown now is not here.
    RecordsRead,
    /// What was queued before the last mark has been handed over: what follows is live.
    Drained,
    /// What is handed over is old, or nothing is: reading is held, or a mark is overdue. `Drained` ends it.
    Behind,
    /// A mark is back: what the broker had when it was sent has been handed over.
    Probe { sent: Instant, round_trip: Duration },
    /// Nothing more comes, the retained records included, before some of what was handed over is settled.
    Stalled,
    /// Our marks do not come back, or the broker closes the connection for them: its access list withholds them.
    Withheld,
    /// The broker refuses this subscription; nobody hears that patient.
    Refused(String),
    /// The connection is gone, or did not come about; another try is under way.
    Lost { reason: String },
}

/// Who hears, on the ingest's own thread. Neither call may block.
pub trait Inbox {
    /// Takes a message and its receipt.
    fn message(&mut self, message: Message);
    /// Learns about the hearing itself.
    fn hearing(&mut self, hearing: ConnectionProgress);
}

/// What the shard asks of its ingest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IngestRequest {
    /// Hear this filter too, now and after every reconnection.
    Subscribe(String),
    /// Hear it no more.
    Unsubscribe(String),
    /// Send a new mark, and say `Drained` when it is back.
    Remark,
}

/// Why an ingest cannot go on; the process ends, and nothing unsettled was acknowledged.
#[derive(Debug, Error)]
pub enum IngestFault {
    #[error("the receipt of a message failed")]
    Receipt(#[from] RingFault),
}

/// One shard's way in.
pub struct Ingest {
    pub(super) settings: IngestSettings,
    pub(super) ring: Arc<Ring>,
    /// The same ring, as receipts know it.
    pub(super) ledger: Arc<dyn Ledger>,
    /// While true, nothing is read.
    pub(super) hold: watch::Receiver<bool>,
    /// What the shard has subscribed to.
    pub(super) filters: BTreeSet<String>,
    /// How many connections in a row have ended before a mark of theirs came back.
    without_mark: u32,
}

impl Ingest {
    /// An ingest that hears nothing yet. While `hold` is true it reads nothing.
    pub fn new(settings: IngestSettings, ring: Arc<Ring>, hold: watch::Receiver<bool>) -> Self {
        Self { settings, ledger: ring.clone(), ring, hold, filters: BTreeSet::new(), without_mark: 0 }
    }

    /// Hears until `shutdown`, then reads nothing more, acknowledges what is settled in time, and disconnects.
    pub async fn run(
        mut self,
        mut inbox: impl Inbox,
        mut requests: UnboundedReceiver<IngestRequest>,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), IngestFault> {
        let mut shutdown = pin!(shutdown);
        let mut backoff = Backoff::default();
        loop {
            let begun = Instant::now();
            let lost = match self.connection(&mut inbox, &mut requests, shutdown.as_mut()).await {
                ConnectionEnd::ShutDown => break,
                ConnectionEnd::Fault(fault) => return Err(fault.into()),
                ConnectionEnd::Lost(lost) => lost,
            };
            self.ring.void();
            let pause = backoff.after_connection(begun.elapsed());
            tell_lost(&lost, pause, &mut inbox);
            if self.without_mark == LOST_FOR_MARKS {
                inbox.hearing(ConnectionProgress::Withheld);
            }
            tokio::select! {
                () = sleep(pause) => {}
                fault = fault(&self.ring) => return Err(fault.into()),
                () = &mut shutdown => break,
            }
        }
        self.ring.close();
        Ok(())
    }

    /// One connection, from the attempt to connect to its end.
    async fn connection(
        &mut self,
        inbox: &mut impl Inbox,
        requests: &mut UnboundedReceiver<IngestRequest>,
        mut shutdown: Pin<&mut impl Future<Output = ()>>,
    ) -> ConnectionEnd {
        let connected = tokio::select! {
            connected = Wire::connect(&self.settings.link, self.settings.max_payload) => connected,
            fault = fault(&self.ring) => return ConnectionEnd::Fault(fault),
            () = &mut shutdown => return ConnectionEnd::ShutDown,
        };
        let (wire, resumed) = match connected {
            Ok(connected) => connected,
            Err(lost) => return ConnectionEnd::Lost(lost),
        };
        info!(broker = self.settings.link.address(), resumed, "connected to the broker for reading");
        let mut connection = Connection::new(self, inbox, wire);
        let ended = connection.hear(resumed, requests, shutdown).await;
        let heard_a_mark = connection.has_heard_a_mark();
        self.without_mark = if heard_a_mark { 0 } else { self.without_mark + 1 };
        ended
    }
}

/// How a connection ended.
pub(super) enum ConnectionEnd {
    ShutDown,
    Fault(RingFault),
    Lost(WireFault),
}

impl From<WireFault> for ConnectionEnd {
    fn from(lost: WireFault) -> Self {
        Self::Lost(lost)
    }
}

async fn fault(ring: &Ring) -> RingFault {
    loop {
        if let Some(fault) = ring.fault() {
            return fault;
        }
        ring.woken().await;
    }
}

fn tell_lost(lost: &WireFault, pause: Duration, inbox: &mut impl Inbox) {
    let reason = Causes(lost).to_string();
    match lost {
        WireFault::Refused(_) | WireFault::Rejected { .. } => {
            error!(reason, ?pause, "the broker rejects us; trying again")
        }
        _ => warn!(reason, ?pause, "no readings from the broker; trying again"),
    }
    inbox.hearing(ConnectionProgress::Lost { reason });
}
