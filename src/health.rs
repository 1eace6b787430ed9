//! `wardwatch health`: whether the service of a configuration lives, known by its heartbeat at the broker.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use rumqttc::{AsyncClient, ConnectionError, Event, Packet, QoS, SubscribeReasonCode};
use serde::Deserialize;
use thiserror::Error;
use tokio::time::timeout;
use wardwatch_actors::clock::{Span, Timestamp};

use crate::config::Config;
use crate::config::mqtt::PasswordFault;
use crate::contract::payload::confirmation::DischargesConfirmed;
use crate::contract::payload::json;
use crate::contract::payload::system::Status;
use crate::contract::topics::Topics;
use crate::link::{Link, LinkFault, LinkSettings, random};

/// A heartbeat older than three of its intervals is one that has stopped.
const FRESH_WITHIN: Span = Span::from_secs(30);

/// What the newest heartbeat says.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct LatestHeartbeat {
    pub time: Timestamp,
    pub status: Status,
    pub ingest: String,
    pub store: String,
    pub patients: u64,
    pub open_alerts: u64,
}

/// How the service is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    heartbeat: LatestHeartbeat,
    /// How old the heartbeat is, by the clock of whoever asks; below zero where that is behind.
    age: Span,
}

impl Health {
    /// What a heartbeat that is the newest at `now` means.
    pub fn of(heartbeat: LatestHeartbeat, now: Timestamp) -> Self {
        let age = now.since(heartbeat.time);
        Self { heartbeat, age }
    }

    /// Whether it works; where it is degraded, it does, but something that it promises does not hold.
    pub fn works(&self) -> bool {
        self.is_fresh() && self.heartbeat.status != Status::Offline
    }

    /// Whether all that it promises holds.
    pub fn is_whole(&self) -> bool {
        self.is_fresh() && self.heartbeat.status == Status::Online
    }

    fn is_fresh(&self) -> bool {
        (-FRESH_WITHIN.as_ms()..=FRESH_WITHIN.as_ms()).contains(&self.age.as_ms())
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LatestHeartbeat { time, status, ingest, store, patients, open_alerts } = &self.heartbeat;
        let status = match status {
            Status::Offline => return write!(f, "offline since {time}"),
            _ if !self.is_fresh() => return write!(f, "silent: the last heartbeat is of {time}"),
            Status::Degraded => "degraded",
            Status::Online => "online",
        };
        write!(f, "{status}: ingest {ingest}, store {store}, patients {patients}, open alerts {open_alerts}")
    }
}

