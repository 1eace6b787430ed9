//! How the process ends, and that its end loses nothing.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::mosquitto::{Mosquitto, publish};
use super::ward::{AT_ONCE, Bus, Program, scratch, texts};

/// One reading each of these patients, of a heart rate to alert of.
fn high(patients: std::ops::Range<u32>) -> impl Iterator<Item = (String, String)> {
    let reading = |n| {
        (
            format!("wardwatch/vitals/icu-1/p-{n}"),
            format!(r#"{{"device":"mon-{n}","seq":1,"heart_rate":170}}"#),
        )
    };
    patients.map(reading)
}

fn patients(alerts: &[Value]) -> BTreeSet<&str> {
    texts(alerts, "patient").into_iter().collect()
}

/// Seen to fail with receipts waiting for the PUBACK of alerts taken out.
#[tokio::test]
async fn readings_under_way_at_sigterm_are_judged_and_acknowledged_and_the_others_kept_for_the_next_start() {
    const PATIENTS: usize = 2000;
    let broker = Mosquitto::start();
    let bus = Bus::of(broker.port()).await;
    let mut program = Program::run(broker.port(), AT_ONCE);
    bus.until_status("online").await;
    let (send, end) = (publish(broker.port(), high(0..PATIENTS as u32)), async {
        bus.alerts(1).await;
        program.signal("TERM");
        program.ended().await
    });
    let ((), status) = tokio::join!(send, end);
    assert_eq!(status.code(), Some(0), "{}", program.complained());
    bus.until_status("offline").await;

    let mut again = Program::run(broker.port(), AT_ONCE);
    bus.until("everybody's alert", "alerts/", |alerts| patients(alerts).len() == PATIENTS).await;
    bus.until_judged("m").await;
    // Each once: what was judged was acknowledged, and what was acknowledged was judged.
    assert_eq!(bus.heard("alerts/").len(), PATIENTS + 1);
    again.signal("TERM");
    assert_eq!(again.ended().await.code(), Some(0));
}

#[tokio::test]
async fn a_killed_service_loses_no_reading_neither_the_ones_under_way_nor_those_of_its_absence() {
    kill_in_the_middle(AT_ONCE).await;
}

#[tokio::test]
async fn a_killed_service_with_a_database_loses_none_either() {
    let database = scratch("db");
    let store = format!("{AT_ONCE}[store]\nurl = \"sqlite://{}\"\n", database.display());
    kill_in_the_middle(&store).await;
    for ending in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{ending}", database.display()));
    }
}

/// Kills a service that takes readings, sends others meanwhile, and starts it again.
async fn kill_in_the_middle(settings: &str) {
    const UNDER_WAY: u32 = 1000;
    const ALL: u32 = 1200;
    let broker = Mosquitto::start();
    let bus = Bus::of(broker.port()).await;
    let mut program = Program::run(broker.port(), settings);
    bus.until_status("online").await;
    let (send, end) = (publish(broker.port(), high(0..UNDER_WAY)), async {
        bus.alerts(1).await;
        program.signal("KILL");
        program.ended().await
    });
    let ((), status) = tokio::join!(send, end);
    assert_eq!(status.code(), None);
    publish(broker.port(), high(UNDER_WAY..ALL)).await;

    let _again = Program::run(broker.port(), settings);
    let all = |alerts: &[Value]| patients(alerts).len() == ALL as usize;
    let alerts = bus.until("everybody's alert", "alerts/", all).await;
    let mut ids: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (patient, id) in texts(&alerts, "patient").into_iter().zip(texts(&alerts, "id")) {
        ids.entry(patient).or_default().insert(id);
    }
    assert!(
        ids.values().all(|ids| ids.len() == 1),
        "an alert that is published again has the same id: {ids:?}"
    );
    assert!(alerts.iter().all(|alert| alert["sequence"].as_u64() == Some(1)), "and the same sequence");
}

#[tokio::test]
async fn of_two_services_under_one_name_the_older_ends_with_a_status_that_says_so() {
    let broker = Mosquitto::start();
    let bus = Bus::of(broker.port()).await;
    let mut older = Program::run(broker.port(), AT_ONCE);
    let first = bus.until_status("online").await;
    let mut newer = Program::run(broker.port(), AT_ONCE);
    assert_eq!(older.ended().await.code(), Some(75), "{}", older.complained());
    assert!(older.complained().contains("client id of its own"), "{}", older.complained());
    let other = |beats: &[Value]| {
        beats.last().is_some_and(|beat| beat["status"] == "online" && beat["started"] != first["started"])
    };
    bus.until("the newer one's heartbeat", "system/", other).await;
    bus.until_judged("m").await;
    newer.signal("TERM");
    assert_eq!(newer.ended().await.code(), Some(0), "{}", newer.complained());
}

#[tokio::test]
async fn without_a_broker_the_service_waits_for_one_and_can_be_ended() {
    let mut broker = Mosquitto::start();
    broker.stop();
    let mut program = Program::run(broker.port(), AT_ONCE);
    super::mosquitto::until("it says so", || program.complained().contains("trying again")).await;
    broker.restart();
    let bus = Bus::of(broker.port()).await;
    bus.until_status("online").await;
    broker.stop();
    program.signal("TERM");
    assert_eq!(program.ended().await.code(), Some(0));
}
