//! A client of the hospital's broker, which says what the broker answered.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{LastWill, Packet, PubAckReason, Publish};
use rumqttc::v5::{AsyncClient, Event, EventLoop, MqttOptions};
use rumqttc::{TlsConfiguration, Transport};
use rustls::ClientConfig;
use tokio::time::timeout;

use super::mosquitto::DEADLINE;
use super::site::Site;

/// How somebody connects.
#[derive(Clone)]
pub struct Login {
    pub port: u16,
    pub tls: Option<Arc<ClientConfig>>,
    pub user: Option<(String, String)>,
    pub client_id: String,
    pub will: Option<String>,
}

impl Login {
    /// With this name and its password.
    pub fn with_password(site: &Site, user: &str) -> Self {
        let user = Some((user.to_owned(), site.password(user)));
        Self { user, ..Self::nobody(site) }
    }

    /// With this certificate, on the listener for certificates.
    pub fn with_certificate(site: &Site, name: &str) -> Self {
        Self { port: site.ports[1], tls: Some(site.tls(Some((site, name)))), ..Self::nobody(site) }
    }

    /// As WardWatch.
    pub fn as_service(site: &Site) -> Self {
        let client_id = "in the place of the service".to_owned();
        Self { port: site.ports[2], client_id, ..Self::with_certificate(site, "wardwatch") }
    }

    /// Over TLS, without a name.
    pub fn nobody(site: &Site) -> Self {
        let (port, tls) = (site.ports[0], Some(site.tls(None)));
        Self { port, tls, user: None, client_id: "anybody".to_owned(), will: None }
    }
}

/// A connected client.
pub struct Client {
    client: AsyncClient,
    events: EventLoop,
    /// What came while an answer was waited for.
    heard: VecDeque<Publish>,
}

impl Client {
    /// Connects; none where the broker, or TLS, does not let it.
    pub async fn connect(login: &Login) -> Option<Self> {
        let mut options = MqttOptions::new(&login.client_id, "127.0.0.1", login.port);
        options.set_keep_alive(Duration::from_secs(60));
        if let Some(tls) = &login.tls {
            options.set_transport(Transport::Tls(TlsConfiguration::Rustls(Arc::clone(tls))));
        }
        if let Some((user, password)) = &login.user {
            options.set_credentials(user, password);
        }
        if let Some(topic) = &login.will {
            options.set_last_will(LastWill::new(topic, "offline", QoS::AtLeastOnce, true, None));
        }
        let (client, events) = AsyncClient::new(options, 100);
        let mut client = Self { client, events, heard: VecDeque::new() };
        match client.next().await {
            Some(Packet::ConnAck(_)) => Some(client),
            _ => None,
        }
    }

    /// Publishes, and says whether the broker took it.
    pub async fn publish(&mut self, topic: &str, payload: &str) -> bool {
        let payload = payload.to_owned();
        self.client.publish(topic, QoS::AtLeastOnce, false, payload).await.expect("room for a request");
        loop {
            match self.next().await {
                Some(Packet::PubAck(answer)) => {
                    let taken = [PubAckReason::Success, PubAckReason::NoMatchingSubscribers];
                    return taken.contains(&answer.reason);
                }
                Some(Packet::Publish(message)) => self.heard.push_back(message),
                Some(_) => {}
                None => return false,
            }
        }
    }

    /// Subscribes, and waits for the answer.
    pub async fn subscribe(&mut self, filter: &str) {
        self.client.subscribe(filter, QoS::AtLeastOnce).await.expect("room for a request");
        while !matches!(self.next().await.expect("a connection"), Packet::SubAck(_)) {}
    }

    /// The topics of what comes, up to and with this one.
    pub async fn hear_up_to(&mut self, last: &str) -> Vec<String> {
        let mut topics = Vec::new();
        while topics.last().is_none_or(|topic| topic != last) {
            let message = self.hear_next().await;
            topics.push(String::from_utf8(message.topic.to_vec()).expect("UTF-8"));
        }
        topics
    }

    /// The next message on this topic.
    pub async fn hear(&mut self, topic: &str) -> serde_json::Value {
        loop {
            let message = self.hear_next().await;
            if message.topic == topic.as_bytes() {
                return serde_json::from_slice(&message.payload).expect("JSON");
            }
        }
    }

    async fn hear_next(&mut self) -> Publish {
        loop {
            if let Some(message) = self.heard.pop_front() {
                return message;
            }
            if let Packet::Publish(message) = self.next().await.expect("a connection") {
                return message;
            }
        }
    }

    /// The next packet; none where the connection is over.
    async fn next(&mut self) -> Option<Packet> {
        loop {
            match timeout(DEADLINE, self.events.poll()).await.expect("an answer in time") {
                Ok(Event::Incoming(packet)) => return Some(packet),
                Ok(Event::Outgoing(_)) => {}
                Err(_) => return None,
            }
        }
    }
}
