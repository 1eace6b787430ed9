//! The publisher: brings alerts, states and scores to the broker on a connection of their own.
//!
//! It speaks MQTT 5, whose broker says why it rejects a message and who took our session over. Each
//! connection starts from `OutboxQueue`, which knows everything pending in order; nothing is kept in the connection.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{ConnAck, LastWill};
use thiserror::Error;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout_at};
use tracing::{info, warn};
use wardwatch_actors::clock::Timestamp;

use super::delivery::{Delivery, DeliveryEnd, keep_alive, say_goodbye, terms};
use super::in_flight::PublisherConnection;
use super::outbox_state::OutboxState;
use super::outgoing::Finished;
pub use super::outgoing::{DeliveryClass, DeliveryResult, DropOrder, Outgoing};
use super::trial::try_apart;
use super::wire5::{ConnectTerms, Wire5};
use crate::link::{Backoff, Link};

/// Keep-alive of this connection: 1.5 times as long after we die, the broker publishes our last will.
pub(super) const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// What a publisher is given once.
pub struct PublisherSettings {
    /// The broker, under a client id of the publisher's own.
    pub link: Link,
    /// Published by the broker, retained, when we are gone without a goodbye.
    pub will_topic: String,
    pub will_payload: Bytes,
    /// How many alert changes may wait.
    pub max_changes: usize,
    /// How long a shutdown waits for what is pending.
    pub drain_within: Duration,
}

/// How the connection fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkEvent {
    /// Connected. The broker may have published our last will meanwhile: say who we are again.
    Connected,
    /// There has been no connection since then. Reported once until there is one.
    Lost { since: Instant },
}

/// Who learns what becomes of outgoing messages. Calls come from the publisher's and from publishing
/// threads, and must not block.
pub trait OutboxListener: Send + Sync + 'static {
    /// The connection came or went.
    fn link(&self, event: LinkEvent);
    /// Nothing more will be done for the change of this number.
    fn done(&self, number: u64, result: DeliveryResult);
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
    pub pending: usize,
    /// Messages the broker rejects, with those that wait behind them; they are offered again.
    pub rejected: usize,
    /// Messages that are no alert changes and that the broker did not take, since the start.
    pub undeliverable: u64,
    /// Changes that made room for those of a higher priority, since the start.
    pub dropped: u64,
    /// Scores that found no connection, since the start.
    pub passed_by: u64,
    /// When the certificate ends that the broker has shown.
    pub broker_certificate: Option<Timestamp>,
    pub last_error: Option<String>,
}

/// The way out, for any thread.
#[derive(Clone)]
pub struct Outbox {
    shared: Arc<SharedOutbox>,
}

pub(super) struct SharedOutbox {
    state: Mutex<OutboxState>,
    listener: Box<dyn OutboxListener>,
    /// Something was added that is to go at once.
    pub wake: Notify,
    /// Something was added that may wait a little for others.
    pub deferrable: Notify,
    /// Something is to be tried on a connection of its own.
    pub trial: Notify,
    /// Nothing is pending any more.
    emptied: Notify,
    full: watch::Sender<bool>,
    connected: watch::Sender<bool>,
}

impl Outbox {
    /// Puts `outgoing` in the outbox. Never blocks; order is kept among changes.
    pub fn publish(&self, outgoing: Outgoing) {
        let wake = if outgoing.class.is_deferrable() { &self.shared.deferrable } else { &self.shared.wake };
        self.shared.change(|state, finished| state.queue.accept(outgoing, finished));
        wake.notify_one();
    }

    /// True while only changes of high priority are left and no more have room: then nothing may be read.
    pub fn full(&self) -> watch::Receiver<bool> {
        self.shared.full.subscribe()
    }

    /// Offers again everything that the broker rejected, what has cost connections too.
    pub fn offer_rejected(&self) {
        self.shared.change(|state, _| state.queue.offer_rejected(true));
        self.shared.wake.notify_one();
    }

    /// Waits for a connection.
    pub async fn connected(&self) {
        // The sender lives as long as `self`, so this only ends with a connection.
        let _ = self.shared.connected.subscribe().wait_for(|&connected| connected).await;
    }

    /// Waits until nothing is pending.
    pub async fn emptied(&self) {
        self.shared.emptied().await;
    }

    /// How it fares now.
    pub fn status(&self) -> OutboxStatus {
        let state = self.shared.lock();
        OutboxStatus {
            connected: state.queue.is_connected(),
            pending: state.queue.pending(),
            rejected: state.queue.rejected(),
            undeliverable: state.queue.undeliverable,
            dropped: state.queue.dropped,
            passed_by: state.queue.passed_by,
            broker_certificate: state.broker_certificate,
            last_error: state.last_error.clone(),
        }
    }
}

