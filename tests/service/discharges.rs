//! Everybody discharged at once: held, watched on, and ended by the command that says it was meant.

use serde_json::Value;

use super::mosquitto::{Mosquitto, publish_retained};
use super::ward::{AT_ONCE, Bus, Program, config_file};

const PATIENTS: usize = 60;

/// Writes the same into everybody's record.
async fn records(port: u16, record: &'static str) {
    let topic = |n| format!("wardwatch/patients/icu-1/p-{n}");
    publish_retained(port, (0..PATIENTS).map(|n| (topic(n), record))).await;
}

async fn until_patients(bus: &Bus, patients: usize) {
    let is_so =
        |beats: &[Value]| beats.last().is_some_and(|beat| beat["patients"].as_u64() == Some(patients as u64));
    bus.until(&format!("{patients} patients"), "system/", is_so).await;
}

#[tokio::test]
async fn of_a_mass_discharge_everybody_is_watched_on_until_the_command_confirms_it() {
    let broker = Mosquitto::start();
    let bus = Bus::of(broker.port()).await;
    let mut program = Program::run(broker.port(), AT_ONCE);
    bus.until_status("online").await;
    records(broker.port(), r#"{"bed":"B"}"#).await;
    until_patients(&bus, PATIENTS).await;

    records(broker.port(), "").await;
    let held = |event: &'static str| {
        move |alerts: &[Value]| {
            alerts.iter().any(|alert| alert["condition"] == "discharge.held" && alert["event"] == event)
        }
    };
    bus.until("that they are held", "alerts/high/_/_", held("raised")).await;
    // Whoever was discharged first is watched on as well as whoever was last.
    for patient in [0, PATIENTS - 1] {
        bus.read(&format!("icu-1/p-{patient}"), r#"{"device":"mon","seq":1,"heart_rate":170}"#).await;
        let alerts = |alerts: &[Value]| {
            alerts.iter().any(|alert| {
                alert["patient"] == format!("p-{patient}") && alert["condition"] == "heart_rate.high"
            })
        };
        bus.until("the alert of one who is held", "alerts/", alerts).await;
    }

    let config = config_file(broker.port(), AT_ONCE);
    let mut command = Program::start(&["discharges", "confirm", "--config", config.to_str().expect("UTF-8")]);
    assert_eq!(command.ended().await.code(), Some(0), "{}", command.complained());
    assert!(command.said().contains("confirmed"), "{}", command.said());
    bus.until("that nobody is held", "alerts/high/_/_", held("cleared")).await;
    until_patients(&bus, 0).await;
    program.signal("TERM");
    assert_eq!(program.ended().await.code(), Some(0), "{}", program.complained());
    let _ = std::fs::remove_file(config);
}
