//! The commands' own connection: what people and receivers say to WardWatch, heard over MQTT 5.
//!
//! Only MQTT 5 says with a message where its answer goes, and of one that comes live whether it is retained. Readings
//! have another connection, so that no backlog of theirs holds up a command. A message is acknowledged once its receipt
//! is settled, which is when its answer is safe; the broker keeps what comes while we are gone for an hour.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Filter, Publish, RetainForwardRule};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep, timeout};
use tracing::{error, info, warn};
use wardwatch_actors::receipt::{Ledger, Receipt};

use super::ring::{Ring, RingFault};
use super::wire5::{Answer, ConnectTerms, IncomingMessage, Packet5, Wire5, Wire5Fault};
use crate::causes::Causes;
use crate::link::{Backoff, Link, random};

/// Keep-alive of this connection.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// For how long the broker keeps what is said while we are gone: each of it is answered, if only that it is too old.
const SESSION: Duration = Duration::from_secs(3600);
/// Unacknowledged messages that the broker may send: a flood waits there, and is answered in its order.
const WINDOW: u16 = 100;
/// Messages under way, with those that want no acknowledgement: beyond, nothing is read.
const MOST_UNDER_WAY: usize = 200;
/// A broker that says nothing for so many seconds that really ran is gone; it answers a ping every third of
/// [`KEEP_ALIVE`].
const ANSWER_WITHIN_S: u32 = 15;
/// After so many seconds what comes counts as live, though our probe has not come back.
const QUEUED_FOR_S: u32 = 10;
/// The packet identifiers of what we send: one SUBSCRIBE and one probe a connection.
const SUBSCRIBE: u16 = 1;
const PROBE: u16 = 2;

/// What the connection is made with.
pub struct CommandSettings {
    /// The broker, under a client id of this connection's own.
    pub link: Link,
    /// What is heard live, or waited for us; of what is retained only what we have not seen.
    pub filters: Vec<String>,
    /// What is retained there is heard with each connection.
    pub retained: Vec<String>,
    /// Topic of our own probe: what was queued before it has been heard.
    pub probe: String,
    /// How long a shutdown waits for receipts.
    pub drain_within: Duration,
}

/// A message that came to us.
#[derive(Debug)]
pub struct HeardCommand {
    pub topic: String,
    pub payload: Bytes,
    /// Whether it is kept for whoever subscribes.
    pub retain: bool,
    /// Whether it waited in a queue before we listened.
    pub queued: bool,
    /// Where the answer is wanted, and with what.
    pub response_topic: Option<String>,
    pub correlation: Option<Bytes>,
    /// To be settled once the outcome is safe.
    pub receipt: Receipt,
}

/// Who hears, on the connection's own thread. Neither call may block.
pub trait CommandInbox {
    /// Takes a message and its receipt.
    fn heard(&mut self, heard: HeardCommand);
    /// The connection came or went.
    fn listening(&mut self, listening: bool);
}

/// The commands' own connection.
pub struct CommandConnection {
    settings: CommandSettings,
    ring: Arc<Ring>,
    /// The same ring, as receipts know it.
    ledger: Arc<dyn Ledger>,
}

impl CommandConnection {
    /// A connection that hears nothing yet.
    pub fn new(settings: CommandSettings) -> Self {
        let ring = Arc::new(Ring::of_messages(MOST_UNDER_WAY));
        Self { settings, ledger: ring.clone(), ring }
    }

    /// Hears until `shutdown`, then acknowledges what is settled in time and disconnects.
    pub async fn run(
        self,
        inbox: &mut impl CommandInbox,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), RingFault> {
        let mut shutdown = pin!(shutdown);
        let mut backoff = Backoff::default();
        loop {
            let begun = Instant::now();
            let lost = match self.connection(inbox, shutdown.as_mut()).await {
                Ok(()) => break,
                Err(HearingEnd::Fault(fault)) => return Err(fault),
                Err(HearingEnd::Lost(lost)) => lost,
            };
            inbox.listening(false);
            self.ring.void();
            let pause = backoff.after_connection(begun.elapsed());
            warn!(reason = %Causes(&lost), ?pause, "no commands from the broker; trying again");
            tokio::select! {
                () = sleep(pause) => {}
                () = &mut shutdown => break,
            }
        }
        self.ring.close();
        Ok(())
    }

