//! The publisher: brings alerts, states and scores to the broker on a connection of their own.
//!
//! It speaks MQTT 5, whose broker says why it refuses a message and who took our session over. rumqttc's
//! own resend loses the order when packet identifiers wrap and everything when the session is gone, so each
//! connection gets a new client and everything owed goes out again from our `Queue`.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use rumqttc::Outgoing as Written;
use rumqttc::v5::mqttbytes::v5::{ConnAck, DisconnectReasonCode, LastWill, Packet, PubAckReason};
use rumqttc::v5::mqttbytes::{self, QoS};
use rumqttc::v5::{AsyncClient, ConnectionError, Event, EventLoop, StateError};
use thiserror::Error;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until, timeout, timeout_at};
use tracing::{info, warn};

use super::link::{Backoff, Link};
use super::outbox::{Finished, Queue, Terms, Verdict};
pub use super::outbox::{Outcome, Outgoing, Undeliverable, Way, Weight};

/// Unacknowledged messages on the way, if the broker allows as many.
const WINDOW: u16 = 1000;
/// Messages handed to the client but not yet written.
const HANDED: usize = 256;
/// Keep-alive of this connection: 1.5 times as long after we die, the broker publishes our last will.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// A broker that acknowledges nothing for this long is gone. Counted in seconds that really ran.
const ANSWER_WITHIN_S: u32 = 15;
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
    Lost {
        reason: String,
        /// The broker ended it for something we sent.
        blame: bool,
    },
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
            queue: Queue::new(settings.max_changes, HANDED),
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
            let mut connection = self.connection();
            let ended = tokio::select! {
                ended = connection.publish(&mut backoff) => ended,
                () = &mut drained => {
                    connection.say_goodbye().await;
                    return Ok(());
                }
            };
            match ended {
                Ended::TakenOver => return Err(PublisherFault::TakenOver(self.client_id())),
                Ended::Lost { reason, blame } => self.lose(&reason, blame),
            }
            tokio::select! {
                () = sleep(backoff.after_failure()) => {}
                () = &mut drained => return Ok(()),
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

    fn connection(&self) -> PublisherConnection<'_> {
        let mut options = self.settings.link.with_keep_alive(KEEP_ALIVE).v5();
        let will = LastWill::new(
            &self.settings.will_topic,
            self.settings.will_payload.to_vec(),
            QoS::AtLeastOnce,
            true,
            None,
        );
        options.set_last_will(will).set_outgoing_inflight_upper_limit(WINDOW);
        // One place more than is ever handed over, for the goodbye.
        let (client, event_loop) = AsyncClient::new(options, HANDED + 1);
        PublisherConnection { shared: &self.shared, client, event_loop }
    }

    fn client_id(&self) -> String {
        self.settings.link.v5().client_id()
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

/// One client, for one connection.
struct PublisherConnection<'a> {
    shared: &'a Shared,
    client: AsyncClient,
    event_loop: EventLoop,
}

impl PublisherConnection<'_> {
    /// Connects and publishes until the connection is over.
    async fn publish(&mut self, backoff: &mut Backoff) -> Ended {
        let Self { shared, client, event_loop } = self;
        // `poll` must not be dropped half-way, so all three go on side by side.
        tokio::select! {
            ended = follow(shared, client, event_loop, backoff) => ended,
            () = feed(shared, client) => Ended::lost("the client has ended".to_owned()),
            () = no_answer(shared) => {
                Ended::lost(format!("the broker has acknowledged nothing for {ANSWER_WITHIN_S} s"))
            }
        }
    }

    /// Disconnects, so that the broker keeps our last will to itself.
    async fn say_goodbye(&mut self) {
        let goodbye = async {
            while let Ok(event) = self.event_loop.poll().await {
                if event == Event::Outgoing(Written::Disconnect) {
                    info!("disconnected from the broker");
                    break;
                }
            }
        };
        if self.shared.lock().queue.is_connected() && self.client.try_disconnect().is_ok() {
            // If the broker is too slow for a goodbye, it publishes the last will, which says the same.
            let _ = timeout(GOODBYE_WITHIN, goodbye).await;
        }
    }
}

