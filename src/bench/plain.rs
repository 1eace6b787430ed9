//! The client to compare with: what a straightforward program does, subscribed and acknowledging, and nothing more.

use std::time::Duration;

use anyhow::Context;
use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS};

use super::MARKER_UNIT;
use super::listener::without_delay;
use crate::config::BrokerUrl;
use crate::contract::topics::Topics;

/// Orders of our own that may wait: one answer to each marker under way.
const ORDERS: usize = 1000;

/// Acknowledges every reading below `prefix`, and answers markers where an alert would come.
///
/// rumqttc's own client of MQTT 3.1.1, with its own acknowledgements, QoS 1, a kept session, and
/// TCP_NODELAY.
pub async fn acknowledge(broker: &BrokerUrl, prefix: &str, client_id: &str) -> anyhow::Result<()> {
    let topics = Topics::new(prefix);
    let mut options = MqttOptions::new(client_id, &broker.host, broker.port);
    options
        .set_clean_session(false)
        .set_keep_alive(Duration::from_secs(60))
        .set_max_packet_size(1 << 20, 1 << 20);
    let (client, mut events) = AsyncClient::new(options, ORDERS);
    events.set_network_options(without_delay());
    client.subscribe(topics.all_vitals(), QoS::AtLeastOnce).await?;
    let markers = topics.vitals(&format!("{MARKER_UNIT}/m").parse()?);
    let answer_to = topics.alerts("high", &format!("{MARKER_UNIT}/m"));
    loop {
        let event = events.poll().await.with_context(|| format!("the connection to {broker} broke"))?;
        if let Event::Incoming(Packet::Publish(message)) = event
            && message.topic.starts_with(&markers)
        {
            client.try_publish(&*answer_to, QoS::AtLeastOnce, false, message.payload)?;
        }
    }
}