    /// One connection, from the attempt to connect to its end.
    async fn connection(
        &self,
        inbox: &mut impl CommandInbox,
        mut shutdown: Pin<&mut impl Future<Output = ()>>,
    ) -> Result<(), HearingEnd> {
        let terms = ConnectTerms {
            keep_alive: KEEP_ALIVE,
            will: None,
            session: Some(SESSION),
            receive_max: Some(WINDOW),
        };
        let (wire, ack) = tokio::select! {
            connected = Wire5::connect(&self.settings.link, terms) => connected?,
            () = &mut shutdown => return Ok(()),
        };
        info!(broker = self.settings.link.address(), resumed = ack.session_present, "connected for commands");
        let mut hearing = Hearing {
            of: self,
            wire,
            queued: ack.session_present,
            token: format!("{:016x}", random()),
            age_s: 0,
            silent_s: 0,
            settled: Vec::new(),
        };
        hearing.subscribe()?;
        tokio::select! {
            ended = hearing.run(inbox) => return ended,
            () = &mut shutdown => {}
        }
        hearing.drain(self.settings.drain_within).await;
        Ok(())
    }
}

/// Why a connection is over.
enum HearingEnd {
    Fault(RingFault),
    Lost(Wire5Fault),
}

impl From<Wire5Fault> for HearingEnd {
    fn from(lost: Wire5Fault) -> Self {
        Self::Lost(lost)
    }
}

/// One connection at work.
struct Hearing<'a> {
    of: &'a CommandConnection,
    wire: Wire5,
    /// Whether what comes waited in a queue before we listened.
    queued: bool,
    /// What our probe says, other with each connection.
    token: String,
    age_s: u32,
    silent_s: u32,
    settled: Vec<u16>,
}

