//! A broker of one connection that shows what a client writes, packet by packet.

use std::ops::RangeBounds;

use bytes::BytesMut;
use rumqttc::{ConnAck, ConnectReturnCode, Packet, PubAck, Publish, QoS, SubAck, SubscribeReasonCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::mosquitto::DEADLINE;

/// The largest packet it reads or writes, in bytes.
const LARGEST: usize = 1 << 20;

pub struct ScriptedBroker {
    port: u16,
    deliveries: mpsc::UnboundedSender<Publish>,
    written: mpsc::UnboundedReceiver<Packet>,
}

impl ScriptedBroker {
    /// Listens on a free port; grants every subscription, and sends probes back.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        let (deliveries, to_deliver) = mpsc::unbounded_channel();
        let (send, written) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.expect("a client");
            serve(stream, to_deliver, send).await;
        });
        Self { port, deliveries, written }
    }

    pub fn url(&self) -> String {
        format!("mqtt://127.0.0.1:{}", self.port)
    }

    /// Delivers a message of QoS 1 under this packet identifier.
    pub fn deliver(&self, (topic, payload): (String, String), pkid: u16) {
        let mut publish = Publish::new(topic, QoS::AtLeastOnce, payload);
        publish.pkid = pkid;
        self.deliveries.send(publish).expect("a running broker");
    }

    /// The next packet identifier of this range that the client acknowledges.
    pub async fn acknowledged(&mut self, range: impl RangeBounds<u16>) -> u16 {
        loop {
            if let Packet::PubAck(PubAck { pkid }) = self.next().await
                && range.contains(&pkid)
            {
                return pkid;
            }
        }
    }

    /// Waits for the next PINGREQ.
    pub async fn pinged(&mut self) {
        while self.next().await != Packet::PingReq {}
    }

    async fn next(&mut self) -> Packet {
        timeout(DEADLINE, self.written.recv()).await.expect("a packet in time").expect("a connected client")
    }
}

async fn serve(
    mut stream: TcpStream,
    mut deliveries: mpsc::UnboundedReceiver<Publish>,
    send: mpsc::UnboundedSender<Packet>,
) {
    let (mut input, mut output) = (BytesMut::new(), BytesMut::new());
    let mut connected = false;
    loop {
        while let Ok(packet) = Packet::read(&mut input, LARGEST) {
            connected = true;
            for answer in answers(&packet) {
                answer.write(&mut output, LARGEST).expect("an answer");
            }
            let _ = send.send(packet);
        }
        stream.write_all(&output).await.expect("a connected client");
        output.clear();
        tokio::select! {
            read = stream.read_buf(&mut input) => if read.unwrap_or(0) == 0 { return },
            Some(publish) = deliveries.recv(), if connected => {
                Packet::Publish(publish).write(&mut output, LARGEST).expect("a message");
            }
        }
    }
}

fn answers(packet: &Packet) -> Vec<Packet> {
    match packet {
        Packet::Connect(_) => vec![Packet::ConnAck(ConnAck::new(ConnectReturnCode::Success, false))],
        Packet::Subscribe(subscribe) => {
            let granted = vec![SubscribeReasonCode::Success(QoS::AtLeastOnce); subscribe.filters.len()];
            vec![Packet::SubAck(SubAck::new(subscribe.pkid, granted))]
        }
        // A probe comes back under the same packet identifier, from 1.
        Packet::Publish(probe) => {
            vec![Packet::PubAck(PubAck::new(probe.pkid)), Packet::Publish(probe.clone())]
        }
        Packet::PingReq => vec![Packet::PingResp],
        _ => Vec::new(),
    }
}
