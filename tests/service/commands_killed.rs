//! A command acts once, though the process is killed between the command and its answer.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use wardwatch_actors::clock::Clock;

use super::mosquitto::{Mosquitto, publish};
use super::ward::{AT_ONCE, Bus, Program, scratch};

const DESK: &str = "[senders.desk]\nmay = [\"test_alert\"]\n";
const KILLS: usize = 8;
const COMMANDS_EACH: usize = 6;
const TOPIC: &str = "wardwatch/commands/desk/icu-1/p-17";

fn test_alert(id: &str) -> String {
    json!({"command_id": id, "command": "test_alert", "by": "anna", "at": Clock::system().now().wall})
        .to_string()
}

fn answers(replies: &[Value], id: &str) -> Vec<Value> {
    replies.iter().filter(|reply| reply["command_id"] == id).cloned().collect()
}

#[tokio::test]
async fn each_command_acts_once_though_the_process_is_killed_before_its_answer() {
    let broker = Mosquitto::start();
    let bus = Bus::of(broker.port()).await;
    let settings = format!("{AT_ONCE}{DESK}[store]\nurl = \"sqlite://{}\"\n", scratch("db").display());
    let mut service = Program::run(broker.port(), &settings);
    bus.until_status("online").await;
    bus.read("icu-1/p-17", r#"{"heart_rate":72}"#).await;
    bus.until("the patient", "state/icu-1/p-17", |states| !states.is_empty()).await;

    let mut ids = Vec::new();
    for kill in 0..KILLS {
        let new: Vec<_> = (0..COMMANDS_EACH).map(|n| format!("{kill}-{n}")).collect();
        let commands = new.iter().map(|id| (TOPIC.to_owned(), test_alert(id)));
        publish(broker.port(), commands).await;
        ids.extend(new);
        // Each time a little further: before the first answer, after it, …
        let answered = kill * COMMANDS_EACH + kill % COMMANDS_EACH;
        bus.until("some answers", "replies/desk", |replies| distinct(replies).len() >= answered).await;
        service.signal("KILL");
        service.ended().await;
        service = Program::run(broker.port(), &settings);
        let all = |replies: &[Value]| ids.iter().all(|id| !answers(replies, id).is_empty());
        bus.until("an answer to each command", "replies/desk", all).await;
    }
    give_again(&bus, &ids).await;
    let alerts = one_alert_each(&bus.heard("replies/desk"), &ids);
    bus.until_judged("m").await;
    let tried = bus.heard("alerts/high/icu-1/p-17");
    let raised: BTreeSet<_> = tried.iter().map(|alert| alert["id"].to_string()).collect();
    assert_eq!(raised, alerts, "no command had two alerts");
    service.signal("TERM");
    service.ended().await;
}

/// Gives each command once more, and waits for its answer.
async fn give_again(bus: &Bus, ids: &[String]) {
    for id in ids {
        let before = answers(&bus.heard("replies/desk"), id).len();
        bus.send("commands/desk/icu-1/p-17", &test_alert(id)).await;
        let again = |replies: &[Value]| answers(replies, id).len() > before;
        bus.until("the same answer again", "replies/desk", again).await;
    }
}

/// The alert of each command, of which all answers say the same.
fn one_alert_each(replies: &[Value], ids: &[String]) -> BTreeSet<String> {
    let mut alerts = BTreeSet::new();
    for id in ids {
        let all = answers(replies, id);
        let of = |reply: &Value| ["ok", "alert", "sequence"].map(|field| reply[field].to_string());
        let said: BTreeSet<_> = all.iter().map(of).collect();
        assert_eq!(said.len(), 1, "one answer, however often: {said:?}");
        assert_eq!(all[0]["ok"], true);
        assert!(alerts.insert(all[0]["alert"].to_string()), "an alert of its own");
    }
    alerts
}

fn distinct(replies: &[Value]) -> BTreeSet<String> {
    replies.iter().map(|reply| reply["command_id"].to_string()).collect()
}
