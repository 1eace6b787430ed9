//! The commands to try it out with, as somebody types them.

use std::net::TcpListener;

use serde_json::Value;

use super::mosquitto::Mosquitto;
use super::ward::{AT_ONCE, Bus, Program, Ward};

#[tokio::test]
async fn the_demo_shows_an_alert_and_ends_with_ctrl_c() {
    let mut demo = Program::start(&["demo", "--port", "0"]);
    demo.until_said("mosquitto_sub").await;
    demo.until_said(" raised ").await;
    let said = demo.said();
    let alert = said.lines().find(|line| line.contains(" raised ")).expect("an alert");
    assert!(alert.contains("sim-"), "{alert}");
    demo.signal("INT");
    assert_eq!(demo.ended().await.code(), Some(0), "{}", demo.complained());
}

#[tokio::test]
async fn a_taken_port_is_an_error_that_names_the_flag() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("its address").port().to_string();
    let mut demo = Program::start(&["demo", "--port", &port]);
    assert_eq!(demo.ended().await.code(), Some(1));
    let complaint = demo.complained();
    assert!(complaint.contains(&port) && complaint.contains("--port"), "{complaint}");
}

#[tokio::test]
async fn simulated_readings_say_so_and_so_do_their_alerts_and_states() {
    // Limits that every simulated patient is beyond at once.
    let ward = Ward::open(
        "[limits.adult]\nheart_rate = { high = 52, extreme_high = 55, hysteresis = 0.5, delay = \"0s\" }\n",
    )
    .await;
    let url = ward.broker.url();
    let arguments =
        ["simulate", "--url", &url, "--patients", "5", "--rate", "5", "--duration", "2s", "--healthy"];
    let mut simulator = Program::start(&arguments);
    assert_eq!(simulator.ended().await.code(), Some(0), "{}", simulator.complained());
    let said = simulator.said();
    assert!(said.contains("readings sent, "), "{said}");
    let numbers: Vec<usize> = said.split(' ').filter_map(|word| word.parse().ok()).collect();
    let [sent, acknowledged] = numbers[..2] else { panic!("{said}") };
    assert!((40..=60).contains(&sent), "{said}");
    assert_eq!(sent, acknowledged);

    ward.bus.until_judged("m").await;
    let readings = ward.bus.heard("vitals/sim-1/");
    assert_eq!(readings.len(), sent);
    let simulated = |messages: &[Value]| messages.iter().all(|message| message["simulated"] == true);
    assert!(simulated(&readings), "{readings:?}");
    let of_fleet = |topic: &str| -> Vec<Value> {
        ward.bus.heard(topic).into_iter().filter(|message| message["unit"] == "sim-1").collect()
    };
    assert!(!of_fleet("alerts/").is_empty() && simulated(&of_fleet("alerts/")));
    assert!(!of_fleet("state/").is_empty() && simulated(&of_fleet("state/")));
    let marker = ward.bus.heard("alerts/").pop().expect("the marker's alert");
    assert_eq!(marker["simulated"], false);
}

#[tokio::test]
async fn a_simulated_nurse_acknowledges_alerts_of_the_fleet_and_of_nobody_else() {
    let everybody_alerts =
        "[limits.adult]\nheart_rate = { high = 52, extreme_high = 55, hysteresis = 0.5, delay = \"0s\" }\n";
    let nurse = "[senders.sim-nurse]\nmay = [\"acknowledge\"]\n";
    let ward = Ward::open(&format!("{everybody_alerts}{nurse}")).await;
    ward.bus.read("icu-1/p-17", r#"{"heart_rate":170}"#).await;
    let url = ward.broker.url();
    let fleet = ["simulate", "--url", &url, "--patients", "5", "--healthy", "--nurse", "sim-nurse"];
    let mut simulator = Program::start(&fleet);
    let seen = |alert: &&Value| alert["event"] == "acknowledged";
    let alerts = ward
        .bus
        .until("an acknowledgement", "alerts/", |alerts| alerts.iter().any(|alert| seen(&alert)))
        .await;
    let by = alerts.iter().find(seen).expect("an acknowledgement");
    assert_eq!((&by["by"], &by["sender"]), (&"a simulated nurse".into(), &"sim-nurse".into()));
    assert!(alerts.iter().filter(seen).all(|alert| alert["unit"] == "sim-1"), "{alerts:?}");
    simulator.signal("INT");
    assert_eq!(simulator.ended().await.code(), Some(0), "{}", simulator.complained());
}

#[tokio::test]
async fn the_simulator_keeps_away_from_real_units_unless_one_knows() {
    let broker = Mosquitto::start();
    let bus = Bus::of(broker.port()).await;
    let url = broker.url();
    let arguments = ["simulate", "--url", &url, "--unit", "icu-1", "--duration", "1s", "--patients", "1"];
    let mut rejected = Program::start(&arguments);
    assert_eq!(rejected.ended().await.code(), Some(2));
    assert!(rejected.complained().contains("--i-know"), "{}", rejected.complained());
    let mut knowing = Program::start(&[&arguments[..], &["--i-know"]].concat());
    assert_eq!(knowing.ended().await.code(), Some(0), "{}", knowing.complained());
    let readings = bus.heard("vitals/");
    assert!(!readings.is_empty() && readings.iter().all(|reading| reading["simulated"] == true));
}

#[tokio::test]
async fn a_fault_in_the_configuration_is_reported_before_anything_starts() {
    let mut program = Program::run(1, &AT_ONCE.replace("{ delay", "{ dellay"));
    assert_eq!(program.ended().await.code(), Some(2));
    assert!(program.complained().contains("dellay"), "{}", program.complained());
}
