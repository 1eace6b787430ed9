//! WardWatch itself behind the hospital's broker, and what `wardwatch health` says of it.

use std::fs;

use serde_json::Value;

use super::client::{Client, Login};
use super::site::Site;
use super::ward::{AT_ONCE, Program, scratch};
use super::{DAYS, connect};

/// What `wardwatch health` says of the service of this configuration, and its exit status.
async fn health(config: &str, flags: &[&str]) -> (Option<i32>, String) {
    let arguments = [&["health", "--config", config], flags].concat();
    let mut asking = Program::start(&arguments);
    let status = asking.ended().await;
    (status.code(), asking.said() + &asking.complained())
}

#[tokio::test]
async fn the_service_works_behind_it_and_its_health_can_be_asked() {
    let mut site = Site::open(DAYS).await;
    let file = scratch("toml");
    let settings = format!("{AT_ONCE}[store]\nurl = \"memory\"\n[mqtt]\n{}", site.service_settings());
    fs::write(&file, settings).expect("a configuration");
    let config = file.to_str().expect("UTF-8");
    let (status, said) = health(config, &["--within", "1s"]).await;
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("has never run"), "{said}");

    let mut program = Program::start(&["run", "--config", config]);
    let mut watching =
        Client::connect(&Login::with_certificate(&site, "records")).await.expect("a connection");
    watching.subscribe("wardwatch/#").await;
    while watching.hear("wardwatch/system/wardwatch").await["status"] != "online" {}

    let mut pager = connect(&site, "pager-icu-1").await;
    pager.subscribe("wardwatch/alerts/#").await;
    let mut gateway = connect(&site, "gateway-icu-1").await;
    assert!(gateway.publish("wardwatch/vitals/icu-1/p-17", r#"{"device":"mon-17","heart_rate":0}"#).await);
    let alert: Value = pager.hear("wardwatch/alerts/high/icu-1/p-17").await;
    assert_eq!(alert["condition"], "heart_rate.low");

    let (status, said) = health(config, &["--strict"]).await;
    assert_eq!(status, Some(0), "{said}");
    assert!(said.starts_with("online: ingest listening"), "{said}");
    program.signal("KILL");
    program.ended().await;
    while watching.hear("wardwatch/system/wardwatch").await["status"] != "offline" {}
    let (status, said) = health(config, &[]).await;
    assert_eq!(status, Some(1), "{said}");
    assert!(said.starts_with("offline since"), "{said}");
    site.stop();
    let (status, said) = health(config, &[]).await;
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("no connection to the broker"), "{said}");
    let _ = fs::remove_file(file);
}
