//! What others do to our sessions and our own topics, and what the broker says of itself.

use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS};
use serde_json::Value;

use super::mosquitto::{self, Listener, Mosquitto, publish};
use super::ward::{AT_ONCE, Bus, Program, Ward, retained};

/// A heartbeat of a newer instance of this name.
fn newer(instance: &str) -> String {
    format!(r#"{{"instance":"{instance}","started":"2099-01-01T00:00:00Z","status":"online"}}"#)
}

#[tokio::test]
async fn forged_heartbeats_end_nothing_and_are_rejected_and_the_true_one_stands_again() {
    let ward = Ward::open(AT_ONCE).await;
    ward.bus.keep("system/wardwatch", &newer("wardwatch")).await;
    ward.bus.send("system/wardwatch", &newer("wardwatch")).await;
    ward.bus.send("system/wardwatch", &newer("other")).await;
    ward.bus.send("system/wardwatch", "no heartbeat").await;
    for probe in ["0123456789abcdef-1", "7"] {
        ward.bus.send("probe/wardwatch", probe).await;
    }
    let of_probe = |published: &[Value]| {
        published.iter().filter(|published| published["topic"] == "wardwatch/probe/wardwatch").count()
    };
    ward.bus.until("that forged probes are rejected", "rejected", |published| of_probe(published) == 2).await;
    let of_system = |published: &[Value]| {
        published.iter().filter(|published| published["topic"] == "wardwatch/system/wardwatch").count()
    };
    ward.bus.until("that they are rejected", "rejected", |published| of_system(published) == 4).await;
    ward.bus.until_judged("m").await;
    let beats = ward.bus.until("our own again", "system/", |beats| {
        beats.last().is_some_and(|beat| beat["rejected"].as_u64().is_some())
    });
    beats.await;
    let kept = retained(ward.bus.port, "system").await;
    assert_ne!(kept[0].1["started"], "2099-01-01T00:00:00Z");
    ward.service.end().await.expect("no fault");
}

#[tokio::test]
async fn a_forged_heartbeat_that_is_retained_keeps_nobody_from_starting() {
    let broker = Mosquitto::start();
    let bus = Bus::of(broker.port()).await;
    bus.keep("system/wardwatch", &newer("wardwatch")).await;
    let mut program = Program::run(broker.port(), AT_ONCE);
    let started = |beats: &[Value]| {
        beats
            .last()
            .is_some_and(|beat| beat["status"] == "online" && beat["started"] != "2099-01-01T00:00:00Z")
    };
    bus.until("our own", "system/", started).await;
    bus.until_judged("m").await;
    program.signal("TERM");
    assert_eq!(program.ended().await.code(), Some(0), "{}", program.complained());
}

#[tokio::test]
async fn subscriptions_of_an_earlier_configuration_are_taken_back() {
    let broker = Mosquitto::start();
    let mut options = MqttOptions::new("wardwatch", "127.0.0.1", broker.port());
    options.set_clean_session(false);
    let (client, mut events) = AsyncClient::new(options, 10);
    for filter in ["old/ward/vitals/#", "wardwatch/vitals/icu-1/p-17"] {
        client.subscribe(filter, QoS::AtLeastOnce).await.expect("room for a request");
        let granted = |event| matches!(event, Event::Incoming(Packet::SubAck(_)));
        while !granted(events.poll().await.expect("a connection")) {}
    }
    drop((client, events));
    let bus = Bus::of(broker.port()).await;
    let mut program = Program::run(broker.port(), AT_ONCE);
    bus.until_status("online").await;
    let old = |n: u32| (format!("old/ward/vitals/icu-1/p-{n}"), "{}");
    publish(broker.port(), [old(1)]).await;
    bus.until("that it is rejected", "rejected", |published| published.len() == 1).await;
    bus.until_judged("first").await;
    publish(broker.port(), (2..10).map(old)).await;
    bus.until_judged("second").await;
    assert_eq!(bus.heard("rejected").len(), 1, "nothing more of it comes");
    program.signal("TERM");
    assert_eq!(program.ended().await.code(), Some(0));
}

/// Mosquitto 2.0.11 ends the connection for each message that its access list forbids.
#[tokio::test]
async fn with_probes_forbidden_timers_run_all_the_same_and_the_heartbeat_says_so() {
    let acl = super::ward::scratch("acl");
    let but_probes = ["vitals", "alerts", "state", "scores", "system"]
        .map(|topic| format!("topic write wardwatch/{topic}/#\n"));
    std::fs::write(&acl, format!("topic read #\n{}", but_probes.concat())).expect("an access list");
    let broker = Mosquitto::with_config(&format!("{}\nacl_file {}\n", mosquitto::CONFIG, acl.display()));
    let bus = Bus::of(broker.port()).await;
    let settings = "[limits.adult]\nheart_rate = { delay = \"2s\", extreme_delay = \"2s\" }\n";
    let mut program = Program::run(broker.port(), settings);
    let listening = |beats: &[Value]| {
        beats.last().is_some_and(|beat| beat["status"] == "degraded" && beat["ingest"] == "listening")
    };
    bus.until("that it listens without its probes", "system/", listening).await;
    bus.read("icu-1/p-17", r#"{"device":"mon-17","seq":1,"heart_rate":170}"#).await;
    let alerts = bus.alerts(1).await;
    assert_eq!(alerts[0]["reading"], Value::Null, "the end of its delay by the clock");
    program.signal("TERM");
    assert_eq!(program.ended().await.code(), Some(0), "{}", program.complained());
    let _ = std::fs::remove_file(acl);
}

#[tokio::test]
async fn a_broker_that_drops_messages_is_an_alert() {
    let config = mosquitto::CONFIG.replace("max_queued_messages 0", "max_queued_messages 5");
    let broker = Mosquitto::with_config(&format!("{config}\nsys_interval 1\n"));
    let mut options = MqttOptions::new("absent", "127.0.0.1", broker.port());
    options.set_clean_session(false);
    let (client, mut events) = AsyncClient::new(options, 10);
    client.subscribe("elsewhere", QoS::AtLeastOnce).await.expect("room for a request");
    let granted = |event| matches!(event, Event::Incoming(Packet::SubAck(_)));
    while !granted(events.poll().await.expect("a connection")) {}
    drop((client, events));
    let counting = Listener::subscribe(broker.port(), &["$SYS/broker/publish/messages/dropped"]).await;
    let bus = Bus::of(broker.port()).await;
    let mut program = Program::run(broker.port(), AT_ONCE);
    bus.until_status("online").await;
    counting.hear("the broker's count", |heard| !heard.is_empty()).await;
    publish(broker.port(), (0..100).map(|_| ("elsewhere".to_owned(), "x"))).await;
    let alerts = bus.alerts(1).await;
    assert_eq!(
        (&alerts[0]["condition"], &alerts[0]["priority"]),
        (&"broker.dropping".into(), &"high".into())
    );
    assert!(alerts[0]["unit"].is_null() && alerts[0]["patient"].is_null());
    program.signal("TERM");
    assert_eq!(program.ended().await.code(), Some(0));
}