impl SharedOutbox {
    pub fn lock(&self) -> MutexGuard<'_, OutboxState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state, then reports, outside the lock, what became of messages.
    pub fn change<T>(&self, change: impl FnOnce(&mut OutboxState, &mut Finished) -> T) -> T {
        let mut finished = Finished::default();
        let result = {
            let mut state = self.lock();
            let result = change(&mut state, &mut finished);
            state.log_dropped();
            let full = state.queue.is_full();
            self.full.send_if_modified(|was| std::mem::replace(was, full) != full);
            if state.queue.is_empty() {
                self.emptied.notify_waiters();
            }
            result
        };
        finished.receipts.into_iter().for_each(|receipt| receipt.settle());
        for (Outgoing { receipts, number, .. }, result) in finished.messages {
            receipts.into_iter().for_each(|receipt| receipt.settle());
            if let Some(number) = number {
                self.listener.done(number, result);
            }
        }
        result
    }

    fn greet(&self, ack: &ConnAck, certificate_end: Option<Timestamp>) {
        let terms = terms(ack);
        let window = terms.window;
        info!(session_present = ack.session_present, window, "connected to the broker for publishing");
        {
            let mut state = self.lock();
            state.queue.connect(PublisherConnection::Main, terms);
            state.lost_since = None;
            state.broker_certificate = certificate_end;
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

/// The publisher's own side: `run` it on any runtime.
pub struct Publisher {
    settings: PublisherSettings,
    shared: Arc<SharedOutbox>,
}

impl Publisher {
    /// A publisher that is not connected yet, and the way to it.
    pub fn new(settings: PublisherSettings, listener: impl OutboxListener) -> (Self, Outbox) {
        let state = OutboxState::new(settings.max_changes);
        let shared = Arc::new(SharedOutbox {
            state: Mutex::new(state),
            listener: Box::new(listener),
            wake: Notify::new(),
            deferrable: Notify::new(),
            trial: Notify::new(),
            emptied: Notify::new(),
            full: watch::Sender::new(false),
            connected: watch::Sender::new(false),
        });
        (Self { settings, shared: shared.clone() }, Outbox { shared })
    }

    /// Publishes until `shutdown`, then what is still pending and last the message that `shutdown` gives, as
    /// far as time allows, and disconnects.
    pub async fn run(self, shutdown: impl Future<Output = Option<Outgoing>>) -> Result<(), PublisherFault> {
        let mut drained = pin!(self.drain(shutdown));
        let mut trials = pin!(try_apart(&self.settings.link, &self.shared));
        let mut backoff = Backoff::default();
        self.report_lost(None);
        loop {
            let begun = Instant::now();
            let mut wire = None;
            let ended = tokio::select! {
                ended = self.publish(&mut wire) => ended,
                never = &mut trials => match never {},
                () = &mut drained => {
                    say_goodbye(wire).await;
                    return Ok(());
                }
            };
            match ended {
                DeliveryEnd::TakenOver => {
                    return Err(PublisherFault::TakenOver(self.settings.link.client_id().to_owned()));
                }
                DeliveryEnd::Blamed(reason) => {
                    // Nobody else is to wait for what the broker rejected.
                    if self.lose(&reason, true) {
                        backoff.reset();
                    }
                }
                DeliveryEnd::Lost(reason) => _ = self.lose(&reason, false),
            }
            tokio::select! {
                () = sleep(backoff.after_connection(begun.elapsed())) => {}
                () = &mut drained => return Ok(()),
            }
        }
    }

    /// Connects and publishes until the connection is over. May be dropped while it waits.
    async fn publish(&self, connected: &mut Option<Wire5>) -> DeliveryEnd {
        let will = LastWill {
            topic: self.settings.will_topic.clone().into(),
            message: self.settings.will_payload.clone(),
            qos: QoS::AtLeastOnce,
            retain: true,
            properties: None,
        };
        match Wire5::connect(&self.settings.link, ConnectTerms::without_session(KEEP_ALIVE, Some(will))).await
        {
            Err(fault) => fault.into(),
            Ok((wire, ack)) => {
                self.shared.greet(&ack, wire.certificate_end);
                let wire = connected.insert(wire);
                let connection = PublisherConnection::Main;
                match (Delivery { shared: &self.shared, wire, connection }).run(keep_alive(&ack)).await {
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
            warn!(
                pending = outbox.status().pending,
                "ending with messages that the broker has not acknowledged"
            );
        }
    }

    /// The connection is gone; whether a message that was rejected explains it.
    fn lose(&self, reason: &str, blame: bool) -> bool {
        warn!(reason, broker = self.settings.link.address(), "nothing can be published; trying again");
        self.shared.connected.send_replace(false);
        let blamed = blame.then_some(reason);
        let explained = self
            .shared
            .change(|state, finished| state.queue.disconnect(PublisherConnection::Main, blamed, finished));
        self.report_lost(Some(reason));
        explained
    }

    /// Reports once for an outage since when it lasts; there is one from the start.
    fn report_lost(&self, reason: Option<&str>) {
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
