//! What the demo and the tests expect of the embedded broker.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use rumqttc::v5;
use rumqttc::{AsyncClient, Event, EventLoop, LastWill, MqttOptions, Outgoing, Packet, Publish, QoS};
use wardwatch::broker::{self, BrokerFault, EmbeddedBroker};

/// How long a test waits for something that must come; only a failure takes it.
const PATIENCE: Duration = Duration::from_secs(30);

async fn a_broker() -> EmbeddedBroker {
    broker::start(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await.unwrap()
}

/// A 3.1.1 client under test, polled only while the test waits for something.
struct Client {
    client: AsyncClient,
    events: EventLoop,
}

impl Client {
    async fn connect(broker: &EmbeddedBroker, id: &str, set: impl FnOnce(&mut MqttOptions)) -> Self {
        let mut options = MqttOptions::new(id, broker.address().ip().to_string(), broker.address().port());
        options.set_inflight(1000);
        set(&mut options);
        let (client, events) = AsyncClient::new(options, 100);
        let mut client = Self { client, events };
        client.wait(|packet| matches!(packet, Packet::ConnAck(_))).await;
        client
    }

    async fn subscribe(&mut self, filter: &str) {
        self.client.subscribe(filter, QoS::AtLeastOnce).await.unwrap();
        self.wait(|packet| matches!(packet, Packet::SubAck(_))).await;
    }

    /// Publishes with QoS 1 and waits for the acknowledgement.
    async fn publish(&mut self, topic: &str, retain: bool, payload: &str) {
        self.client.publish(topic, QoS::AtLeastOnce, retain, payload).await.unwrap();
        self.wait(|packet| matches!(packet, Packet::PubAck(_))).await;
    }

    async fn receive(&mut self) -> Publish {
        match self.wait(|packet| matches!(packet, Packet::Publish(_))).await {
            Packet::Publish(publish) => publish,
            other => panic!("{other:?}"),
        }
    }

    async fn wait(&mut self, wanted: impl Fn(&Packet) -> bool) -> Packet {
        let arrival = async {
            loop {
                if let Event::Incoming(packet) = self.events.poll().await.unwrap()
                    && wanted(&packet)
                {
                    return packet;
                }
            }
        };
        tokio::time::timeout(PATIENCE, arrival).await.expect("it never came")
    }

    async fn disconnect(mut self) {
        self.client.disconnect().await.unwrap();
        while !matches!(self.events.poll().await, Ok(Event::Outgoing(Outgoing::Disconnect)) | Err(_)) {}
    }
}

#[tokio::test]
async fn clients_of_both_versions_share_one_port() {
    let broker = a_broker().await;
    let mut old = Client::connect(&broker, "old", |_| {}).await;
    old.subscribe("both/#").await;

    let options = v5::MqttOptions::new("new", broker.address().ip().to_string(), broker.address().port());
    let (new, mut events) = v5::AsyncClient::new(options, 10);
    new.publish("both/ways", v5::mqttbytes::QoS::AtLeastOnce, false, "hello").await.unwrap();
    let acknowledged = async {
        while !matches!(events.poll().await.unwrap(), v5::Event::Incoming(v5::Incoming::PubAck(_))) {}
    };
    tokio::time::timeout(PATIENCE, acknowledged).await.unwrap();

    assert_eq!(&old.receive().await.payload[..], b"hello");
}

#[tokio::test]
async fn a_late_subscriber_gets_the_retained_message() {
    let broker = a_broker().await;
    let mut early = Client::connect(&broker, "early", |_| {}).await;
    early.publish("state/icu-1/p-17", true, "kept").await;

    let mut late = Client::connect(&broker, "late", |_| {}).await;
    late.subscribe("state/#").await;
    let kept = late.receive().await;
    assert_eq!((&kept.payload[..], kept.retain), (&b"kept"[..], true));
}

#[tokio::test]
async fn an_empty_retained_message_forgets_the_last_one() {
    let broker = a_broker().await;
    let mut early = Client::connect(&broker, "early", |_| {}).await;
    early.publish("state/gone", true, "kept").await;
    early.publish("state/gone", true, "").await;
    early.publish("state/here", true, "kept").await;

    let mut late = Client::connect(&broker, "late", |_| {}).await;
    late.subscribe("state/#").await;
    assert_eq!(late.receive().await.topic, "state/here");
}

#[tokio::test]
async fn a_shared_subscription_gives_each_message_to_one_of_its_members() {
    let broker = a_broker().await;
    let mut first = Client::connect(&broker, "first", |_| {}).await;
    let mut second = Client::connect(&broker, "second", |_| {}).await;
    first.subscribe("$share/pagers/alerts/#").await;
    second.subscribe("$share/pagers/alerts/#").await;

    let mut sender = Client::connect(&broker, "sender", |_| {}).await;
    for number in 0..10 {
        sender.publish("alerts/high", false, &number.to_string()).await;
    }
    let mut numbers = Vec::new();
    while numbers.len() < 10 {
        let message = tokio::select! {
            message = first.receive() => message,
            message = second.receive() => message,
        };
        numbers.push(String::from_utf8(message.payload.to_vec()).unwrap());
    }
    numbers.sort();
    assert_eq!(numbers, (0..10).map(|number| number.to_string()).collect::<Vec<_>>());
}

#[tokio::test]
async fn twenty_thousand_messages_wait_for_an_absent_client_in_their_order() {
    const MESSAGES: usize = 20_000;
    let broker = a_broker().await;
    let persistent = |options: &mut MqttOptions| {
        options.set_clean_session(false);
        options.set_last_will(LastWill::new("gone/absent", "gone", QoS::AtLeastOnce, false));
    };
    let mut sender = Client::connect(&broker, "sender", |_| {}).await;
    sender.subscribe("gone/#").await;
    let mut absent = Client::connect(&broker, "absent", persistent).await;
    absent.subscribe("vitals/#").await;
    drop(absent);
    // Its last will shows that the broker knows it to be absent; what is sent before may change places.
    assert_eq!(&sender.receive().await.payload[..], b"gone");

    let publisher = sender.client.clone();
    let publishing = tokio::spawn(async move {
        for number in 0..MESSAGES {
            publisher.publish("vitals/a/b", QoS::AtLeastOnce, false, number.to_string()).await.unwrap();
        }
    });
    for _ in 0..MESSAGES {
        sender.wait(|packet| matches!(packet, Packet::PubAck(_))).await;
    }
    publishing.await.unwrap();

    let mut returned = Client::connect(&broker, "absent", persistent).await;
    for number in 0..MESSAGES {
        assert_eq!(&returned.receive().await.payload[..], number.to_string().as_bytes());
    }
}

#[tokio::test]
async fn the_last_will_is_published_when_a_client_is_lost_and_not_when_it_leaves() {
    let broker = a_broker().await;
    let mut witness = Client::connect(&broker, "witness", |_| {}).await;
    witness.subscribe("devices/#").await;
    let with_will = |device: &'static str| {
        move |options: &mut MqttOptions| {
            let topic = format!("devices/{device}/status");
            options.set_last_will(LastWill::new(topic, "offline", QoS::AtLeastOnce, true));
        }
    };

    Client::connect(&broker, "polite", with_will("polite")).await.disconnect().await;
    drop(Client::connect(&broker, "lost", with_will("lost")).await);

    let will = witness.receive().await;
    assert_eq!((will.topic.as_str(), &will.payload[..]), ("devices/lost/status", &b"offline"[..]));
}

