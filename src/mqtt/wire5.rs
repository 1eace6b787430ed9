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
use wardwatch_actors::clock::Timestamp;

use crate::link::{Link, certificate};

/// How long connecting may take in all.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// The largest answer we read, in bytes: no more than an acknowledgement with properties.
const LARGEST_ANSWER: u32 = 1 << 20;
/// Bytes waiting to be written, above which nothing is added.
const ENOUGH: usize = 64 * 1024;

const PUBLISH: u8 = 0x30;
const PUBACK: u8 = 0x40;
const PUBREC: u8 = 0x50;
const PUBREL: u8 = 0x62;
const PUBCOMP: u8 = 0x70;
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
    ConnectionRejected { address: String, code: ConnectReturnCode },
    #[error("the broker did not answer within 5 s")]
    Late,
    #[error("the broker at {address} takes no messages: its {term} is 0")]
    Useless { address: String, term: &'static str },
    #[error("the connection to the broker was lost")]
    Broken(#[from] io::Error),
    #[error("the broker closed the connection")]
    Closed,
    #[error("the broker sent an invalid MQTT 5 packet: {0}")]
    Malformed(String),
    #[error("a packet cannot be written: {0}")]
    Unwritable(String),
}

impl Wire5Fault {
    /// Whether the broker ended a connection that worked.
    pub fn is_by_broker(&self) -> bool {
        use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
        match self {
            Self::Closed => true,
            Self::Broken(fault) => {
                matches!(fault.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof)
            }
            _ => false,
        }
    }
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
    /// Something that we did not ask for, a message to us, say; this is to be written so that it does not come again.
    Foreign { reply: Option<[u8; 4]> },
}

/// A connection, plain or over TLS.
pub(super) trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for T {}

/// A live connection, whose two ways are used side by side.
pub(super) struct Wire5 {
    pub source: Source,
    pub sink: Sink,
    /// When the certificate ends that the broker has shown.
    pub certificate_end: Option<Timestamp>,
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
    /// Connects with this last will, and without a session: what is pending is in the outbox, and whatever somebody
    /// else has subscribed to under our client id is forgotten.
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
        let (stream, certificate_end) = open_and_see(link).await?;
        let (source, sink) = io::split(stream);
        let mut source = Source { stream: source, input: BytesMut::new() };
        let mut sink = Sink { stream: sink, output: BytesMut::new(), unflushed: false };
        let properties = ConnectProperties {
            session_expiry_interval: Some(0),
            max_packet_size: Some(LARGEST_ANSWER),
            ..ConnectProperties::new()
        };
        let connect = Connect {
            keep_alive: keep_alive.as_secs() as u16,
            client_id: link.client_id().to_owned(),
            clean_start: true,
            properties: Some(properties),
        };
        let login = link.login().map(|(username, password)| Login::new(username, password));
        sink.put(Packet::Connect(connect, Some(will), login))?;
        sink.flush().await?;
        let ack = source.read_greeting().await?;
        let address = link.address();
        match (ack.code, useless(&ack)) {
            (ConnectReturnCode::Success, None) => Ok((Self { source, sink, certificate_end }, ack)),
            (ConnectReturnCode::Success, Some(term)) => Err(Wire5Fault::Useless { address, term }),
            (code, _) => Err(Wire5Fault::ConnectionRejected { address, code }),
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

    /// Adds the answer to what was not asked for.
    pub fn reply(&mut self, reply: Option<[u8; 4]>) {
        if let Some(reply) = reply {
            self.unflushed = true;
            self.output.extend_from_slice(&reply);
        }
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
    open_and_see(link).await.map(|(stream, _)| stream)
}

/// The same, and when the certificate ends that the broker has shown.
async fn open_and_see(link: &Link) -> Result<(Box<dyn ByteStream>, Option<Timestamp>), Wire5Fault> {
    let connect = |source| Wire5Fault::Connect { address: link.address(), source };
    let stream = TcpStream::connect(link.address()).await.map_err(connect)?;
    stream.set_nodelay(true).map_err(connect)?;
    match link.tls() {
        None => Ok((Box::new(stream), None)),
        Some(config) => {
            let name = ServerName::try_from(link.host().to_owned())?;
            let stream = TlsConnector::from(config).connect(name, stream).await.map_err(connect)?;
            let shown = stream.get_ref().1.peer_certificates();
            let end = shown.and_then(<[_]>::first).and_then(|der| certificate::end_of(der));
            Ok((Box::new(stream), end))
        }
    }
}

/// What of the broker's terms makes it useless: MQTT allows none of these to be 0, but the QoS.
fn useless(ack: &ConnAck) -> Option<&'static str> {
    let properties = ack.properties.as_ref()?;
    let is_0 = |term: Option<u32>| term == Some(0);
    [
        (properties.receive_max.map(u32::from), "Receive Maximum"),
        (properties.max_packet_size, "Maximum Packet Size"),
        (properties.max_qos.map(u32::from), "Maximum QoS"),
    ]
    .into_iter()
    .find_map(|(term, name)| is_0(term).then_some(name))
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

/// Reads an answer; a reason that is left out is 0, and properties say nothing that we need.
fn read_answer(Frame { kind, mut body }: Frame) -> Result<Answer, Wire5Fault> {
    match kind {
        PUBACK if body.len() >= 2 => {
            let pkid = body.get_u16();
            Ok(Answer::Puback { pkid, reason: body.first().copied().unwrap_or(0) })
        }
        DISCONNECT => Ok(Answer::Disconnect { reason: body.first().copied().unwrap_or(0) }),
        PINGRESP => Ok(Answer::Pingresp),
        PUBREL if body.len() >= 2 => Ok(Answer::Foreign { reply: Some([PUBCOMP, 2, body[0], body[1]]) }),
        message if message & 0xf0 == PUBLISH => foreign(message, &body),
        other => Err(Wire5Fault::Malformed(format!("a packet of kind {other:#04x}"))),
    }
}

/// A message to us, by a subscription that is not ours: acknowledged, so that it does not pile up at the broker.
fn foreign(kind: u8, body: &Bytes) -> Result<Answer, Wire5Fault> {
    let topic_length = body.first_chunk::<2>().map_or(0, |length| usize::from(u16::from_be_bytes(*length)));
    let pkid = body.get(2 + topic_length..).and_then(|rest| rest.first_chunk::<2>());
    match (kind >> 1 & 3, pkid) {
        (0, _) => Ok(Answer::Foreign { reply: None }),
        (1, Some([high, low])) => Ok(Answer::Foreign { reply: Some([PUBACK, 2, *high, *low]) }),
        (2, Some([high, low])) => Ok(Answer::Foreign { reply: Some([PUBREC, 2, *high, *low]) }),
        _ => Err(Wire5Fault::Malformed(format!("a message of kind {kind:#04x}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_to_us_is_acknowledged_and_otherwise_ignored() {
        let reply = |reply| Answer::Foreign { reply };
        assert_eq!(answers(&[0x30, 5, 0, 1, b't', 0, b'x']), [reply(None)]);
        assert_eq!(answers(&[0x3b, 7, 0, 1, b't', 1, 2, 0, b'x']), [reply(Some([0x40, 2, 1, 2]))]);
        assert_eq!(answers(&[0x34, 6, 0, 1, b't', 1, 2, 0]), [reply(Some([0x50, 2, 1, 2]))]);
        assert_eq!(answers(&[0x62, 2, 1, 2]), [reply(Some([0x70, 2, 1, 2]))]);
    }

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
    fn what_is_not_mqtt_is_rejected_and_never_waited_for() {
        for bytes in [&[0x40, 0xff, 0xff, 0xff, 0xff, 0xff][..], &[0x40, 0x80, 0x80, 0x80, 0x80]] {
            assert!(take_frame(&mut BytesMut::from(bytes)).is_err(), "{bytes:x?}");
        }
        for bytes in [&[0x40, 1, 1][..], &[0x32, 2, 0, 9], b"\x48\x00"] {
            let frame = take_frame(&mut BytesMut::from(bytes)).expect("a frame").expect("a whole one");
            assert!(read_answer(frame).is_err(), "{bytes:x?}");
        }
    }
}
