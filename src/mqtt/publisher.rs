//! The publisher: brings alerts, states and scores to the broker on a connection of their own.
//!
//! It speaks MQTT 5, whose broker says why it refuses a message and who took our session over. Each
//! connection starts from `Queue`, which knows everything owed in order; nothing is kept in the connection.

use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{ConnAck, LastWill};
use thiserror::Error;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until, timeout, timeout_at};
use tracing::{info, warn};

use super::link::{Backoff, Link, explain};
use super::outbox::{Finished, Queue, Terms, Verdict};
pub use super::outbox::{Outcome, Outgoing, Undeliverable, Way, Weight};
use super::wire5::{Answer, Wire5, Wire5Fault};

/// Unacknowledged messages on the way, if the broker allows as many.
const WINDOW: u16 = 1000;
/// Keep-alive of this connection: 1.5 times as long after we die, the broker publishes our last will.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// A broker that acknowledges nothing for this long is gone. Counted in seconds that really ran.
const ANSWER_WITHIN_S: u32 = 15;
/// A DISCONNECT that says: somebody else has connected under our client id.
const SESSION_TAKEN_OVER: u8 = 0x8e;
/// How long the goodbye may take.
const GOODBYE_WITHIN: Duration = Duration::from_secs(1);

/// What a publisher is told once.
pub struct PublisherSettings {
    /// The broker, under a client id of the publisher's own.
    pub link: Link,
    /// Published by the broker, retained, when we are gone without a goodbye.
    pub will_topic: String,
    pub will_payload: Bytes,
    /// How many alert changes may wait.
    pub max_changes: usize,
    /// How long a shutdown waits for what is owed.
    pub drain_within: Duration,
}

/// How the connection fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkEvent {
    /// Connected. The broker may have published our last will meanwhile: say who we are again.
    Connected,
    /// There has been no connection since then. Told once until there is one.
    Lost { since: Instant },
}

/// Who learns what becomes of outgoing messages. Calls come from the publisher's and from publishing
/// threads, and must not block.
pub trait OutboxListener: Send + Sync + 'static {
    /// The connection came or went.
    fn link(&self, event: LinkEvent);
    /// Nothing more will be done for the message of this row.
    fn settled(&self, row: u64, outcome: Outcome);
}

/// Why the publisher cannot go on; the process ends with it.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum PublisherFault {
    /// Two instances must not evict each other for ever: this one ends, and is not to be restarted.
    #[error(
        "another WardWatch has connected to the broker as `{0}`; each instance needs a client id of its own"
    )]
    TakenOver(String),
}

/// How the outbox fares.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OutboxStatus {
    pub connected: bool,
    /// Messages the broker has not acknowledged, waiting and on the way.
    pub owed: usize,
    /// Messages the broker will never take, since the start.
    pub undeliverable: u64,
    /// Changes that made room for heavier ones, since the start.
    pub dropped: u64,
    /// Scores that found no connection, since the start.
    pub passed_by: u64,
    pub last_error: Option<String>,
}

/// The way out, for any thread.
#[derive(Clone)]
pub struct Outbox {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    listener: Box<dyn OutboxListener>,
    /// Something was added, or may be tried again.
    wake: Notify,
    /// Nothing is owed any more.
    emptied: Notify,
    full: watch::Sender<bool>,
    connected: watch::Sender<bool>,
}

struct State {
    queue: Queue,
    /// The broker asked for a pause.
    retry_at: Option<Instant>,
    retry: Backoff,
    last_error: Option<String>,
    lost_since: Option<Instant>,
    /// Dropped changes that have been logged.
    dropped_told: u64,
}

impl Outbox {
    /// Owes `outgoing` to the broker. Never blocks; order is kept among changes.
    pub fn publish(&self, outgoing: Outgoing) {
        self.shared.change(|state, finished| state.queue.accept(outgoing, finished));
        self.shared.wake.notify_one();
    }

    /// True while only changes of high priority are left and no more have room: then nothing may be read.
    pub fn full(&self) -> watch::Receiver<bool> {
        self.shared.full.subscribe()
    }

    /// Waits for a connection.
    pub async fn connected(&self) {
        // The sender lives as long as `self`, so this only ends with a connection.
        let _ = self.shared.connected.subscribe().wait_for(|&connected| connected).await;
    }