/// Why nobody can say how the service is.
#[derive(Debug, Error)]
pub enum HealthFault {
    #[error("mqtt.password_file")]
    Password(#[from] PasswordFault),
    #[error("mqtt")]
    Link(#[from] LinkFault),
    #[error("no connection to the broker")]
    Broker(#[from] Box<ConnectionError>),
    #[error("the broker rejects the subscription to `{0}`")]
    Denied(String),
    #[error(
        "no heartbeat on `{topic}` within {within:?}: the service has never run, or this client may not read it"
    )]
    NoHeartbeat { topic: String, within: Duration },
    #[error("the broker did not answer within {0:?}")]
    Late(Duration),
    #[error("the message on the heartbeat's topic is not a heartbeat")]
    NotAHeartbeat(#[from] serde_json::Error),
}

/// Asks the broker for the newest heartbeat of the service that this configuration describes.
///
/// It connects under a client id of its own: the service's would throw out the service.
pub async fn heartbeat(config: &Config, within: Duration) -> Result<LatestHeartbeat, HealthFault> {
    let link = Link::new(&LinkSettings::of(&config.mqtt)?)?;
    let instance = &config.mqtt.client_id;
    let link = link.with_client_id(format!("{instance}-health-{:08x}", random() as u32));
    let topic = Topics::new(&config.mqtt.prefix).system(instance);
    match timeout(within, retained(&link, &topic)).await {
        Ok(payload) => Ok(serde_json::from_slice(&payload?)?),
        Err(_) => Err(HealthFault::NoHeartbeat { topic, within }),
    }
}

/// What the broker keeps on this topic.
async fn retained(link: &Link, topic: &str) -> Result<Bytes, HealthFault> {
    let (mut options, network) = link.v4();
    options.set_clean_session(true).set_manual_acks(false);
    let (client, mut events) = AsyncClient::new(options, 4);
    events.set_network_options(network);
    loop {
        match events.poll().await.map_err(Box::new)? {
            Event::Incoming(Packet::ConnAck(_)) => {
                // It fails only where the loop is gone, which is here.
                let _ = client.try_subscribe(topic, QoS::AtMostOnce);
            }
            Event::Incoming(Packet::SubAck(answer))
                if answer.return_codes.contains(&SubscribeReasonCode::Failure) =>
            {
                return Err(HealthFault::Denied(topic.to_owned()));
            }
            Event::Incoming(Packet::Publish(message)) if message.topic == topic => return Ok(message.payload),
            _ => {}
        }
    }
}

/// Confirms at the broker, at `now`, the discharges that the service of this configuration holds.
pub async fn confirm_discharges(
    config: &Config,
    now: Timestamp,
    within: Duration,
) -> Result<(), HealthFault> {
    let link = Link::new(&LinkSettings::of(&config.mqtt)?)?;
    let instance = &config.mqtt.client_id;
    let link = link.with_client_id(format!("{instance}-discharges-{:08x}", random() as u32));
    let topic = Topics::new(&config.mqtt.prefix).discharges(instance);
    let payload = json(&DischargesConfirmed::at(now));
    match timeout(within, published(&link, &topic, payload)).await {
        Ok(published) => published,
        Err(_) => Err(HealthFault::Late(within)),
    }
}

/// Publishes one message and waits until the broker has it.
async fn published(link: &Link, topic: &str, payload: Vec<u8>) -> Result<(), HealthFault> {
    let (mut options, network) = link.v4();
    options.set_clean_session(true).set_manual_acks(false);
    let (client, mut events) = AsyncClient::new(options, 4);
    events.set_network_options(network);
    loop {
        match events.poll().await.map_err(Box::new)? {
            Event::Incoming(Packet::ConnAck(_)) => {
                // It fails only where the loop is gone, which is here.
                let _ = client.try_publish(topic, QoS::AtLeastOnce, false, payload.clone());
            }
            Event::Incoming(Packet::PubAck(_)) => return Ok(()),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heartbeat(status: &str) -> LatestHeartbeat {
        let text = format!(
            r#"{{"instance":"wardwatch","time":"2026-11-22T06:35:06Z","status":"{status}","ingest":"listening","store":"sqlite","patients":12,"open_alerts":1,"new":true}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    fn after(seconds: i64, status: &str) -> (bool, bool, String) {
        let heartbeat = heartbeat(status);
        let now = heartbeat.time + Span::from_ms(seconds * 1000);
        let health = Health::of(heartbeat, now);
        (health.works(), health.is_whole(), health.to_string())
    }

    #[test]
    fn a_heartbeat_counts_for_thirty_seconds_and_offline_at_once() {
        let online = "online: ingest listening, store sqlite, patients 12, open alerts 1";
        assert_eq!(after(0, "online"), (true, true, online.to_owned()));
        assert_eq!(after(30, "online"), (true, true, online.to_owned()));
        assert_eq!(after(0, "degraded"), (true, false, online.replace("online", "degraded")));
        let silent = "silent: the last heartbeat is of 2026-11-22T06:35:06.000Z";
        assert_eq!(after(31, "online"), (false, false, silent.to_owned()));
        assert_eq!(after(-31, "online"), (false, false, silent.to_owned()));
        assert_eq!(after(1, "offline"), (false, false, "offline since 2026-11-22T06:35:06.000Z".to_owned()));
    }
}