#[tokio::test]
async fn a_taken_port_is_named_together_with_the_way_out() {
    let broker = a_broker().await;
    let fault = broker::start(broker.address()).await.unwrap_err();
    assert!(matches!(fault, BrokerFault::Taken(_)), "{fault:?}");
    let port = broker.address().port();
    assert_eq!(
        fault.to_string(),
        format!("port {port} on 127.0.0.1 is taken; stop the other broker or choose another with --port")
    );
}

#[tokio::test]
async fn a_stopped_broker_closes_its_connections_and_frees_its_port() {
    let broker = a_broker().await;
    let address = broker.address();
    let mut client = Client::connect(&broker, "client", |_| {}).await;
    broker.stop().await;

    let lost = async { while client.events.poll().await.is_ok() {} };
    tokio::time::timeout(PATIENCE, lost).await.unwrap();
    let again = broker::start(address).await.unwrap();
    assert_eq!(again.address(), address);
}

#[tokio::test]
async fn brokers_in_one_process_do_not_hear_each_other() {
    let (one, other) = (a_broker().await, a_broker().await);
    let mut here = Client::connect(&one, "same", |_| {}).await;
    let mut there = Client::connect(&other, "same", |_| {}).await;
    here.subscribe("#").await;
    there.publish("from", false, "there").await;
    here.publish("from", false, "here").await;
    assert_eq!(&here.receive().await.payload[..], b"here");
}