    /// Waits until nothing is owed.
    pub async fn emptied(&self) {
        self.shared.emptied().await;
    }

    /// How it fares now.
    pub fn status(&self) -> OutboxStatus {
        let state = self.shared.lock();
        OutboxStatus {
            connected: state.queue.is_connected(),
            owed: state.queue.owed(),
            undeliverable: state.queue.undeliverable,
            dropped: state.queue.dropped,
            passed_by: state.queue.passed_by,
            last_error: state.last_error.clone(),
        }
    }

    /// The last messages that the broker would not take, at most 100.
    pub fn undeliverable(&self) -> Vec<Undeliverable> {
        self.shared.lock().queue.kept.iter().cloned().collect()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state, then tells, outside the lock, what became of messages.
    fn change<T>(&self, change: impl FnOnce(&mut State, &mut Vec<Finished>) -> T) -> T {
        let mut finished = Vec::new();
        let result = {
            let mut state = self.lock();
            let result = change(&mut state, &mut finished);
            state.tell_dropped();
            let full = state.queue.is_full();
            self.full.send_if_modified(|was| std::mem::replace(was, full) != full);
            if state.queue.is_empty() {
                self.emptied.notify_waiters();
            }
            result
        };
        for Finished { receipts, row, outcome } in finished {
            receipts.into_iter().for_each(|receipt| receipt.settle());
            if let Some(row) = row {
                self.listener.settled(row, outcome);
            }
        }
        result
    }

    fn greet(&self, ack: &ConnAck) {
        let properties = ack.properties.as_ref();
        let window = properties.and_then(|p| p.receive_max).unwrap_or(u16::MAX).min(WINDOW);
        let max_packet = properties.and_then(|p| p.max_packet_size).map_or(usize::MAX, |size| size as usize);
        info!(session_present = ack.session_present, window, "publishing to the broker");
        {
            let mut state = self.lock();
            state.queue.connect(Terms { window: usize::from(window), max_packet });
            state.lost_since = None;
            state.last_error = None;
        }
        self.connected.send_replace(true);
        self.listener.link(LinkEvent::Connected);
    }

    async fn emptied(&self) {
        loop {
            let mut emptied = pin!(self.emptied.notified());
            emptied.as_mut().enable();
            if self.lock().queue.is_empty() {
                return;
            }
            emptied.await;
        }
    }
}

/// Why a connection is over.
enum Ended {
    TakenOver,
    /// The broker ended it for something we sent.
    Blamed(String),
    Lost(String),
}

impl From<Wire5Fault> for Ended {
    fn from(fault: Wire5Fault) -> Self {
        Self::Lost(explain(&fault))
    }
}

/// The publisher's own side: `run` it on any runtime.
pub struct Publisher {
    settings: PublisherSettings,
    shared: Arc<Shared>,
}

impl Publisher {
    /// A publisher that is not connected yet, and the way to it.
    pub fn new(settings: PublisherSettings, listener: impl OutboxListener) -> (Self, Outbox) {
        let state = State {
            queue: Queue::new(settings.max_changes),
            retry_at: None,
            retry: Backoff::default(),
            last_error: None,
            lost_since: None,
            dropped_told: 0,
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            listener: Box::new(listener),
            wake: Notify::new(),
            emptied: Notify::new(),
            full: watch::Sender::new(false),
            connected: watch::Sender::new(false),
        });
        (Self { settings, shared: shared.clone() }, Outbox { shared })
    }

    /// Publishes until `shutdown`, then what is still owed and last the message that `shutdown` gives, as
    /// far as time allows, and disconnects.
    pub async fn run(self, shutdown: impl Future<Output = Option<Outgoing>>) -> Result<(), PublisherFault> {
        let mut drained = pin!(self.drain(shutdown));
        let mut backoff = Backoff::default();
        self.tell_lost(None);
        loop {
            let begun = Instant::now();
            let mut wire = None;
            let ended = tokio::select! {
                ended = self.publish(&mut wire) => ended,
                () = &mut drained => {
                    say_goodbye(wire).await;
                    return Ok(());
                }
            };
            match ended {
                Ended::TakenOver => {
                    return Err(PublisherFault::TakenOver(self.settings.link.client_id().to_owned()));
                }
                Ended::Blamed(reason) => self.lose(&reason, true),
                Ended::Lost(reason) => self.lose(&reason, false),
            }
            tokio::select! {
                () = sleep(backoff.after_connection(begun.elapsed())) => {}
                () = &mut drained => return Ok(()),
            }
        }
    }

