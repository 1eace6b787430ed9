//! One MQTT 5 connection, read and written directly.
//!
//! It uses rumqttc's packets, not its client. The client sends one message a write, must not be dropped
//! while it sends, resends in the wrong order, and above all cannot read a DISCONNECT or PUBACK in the
//! short form that Mosquitto uses, so it never learns that our session was taken over.

mod answers;
mod message;

use std::time::Duration;

use bytes::BytesMut;
use rumqttc::tokio_rustls::TlsConnector;
use rumqttc::v5::mqttbytes::Error as PacketError;
use rumqttc::v5::mqttbytes::v5::{
    ConnAck, Connect, ConnectProperties, ConnectReturnCode, Filter, LastWill, Login, Packet, PingReq,
    Publish, Subscribe,
};
use rustls::pki_types::{InvalidDnsNameError, ServerName};
use thiserror::Error;
use tokio::io::{self, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use wardwatch_actors::clock::Timestamp;

pub(super) use answers::Answer;
use answers::{DISCONNECT, PUBACK, read_answer, take_frame};
pub(super) use message::IncomingMessage;

use crate::link::{Link, certificate};

/// How long connecting may take in all.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// The largest packet we read, in bytes: the broker keeps back what is larger.
const LARGEST_ANSWER: u32 = 1 << 20;
/// Bytes waiting to be written, above which nothing is added.
const ENOUGH: usize = 64 * 1024;

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
    #[error("no answer from the broker for {0} s")]
    Silent(u32),
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

/// What comes to one that subscribes.
pub(super) enum Packet5 {
    Message(IncomingMessage),
    Answer(Answer),
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

/// On which terms a connection is made.
pub(super) struct ConnectTerms {
    pub keep_alive: Duration,
    /// What the broker publishes for us when we are gone without a goodbye.
    pub will: Option<LastWill>,
    /// For how long the broker keeps what we subscribed to while we are gone; without a session it keeps nothing, and
    /// whatever somebody else has subscribed to under our client id is forgotten.
    pub session: Option<Duration>,
    /// How many messages to us may be unacknowledged.
    pub receive_max: Option<u16>,
}

impl ConnectTerms {
    /// For one that only publishes: what is pending is in its outbox.
    pub fn without_session(keep_alive: Duration, will: Option<LastWill>) -> Self {
        Self { keep_alive, will, session: None, receive_max: None }
    }
}

impl Wire5 {
    /// Connects on these terms.
    pub async fn connect(link: &Link, terms: ConnectTerms) -> Result<(Self, ConnAck), Wire5Fault> {
        let connected = timeout(CONNECT_WITHIN, Self::connect_at_leisure(link, terms)).await;
        connected.unwrap_or(Err(Wire5Fault::Late))
    }

    async fn connect_at_leisure(link: &Link, terms: ConnectTerms) -> Result<(Self, ConnAck), Wire5Fault> {
        let (stream, certificate_end) = open_and_see(link).await?;
        let (source, sink) = io::split(stream);
        let mut source = Source { stream: source, input: BytesMut::new() };
        let mut sink = Sink { stream: sink, output: BytesMut::new(), unflushed: false };
        let properties = ConnectProperties {
            session_expiry_interval: Some(terms.session.map_or(0, |session| session.as_secs() as u32)),
            receive_maximum: terms.receive_max,
            max_packet_size: Some(LARGEST_ANSWER),
            ..ConnectProperties::new()
        };
        let connect = Connect {
            keep_alive: terms.keep_alive.as_secs() as u16,
            client_id: link.client_id().to_owned(),
            clean_start: terms.session.is_none(),
            properties: Some(properties),
        };
        let login = link.login().map(|(username, password)| Login::new(username, password));
        sink.put(Packet::Connect(connect, terms.will, login))?;
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

    /// The next message or answer, for one that subscribes. May be dropped while it waits without losing anything.
    pub async fn hear(&mut self) -> Result<Packet5, Wire5Fault> {
        loop {
            match take_frame(&mut self.input)? {
                Some(frame) if IncomingMessage::is_in(&frame) => {
                    return IncomingMessage::read(frame).map(Packet5::Message);
                }
                Some(frame) => return read_answer(frame).map(Packet5::Answer),
                None => self.fill().await?,
            }
        }
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

    /// Adds a subscription to these, in one packet.
    pub fn subscribe(&mut self, pkid: u16, filters: Vec<Filter>) -> Result<(), Wire5Fault> {
        self.put(Packet::Subscribe(Subscribe { pkid, filters, properties: None }))
    }

    /// Adds the acknowledgement of a message to us.
    pub fn acknowledge(&mut self, pkid: u16) {
        let [high, low] = pkid.to_be_bytes();
        self.reply(Some([PUBACK, 2, high, low]));
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
