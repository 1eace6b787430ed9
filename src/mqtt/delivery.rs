//! One connection of the publisher, from its CONNACK to its end.

use std::convert::Infallible;
use std::time::Duration;

use rumqttc::v5::mqttbytes::v5::ConnAck;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};
use tracing::{info, warn};

use super::in_flight::PublisherConnection;
use super::outgoing::{BrokerTerms, PubackAnswer};
use super::publisher::{KEEP_ALIVE, SharedOutbox};
use super::wire5::{Answer, Wire5, Wire5Fault};
use crate::causes::Causes;

/// A broker that acknowledges nothing for this long is gone. Counted in seconds that really ran.
const ANSWER_WITHIN_S: u32 = 15;
/// Unacknowledged messages on the way, if the broker allows as many.
const WINDOW: u16 = 1000;
/// The largest packet for a broker that names no limit, in bytes.
const MAX_PACKET: u32 = 64 * 1024;
/// How long states and scores wait for others, so that one write carries many and the publisher wakes once for them.
const LINGER: Duration = Duration::from_millis(20);
/// A DISCONNECT that says: somebody else has connected under our client id.
const SESSION_TAKEN_OVER: u8 = 0x8e;
/// A connection that has lived for so many seconds has not been ended for what it sent.
const STEADY_AFTER_S: u32 = 10;
/// How often what the broker rejected is offered again, in seconds that really ran.
const OFFER_EVERY_S: u32 = 60;
/// How long the goodbye may take.
const GOODBYE_WITHIN: Duration = Duration::from_secs(1);

/// Why a connection is over.
pub(super) enum DeliveryEnd {
    TakenOver,
    /// The broker ended it for something we sent.
    Blamed(String),
    Lost(String),
}

impl From<Wire5Fault> for DeliveryEnd {
    /// A broker that just closes may mean what we sent last.
    fn from(fault: Wire5Fault) -> Self {
        let reason = Causes(&fault).to_string();
        if fault.is_by_broker() { Self::Blamed(reason) } else { Self::Lost(reason) }
    }
}

/// Says goodbye, so that the broker keeps our last will to itself; if it is too slow for that, the last
/// will says the same.
pub(super) async fn say_goodbye(wire: Option<Wire5>) {
    if let Some(mut wire) = wire {
        wire.sink.disconnect();
        match timeout(GOODBYE_WITHIN, wire.sink.flush()).await {
            Ok(Ok(())) => info!("disconnected from the broker"),
            _ => warn!("no orderly disconnection from the broker; it publishes our last will"),
        }
    }
}

pub(super) fn keep_alive(ack: &ConnAck) -> Duration {
    let of_broker = ack.properties.as_ref().and_then(|properties| properties.server_keep_alive);
    of_broker.map_or(KEEP_ALIVE, |seconds| Duration::from_secs(u64::from(seconds.max(1))))
}

/// What the broker allows on this connection.
pub(super) fn terms(ack: &ConnAck) -> BrokerTerms {
    let properties = ack.properties.as_ref();
    let window = properties.and_then(|p| p.receive_max).unwrap_or(u16::MAX).min(WINDOW);
    let max_packet = properties.and_then(|p| p.max_packet_size).unwrap_or(MAX_PACKET) as usize;
    BrokerTerms { window: usize::from(window), max_packet }
}

/// One connection at work.
pub(super) struct Delivery<'a> {
    pub shared: &'a SharedOutbox,
    pub wire: &'a mut Wire5,
    pub connection: PublisherConnection,
}

