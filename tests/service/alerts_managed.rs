//! Alerts are managed over the bus: commands in, changes and answers out.

use serde_json::{Value, json};

use super::ward::{AT_ONCE, Ward};

const DESK: &str =
    "[senders.desk]\nmay = [\"acknowledge\", \"pause_audio\", \"set_limits\", \"admit\", \"discharge\"]\n";

/// Commands something and waits for the answer.
async fn commands(ward: &Ward, patient: &str, command: Value) -> Value {
    ward.bus.send(&format!("commands/desk/{patient}"), &command.to_string()).await;
    let of_it = |replies: &[Value]| replies.iter().any(|reply| reply["command_id"] == command["command_id"]);
    let replies = ward.bus.until("the answer", "replies/desk", of_it).await;
    replies.into_iter().rev().find(|reply| reply["command_id"] == command["command_id"]).expect("an answer")
}

#[tokio::test]
async fn an_alert_is_acknowledged_paused_and_its_limit_set_by_command() {
    let ward = Ward::open(&format!("{AT_ONCE}{DESK}")).await;
    ward.bus.read("icu-1/p-17", r#"{"heart_rate":130}"#).await;
    let raised = ward.bus.alerts(1).await.remove(0);
    assert_eq!(raised["signal"], "on");

    let pause = json!({"command_id": "1", "command": "pause_audio", "by": "anna"});
    assert_eq!(commands(&ward, "icu-1/p-17", pause).await["ok"], true);
    let paused = ward.bus.alerts(2).await.remove(1);
    assert_eq!((&paused["event"], &paused["signal"]), (&"paused".into(), &"audio-paused".into()));
    assert_eq!((&paused["by"], &paused["sender"]), (&"anna".into(), &"desk".into()));

    let acknowledge =
        json!({"command_id": "2", "command": "acknowledge", "alert": raised["id"], "by": "anna"});
    let answer = commands(&ward, "icu-1/p-17", acknowledge.clone()).await;
    assert_eq!(
        (&answer["ok"], &answer["alert"], &answer["sequence"]),
        (&true.into(), &raised["id"], &3.into())
    );
    let acknowledged = ward.bus.alerts(3).await.remove(2);
    assert_eq!((&acknowledged["event"], &acknowledged["sequence"]), (&"acknowledged".into(), &3.into()));

    let limits = json!({"command_id": "3", "command": "set_limits", "limits": {"heart_rate": {"high": 140}}, "by": "anna"});
    assert_eq!(commands(&ward, "icu-1/p-17", limits).await["ok"], true);
    let cleared = ward.bus.alerts(4).await.remove(3);
    assert_eq!((&cleared["event"], &cleared["id"]), (&"cleared".into(), &raised["id"]));

    let again = commands(&ward, "icu-1/p-17", acknowledge).await;
    assert_eq!((&again["ok"], &again["sequence"]), (&true.into(), &3.into()), "answered as before");
    assert_eq!(ward.bus.heard("alerts/").len(), 4, "and nothing else");
    ward.service.end().await.expect("no fault");
}

#[tokio::test]
async fn a_patient_is_admitted_and_discharged_by_the_record_that_a_command_publishes() {
    let ward = Ward::open(&format!("{AT_ONCE}{DESK}")).await;
    let admit = json!({"command_id": "1", "command": "admit", "record": {"bed": "B"}, "by": "anna"});
    assert_eq!(commands(&ward, "icu-1/p-17", admit).await["ok"], true);
    let of_bed = |states: &[Value]| states.iter().any(|state| state["bed"] == "B");
    ward.bus.until("the state of whoever was admitted", "state/", of_bed).await;
    let discharge = json!({"command_id": "2", "command": "discharge", "by": "anna"});
    assert_eq!(commands(&ward, "icu-1/p-17", discharge).await["ok"], true);
    let emptied = |states: &[Value]| states.last().is_some_and(Value::is_null);
    ward.bus.until("the state to be emptied", "state/", emptied).await;
    ward.service.end().await.expect("no fault");
}

#[tokio::test]
async fn a_stranger_and_half_a_command_are_rejected() {
    let ward = Ward::open(&format!("{AT_ONCE}{DESK}")).await;
    ward.bus.read("icu-1/p-17", r#"{"heart_rate":72}"#).await;
    let pause = json!({"command_id": "1", "command": "pause_audio", "by": "anna"});
    ward.bus.send("commands/stranger/icu-1/p-17", &pause.to_string()).await;
    let replies = ward.bus.until("the answer", "replies/stranger", |replies| !replies.is_empty()).await;
    assert_eq!(replies[0]["reason"], "sender `stranger` is not listed (senders.NAME)");
    let nobody = json!({"command_id": "2", "command": "pause_audio"});
    let answer = commands(&ward, "icu-1/p-17", nobody).await;
    assert!(answer["reason"].as_str().expect("a reason").starts_with("by does not say"), "{answer}");
    ward.service.end().await.expect("no fault");
}
