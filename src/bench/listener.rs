//! Who hears what the processes under measurement publish: answers to readings, alerts, heartbeats.

use anyhow::Context;
use rumqttc::{AsyncClient, Event, MqttOptions, NetworkOptions, Packet, Publish, QoS};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use super::PATIENCE;
use crate::config::BrokerUrl;
use crate::contract::topics::Topics;

/// An answer to one reading: an alert, or what the plain client publishes in its stead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimedAnswer {
    /// The reading's count.
    pub seq: u64,
    pub heard: Instant,
}

/// Hears what comes on some topics, as far as it is understood.
pub struct Listener<T> {
    client: AsyncClient,
    heard: mpsc::UnboundedReceiver<T>,
    task: JoinHandle<()>,
}

impl Listener<TimedAnswer> {
    /// Hears every answer below one prefix.
    pub async fn answers(broker: &BrokerUrl, topics: &Topics, client_id: &str) -> anyhow::Result<Self> {
        let answer = |message: &Publish, heard| Some(TimedAnswer { seq: seq_in(&message.payload)?, heard });
        Self::start(broker, [topics.all_alerts()], client_id, answer).await
    }
}

impl<T: Send + 'static> Listener<T> {
    /// Subscribes, and waits until the broker has confirmed it; what `understand` makes nothing of is left out.
    pub async fn start<const FILTERS: usize>(
        broker: &BrokerUrl,
        filters: [String; FILTERS],
        client_id: &str,
        understand: impl Fn(&Publish, Instant) -> Option<T> + Send + 'static,
    ) -> anyhow::Result<Self> {
        let (client, mut events) = {
            let mut options = MqttOptions::new(client_id, &broker.host, broker.port);
            options.set_max_packet_size(1 << 20, 1 << 20);
            AsyncClient::new(options, 16)
        };
        events.set_network_options(without_delay());
        for filter in filters {
            client.subscribe(filter, QoS::AtLeastOnce).await?;
        }
        let subscribed = async {
            for _ in 0..FILTERS {
                while !matches!(events.poll().await?, Event::Incoming(Packet::SubAck(_))) {}
            }
            anyhow::Ok(())
        };
        let subscribed =
            timeout(PATIENCE, subscribed).await.context("the broker confirms no subscription")?;
        subscribed.with_context(|| format!("cannot listen on {broker}"))?;
        let (send, heard) = mpsc::unbounded_channel();
        let task = tokio::spawn(async move {
            while let Ok(event) = events.poll().await {
                if let Event::Incoming(Packet::Publish(message)) = event
                    && let Some(understood) = understand(&message, Instant::now())
                    && send.send(understood).is_err()
                {
                    return;
                }
            }
        });
        Ok(Self { client, heard, task })
    }

    /// The next that is heard.
    pub async fn next(&mut self) -> anyhow::Result<T> {
        let heard = timeout(PATIENCE, self.heard.recv()).await;
        let heard = heard.with_context(|| format!("no answer for {} s", PATIENCE.as_secs()))?;
        heard.context("the connection to the broker was lost")
    }

    /// What has been heard already.
    pub fn next_now(&mut self) -> Option<T> {
        self.heard.try_recv().ok()
    }

    /// Says something itself.
    pub async fn say(&self, topic: &str, payload: &str) -> anyhow::Result<()> {
        let said = self.client.publish(topic, QoS::AtLeastOnce, false, payload).await;
        said.context("the connection to the broker was lost")
    }
}

impl<T> Drop for Listener<T> {
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
