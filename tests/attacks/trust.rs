//! Attacks by who says it: heartbeats, probes, records and discharges of strangers.

use std::time::Duration;

use rumqttc::QoS;
use tokio::time::sleep;

use super::flood::{flood, flood_retained};
use super::report::{Row, Table};
use super::site::{SETTINGS, Setup, Site};
use super::{Form, until_beat, until_said};

/// Each forgery in a ward of its own: it may end the service.
pub async fn all(table: &mut Table, form: Form) {
    let name = "forged heartbeats of our own name";
    if table.wants(name) {
        table.add(forged_heartbeats(name, form).await);
    }
    let name = "forged probes";
    if table.wants(name) {
        let mut site = Site::open(Setup::default(), |_| {}).await;
        let send = move |port| {
            let one = |n: u64| {
                let payload =
                    if n.is_multiple_of(2) { n.to_string() } else { format!(r#"{{"number":{n}}}"#) };
                ("probe/wardwatch".to_owned(), payload)
            };
            flood(port, QoS::AtLeastOnce, (0..form.of(5_000, 200_000)).map(one));
            flood_retained(port, [("probe/wardwatch".to_owned(), "1")]);
        };
        let from = site.bystanders.now();
        let mut row = site.attacked(name, send).await;
        let rejected = until_beat(&site, from, |beat| beat["rejected"].as_u64() >= Some(5_000)).await;
        row.fault(rejected, "they were not rejected");
        table.add(row);
    }
    let name = "everybody discharged at once";
    if table.wants(name) {
        table.add(mass_discharge(name, form).await);
    }
}

/// As of an instance that began later, earlier, now; alive, ended; heard live, and kept.
async fn forged_heartbeats(name: &'static str, form: Form) -> Row {
    let mut site = Site::open(Setup::default(), |_| {}).await;
    let from = site.bystanders.now();
    let send = move |port| {
        let starts = ["1970-01-01T00:00:00Z", "2026-11-22T06:35:06Z", "2099-01-01T00:00:00Z", "no time"];
        let statuses = ["online", "degraded", "offline", "?"];
        let one = |n: u64| {
            let (started, status) = (starts[n as usize % 4], statuses[n as usize / 4 % 4]);
            let payload = format!(
                r#"{{"instance":"wardwatch","time":"2026-11-22T06:35:06Z","started":"{started}","status":"{status}"}}"#
            );
            ("system/wardwatch".to_owned(), payload)
        };
        flood(port, QoS::AtLeastOnce, (0..form.of(64, 10_000)).map(one));
        flood_retained(port, (0..16).map(one));
        flood_retained(port, [("system/wardwatch".to_owned(), "")]);
    };
    let mut row = site.attacked(name, send).await;
    // Whoever asks the broker afterwards gets the truth.
    row.fault(until_beat(&site, from, |beat| beat["status"] == "online").await, "no true heartbeat after it");
    site.broker.stop();
    site.broker.restart();
    sleep(Duration::from_secs(2)).await;
    let back = site.bystanders.now();
    row.fault(
        until_beat(&site, back, |beat| beat["status"] == "online").await,
        "not online after a restart of the broker",
    );
    row.fault(site.program.is_running(), "the service ended");
    row
}

/// Their records are gone, they are not: the service holds the discharge and goes on watching.
async fn mass_discharge(name: &'static str, form: Form) -> Row {
    let patients = form.of(300, 20_000);
    let settings = SETTINGS.replace("max_patients = 1000", &format!("max_patients = {}", patients + 100));
    let mut site = Site::open(Setup { settings: &settings, ..Setup::default() }, |_| {}).await;
    let topics = move || (0..patients).map(|n| format!("patients/rec/p-{n}"));
    let bystanders = || (0..50).map(|n| format!("patients/by/{n}"));
    let port = site.port();
    let admitted = site.bystanders.now();
    let records = topics().chain(bystanders()).map(|topic| (topic, r#"{"bed":"B"}"#));
    flood_retained(port, records);
    let all = patients + 50;
    let mut admitting = until_beat(&site, admitted, |beat| beat["patients"].as_u64() >= Some(all)).await;
    let from = site.bystanders.now();
    let send = move |port| {
        flood_retained(port, topics().chain(bystanders()).map(|topic| (topic, "")));
    };
    let mut row = site.attacked(name, send).await;
    admitting &= until_said(&site, from, "discharge.held raised").await;
    row.fault(admitting, "discharge.held was not raised");
    let stay = until_beat(&site, site.bystanders.now(), |beat| beat["patients"].as_u64() >= Some(all)).await;
    row.fault(stay, "not everybody is watched on");
    row
}