    /// Connects and publishes until the connection is over. May be dropped while it waits.
    async fn publish(&self, connected: &mut Option<Wire5>) -> Ended {
        let will = LastWill {
            topic: self.settings.will_topic.clone().into(),
            message: self.settings.will_payload.clone(),
            qos: QoS::AtLeastOnce,
            retain: true,
            properties: None,
        };
        match Wire5::connect(&self.settings.link, KEEP_ALIVE, will).await {
            Err(fault) => fault.into(),
            Ok((wire, ack)) => {
                self.shared.greet(&ack);
                let wire = connected.insert(wire);
                match (Connection { shared: &self.shared, wire }).run(keep_alive(&ack)).await {
                    Ok(never) => match never {},
                    Err(ended) => ended,
                }
            }
        }
    }

    async fn drain(&self, shutdown: impl Future<Output = Option<Outgoing>>) {
        let last = shutdown.await;
        let until = Instant::now() + self.settings.drain_within;
        let outbox = Outbox { shared: self.shared.clone() };
        let drain = async {
            outbox.emptied().await;
            if let Some(last) = last {
                outbox.publish(last);
                outbox.emptied().await;
            }
        };
        if timeout_at(until, drain).await.is_err() {
            warn!(owed = outbox.status().owed, "ending with messages the broker has not taken");
        }
    }

    fn lose(&self, reason: &str, blame: bool) {
        warn!(reason, broker = self.settings.link.address(), "nothing can be published; trying again");
        self.shared.connected.send_replace(false);
        self.shared.change(|state, finished| state.queue.disconnect(blame.then_some(reason), finished));
        self.tell_lost(Some(reason));
    }

    /// Tells once for an outage since when it lasts; there is one from the start.
    fn tell_lost(&self, reason: Option<&str>) {
        let mut state = self.shared.lock();
        if let Some(reason) = reason {
            state.last_error = Some(reason.to_owned());
        }
        if state.lost_since.is_none() {
            let since = Instant::now();
            state.lost_since = Some(since);
            drop(state);
            self.shared.listener.link(LinkEvent::Lost { since });
        }
    }
}

/// Says goodbye, so that the broker keeps our last will to itself; if it is too slow for that, the last
/// will says the same.
async fn say_goodbye(wire: Option<Wire5>) {
    if let Some(mut wire) = wire {
        wire.sink.disconnect();
        match timeout(GOODBYE_WITHIN, wire.sink.flush()).await {
            Ok(Ok(())) => info!("disconnected from the broker"),
            _ => warn!("no goodbye to the broker; it publishes our last will"),
        }
    }
}

fn keep_alive(ack: &ConnAck) -> Duration {
    let of_broker = ack.properties.as_ref().and_then(|properties| properties.server_keep_alive);
    of_broker.map_or(KEEP_ALIVE, |seconds| Duration::from_secs(u64::from(seconds.max(1))))
}

/// One connection at work.
struct Connection<'a> {
    shared: &'a Shared,
    wire: &'a mut Wire5,
}

