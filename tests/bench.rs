//! The bench in small: every part measures on a real broker, and nothing is left behind.

#[path = "support/mosquitto.rs"]
mod mosquitto;

use std::fs;
use std::future::pending;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use mosquitto::{Listener, Mosquitto};
use wardwatch::bench::{self, BenchReport, BenchSettings, FigureGroup};
use wardwatch_actors::clock::Clock;

fn wall() -> Timestamp {
    Timestamp::from_millisecond(Clock::system().now().wall.unix_ms()).unwrap()
}

/// A directory of this test alone, for SQLite files.
fn directory(name: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
    fs::create_dir_all(&directory).unwrap();
    directory
}

fn small(broker: &Mosquitto, stores: PathBuf, parts: &[FigureGroup]) -> BenchSettings {
    BenchSettings {
        broker: broker.url().parse().unwrap(),
        program: env!("CARGO_BIN_EXE_wardwatch").into(),
        parts: parts.to_vec(),
        readings: 500,
        rounds: 1,
        patients: 20,
        many_patients: 40,
        restored_patients: 30,
        alerts: 10,
        rate: 200,
        warm_up: Duration::ZERO,
        stores,
        wall,
    }
}

/// Measures, and looks that nothing is left on the broker or on the disk.
async fn measure(name: &str, parts: &[FigureGroup]) -> BenchReport {
    let broker = Mosquitto::start();
    let stores = directory(name);
    let settings = small(&broker, stores.clone(), parts);
    let report = bench::run(&settings, |_| {}, pending()).await.unwrap().unwrap();
    fs::remove_dir(stores).expect("no store is left");
    let listener = Listener::subscribe(broker.port(), &["#"]).await;
    mosquitto::publish(broker.port(), [("end".to_owned(), "")]).await;
    let heard = listener.hear("the end", |heard| heard.iter().any(|message| message.topic == "end")).await;
    assert_eq!(heard.len(), 1, "something is retained: {heard:?}");
    assert!(report.to_string().lines().all(|line| line.chars().count() < 120), "{report}");
    report
}

#[tokio::test]
async fn the_service_with_either_store_is_measured_beside_the_plain_client() {
    let report = measure("bench-beside", &[FigureGroup::Sustained, FigureGroup::Latency]).await;
    let sustained = report.sustained.as_ref().unwrap();
    for pace in [&sustained.plain, &sustained.memory, &sustained.sqlite] {
        assert!(pace.readings_per_second.least > 0.0);
    }
    let latency = report.latency.unwrap();
    assert_eq!([latency.plain, latency.memory, latency.sqlite].map(|latency| latency.answers), [10; 3]);
    assert!(report.to_string().contains("with SQLite by in memory"), "{report}");
}

#[tokio::test]
async fn a_killed_service_recovers_everybody_and_raises_nothing_anew() {
    let report = measure("bench-recovery", &[FigureGroup::Recovery]).await;
    let recovery = report.recovery.unwrap();
    assert_eq!((recovery.patients, recovery.raised_anew), (30, 0));
    assert!(recovery.open_alerts >= 30 && recovery.seconds.least > 0.0, "{recovery:?}");
}

#[tokio::test]
async fn what_was_queued_in_an_outage_is_answered() {
    let report = measure("bench-outage", &[FigureGroup::Outage]).await;
    let outage = report.outage.unwrap();
    assert!(outage.queued.least >= 2.0 && outage.ratio.least > 0.0, "{outage:?}");
}

#[tokio::test]
async fn many_patients_and_a_recording_are_measured() {
    let report = measure("bench-scale", &[FigureGroup::Scale, FigureGroup::Assess]).await;
    assert_eq!(report.scale.unwrap().many.patients, 40);
    assert!(report.assess.unwrap().readings >= 500);
}

#[tokio::test]
async fn a_bench_that_is_stopped_leaves_no_store() {
    let broker = Mosquitto::start();
    let stores = directory("bench-stopped");
    let settings = small(&broker, stores.clone(), &[FigureGroup::Recovery]);
    let (send, mut published) = tokio::sync::mpsc::unbounded_channel();
    let stop = async { while published.recv().await.is_some_and(|what: String| !what.contains("round")) {} };
    let report = bench::run(&settings, |what| drop(send.send(what.to_owned())), stop).await.unwrap();
    assert!(report.is_none());
    fs::remove_dir(&stores).expect("no store is left");
}

#[tokio::test]
async fn a_directory_that_cannot_hold_stores_is_named_with_its_flag() {
    let broker = Mosquitto::start();
    let settings = small(&broker, "no/such/directory".into(), &[FigureGroup::Recovery]);
    let fault = bench::run(&settings, |_| {}, pending()).await.err().unwrap();
    let words = format!("{fault:#}");
    assert!(words.contains("no/such/directory") && words.contains("--store-in"), "{words}");
}
