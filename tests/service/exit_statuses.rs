//! Each way in which a part can die ends the real program, with the status that its supervisor expects.

use super::mosquitto::Mosquitto;
use super::ward::{AT_ONCE, Bus, Program, scratch};

/// A reading to alert of.
const HIGH: &str = r#"{"device":"mon-17","seq":1,"heart_rate":170}"#;

/// How a service ended in which this fault was provoked, and what it had to say.
async fn end_of(faults: &str, settings: &str) -> (Option<i32>, String) {
    let broker = Mosquitto::start();
    let bus = Bus::of(broker.port()).await;
    let mut program = Program::run_with(broker.port(), settings, |command| {
        command.env("WARDWATCH_FAULT", faults);
    });
    if faults != "publisher" {
        bus.until_status("online").await;
    }
    bus.read("icu-1/p-17", HIGH).await;
    let status = program.ended().await;
    if faults != "publisher" {
        bus.until_status("offline").await;
    }
    (status.code(), program.complained())
}

#[tokio::test]
async fn an_actor_that_dies_is_70() {
    let (status, complained) = end_of("actor", AT_ONCE).await;
    assert_eq!(status, Some(70), "{complained}");
    assert!(complained.contains("an actor died: patient"), "{complained}");
}

#[tokio::test]
async fn a_receipt_that_goes_wrong_is_71() {
    let (status, complained) = end_of("receipt", AT_ONCE).await;
    assert_eq!(status, Some(71), "{complained}");
}

#[tokio::test]
async fn a_publisher_that_dies_is_72() {
    let (status, complained) = end_of("publisher", AT_ONCE).await;
    assert_eq!(status, Some(72), "{complained}");
}

#[tokio::test]
async fn a_shard_that_stands_still_is_73() {
    let (status, complained) = end_of("shard", AT_ONCE).await;
    assert_eq!(status, Some(73), "{complained}");
    assert!(complained.contains("has not responded for 11 s"), "{complained}");
}

#[tokio::test]
async fn a_shard_and_a_watchdog_that_both_stand_still_are_73_by_the_publisher() {
    let (status, complained) = end_of("shard,watchdog", AT_ONCE).await;
    assert_eq!(status, Some(73), "{complained}");
    assert!(complained.contains("has not responded for 14 s"), "{complained}");
}

#[tokio::test]
async fn a_thread_of_the_store_that_dies_is_74() {
    let database = scratch("db");
    let settings = format!("{AT_ONCE}[store]\nurl = \"sqlite://{}\"\n", database.display());
    let (status, complained) = end_of("recorder", &settings).await;
    assert_eq!(status, Some(74), "{complained}");
    for ending in ["", "-wal", "-shm", ".lock"] {
        let _ = std::fs::remove_file(format!("{}{ending}", database.display()));
    }
}

#[tokio::test]
async fn settings_that_cannot_be_used_are_2_and_a_store_that_another_holds_is_3() {
    let mut unusable = Program::run(1, "[mqtt.nothing]\n");
    assert_eq!(unusable.ended().await.code(), Some(2), "{}", unusable.complained());

    let broker = Mosquitto::start();
    let database = scratch("db");
    let settings = format!("{AT_ONCE}[store]\nurl = \"sqlite://{}\"\n", database.display());
    let bus = Bus::of(broker.port()).await;
    let _first = Program::run(broker.port(), &settings);
    bus.until_status("online").await;
    let mut second = Program::run(broker.port(), &settings);
    assert_eq!(second.ended().await.code(), Some(3), "{}", second.complained());
    for ending in ["", "-wal", "-shm", ".lock"] {
        let _ = std::fs::remove_file(format!("{}{ending}", database.display()));
    }
}
