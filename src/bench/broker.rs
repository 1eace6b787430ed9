//! Bare connections to the broker: one to publish on, and what is needed to leave nothing behind.

use anyhow::{Context, bail};
use bytes::BytesMut;
use rumqttc::{Connect, ConnectReturnCode, Disconnect, Packet, Publish, QoS};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::PATIENCE;
use crate::config::BrokerUrl;

/// Retained messages that are emptied in one write.
const EMPTIED_AT_ONCE: usize = 500;

/// Connects with a clean session, which also ends a session of this name that was kept.
pub async fn connect(broker: &BrokerUrl, client_id: &str) -> anyhow::Result<TcpStream> {
    let connecting = async {
        let mut stream = TcpStream::connect((broker.host.as_str(), broker.port)).await?;
        stream.set_nodelay(true)?;
        let mut greeting = Connect::new(client_id);
        greeting.keep_alive = 0;
        let mut bytes = BytesMut::new();
        greeting.write(&mut bytes)?;
        stream.write_all(&bytes).await?;
        let mut answer = BytesMut::zeroed(4);
        stream.read_exact(&mut answer).await?;
        match Packet::read(&mut answer, 4)? {
            Packet::ConnAck(ack) if ack.code == ConnectReturnCode::Success => Ok(stream),
            other => bail!("the broker answers {other:?}"),
        }
    };
    let connected = timeout(PATIENCE, connecting).await.context("the broker does not answer")?;
    connected.with_context(|| format!("cannot connect to {broker}"))
}

/// Makes the broker forget the sessions of these names.
pub async fn forget_sessions(broker: &BrokerUrl, client_ids: &[String]) -> anyhow::Result<()> {
    for client_id in client_ids {
        let mut stream = connect(broker, client_id).await?;
        say_goodbye(&mut stream).await?;
    }
    Ok(())
}

/// Makes the broker forget what it retains on these topics.
pub async fn empty(
    broker: &BrokerUrl,
    client_id: &str,
    topics: impl Iterator<Item = String>,
) -> anyhow::Result<()> {
    let mut stream = connect(broker, client_id).await?;
    let mut bytes = BytesMut::new();
    for (number, topic) in topics.enumerate() {
        let mut nothing = Publish::new(topic, QoS::AtMostOnce, Vec::new());
        nothing.retain = true;
        nothing.write(&mut bytes)?;
        if number % EMPTIED_AT_ONCE == 0 {
            stream.write_all(&bytes.split()).await?;
        }
    }
    stream.write_all(&bytes).await?;
    say_goodbye(&mut stream).await
}

/// Disconnects in order, and waits until the broker has read all that was sent.
async fn say_goodbye(stream: &mut TcpStream) -> anyhow::Result<()> {
    let mut bytes = BytesMut::new();
    Disconnect.write(&mut bytes)?;
    stream.write_all(&bytes).await?;
    let mut rest = Vec::new();
    // A broker may close the connection with a reset; it has read the goodbye all the same.
    let _ = timeout(PATIENCE, stream.read_to_end(&mut rest)).await;
    Ok(())
}
