//! One MQTT 3.1.1 connection, read and written directly, with no queue between.
//!
//! rumqttc's event loop connects; from then on its packets are read from and written to its network
//! without its session state, which would clone every message and send every acknowledgement by itself.
//! A message so costs one allocation, its topic; its payload is a view into the read buffer of 8 KiB,
//! which lives as long as any payload in it.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use rumqttc::{
    ConnectionError, Event, EventLoop, Packet, PubAck, Publish, QoS, StateError, Subscribe, SubscribeFilter,
    Unsubscribe,
};
use thiserror::Error;
use tokio::time::timeout;

use crate::link::Link;

/// A broker that does not take a few bytes for this long is not there.
const WRITE_WITHIN: Duration = Duration::from_secs(10);

/// How long the broker may take to close a connection after our goodbye.
const CLOSED_WITHIN: Duration = Duration::from_secs(1);

/// Why a connection ended, or never began.
#[derive(Debug, Error)]
pub(crate) enum WireFault {
    #[error("no connection to the broker at {address}")]
    Connect { address: String, source: Box<ConnectionError> },
    #[error("the broker's connection broke")]
    Broken(#[source] StateError),
    #[error("the broker took no bytes for 10 s")]
    Stalled,
    #[error("the broker has answered nothing for {} s", .0.as_secs())]
    Silent(Duration),
    #[error("the broker refuses the subscription to `{0}`; its access list must allow it")]
    Refused(String),
    #[error("the broker sent a packet that it must not send: {0}")]
    Unexpected(String),
}

/// A live connection.
pub(crate) struct Wire {
    event_loop: EventLoop,
    last_pkid: u16,
    unflushed: bool,
}

impl Wire {
    /// Connects; tells too whether the broker has kept the session of before.
    pub async fn connect(link: &Link) -> Result<(Self, bool), WireFault> {
        let (options, network) = link.v4();
        let mut event_loop = EventLoop::new(options, 1);
        event_loop.set_network_options(network);
        match event_loop.poll().await {
            Ok(Event::Incoming(Packet::ConnAck(ack))) => {
                Ok((Self { event_loop, last_pkid: 0, unflushed: false }, ack.session_present))
            }
            Ok(other) => Err(WireFault::Unexpected(format!("{other:?}"))),
            Err(source) => Err(WireFault::Connect { address: link.address(), source: Box::new(source) }),
        }
    }

    /// The next packet. May be dropped while it waits without losing anything.
    pub async fn read(&mut self) -> Result<Packet, WireFault> {
        match &mut self.event_loop.network {
            Some(network) => network.read().await.map_err(WireFault::Broken),
            None => Err(WireFault::Broken(StateError::ConnectionAborted)),
        }
    }

    /// The next packet, if it is there already.
    pub fn read_now(&mut self) -> Option<Result<Packet, WireFault>> {
        match pin!(self.read()).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(packet) => Some(packet),
            Poll::Pending => None,
        }
    }

    /// Puts one packet into the write buffer; it leaves with the next `flush`.
    pub async fn write(&mut self, packet: Packet) -> Result<(), WireFault> {
        self.unflushed = true;
        match &mut self.event_loop.network {
            Some(network) => in_time(network.write(packet)).await,
            None => Err(WireFault::Broken(StateError::ConnectionAborted)),
        }
    }

    /// Sends all that has been written, in one write.
    pub async fn flush(&mut self) -> Result<(), WireFault> {
        if !std::mem::take(&mut self.unflushed) {
            return Ok(());
        }
        match &mut self.event_loop.network {
            Some(network) => in_time(network.flush()).await,
            None => Err(WireFault::Broken(StateError::ConnectionAborted)),
        }
    }

    /// Says goodbye and waits until the broker has closed the connection, having read all that was written.
    ///
    /// Closing it with messages unread would reset it, and our last acknowledgements would be lost with it.
    pub async fn close(&mut self) -> Result<(), WireFault> {
        self.write(Packet::Disconnect).await?;
        self.flush().await?;
        let to_the_end = async { while self.read().await.is_ok() {} };
        // A broker that is too slow for that gives us the messages again.
        let _ = timeout(CLOSED_WITHIN, to_the_end).await;
        Ok(())
    }

    /// Writes one acknowledgement.
    pub async fn acknowledge(&mut self, pkid: u16) -> Result<(), WireFault> {
        self.write(Packet::PubAck(PubAck::new(pkid))).await
    }

    /// Writes a message of QoS 1.
    pub async fn publish(&mut self, topic: &str, payload: String) -> Result<(), WireFault> {
        let mut publish = Publish::new(topic, QoS::AtLeastOnce, payload);
        publish.pkid = self.next_pkid();
        self.write(Packet::Publish(publish)).await
    }

    /// Writes one SUBSCRIBE with all `filters` at QoS 1 and returns its packet identifier.
    pub async fn subscribe(&mut self, filters: &[String]) -> Result<u16, WireFault> {
        let filters = filters.iter().map(|f| SubscribeFilter::new(f.clone(), QoS::AtLeastOnce));
        let mut subscribe = Subscribe::new_many(filters);
        subscribe.pkid = self.next_pkid();
        let pkid = subscribe.pkid;
        self.write(Packet::Subscribe(subscribe)).await?;
        Ok(pkid)
    }

    /// Writes one UNSUBSCRIBE with all `filters`.
    pub async fn unsubscribe(&mut self, filters: Vec<String>) -> Result<(), WireFault> {
        let pkid = self.next_pkid();
        self.write(Packet::Unsubscribe(Unsubscribe { pkid, topics: filters })).await
    }

    /// Packet identifiers of our own go round from 1; those of messages to us are the broker's.
    fn next_pkid(&mut self) -> u16 {
        self.last_pkid = self.last_pkid.checked_add(1).unwrap_or(1);
        self.last_pkid
    }
}

async fn in_time(write: impl Future<Output = Result<(), StateError>>) -> Result<(), WireFault> {
    match timeout(WRITE_WITHIN, write).await {
        Ok(written) => written.map_err(WireFault::Broken),
        Err(_) => Err(WireFault::Stalled),
    }
}
