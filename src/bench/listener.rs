//! Who hears the answers: alerts, or what the plain client publishes in their stead.

use anyhow::Context;
use rumqttc::{AsyncClient, Event, MqttOptions, NetworkOptions, Packet, QoS};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use super::PATIENCE;
use crate::config::BrokerUrl;
use crate::mqtt::topics::Topics;

/// An answer to one reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// The reading's count.
    pub seq: u64,
    pub heard: Instant,
}

/// Hears every answer below one prefix.
pub struct Listener {
    answers: mpsc::UnboundedReceiver<Answer>,
    task: JoinHandle<()>,
}

impl Listener {
    /// Subscribes, and waits until the broker has confirmed it.
    pub async fn start(broker: &BrokerUrl, topics: &Topics, client_id: &str) -> anyhow::Result<Self> {
        let (client, mut events) = {
            let mut options = MqttOptions::new(client_id, &broker.host, broker.port);
            options.set_max_packet_size(1 << 20, 1 << 20);
            AsyncClient::new(options, 16)
        };
        events.set_network_options(without_delay());
        client.subscribe(topics.all_alerts(), QoS::AtLeastOnce).await?;
        let subscribed = async {
            while !matches!(events.poll().await?, Event::Incoming(Packet::SubAck(_))) {}
            anyhow::Ok(())
        };
        let subscribed =
            timeout(PATIENCE, subscribed).await.context("the broker confirms no subscription")?;
        subscribed.with_context(|| format!("cannot listen on {broker}"))?;
        let (heard, answers) = mpsc::unbounded_channel();
        let task = tokio::spawn(async move {
            // The client keeps the connection open.
            let _client = client;
            while let Ok(event) = events.poll().await {
                if let Event::Incoming(Packet::Publish(message)) = event
                    && let Some(seq) = seq_in(&message.payload)
                    && heard.send(Answer { seq, heard: Instant::now() }).is_err()
                {
                    return;
                }
            }
        });
        Ok(Self { answers, task })
    }

    /// The next answer.
    pub async fn next(&mut self) -> anyhow::Result<Answer> {
        let answer = timeout(PATIENCE, self.answers.recv()).await;
        let answer = answer.with_context(|| format!("no answer for {} s", PATIENCE.as_secs()))?;
        answer.context("the broker's connection broke")
    }

    /// An answer that is there already.
    pub fn next_now(&mut self) -> Option<Answer> {
        self.answers.try_recv().ok()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A small packet leaves at once.
pub fn without_delay() -> NetworkOptions {
    let mut options = NetworkOptions::new();
    options.set_tcp_nodelay(true);
    options
}

/// The count of the reading that a message is about.
fn seq_in(payload: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(payload).ok()?;
    let (_, after) = text.split_once("\"seq\":")?;
    let digits = after.bytes().take_while(u8::is_ascii_digit).count();
    after[..digits].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_that_of_the_reading_and_not_the_sequence_of_the_alert() {
        let alert = r#"{"sequence":3,"reading":{"device":"d","seq":1000000042,"time":"…"},"x":1}"#;
        assert_eq!(seq_in(alert.as_bytes()), Some(1_000_000_042));
        assert_eq!(seq_in(br#"{"sequence":3,"reading":null}"#), None);
    }
}
