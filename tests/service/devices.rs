//! Devices that vanish and come back.

use rumqttc::{AsyncClient, Event, LastWill, MqttOptions, Packet, QoS};
use serde_json::Value;
use tokio::time::timeout;

use super::mosquitto::DEADLINE;
use super::ward::{AT_ONCE, Ward};

/// A monitor with a last will sends one reading, and is cut off.
async fn a_device_that_vanishes(port: u16) {
    let mut options = MqttOptions::new("mon-17", "127.0.0.1", port);
    options.set_last_will(LastWill::new(
        "wardwatch/devices/mon-17/status",
        "offline",
        QoS::AtLeastOnce,
        true,
    ));
    let (device, mut events) = AsyncClient::new(options, 10);
    let reading = r#"{"device":"mon-17","seq":1,"heart_rate":72}"#;
    device.publish("wardwatch/vitals/icu-1/p-17", QoS::AtLeastOnce, false, reading).await.expect("room");
    let sent = async { while !matches!(events.poll().await, Ok(Event::Incoming(Packet::PubAck(_)))) {} };
    timeout(DEADLINE, sent).await.expect("the broker confirms in time");
}

#[tokio::test]
async fn a_device_whose_last_will_comes_is_offline_for_its_patient_until_it_is_back() {
    let ward = Ward::open(AT_ONCE).await;
    a_device_that_vanishes(ward.bus.port).await;
    let raised = ward.bus.alerts(1).await.remove(0);
    assert_eq!((&raised["condition"], &raised["event"]), (&"device.offline".into(), &"raised".into()));
    assert_eq!((&raised["patient"], &raised["device"]), (&"p-17".into(), &"mon-17".into()));
    assert_eq!((&raised["kind"], &raised["priority"]), (&"technical".into(), &"low".into()));

    ward.bus.keep("devices/mon-17/status", "online").await;
    let cleared = ward.bus.alerts(2).await.remove(1);
    assert_eq!((&cleared["event"], &cleared["id"]), (&"cleared".into(), &raised["id"]));
    ward.service.end().await.expect("no fault");
}

#[tokio::test]
async fn a_live_reading_shows_that_a_device_is_back() {
    let ward = Ward::open(AT_ONCE).await;
    a_device_that_vanishes(ward.bus.port).await;
    ward.bus.alerts(1).await;
    ward.bus.read("icu-1/p-17", r#"{"device":"mon-17","seq":2,"heart_rate":72}"#).await;
    let ended = |alerts: &[Value]| alerts.last().is_some_and(|alert| alert["event"] == "cleared");
    ward.bus.until("its end", "alerts/", ended).await;
    ward.service.end().await.expect("no fault");
}
