//! The same on the embedded broker, which speaks MQTT 3.1.1 to the ingest and 5 to the publisher on one port.

use std::net::{Ipv4Addr, SocketAddr};

use wardwatch::broker::{self, EmbeddedBroker};

use super::ward::{AT_ONCE, Bus, Service, retained};

async fn a_broker() -> EmbeddedBroker {
    broker::start(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await.expect("a broker")
}

#[tokio::test]
async fn on_the_embedded_broker_an_alert_comes_at_once_and_is_cleared() {
    let broker = a_broker().await;
    let bus = Bus::of(broker.address().port()).await;
    let service = Service::start(bus.port, AT_ONCE);
    bus.until_status("online").await;
    bus.read("icu-1/p-17", r#"{"heart_rate":170}"#).await;
    bus.alerts(1).await;
    bus.read("icu-1/p-17", r#"{"heart_rate":72}"#).await;
    let alerts = bus.alerts(2).await;
    assert_eq!((&alerts[0]["event"], &alerts[1]["event"]), (&"raised".into(), &"cleared".into()));
    assert_eq!((&alerts[1]["id"], alerts[1]["sequence"].as_u64()), (&alerts[0]["id"], Some(2)));
    service.end().await.expect("no fault");
    assert_eq!(retained(bus.port, "system").await[0].1["status"], "offline");
}

#[tokio::test]
async fn on_the_embedded_broker_records_are_heard_before_readings_are_judged() {
    let broker = a_broker().await;
    let bus = Bus::of(broker.address().port()).await;
    let service = Service::start(bus.port, AT_ONCE);
    bus.until_status("online").await;
    service.end().await.expect("no fault");
    super::admission::a_queued_reading_waits_for_the_record(&bus).await;
}
