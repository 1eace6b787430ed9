//! One MQTT 3.1.1 connection, read and written directly, with no queue between.
//!
//! It uses rumqttc's packets, not its client, whose session state would clone every message and send every
//! acknowledgement by itself, and which reads each message whole, however large. A message so costs one allocation,
//! its topic; its payload is a view into the read buffer of 8 KiB, which lives as long as any payload in it.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::BytesMut;
use rumqttc::{
    ConnAck, Connect, ConnectReturnCode, Login, Packet, PubAck, Publish, QoS, Subscribe, SubscribeFilter,
    Unsubscribe,
};
use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::frames::{FrameFault, Frames, Incoming};
use super::wire5::{self, ByteStream, Wire5Fault};
use crate::link::Link;

/// How long connecting may take in all.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// A broker that does not take a few bytes for this long is not there.
const WRITE_WITHIN: Duration = Duration::from_secs(10);

/// How long the broker may take to close a connection after our goodbye.
const CLOSED_WITHIN: Duration = Duration::from_secs(1);

/// No packet of ours is larger, in bytes: the largest names 200 filters.
const LARGEST_PACKET: usize = 1 << 20;

/// Why a connection ended, or never began.
#[derive(Debug, Error)]
pub(crate) enum WireFault {
    #[error(transparent)]
    Connect(Wire5Fault),
    #[error("the broker at {address} rejects the connection ({code:?}); check login and client id in [mqtt]")]
    ConnectionRejected { address: String, code: ConnectReturnCode },
    #[error("the broker did not answer within 5 s")]
    Late,
    #[error("the connection to the broker was lost")]
    Broken(#[source] io::Error),
    #[error("the broker closed the connection")]
    Closed,
    #[error(transparent)]
    Malformed(#[from] FrameFault),
    #[error("a packet cannot be written")]
    Unwritable(#[source] rumqttc::mqttbytes::Error),
    #[error("the broker accepted no data for 10 s")]
    Stalled,
    #[error("no answer from the broker for {} s", .0.as_secs())]
    Silent(Duration),
    #[error("the broker rejects the subscription to `{0}`; its access list must allow it")]
    SubscriptionRejected(String),
    #[error("the broker sent an unexpected packet: {0}")]
    Unexpected(String),
}

/// A live connection.
pub(crate) struct Wire {
    stream: Box<dyn ByteStream>,
    frames: Frames,
    /// How many bytes have come.
    received: u64,
    output: BytesMut,
    last_pkid: u16,
}

impl Wire {
    /// Connects; answers too whether the broker has kept the session of before. Larger payloads are cut.
    pub async fn connect(link: &Link, max_payload: usize) -> Result<(Self, bool), WireFault> {
        let connected = timeout(CONNECT_WITHIN, Self::connect_at_leisure(link, max_payload)).await;
        connected.unwrap_or(Err(WireFault::Late))
    }

    async fn connect_at_leisure(link: &Link, max_payload: usize) -> Result<(Self, bool), WireFault> {
        let stream = wire5::open(link).await.map_err(WireFault::Connect)?;
        let (frames, output) = (Frames::new(max_payload), BytesMut::new());
        let mut wire = Self { stream, frames, received: 0, output, last_pkid: 0 };
        let mut connect = Connect::new(link.client_id());
        connect.clean_session = false;
        connect.keep_alive = link.keep_alive().as_secs() as u16;
        connect.login = link.login().map(|(username, password)| Login::new(username, password));
        wire.write(&Packet::Connect(connect))?;
        wire.flush().await?;
        match wire.read().await? {
            Incoming::Packet(Packet::ConnAck(ConnAck { session_present, code })) => match code {
                ConnectReturnCode::Success => Ok((wire, session_present)),
                code => Err(WireFault::ConnectionRejected { address: link.address(), code }),
            },
            other => Err(WireFault::Unexpected(format!("{other:?}"))),
        }
    }

    /// How many bytes have come.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// The next packet. May be dropped while it waits without losing anything.
    pub async fn read(&mut self) -> Result<Incoming, WireFault> {
        loop {
            if let Some(incoming) = self.frames.take()? {
                return Ok(incoming);
            }
            match self.stream.read_buf(self.frames.input()).await.map_err(WireFault::Broken)? {
                0 => return Err(WireFault::Closed),
                bytes => self.received += bytes as u64,
            }
        }
    }

    /// The next packet, if it is there already.
    pub fn read_now(&mut self) -> Option<Result<Incoming, WireFault>> {
        match pin!(self.read()).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(packet) => Some(packet),
            Poll::Pending => None,
        }
    }

    /// Puts one packet into the write buffer; it leaves with the next `flush`.
    pub fn write(&mut self, packet: &Packet) -> Result<(), WireFault> {
        packet.write(&mut self.output, LARGEST_PACKET).map_err(WireFault::Unwritable)?;
        Ok(())
    }

    /// Sends all that has been written, in one write.
    pub async fn flush(&mut self) -> Result<(), WireFault> {
        if self.output.is_empty() {
            return Ok(());
        }
        let write = async {
            self.stream.write_all_buf(&mut self.output).await?;
            self.stream.flush().await
        };
        match timeout(WRITE_WITHIN, write).await {
            Ok(written) => written.map_err(WireFault::Broken),
            Err(_) => Err(WireFault::Stalled),
        }
    }

    /// Says goodbye and waits until the broker has closed the connection, having read all that was written.
    ///
    /// Closing it with messages unread would reset it, and our last acknowledgements would be lost with it.
    pub async fn close(&mut self) -> Result<(), WireFault> {
        self.write(&Packet::Disconnect)?;
        self.flush().await?;
        let to_the_end = async { while self.read().await.is_ok() {} };
        // A broker that is too slow for that gives us the messages again.
        let _ = timeout(CLOSED_WITHIN, to_the_end).await;
        Ok(())
    }

    /// Writes one acknowledgement.
    pub fn acknowledge(&mut self, pkid: u16) -> Result<(), WireFault> {
        self.write(&Packet::PubAck(PubAck::new(pkid)))
    }

    /// Writes a message of QoS 1.
    pub fn publish(&mut self, topic: &str, payload: String) -> Result<(), WireFault> {
        let mut publish = Publish::new(topic, QoS::AtLeastOnce, payload);
        publish.pkid = self.next_pkid();
        self.write(&Packet::Publish(publish))
    }

    /// Writes one SUBSCRIBE with all `filters` at QoS 1 and returns its packet identifier.
    pub fn subscribe(&mut self, filters: &[String]) -> Result<u16, WireFault> {
        let filters = filters.iter().map(|f| SubscribeFilter::new(f.clone(), QoS::AtLeastOnce));
        let mut subscribe = Subscribe::new_many(filters);
        subscribe.pkid = self.next_pkid();
        let pkid = subscribe.pkid;
        self.write(&Packet::Subscribe(subscribe))?;
        Ok(pkid)
    }

    /// Writes one UNSUBSCRIBE with all `filters`.
    pub fn unsubscribe(&mut self, filters: Vec<String>) -> Result<(), WireFault> {
        let pkid = self.next_pkid();
        self.write(&Packet::Unsubscribe(Unsubscribe { pkid, topics: filters }))
    }

    /// Packet identifiers of our own go round from 1; those of messages to us are the broker's.
    fn next_pkid(&mut self) -> u16 {
        self.last_pkid = self.last_pkid.checked_add(1).unwrap_or(1);
        self.last_pkid
    }
}
