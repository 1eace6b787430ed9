//! The commands' own connection: what MQTT 5 says with a command, and what waited for us.

use bytes::Bytes;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Packet, Publish, PublishProperties};
use rumqttc::v5::{AsyncClient, Event, MqttOptions};
use serde_json::{Value, json};
use tokio::time::timeout;
use wardwatch_actors::clock::{Clock, Span};

use super::mosquitto::{DEADLINE, Mosquitto, publish};
use super::ward::{AT_ONCE, Bus, Service, Ward};

const SENDERS: &str = "[senders.desk]\nmay = [\"acknowledge\", \"pause_audio\", \"audio_off\"]\n[senders.other]\nmay = [\"pause_audio\"]\n";

/// Sends one command with these properties, and returns the first message on `replies/desk` or below.
async fn asks(port: u16, payload: &Value, properties: PublishProperties) -> Publish {
    let mut options = MqttOptions::new("desk", "127.0.0.1", port);
    options.set_clean_start(true);
    let (client, mut events) = AsyncClient::new(options, 10);
    client.subscribe("wardwatch/replies/desk/#", QoS::AtLeastOnce).await.expect("the client runs");
    let answer = async {
        loop {
            match events.poll().await.expect("a connection") {
                Event::Incoming(Packet::SubAck(_)) => {
                    let (topic, payload) = ("wardwatch/commands/desk/icu-1/p-17", payload.to_string());
                    let (qos, properties) = (QoS::AtLeastOnce, properties.clone());
                    client
                        .publish_with_properties(topic, qos, false, payload, properties)
                        .await
                        .expect("the client runs");
                }
                Event::Incoming(Packet::Publish(publish)) => return publish,
                _ => {}
            }
        }
    };
    timeout(DEADLINE, answer).await.expect("an answer in time")
}

fn wants(response_topic: &str) -> PublishProperties {
    PublishProperties {
        response_topic: Some(response_topic.to_owned()),
        correlation_data: Some(Bytes::from_static(b"\0\xff7")),
        ..PublishProperties::default()
    }
}

fn pause(id: &str) -> Value {
    json!({"command_id": id, "command": "pause_audio", "by": "anna"})
}