impl Connection<'_> {
    async fn run(mut self, keep_alive: Duration) -> Result<Infallible, Ended> {
        let mut pings = interval(keep_alive / 3);
        let mut seconds = interval(Duration::from_secs(1));
        seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut patience = Patience::default();
        loop {
            let retry_at = self.hand_over()?;
            let Wire5 { source, sink } = &mut *self.wire;
            // Answers are read while writing waits, so that neither side waits for the other for ever.
            tokio::select! {
                answer = source.read() => {
                    patience.heard();
                    self.take_answers(answer?)?;
                }
                sent = sink.flush(), if sink.has_output() => sent?,
                () = self.shared.wake.notified() => {}
                () = sleep_until(retry_at.unwrap_or_else(Instant::now)), if retry_at.is_some() => {}
                _ = pings.tick() => sink.ping()?,
                _ = seconds.tick() => patience.wait_a_second(self.shared.lock().queue.oldest_sent())?,
            }
        }
    }

    /// Adds waiting messages to what is to be written, as many as the broker takes and one write carries.
    /// Returns until when the broker wants to be left alone.
    fn hand_over(&mut self) -> Result<Option<Instant>, Ended> {
        let sink = &mut self.wire.sink;
        self.shared.change(|state, finished| {
            if state.retry_at.is_some_and(|at| Instant::now() < at) {
                return Ok(state.retry_at);
            }
            state.retry_at = None;
            while !sink.is_busy() {
                match state.queue.hand_over(finished) {
                    Some(publication) => sink.publish(publication)?,
                    None => break,
                }
            }
            Ok(None)
        })
    }

    /// Takes this answer and all that have been read with it.
    fn take_answers(&mut self, first: Answer) -> Result<(), Ended> {
        let source = &mut self.wire.source;
        self.shared.change(|state, finished| {
            let mut next = Some(first);
            while let Some(answer) = next {
                match answer {
                    Answer::Puback { pkid, reason } => {
                        state.answered(pkid, verdict(reason), finished);
                    }
                    Answer::Pingresp => {}
                    Answer::Disconnect { reason } => return Err(dismissed(reason)),
                }
                next = source.read_now()?;
            }
            Ok(())
        })
    }
}

/// How long nothing has been answered, in seconds that really ran.
#[derive(Default)]
struct Patience {
    silent_s: u32,
    oldest: Option<u64>,
    oldest_s: u32,
}

impl Patience {
    /// The broker has said something.
    fn heard(&mut self) {
        self.silent_s = 0;
    }

    /// A second has passed with this message as the oldest unacknowledged one. A ping is answered within it.
    fn wait_a_second(&mut self, oldest: Option<u64>) -> Result<(), Ended> {
        self.silent_s += 1;
        self.oldest_s = if oldest.is_some() && oldest == self.oldest { self.oldest_s + 1 } else { 0 };
        self.oldest = oldest;
        if self.silent_s.max(self.oldest_s) < ANSWER_WITHIN_S {
            return Ok(());
        }
        Err(Ended::Lost(format!("the broker has answered nothing for {ANSWER_WITHIN_S} s")))
    }
}

impl State {
    /// Logs dropped changes each time their number has doubled: an outage must not flood the log.
    fn tell_dropped(&mut self) {
        let dropped = self.queue.dropped;
        if dropped > self.dropped_told * 2 {
            self.dropped_told = dropped;
            warn!(dropped, "the outbox is full; changes of the lowest priority go first");
        }
    }

    fn answered(&mut self, pkid: u16, verdict: Verdict, finished: &mut Vec<Finished>) {
        match &verdict {
            Verdict::Accepted => self.retry.reset(),
            Verdict::Retry => self.retry_at = Some(Instant::now() + self.retry.after_failure()),
            Verdict::Never(reason) => self.last_error = Some(format!("undeliverable: {reason}")),
        }
        self.queue.answered(pkid, verdict, finished);
    }
}

/// What a PUBACK's reason means for the message.
fn verdict(reason: u8) -> Verdict {
    match reason {
        // Success, and success with nobody listening.
        0x00 | 0x10 => Verdict::Accepted,
        // "Implementation specific", as by a broker that is short of something, and "quota exceeded".
        0x83 | 0x97 => Verdict::Retry,
        other => Verdict::Never(format!("the broker refused it with reason {other:#04x}")),
    }
}

/// What a DISCONNECT's reason means for us.
fn dismissed(reason: u8) -> Ended {
    let told = format!("the broker ended the connection with reason {reason:#04x}");
    match reason {
        SESSION_TAKEN_OVER => Ended::TakenOver,
        // Malformed packet, protocol error, not authorized, topic name invalid, packet too large, payload
        // format invalid, retain or QoS not supported: about a message, the oldest unacknowledged one.
        0x81 | 0x82 | 0x87 | 0x90 | 0x95 | 0x99 | 0x9a | 0x9b => Ended::Blamed(told),
        _ => Ended::Lost(told),
    }
}