/// Follows what the client writes and what the broker answers.
async fn follow(
    shared: &Shared,
    client: &AsyncClient,
    event_loop: &mut EventLoop,
    backoff: &mut Backoff,
) -> Ended {
    loop {
        match event_loop.poll().await {
            Ok(Event::Incoming(Packet::ConnAck(ack))) => greet(shared, &ack),
            Ok(Event::Outgoing(Written::Publish(pkid))) => shared.lock().queue.written(pkid),
            Ok(Event::Incoming(Packet::PubAck(ack))) => {
                let verdict = verdict(ack.reason);
                if verdict == Verdict::Accepted {
                    backoff.reset();
                }
                shared.change(|state, finished| state.answered(ack.pkid, verdict, finished));
            }
            Ok(_) => continue,
            Err(error) => return Ended::from(error),
        }
        if let Err(ended) = hand_over(shared, client) {
            return ended;
        }
    }
}

fn greet(shared: &Shared, ack: &ConnAck) {
    let properties = ack.properties.as_ref();
    let window = properties.and_then(|p| p.receive_max).unwrap_or(u16::MAX).min(WINDOW);
    let max_packet = properties.and_then(|p| p.max_packet_size).map_or(usize::MAX, |size| size as usize);
    info!(session_present = ack.session_present, window, "publishing to the broker");
    {
        let mut state = shared.lock();
        state.queue.connect(Terms { window: usize::from(window), max_packet });
        state.lost_since = None;
        state.last_error = None;
    }
    shared.connected.send_replace(true);
    shared.listener.link(LinkEvent::Connected);
}

/// Hands waiting messages to the client, as many as it and the broker have room for.
fn hand_over(shared: &Shared, client: &AsyncClient) -> Result<(), Ended> {
    shared.change(|state, finished| {
        if state.retry_at.is_some_and(|at| Instant::now() < at) {
            return Ok(());
        }
        state.retry_at = None;
        while let Some(next) = state.queue.hand_over(finished) {
            client
                .try_publish(next.topic, next.qos, next.retain, next.payload)
                .map_err(|error| Ended::lost(format!("the client took no message: {error}")))?;
        }
        Ok(())
    })
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

/// Hands over what is added, and what the broker wanted later.
async fn feed(shared: &Shared, client: &AsyncClient) {
    loop {
        let retry_at = shared.lock().retry_at;
        tokio::select! {
            () = shared.wake.notified() => {}
            () = sleep_until(retry_at.unwrap_or_else(Instant::now)), if retry_at.is_some() => {}
        }
        if hand_over(shared, client).is_err() {
            return;
        }
    }
}

/// Ends when the oldest message on the way has not been answered for too long.
async fn no_answer(shared: &Shared) {
    let mut seconds = interval(Duration::from_secs(1));
    seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut oldest, mut unanswered) = (None, 0);
    while unanswered < ANSWER_WITHIN_S {
        seconds.tick().await;
        let now_oldest = shared.lock().queue.oldest_sent();
        unanswered = if now_oldest.is_some() && now_oldest == oldest { unanswered + 1 } else { 0 };
        oldest = now_oldest;
    }
}

fn verdict(reason: PubAckReason) -> Verdict {
    match reason {
        PubAckReason::Success | PubAckReason::NoMatchingSubscribers => Verdict::Accepted,
        PubAckReason::ImplementationSpecificError | PubAckReason::QuotaExceeded => Verdict::Retry,
        other => Verdict::Never(format!("the broker answered {other:?}")),
    }
}

impl Ended {
    fn lost(reason: String) -> Self {
        Self::Lost { reason, blame: false }
    }
}

impl From<ConnectionError> for Ended {
    fn from(error: ConnectionError) -> Self {
        let blame = match &error {
            ConnectionError::MqttState(StateError::ServerDisconnect { reason_code, .. }) => {
                if *reason_code == DisconnectReasonCode::SessionTakenOver {
                    return Self::TakenOver;
                }
                is_about_a_message(*reason_code)
            }
            // An answer that cannot be read, such as Mosquitto's 0x95 in a PUBACK, which MQTT 5 does not know.
            ConnectionError::MqttState(StateError::Deserialization(error)) => {
                !matches!(error, mqttbytes::Error::Io(_))
            }
            ConnectionError::MqttState(StateError::OutgoingPacketTooLarge { .. }) => true,
            _ => false,
        };
        Self::Lost { reason: error.to_string(), blame }
    }
}

fn is_about_a_message(reason: DisconnectReasonCode) -> bool {
    use DisconnectReasonCode as Reason;
    matches!(
        reason,
        Reason::MalformedPacket
            | Reason::ProtocolError
            | Reason::NotAuthorized
            | Reason::TopicNameInvalid
            | Reason::PacketTooLarge
            | Reason::PayloadFormatInvalid
            | Reason::RetainNotSupported
            | Reason::QoSNotSupported
    )
}