impl Delivery<'_> {
    pub async fn run(mut self, keep_alive: Duration) -> Result<Infallible, DeliveryEnd> {
        let mut pings = interval(keep_alive / 3);
        let mut seconds = interval(Duration::from_secs(1));
        seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut patience = Patience::default();
        let mut age_s = 0;
        // When it is time for what is deferrable; none while nothing of the kind waits.
        let mut deferrable_at = None;
        let is_main = self.connection == PublisherConnection::Main;
        loop {
            let now = Instant::now();
            let retry_at = self.hand_over(now, &mut deferrable_at)?;
            let next = retry_at.into_iter().chain(deferrable_at).filter(|at| *at > now).min();
            let Wire5 { source, sink, .. } = &mut *self.wire;
            let wake = match self.connection {
                PublisherConnection::Main => &self.shared.wake,
                PublisherConnection::Trial => &self.shared.trial,
            };
            // Answers are read while writing waits, so that neither side waits for the other for ever.
            tokio::select! {
                answer = source.read() => {
                    patience.heard();
                    self.take_answers(answer?)?;
                }
                sent = sink.flush(), if sink.has_output() => sent?,
                () = wake.notified() => {}
                () = self.shared.deferrable.notified(), if is_main && deferrable_at.is_none() => {}
                () = sleep_until(next.unwrap_or(now)), if next.is_some() => {}
                _ = pings.tick() => sink.ping()?,
                _ = seconds.tick() => {
                    age_s += 1;
                    self.grow_old(age_s);
                    patience.wait_a_second(self.shared.lock().queue.oldest_sent(self.connection))?;
                }
            }
        }
    }

    /// This connection has lived for so many seconds that really ran.
    fn grow_old(&self, age_s: u32) {
        let connection = self.connection;
        self.shared.change(|state, finished| {
            if age_s == STEADY_AFTER_S {
                state.queue.steady(connection);
            }
            state.queue.second(connection);
            if connection == PublisherConnection::Main && age_s.is_multiple_of(OFFER_EVERY_S) {
                state.queue.minute(finished);
            }
        });
    }

    /// Adds waiting messages to what is to be written, as many as the broker takes and one write carries.
    /// What is deferrable waits until its time. Returns when to try again what the broker did not take for now.
    fn hand_over(
        &mut self,
        now: Instant,
        deferrable_at: &mut Option<Instant>,
    ) -> Result<Option<Instant>, DeliveryEnd> {
        let (sink, connection) = (&mut self.wire.sink, self.connection);
        let is_main = connection == PublisherConnection::Main;
        self.shared.change(|state, finished| {
            let (takes_some, retry_at) = state.retry(now);
            if !takes_some {
                return Ok(retry_at);
            }
            let deferrable = deferrable_at.is_some_and(|at| at <= now);
            while !sink.is_busy() {
                match state.queue.hand_over(connection, deferrable, finished) {
                    Some(publish) => sink.publish(publish)?,
                    None => break,
                }
            }
            if is_main && state.queue.wants_trial() {
                self.shared.trial.notify_one();
            }
            match is_main && state.queue.has_deferrable() {
                true => _ = deferrable_at.get_or_insert(now + LINGER),
                false => *deferrable_at = None,
            }
            Ok(retry_at)
        })
    }

    /// Takes this answer and all that have been read with it.
    fn take_answers(&mut self, first: Answer) -> Result<(), DeliveryEnd> {
        let Wire5 { source, sink, .. } = &mut *self.wire;
        let connection = self.connection;
        self.shared.change(|state, finished| {
            let mut next = Some(first);
            while let Some(answer) = next {
                match answer {
                    Answer::Puback { pkid, reason } => {
                        state.answered(connection, pkid, verdict(reason), finished);
                    }
                    Answer::Pingresp | Answer::Suback { .. } => {}
                    Answer::Foreign { reply } => sink.reply(reply),
                    Answer::Disconnect { reason } => return Err(ended_by_broker(reason)),
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
    fn wait_a_second(&mut self, oldest: Option<u64>) -> Result<(), DeliveryEnd> {
        self.silent_s += 1;
        self.oldest_s = if oldest.is_some() && oldest == self.oldest { self.oldest_s + 1 } else { 0 };
        self.oldest = oldest;
        if self.silent_s.max(self.oldest_s) < ANSWER_WITHIN_S {
            return Ok(());
        }
        Err(DeliveryEnd::Lost(format!("no answer from the broker for {ANSWER_WITHIN_S} s")))
    }
}

/// What a PUBACK's reason means for the message.
fn verdict(reason: u8) -> PubackAnswer {
    match reason {
        // Success, and success with nobody listening.
        0x00 | 0x10 => PubackAnswer::Accepted,
        // "Implementation specific", as by a broker that is short of something, and "quota exceeded".
        0x83 | 0x97 => PubackAnswer::Retry,
        0x95 => PubackAnswer::TooLarge,
        other => PubackAnswer::Rejected(format!("PUBACK with reason {other:#04x}")),
    }
}

/// What a DISCONNECT's reason means for us.
fn ended_by_broker(reason: u8) -> DeliveryEnd {
    let words = format!("the broker ended the connection with reason {reason:#04x}");
    match reason {
        SESSION_TAKEN_OVER => DeliveryEnd::TakenOver,
        // Malformed packet, protocol error, not authorized, topic name invalid, packet too large, payload
        // format invalid, retain or QoS not supported: about a message, the oldest unacknowledged one.
        0x81 | 0x82 | 0x87 | 0x90 | 0x95 | 0x99 | 0x9a | 0x9b => DeliveryEnd::Blamed(words),
        _ => DeliveryEnd::Lost(words),
    }
}
