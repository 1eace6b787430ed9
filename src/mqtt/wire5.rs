//! One MQTT 5 connection, read and written directly.
//!
//! It uses rumqttc's packets, not its client. The client sends one message a write, must not be dropped
//! while it sends, resends in the wrong order, and above all cannot read a DISCONNECT or PUBACK in the
//! short form that Mosquitto uses, so it never learns that our session was taken over.

use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use rumqttc::tokio_rustls::TlsConnector;
use rumqttc::v5::mqttbytes::Error as PacketError;
use rumqttc::v5::mqttbytes::v5::{
    ConnAck, Connect, ConnectProperties, ConnectReturnCode, LastWill, Login, Packet, PingReq, Publish,
};
use rustls::pki_types::{InvalidDnsNameError, ServerName};
use thiserror::Error;
use tokio::io::{self, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::link::Link;

/// How long connecting may take in all.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// The largest answer we read, in bytes: no more than an acknowledgement with properties.
const LARGEST_ANSWER: u32 = 1 << 20;
/// Bytes waiting to be written, above which nothing is added.
const ENOUGH: usize = 64 * 1024;

/// How long the broker keeps our session while we are away, in seconds: one day.
const SESSION_EXPIRY_S: u32 = 24 * 60 * 60;

const PUBACK: u8 = 0x40;
const PINGRESP: u8 = 0xd0;
const DISCONNECT: u8 = 0xe0;

/// Why a connection ended, or never began.
#[derive(Debug, Error)]
pub(super) enum Wire5Fault {
    #[error("no connection to the broker at {address}")]
    Connect { address: String, source: io::Error },
    #[error("the broker's host name cannot be checked against a certificate")]
    Name(#[from] InvalidDnsNameError),
    #[error("the broker at {address} rejects the connection ({code:?}); check login and client id in [mqtt]")]
    Refused { address: String, code: ConnectReturnCode },
    #[error("the broker did not answer within 5 s")]
    Late,
    #[error("the connection to the broker was lost")]
    Broken(#[from] io::Error),
    #[error("the broker closed the connection")]
    Closed,
    #[error("the broker sent an invalid MQTT 5 packet: {0}")]
    Malformed(String),
    #[error("a packet cannot be written: {0}")]
    Unwritable(String),
}

/// What the broker says to a client that only publishes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It has dealt with the message of this packet identifier.
    Puback { pkid: u16, reason: u8 },
    /// It ends the connection.
    Disconnect { reason: u8 },
    /// It is there.
    Pingresp,
}

/// A connection, plain or over TLS.
pub(super) trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for T {}

/// A live connection, whose two ways are used side by side.
pub(super) struct Wire5 {
    pub source: Source,
    pub sink: Sink,
}

/// What the broker writes.
pub(super) struct Source {
    stream: ReadHalf<Box<dyn ByteStream>>,
    input: BytesMut,
}

/// What we write.
pub(super) struct Sink {
    stream: WriteHalf<Box<dyn ByteStream>>,
    output: BytesMut,
    unflushed: bool,
}

impl Wire5 {
    /// Connects with the session of before and this last will.
    pub async fn connect(
        link: &Link,
        keep_alive: Duration,
        will: LastWill,
    ) -> Result<(Self, ConnAck), Wire5Fault> {
        timeout(CONNECT_WITHIN, Self::connect_at_leisure(link, keep_alive, will))
            .await
            .unwrap_or(Err(Wire5Fault::Late))
    }

    async fn connect_at_leisure(
        link: &Link,
        keep_alive: Duration,
        will: LastWill,
    ) -> Result<(Self, ConnAck), Wire5Fault> {
        let (source, sink) = io::split(open(link).await?);
        let mut source = Source { stream: source, input: BytesMut::new() };
        let mut sink = Sink { stream: sink, output: BytesMut::new(), unflushed: false };
        let properties = ConnectProperties {
            session_expiry_interval: Some(SESSION_EXPIRY_S),
            max_packet_size: Some(LARGEST_ANSWER),
            ..ConnectProperties::new()
        };
        let connect = Connect {
            keep_alive: keep_alive.as_secs() as u16,
            client_id: link.client_id().to_owned(),
            clean_start: false,
            properties: Some(properties),
        };
        let login = link.login().map(|(username, password)| Login::new(username, password));
        sink.put(Packet::Connect(connect, Some(will), login))?;
        sink.flush().await?;
        let ack = source.read_greeting().await?;
        match ack.code {
            ConnectReturnCode::Success => Ok((Self { source, sink }, ack)),
            code => Err(Wire5Fault::Refused { address: link.address(), code }),
        }
    }
}

impl Source {
    async fn read_greeting(&mut self) -> Result<ConnAck, Wire5Fault> {
        loop {
            match Packet::read(&mut self.input, Some(LARGEST_ANSWER)) {
                Ok(Packet::ConnAck(ack)) => return Ok(ack),
                Ok(other) => return Err(Wire5Fault::Malformed(format!("{other:?} before its CONNACK"))),
                Err(PacketError::InsufficientBytes(_)) => self.fill().await?,
                Err(fault) => return Err(Wire5Fault::Malformed(fault.to_string())),
            }
        }
    }

    /// The next answer. May be dropped while it waits without losing anything.
    pub async fn read(&mut self) -> Result<Answer, Wire5Fault> {
        loop {
            match self.read_now()? {
                Some(answer) => return Ok(answer),
                None => self.fill().await?,
            }
        }
    }

    /// The next answer, if it has been read already.
    pub fn read_now(&mut self) -> Result<Option<Answer>, Wire5Fault> {
        let Some(frame) = take_frame(&mut self.input)? else { return Ok(None) };
        read_answer(frame).map(Some)
    }

    async fn fill(&mut self) -> Result<(), Wire5Fault> {
        match self.stream.read_buf(&mut self.input).await? {
            0 => Err(Wire5Fault::Closed),
            _ => Ok(()),
        }
    }
}

impl Sink {
    /// Whether something waits to be sent.
    pub fn has_output(&self) -> bool {
        self.unflushed
    }

    /// Whether enough waits to be written for now.
    pub fn is_busy(&self) -> bool {
        self.output.len() >= ENOUGH
    }

    /// Adds a message to what is to be written.
    pub fn publish(&mut self, publish: Publish) -> Result<(), Wire5Fault> {
        self.put(Packet::Publish(publish))
    }

    /// Adds the question whether the broker is there.
    pub fn ping(&mut self) -> Result<(), Wire5Fault> {
        self.put(Packet::PingReq(PingReq))
    }

    /// Adds the goodbye, after which the broker keeps our last will to itself.
    pub fn disconnect(&mut self) {
        self.unflushed = true;
        self.output.extend_from_slice(&[DISCONNECT, 0]);
    }

    fn put(&mut self, packet: Packet) -> Result<(), Wire5Fault> {
        self.unflushed = true;
        match packet.write(&mut self.output, None) {
            Ok(_) => Ok(()),
            Err(fault) => Err(Wire5Fault::Unwritable(fault.to_string())),
        }
    }

    /// Sends what is to be written. May be dropped while it waits: what has left is taken off.
    pub async fn flush(&mut self) -> Result<(), Wire5Fault> {
        self.stream.write_all_buf(&mut self.output).await?;
        self.stream.flush().await?;
        self.unflushed = false;
        Ok(())
    }
}

/// Opens a connection on which nothing has been said yet.
pub(super) async fn open(link: &Link) -> Result<Box<dyn ByteStream>, Wire5Fault> {
    let connect = |source| Wire5Fault::Connect { address: link.address(), source };
    let stream = TcpStream::connect(link.address()).await.map_err(connect)?;
    stream.set_nodelay(true).map_err(connect)?;
    match link.tls() {
        None => Ok(Box::new(stream)),
        Some(config) => {
            let name = ServerName::try_from(link.host().to_owned())?;
            let stream = TlsConnector::from(config).connect(name, stream).await.map_err(connect)?;
            Ok(Box::new(stream))
        }
    }
}

/// One whole packet: its first byte, and what follows its length.
struct Frame {
    kind: u8,
    body: Bytes,
}

/// Takes the first packet off `input`, if all of it is there.
fn take_frame(input: &mut BytesMut) -> Result<Option<Frame>, Wire5Fault> {
    let mut length = 0;
    for (at, &byte) in input.iter().enumerate().skip(1).take(4) {
        length |= usize::from(byte & 0x7f) << (7 * (at - 1));
        if length > LARGEST_ANSWER as usize {
            return Err(Wire5Fault::Malformed(format!("an answer of {length} bytes")));
        }
        if byte & 0x80 == 0 {
            let header = at + 1;
            if input.len() < header + length {
                return Ok(None);
            }
            let mut frame = input.split_to(header + length).freeze();
            let kind = frame[0];
            frame.advance(header);
            return Ok(Some(Frame { kind, body: frame }));
        }
    }
    if input.len() > 4 { Err(Wire5Fault::Malformed("a length without an end".to_owned())) } else { Ok(None) }
}

/// Reads an answer; a reason that is left out is 0, and properties tell us nothing.
fn read_answer(Frame { kind, mut body }: Frame) -> Result<Answer, Wire5Fault> {
    match kind {
        PUBACK if body.len() >= 2 => {
            let pkid = body.get_u16();
            Ok(Answer::Puback { pkid, reason: body.first().copied().unwrap_or(0) })
        }
        DISCONNECT => Ok(Answer::Disconnect { reason: body.first().copied().unwrap_or(0) }),
        PINGRESP => Ok(Answer::Pingresp),
        other => Err(Wire5Fault::Malformed(format!("a packet of kind {other:#04x}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(bytes: &[u8]) -> Vec<Answer> {
        let mut input = BytesMut::from(bytes);
        let next =
            || take_frame(&mut input).expect("a frame").map(|frame| read_answer(frame).expect("an answer"));
        std::iter::from_fn(next).collect()
    }

    #[test]
    fn short_and_long_forms_of_an_answer_are_read_alike() {
        let puback = |reason| Answer::Puback { pkid: 0x0102, reason };
        assert_eq!(answers(&[0x40, 2, 1, 2]), [puback(0)]);
        assert_eq!(answers(&[0x40, 3, 1, 2, 0x10]), [puback(0x10)]);
        assert_eq!(answers(&[0x40, 8, 1, 2, 0x95, 4, 0x1f, 0, 1, b'x']), [puback(0x95)]);
        assert_eq!(answers(&[0xe0, 0]), [Answer::Disconnect { reason: 0 }]);
        assert_eq!(answers(&[0xe0, 1, 0x8e]), [Answer::Disconnect { reason: 0x8e }]);
        assert_eq!(answers(&[0xe0, 2, 0x8e, 0]), [Answer::Disconnect { reason: 0x8e }]);
        assert_eq!(answers(&[0xd0, 0, 0x40, 2, 1, 2]), [Answer::Pingresp, puback(0)]);
    }

    #[test]
    fn an_answer_that_is_not_whole_is_waited_for() {
        let whole = [0x40, 3, 1, 2, 0];
        for end in 0..whole.len() {
            assert_eq!(answers(&whole[..end]), []);
        }
    }

    #[test]
    fn what_is_not_mqtt_is_refused_and_never_waited_for() {
        for bytes in [&[0x40, 0xff, 0xff, 0xff, 0xff, 0xff][..], &[0x40, 0x80, 0x80, 0x80, 0x80]] {
            assert!(take_frame(&mut BytesMut::from(bytes)).is_err(), "{bytes:x?}");
        }
        for bytes in [&[0x40, 1, 1][..], &[0x30, 0], b"\x48\x00"] {
            let frame = take_frame(&mut BytesMut::from(bytes)).expect("a frame").expect("a whole one");
            assert!(read_answer(frame).is_err(), "{bytes:x?}");
        }
    }
}