impl Hearing<'_> {
    /// Subscribes so that the retained flag is seen, and sends the probe.
    fn subscribe(&mut self) -> Result<(), Wire5Fault> {
        let settings = &self.of.settings;
        let filter = |retained: RetainForwardRule| {
            move |path: &String| Filter {
                path: path.clone(),
                qos: QoS::AtLeastOnce,
                nolocal: false,
                preserve_retain: true,
                retain_forward_rule: retained.clone(),
            }
        };
        let live = settings.filters.iter().map(filter(RetainForwardRule::OnNewSubscribe));
        let retained = settings.retained.iter().map(filter(RetainForwardRule::OnEverySubscribe));
        let probe = [&settings.probe].into_iter().map(filter(RetainForwardRule::Never));
        self.wire.sink.subscribe(SUBSCRIBE, live.chain(retained).chain(probe).collect())?;
        let mut probe = Publish::new(&settings.probe, QoS::AtLeastOnce, self.token.clone(), None);
        probe.pkid = PROBE;
        self.wire.sink.publish(probe)
    }

    /// Hears until the connection is over.
    async fn run(&mut self, inbox: &mut impl CommandInbox) -> Result<(), HearingEnd> {
        let mut pings = interval(KEEP_ALIVE / 3);
        let mut seconds = seconds();
        loop {
            self.acknowledge()?;
            let (Wire5 { source, sink, .. }, ring) = (&mut self.wire, &self.of.ring);
            tokio::select! {
                heard = source.hear(), if !ring.is_full() => self.take(heard?, inbox)?,
                sent = sink.flush(), if sink.has_output() => sent?,
                () = ring.woken() => {}
                _ = pings.tick() => sink.ping()?,
                _ = seconds.tick() => self.second()?,
            }
        }
    }

    /// Acknowledges what is settled by now.
    fn acknowledge(&mut self) -> Result<(), HearingEnd> {
        if let Some(fault) = self.of.ring.fault() {
            return Err(HearingEnd::Fault(fault));
        }
        self.of.ring.take_settled(&mut self.settled);
        self.settled.drain(..).for_each(|pkid| self.wire.sink.acknowledge(pkid));
        Ok(())
    }

    fn take(&mut self, heard: Packet5, inbox: &mut impl CommandInbox) -> Result<(), Wire5Fault> {
        self.silent_s = 0;
        match heard {
            Packet5::Message(message) if message.topic == self.of.settings.probe => self.probe(&message),
            Packet5::Message(message) => self.message(message, inbox),
            Packet5::Answer(Answer::Suback { reasons }) => inbox.listening(self.are_granted(&reasons)),
            Packet5::Answer(Answer::Disconnect { reason }) => {
                warn!(reason = format!("{reason:#04x}"), "the broker ends the commands' connection");
                return Err(Wire5Fault::Closed);
            }
            Packet5::Answer(Answer::Foreign { reply }) => self.wire.sink.reply(reply),
            Packet5::Answer(Answer::Puback { .. } | Answer::Pingresp) => {}
        }
        Ok(())
    }

    /// Whether the broker lets us hear everything.
    fn are_granted(&self, reasons: &[u8]) -> bool {
        let CommandSettings { filters, retained, probe, .. } = &self.of.settings;
        let filters = filters.iter().chain(retained).chain([probe]).zip(reasons);
        let rejected = filters.filter(|(_, reason)| **reason >= 0x80).map(|(filter, _)| filter);
        let rejected: Vec<_> = rejected
            .inspect(|filter| error!(filter, "the broker rejects a subscription, nothing of it is received"))
            .collect();
        rejected.is_empty()
    }

    /// Something on our probe's topic: once it is the one of this connection, all that was queued has been heard.
    fn probe(&mut self, message: &IncomingMessage) {
        self.queued &= message.payload != self.token.as_bytes();
        // Acknowledged in its turn.
        if let Some(entry) = self.of.ring.push(message.pkid, 0) {
            self.of.ring.settle(entry);
        }
    }

    fn message(&mut self, message: IncomingMessage, inbox: &mut impl CommandInbox) {
        let IncomingMessage { topic, payload, retain, pkid, response_topic, correlation } = message;
        // There is room: else nothing would have been read.
        let Some(entry) = self.of.ring.push(pkid, payload.len()) else { return };
        let receipt = Receipt::new(Arc::clone(&self.of.ledger), entry);
        let queued = self.queued;
        inbox.heard(HeardCommand { topic, payload, retain, queued, response_topic, correlation, receipt });
    }

    /// A second that really ran is over.
    fn second(&mut self) -> Result<(), Wire5Fault> {
        self.age_s += 1;
        if self.queued && self.age_s == QUEUED_FOR_S {
            warn!(
                probe = self.of.settings.probe,
                "our own probe does not come back on the commands' connection; the access list must let it be read and \
                 written. What comes counts as live from now on"
            );
            self.queued = false;
        }
        // What is not read because too much is under way cannot be missed.
        self.silent_s = if self.of.ring.is_full() { 0 } else { self.silent_s + 1 };
        if self.silent_s < ANSWER_WITHIN_S { Ok(()) } else { Err(Wire5Fault::Silent(ANSWER_WITHIN_S)) }
    }

    /// Waits for what is under way, acknowledges it, and says goodbye.
    async fn drain(mut self, within: Duration) {
        let settle = async {
            while !self.of.ring.is_empty() && self.acknowledge().is_ok() {
                self.wire.sink.flush().await?;
                if !self.of.ring.is_empty() {
                    self.of.ring.woken().await;
                }
            }
            self.wire.sink.disconnect();
            self.wire.sink.flush().await
        };
        if !matches!(timeout(within, settle).await, Ok(Ok(()))) {
            warn!("ending with commands that are not acknowledged; the broker delivers them again");
        }
    }
}

fn seconds() -> Interval {
    let mut seconds = interval(Duration::from_secs(1));
    seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    seconds
}
