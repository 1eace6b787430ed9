//! The connection that publishes readings: many packets in one write, as fast as the subscriber keeps up.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context;
use jiff::Timestamp;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::packets::{Encoded, Stamper};
use super::{PATIENCE, broker};
use crate::config::BrokerUrl;

/// How many readings may wait for their acknowledgement by the broker.
const IN_FLIGHT: u64 = 4000;

/// A PUBACK of MQTT 3.1.1; nothing else comes in on this connection.
const PUBACK_LENGTH: u64 = 4;

/// The connection that publishes readings.
pub struct Load {
    stream: OwnedWriteHalf,
    acknowledged: Arc<Acknowledged>,
    reader: JoinHandle<()>,
    stamper: Stamper,
    sent: u64,
    buffer: Vec<u8>,
}

/// How many readings the broker has taken.
#[derive(Default)]
struct Acknowledged {
    count: AtomicU64,
    more: Notify,
}

impl Load {
    /// Connects; the readings' counts begin above those of `already_sent` others.
    pub async fn connect(broker: &BrokerUrl, client_id: &str, already_sent: u64) -> anyhow::Result<Self> {
        let (reading, stream) = broker::connect(broker, client_id).await?.into_split();
        let acknowledged = Arc::new(Acknowledged::default());
        let reader = tokio::spawn(count_acknowledgements(reading, Arc::clone(&acknowledged)));
        let stamper = Stamper::new(already_sent);
        Ok(Self { stream, acknowledged, reader, stamper, sent: 0, buffer: Vec::new() })
    }

    /// How many readings have been handed to the broker.
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// The readings added from here on are measured now.
    pub fn set_time(&mut self, now: Timestamp) {
        self.stamper.set_time(now);
    }

    /// Adds a reading to the next write, and answers its count.
    pub fn add(&mut self, packet: Encoded<'_>) -> u64 {
        self.sent += 1;
        self.stamper.write(packet, &mut self.buffer)
    }

    /// Writes what was added, once the broker has taken enough of what was written before.
    pub async fn write(&mut self) -> anyhow::Result<()> {
        let room = async {
            while self.sent > self.acknowledged.count.load(Ordering::Relaxed) + IN_FLIGHT {
                self.acknowledged.more.notified().await;
            }
        };
        timeout(PATIENCE, room).await.context("the broker acknowledges no reading")?;
        self.stream.write_all(&self.buffer).await.context("the broker takes no readings")?;
        self.buffer.clear();
        Ok(())
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

async fn count_acknowledgements(mut stream: OwnedReadHalf, acknowledged: Arc<Acknowledged>) {
    let mut buffer = vec![0; 1 << 16];
    let mut bytes = 0;
    while let Ok(read @ 1..) = stream.read(&mut buffer).await {
        bytes += read as u64;
        acknowledged.count.store(bytes / PUBACK_LENGTH, Ordering::Relaxed);
        acknowledged.more.notify_one();
    }
}
