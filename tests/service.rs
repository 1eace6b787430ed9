//! The whole service from outside: broker, WardWatch and devices, as a ward has them.

#[path = "support/mosquitto.rs"]
mod mosquitto;
#[path = "support/ward.rs"]
mod ward;

#[path = "service/admission.rs"]
mod admission;
#[path = "service/alerts_managed.rs"]
mod alerts_managed;
#[path = "service/certificates.rs"]
mod certificates;
#[path = "service/command_connection.rs"]
mod command_connection;
#[path = "service/command_figures.rs"]
mod command_figures;
#[path = "service/command_line.rs"]
mod command_line;
#[path = "service/commands.rs"]
mod commands;
#[path = "service/commands_killed.rs"]
mod commands_killed;
#[path = "service/devices.rs"]
mod devices;
#[path = "service/discharges.rs"]
mod discharges;
#[cfg(feature = "demo")]
#[path = "service/embedded.rs"]
mod embedded;
#[path = "service/ends.rs"]
mod ends;
#[path = "service/evening.rs"]
mod evening;
#[path = "service/exit_statuses.rs"]
mod exit_statuses;
#[path = "service/hearing.rs"]
mod hearing;
#[path = "service/log.rs"]
mod log;
#[path = "service/pages.rs"]
mod pages;
#[path = "service/receivers.rs"]
mod receivers;
#[path = "service/rejected_alerts.rs"]
mod rejected_alerts;
#[path = "service/rejections.rs"]
mod rejections;
#[path = "service/reload.rs"]
mod reload;
#[path = "service/rules.rs"]
mod rules;
#[path = "service/sessions.rs"]
mod sessions;

use std::collections::{BTreeMap, BTreeSet};

use mosquitto::publish;
use serde_json::Value;
use ward::{AT_ONCE, Ward, retained, texts};

/// The "done when" of the first release.
#[tokio::test]
async fn an_alert_comes_at_once_and_is_cleared_after_a_restart_of_the_broker() {
    let mut ward = Ward::open(AT_ONCE).await;
    ward.bus.read("icu-1/p-17", r#"{"heart_rate":170}"#).await;
    let raised = ward.bus.alerts(1).await.remove(0);
    assert_eq!(raised["condition"], "heart_rate.high");
    assert_eq!((&raised["event"], &raised["priority"]), (&"raised".into(), &"high".into()));
    assert_eq!((raised["sequence"].as_u64(), raised["value"].as_u64()), (Some(1), Some(170)));
    assert_eq!((&raised["unit"], &raised["patient"]), (&"icu-1".into(), &"p-17".into()));

    ward.broker.stop();
    ward.broker.restart();
    ward.bus.read("icu-1/p-17", r#"{"heart_rate":72}"#).await;
    // What the broker had not confirmed when it was stopped comes again, with the same id and sequence.
    let distinct = |alerts: &[Value]| {
        let mut known = BTreeSet::new();
        let is_new = |alert: &&Value| known.insert((alert["id"].to_string(), alert["sequence"].as_u64()));
        alerts.iter().filter(is_new).cloned().collect::<Vec<_>>()
    };
    let heard = ward.bus.until("its end", "alerts/", |alerts| distinct(alerts).len() >= 2).await;
    let cleared = distinct(&heard).remove(1);
    assert_eq!((&cleared["event"], cleared["sequence"].as_u64()), (&"cleared".into(), Some(2)));
    assert_eq!(cleared["id"], raised["id"]);
    ward.bus.until_judged("m").await;
    let heard = ward.bus.heard("alerts/");
    assert_eq!(distinct(&heard).len(), 3, "and nothing else: {heard:?}");
    ward.service.end().await.expect("no fault");
}

#[tokio::test]
async fn a_restart_of_the_broker_in_the_middle_of_a_burst_loses_no_alert() {
    const PATIENTS: usize = 300;
    let mut ward = Ward::open(AT_ONCE).await;
    let reading =
        |n: usize| (format!("wardwatch/vitals/icu-1/p-{n}"), format!(r#"{{"seq":{n},"heart_rate":170}}"#));
    publish(ward.bus.port, (0..PATIENTS).map(reading)).await;
    ward.broker.stop();
    ward.broker.restart();
    let of_whom = |alerts: &[Value]| texts(alerts, "patient").into_iter().collect::<BTreeSet<_>>().len();
    let alerts = ward.bus.until("everybody's alert", "alerts/", |alerts| of_whom(alerts) == PATIENTS).await;
    let ids: BTreeSet<_> = texts(&alerts, "id").into_iter().collect();
    assert_eq!(ids.len(), PATIENTS, "a repeat carries the same id");
}

#[tokio::test]
async fn changes_of_an_alert_are_counted_without_gap_or_repeat() {
    const PATIENTS: usize = 100;
    const READINGS: usize = 30;
    let ward = Ward::open(AT_ONCE).await;
    // High, normal, high, normal: as many changes of alerts as readings.
    let reading = |n: usize| {
        let (seq, rate) = (n / PATIENTS, if (n / PATIENTS).is_multiple_of(2) { 170 } else { 72 });
        let topic = format!("wardwatch/vitals/icu-1/p-{}", n % PATIENTS);
        (topic, format!(r#"{{"device":"mon-{}","seq":{seq},"heart_rate":{rate}}}"#, n % PATIENTS))
    };
    publish(ward.bus.port, (0..PATIENTS * READINGS).map(reading)).await;
    let alerts = ward.bus.alerts(PATIENTS * READINGS).await;
    let mut changes: BTreeMap<&str, Vec<(u64, &str)>> = BTreeMap::new();
    for alert in &alerts {
        let (id, event) = (alert["id"].as_str().expect("an id"), alert["event"].as_str().expect("an event"));
        changes.entry(id).or_default().push((alert["sequence"].as_u64().expect("a sequence"), event));
    }
    assert_eq!(changes.len(), PATIENTS * READINGS / 2);
    assert!(changes.values().all(|changes| *changes == [(1, "raised"), (2, "cleared")]), "{changes:?}");
    ward.service.end().await.expect("no fault");
}

#[tokio::test]
async fn a_late_subscriber_gets_the_state_of_every_patient() {
    let ward = Ward::open(AT_ONCE).await;
    ward.bus
        .read("icu-1/p-17", r#"{"device":"mon-17","seq":1,"heart_rate":170,"oxygen_saturation":98}"#)
        .await;
    let alerting = |states: &[Value]| states.last().is_some_and(|state| state["alerts"][0].is_object());
    ward.bus.until("a state with the alert", "state/", alerting).await;
    let states = retained(ward.bus.port, "state").await;
    let [(topic, state)] = states.as_slice() else { panic!("{states:?}") };
    assert_eq!(topic, "wardwatch/state/icu-1/p-17");
    assert_eq!(state["vitals"]["heart_rate"]["value"].as_u64(), Some(170));
    assert_eq!(state["vitals"]["oxygen_saturation"]["device"], "mon-17");
    assert_eq!(state["alerts"][0]["id"], ward.bus.heard("alerts/")[0]["id"]);
    assert_eq!(state["simulated"], false);
}
