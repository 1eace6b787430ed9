//! The ingest: hears readings and records from the broker, and acknowledges them when nothing is pending any more.
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

use super::connection::{Connection, ProbesFate};
use super::ring::{Ring, RingFault};
use super::wire::{Wire, WireFault};
use crate::causes::Causes;
use crate::link::{Backoff, Link};

/// How often a probe is tried where the broker ends the connection for it.
const PROBE_AGAIN_AFTER: Duration = Duration::from_secs(3600);

/// After so many connections in a row that were lost before a probe came back, the probes are the likely cause.
const LOST_FOR_PROBES: u32 = 3;

/// What an ingest is given once.
#[derive(Clone)]
pub struct IngestSettings {
    /// The broker and the session at it.
    pub link: Link,
    /// Topic of our own probe.
    pub probe: String,
    /// What is heard before anything is judged: admission records, device status.
    pub records: Vec<String>,
    /// Readings of everybody with open admission; nothing with registered admission.
    pub vitals: Vec<String>,
    /// What is heard where the broker allows it.
    pub optional: Vec<String>,
    /// How often a probe shows up to when everything has been heard.
    pub probe_every: Duration,
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
    /// To be settled once nothing is pending for the message.
    pub receipt: Receipt,
}

/// What the ingest can say about its own hearing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConnectionProgress {
    /// Connected; what follows may be old. `resumed` if the broker has kept what came meanwhile.
    Connected { resumed: bool },
    /// Every retained record has been handed over: who is unknown now is not here.
    RecordsRead,
    /// What was queued before the last probe has been handed over: what follows is live.
    Drained,
    /// What is handed over is old, or nothing is: reading is held, or a probe is overdue. `Drained` ends it.
    Behind,
    /// A probe is back: what the broker had when it was sent has been handed over.
    Probe { sent: Instant, round_trip: Duration },
    /// The same by a PINGREQ, where probes cost the connection.
    Ping { sent: Instant },
    /// Nothing more comes, the retained records included, before some of what was handed over is settled.
    Stalled,
    /// Our probes do not come back, or the broker closes the connection for them: its access list withholds them.
    Withheld,
    /// The broker rejects this subscription; nobody hears that patient.
    SubscriptionRejected(String),
    /// The connection is gone, or did not come about; another try is under way.
    Lost { reason: String },
}

/// Who hears, on the ingest's own thread. Neither call may block.
pub trait Inbox {
    /// Takes a message and its receipt.
    fn message(&mut self, message: Message);
    /// Takes a message that nobody will read: of its topic too much waits.
    fn too_much(&mut self, message: Message);
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
    /// Send a new probe, and say `Drained` when it is back.
    ProbeAgain,
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
    /// How many connections in a row have ended before a probe of theirs came back.
    without_probe: u32,
    /// How many of them ended right after a probe.
    cut_off: u32,
    /// When a probe is tried again; until then PINGREQ takes its place. None where probes come back.
    probe_again_at: Option<Instant>,
}

impl Ingest {
    /// An ingest that hears nothing yet. While `hold` is true it reads nothing.
    pub fn new(settings: IngestSettings, ring: Arc<Ring>, hold: watch::Receiver<bool>) -> Self {
        Self {
            settings,
            ledger: ring.clone(),
            ring,
            hold,
            filters: BTreeSet::new(),
            without_probe: 0,
            cut_off: 0,
            probe_again_at: None,
        }
    }

    /// Every filter that we subscribe to, but for those the shard has asked for.
    fn own_filters(&self) -> impl Iterator<Item = &String> {
        let IngestSettings { probe, records, vitals, optional, .. } = &self.settings;
        vitals.iter().chain(records).chain([probe]).chain(optional)
    }

    /// Whether the broker ends connections for our probes, so that something else must do; once in a while a probe is
    /// tried all the same.
    pub(super) fn pings_take_the_place_of_probes(&mut self, now: Instant) -> bool {
        let Some(again_at) = self.probe_again_at else { return false };
        if now >= again_at {
            self.probe_again_at = Some(now + PROBE_AGAIN_AFTER);
        }
        now < again_at
    }

    /// A connection is over: what it says of our probes.
    fn note_probes(&mut self, fate: ProbesFate) {
        match fate {
            ProbesFate::Heard => (self.cut_off, self.probe_again_at) = (0, None),
            ProbesFate::CutOff => self.cut_off += 1,
            ProbesFate::Unknown => {}
        }
        if self.cut_off >= LOST_FOR_PROBES && self.probe_again_at.is_none() {
            warn!(
                "the broker ends the connection for each of our probes: PINGREQ takes their place, and one is tried each hour"
            );
            self.probe_again_at = Some(Instant::now() + PROBE_AGAIN_AFTER);
        }
    }

    /// Whether a message of this topic came by a subscription of ours.
    pub(super) fn wants(&self, topic: &str) -> bool {
        let covers = |filter: &String| match filter.strip_suffix('#') {
            Some(start) => topic.starts_with(start),
            None => filter == topic || filter.contains('+') && rumqttc::matches(topic, filter),
        };
        self.own_filters().any(covers) || self.filters.contains(topic)
    }

    /// The filters that may have brought a message of this topic, without our own.
    pub(super) fn unwanted(&self, topic: &str) -> Vec<String> {
        let above = topic.match_indices('/').map(|(at, _)| format!("{}/#", &topic[..at]));
        let all = above.chain([topic.to_owned(), "#".to_owned()]);
        all.filter(|filter| !self.own_filters().any(|own| own == filter)).collect()
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
            report_lost(&lost, pause, &mut inbox);
            if self.without_probe == LOST_FOR_PROBES {
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
        let (came_back, fate) = (connection.any_came_back(), connection.probes_fate());
        self.note_probes(fate);
        self.without_probe = if came_back { 0 } else { self.without_probe + 1 };
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

fn report_lost(lost: &WireFault, pause: Duration, inbox: &mut impl Inbox) {
    let reason = Causes(lost).to_string();
    match lost {
        WireFault::SubscriptionRejected(_) | WireFault::ConnectionRejected { .. } => {
            error!(reason, ?pause, "the broker rejects us; trying again")
        }
        _ => warn!(reason, ?pause, "no readings from the broker; trying again"),
    }
    inbox.hearing(ConnectionProgress::Lost { reason });
}
