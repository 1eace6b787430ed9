//! A configuration that is read anew while the service runs.

use serde_json::Value;

use super::mosquitto::{self, Mosquitto};
use super::ward::{AT_ONCE, Bus, Program};

fn of<'a>(alerts: &'a [Value], patient: &str) -> Vec<(&'a Value, &'a Value)> {
    let of_patient = alerts.iter().filter(|alert| alert["patient"] == patient);
    of_patient.map(|alert| (&alert["event"], &alert["priority"])).collect()
}

#[tokio::test]
async fn limits_change_while_it_runs_and_nothing_is_forgotten() {
    let broker = Mosquitto::start();
    let bus = Bus::of(broker.port()).await;
    let mut program = Program::run(broker.port(), AT_ONCE);
    let first = bus.until_status("online").await;
    bus.read("icu-1/p-17", r#"{"device":"mon-17","seq":1,"heart_rate":130}"#).await;
    bus.read("icu-1/p-18", r#"{"device":"mon-18","seq":1,"heart_rate":110}"#).await;
    bus.read("icu-1/p-19", r#"{"device":"mon-19","seq":1,"heart_rate":170}"#).await;
    bus.alerts(2).await;

    program.reload(broker.port(), &AT_ONCE.replace("{ delay", "{ high = 135, delay"));
    bus.until("that it is within the new limit", "alerts/", |alerts| of(alerts, "p-17").len() == 2).await;
    program.reload(broker.port(), &AT_ONCE.replace("{ delay", "{ high = 105, delay"));
    let both = |alerts: &[Value]| of(alerts, "p-17").len() == 3 && of(alerts, "p-18").len() == 1;
    let alerts = bus.until("that both are beyond the new limit", "alerts/", both).await;
    let (raised, cleared, medium) = (&"raised".into(), &"cleared".into(), &"medium".into());
    assert_eq!(of(&alerts, "p-17"), [(raised, medium), (cleared, medium), (raised, medium)]);
    assert_eq!(of(&alerts, "p-18"), [(raised, medium)]);
    assert_eq!(of(&alerts, "p-19"), [(raised, &"high".into())], "nothing is raised anew");
    let log = program.complained() + &program.said();
    assert!(log.contains("limits.adult.heart_rate.high: 105, was 135"), "{log}");

    bus.read("icu-1/p-20", r#"{"device":"mon-20","seq":1,"heart_rate":110}"#).await;
    bus.until("that newcomers go by it, too", "alerts/", |alerts| of(alerts, "p-20").len() == 1).await;
    let last = bus.heard("system/").pop().expect("a heartbeat");
    assert_eq!(last["started"], first["started"]);
    program.signal("TERM");
    assert_eq!(program.ended().await.code(), Some(0));
}

#[tokio::test]
async fn a_faulty_configuration_is_reported_and_the_one_of_before_holds() {
    let broker = Mosquitto::start();
    let bus = Bus::of(broker.port()).await;
    let mut program = Program::run(broker.port(), AT_ONCE);
    bus.until_status("online").await;
    let log = || program.complained() + &program.said();
    program.reload(broker.port(), &AT_ONCE.replace("{ delay", "{ hihg = 135, delay"));
    mosquitto::until("the fault is reported", || log().contains("configuration not reloaded")).await;
    assert!(log().contains("did you mean high?"), "{}", log());
    program.reload(broker.port(), &format!("client_id = \"other\"\n{AT_ONCE}"));
    mosquitto::until("what needs a restart is in the log", || log().contains("needs a restart")).await;
    bus.until_judged("m").await;
    program.signal("TERM");
    assert_eq!(program.ended().await.code(), Some(0));
}