#[tokio::test]
async fn an_answer_goes_to_the_response_topic_with_the_correlation_data() {
    let ward = Ward::open(&format!("{AT_ONCE}{SENDERS}")).await;
    ward.bus.read("icu-1/p-17", r#"{"heart_rate":170}"#).await;
    ward.bus.alerts(1).await;
    let answer = asks(ward.bus.port, &pause("1"), wants("wardwatch/replies/desk/7")).await;
    assert_eq!(answer.topic, "wardwatch/replies/desk/7");
    let returned = answer.properties.and_then(|properties| properties.correlation_data);
    assert_eq!(returned.as_deref(), Some(&b"\0\xff7"[..]));
    let said: Value = serde_json::from_slice(&answer.payload).expect("JSON");
    assert_eq!((&said["ok"], &said["command_id"]), (&true.into(), &"1".into()));
    assert_eq!(ward.bus.alerts(2).await[1]["event"], "paused");

    let answer = asks(ward.bus.port, &pause("2"), wants("wardwatch/alerts/high/icu-1/p-17")).await;
    assert_eq!(answer.topic, "wardwatch/replies/desk", "where only desk listens");
    let returned = answer.properties.and_then(|properties| properties.correlation_data);
    assert_eq!(returned.as_deref(), Some(&b"\0\xff7"[..]));
    let said: Value = serde_json::from_slice(&answer.payload).expect("JSON");
    let reason = said["reason"].as_str().expect("a reason");
    assert!(reason.starts_with("the Response Topic `wardwatch/alerts/high/icu-1/p-17` is not"), "{reason}");
    ward.bus.until_judged("m").await;
    assert_eq!(ward.bus.heard("alerts/").len(), 3, "nothing else was done, nor said there");
    ward.service.end().await.expect("no fault");
}

#[tokio::test]
async fn a_retained_command_is_rejected_when_it_comes_and_at_a_start() {
    let ward = Ward::open(&format!("{AT_ONCE}{SENDERS}")).await;
    ward.bus.read("icu-1/p-17", r#"{"heart_rate":170}"#).await;
    ward.bus.alerts(1).await;
    ward.bus.keep("commands/desk/icu-1/p-17", &pause("1").to_string()).await;
    let said = |replies: &[Value]| !replies.is_empty();
    let replies = ward.bus.until("the rejection", "replies/desk", said).await;
    assert_eq!(replies[0]["reason"], "a retained command is not carried out");
    ward.service.end().await.expect("no fault");

    // Of another instance, whose session at the broker is new.
    let other = format!("{AT_ONCE}{SENDERS}");
    let service = Service::start_as(ward.bus.port, "second", &other);
    let again = |replies: &[Value]| replies.len() == 2;
    let replies = ward.bus.until("the rejection at the start", "replies/desk", again).await;
    assert_eq!(replies[1]["reason"], "a retained command is not carried out");
    service.end().await.expect("no fault");
}

fn audio_off(id: &str, at: Option<String>) -> String {
    json!({"command_id": id, "command": "audio_off", "by": "anna", "at": at}).to_string()
}

/// So many seconds ago, as a command says it.
fn ago(seconds: i64) -> Option<String> {
    Some((Clock::system().now().wall - Span::from_secs(seconds)).to_string())
}

fn answer(replies: &[Value], id: &str) -> (bool, String) {
    let reply = replies.iter().find(|reply| reply["command_id"] == id).expect("an answer");
    (reply["ok"] == true, reply["reason"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn what_waited_for_a_minute_is_not_meant_any_more_and_all_of_it_is_answered() {
    let broker = Mosquitto::start();
    let bus = Bus::of(broker.port()).await;
    let settings = format!("{AT_ONCE}{SENDERS}");
    let service = Service::start(broker.port(), &settings);
    bus.until_status("online").await;
    service.end().await.expect("no fault");

    bus.read("icu-1/p-17", r#"{"heart_rate":170}"#).await;
    let topic = "wardwatch/commands/desk/icu-1/p-17".to_owned();
    let commands = [audio_off("old", ago(300)), audio_off("undated", None), audio_off("new", ago(1))];
    publish(bus.port, commands.map(|command| (topic.clone(), command))).await;

    let service = Service::start(broker.port(), &settings);
    let replies = bus.until("three answers", "replies/desk", |replies| replies.len() == 3).await;
    let old = "the command waited for more than 60 s before it was heard".to_owned();
    assert_eq!(answer(&replies, "old"), (false, old));
    let undated = "the command waited before it was heard, and does not say since when (at)".to_owned();
    assert_eq!(answer(&replies, "undated"), (false, undated));
    assert_eq!(answer(&replies, "new"), (true, String::new()));
    service.end().await.expect("no fault");
}

#[tokio::test]
async fn what_is_heard_live_is_carried_out_whatever_it_says_of_its_time() {
    let ward = Ward::open(&format!("{AT_ONCE}{SENDERS}")).await;
    ward.bus.read("icu-1/p-17", r#"{"heart_rate":170}"#).await;
    ward.bus.alerts(1).await;
    ward.bus.send("commands/desk/icu-1/p-17", &audio_off("live", ago(300))).await;
    let replies = ward.bus.until("the answer", "replies/desk", |replies| !replies.is_empty()).await;
    assert_eq!(replies[0]["ok"], true, "{replies:?}");
    assert!(replies[0]["difference_ms"].as_i64().is_some_and(|ms| ms >= 300_000), "{replies:?}");
    ward.service.end().await.expect("no fault");
}

#[tokio::test]
async fn a_flood_of_commands_is_rejected_and_keeps_nobody_else_from_commanding() {
    const FLOOD: usize = 2000;
    let ward = Ward::open(&format!("{AT_ONCE}{SENDERS}")).await;
    ward.bus.read("icu-1/p-17", r#"{"heart_rate":170}"#).await;
    ward.bus.alerts(1).await;
    let flood = (0..FLOOD)
        .map(|n| ("wardwatch/commands/desk/icu-1/p-17".to_owned(), pause(&n.to_string()).to_string()));
    publish(ward.bus.port, flood).await;
    ward.bus.send("commands/other/icu-1/p-17", &pause("mine").to_string()).await;
    let other = ward.bus.until("the other's answer", "replies/other", |replies| !replies.is_empty()).await;
    assert_eq!((&other[0]["command_id"], &other[0]["ok"]), (&"mine".into(), &true.into()));
    let flooded = "sender `desk` sends more than 50 commands a second";
    let answered = ward.bus.heard("replies/desk");
    let rejected = answered.iter().filter(|reply| reply["reason"] == flooded).count();
    let done = answered.iter().filter(|reply| reply["ok"] == true).count();
    assert_eq!(rejected + done, answered.len());
    assert!(rejected > 0 && done >= 50, "{done} done, {rejected} rejected");
    // Of a flood of rejections not each is answered: the rest is counted where rejections are.
    let of_flood = |rejected: &[Value]| -> u64 {
        let of_it = rejected.iter().filter(|message| message["reason"] == flooded);
        of_it.filter_map(|message| message["count"].as_u64()).sum()
    };
    let all = |rejected: &[Value]| of_flood(rejected) as usize + answered.len() == FLOOD;
    ward.bus.until("the rest to be counted", "rejected", all).await;
    ward.service.end().await.expect("no fault");
}
