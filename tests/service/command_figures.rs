//! Figures of managed alerts, printed and not asserted: from a command to its change, and what a confirmation costs.

use std::fs;
use std::time::Duration;

use rumqttc::{AsyncClient, Event, EventLoop, MqttOptions, NetworkOptions, Packet, QoS};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::mosquitto::{DEADLINE, Mosquitto, publish_retained};
use super::ward::{AT_ONCE, Bus, Program, scratch};

const READINGS_PER_SECOND: u64 = 1000;
const PATIENTS: u64 = 200;
const COMMANDS: usize = 600;
const CHANGES: u64 = 20_000;

fn client(port: u16, name: &str) -> (AsyncClient, EventLoop) {
    let mut options = MqttOptions::new(name, "127.0.0.1", port);
    options.set_max_packet_size(1 << 20, 1 << 20).set_inflight(4000);
    let (client, mut events) = AsyncClient::new(options, 10_000);
    let mut network = NetworkOptions::new();
    network.set_tcp_nodelay(true);
    events.set_network_options(network);
    (client, events)
}

/// A ward that sends so many readings a second, in which nothing is wrong.
fn load(port: u16) -> JoinHandle<()> {
    tokio::spawn(async move {
        let (client, mut events) = client(port, "ward");
        let mut ticks = interval(Duration::from_millis(10));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut sent = 0;
        loop {
            tokio::select! {
                _ = events.poll() => {}
                _ = ticks.tick() => {
                    for _ in 0..READINGS_PER_SECOND / 100 {
                        sent += 1;
                        let topic = format!("wardwatch/vitals/ward/p-{}", sent % PATIENTS);
                        let reading = json!({"device": format!("mon-{}", sent % PATIENTS), "seq": sent,
                            "heart_rate": 70 + sent % 9, "oxygen_saturation": 97, "respiratory_rate": 14});
                        client.try_publish(topic, QoS::AtLeastOnce, false, reading.to_string()).expect("room");
                    }
                }
            }
        }
    })
}

/// From each of so many commands to its change, in milliseconds, from the shortest.
async fn command_to_change(port: u16) -> Vec<f64> {
    let (client, mut events) = client(port, "desk");
    client.subscribe("wardwatch/alerts/high/icu-1/p-17", QoS::AtLeastOnce).await.expect("the client runs");
    let mut next = interval(Duration::from_millis(25));
    next.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut given, mut took): (Option<Instant>, Vec<f64>) = (None, Vec::new());
    while took.len() < COMMANDS {
        tokio::select! {
            event = events.poll() => {
                if let Event::Incoming(Packet::Publish(_)) = event.expect("a connection")
                    && let Some(given) = given.take()
                {
                    took.push(given.elapsed().as_secs_f64() * 1e3);
                }
            }
            _ = next.tick(), if given.is_none() => {
                let name = if took.len().is_multiple_of(2) { "pause_audio" } else { "resume_audio" };
                let command = json!({"command_id": took.len().to_string(), "command": name, "by": "anna"});
                let topic = "wardwatch/commands/desk/icu-1/p-17";
                client.try_publish(topic, QoS::AtLeastOnce, false, command.to_string()).expect("room");
                given = Some(Instant::now());
            }
        }
    }
    took.sort_by(f64::total_cmp);
    took
}

#[tokio::test]
#[ignore = "prints figures: from a command to its change on the bus, at 1,000 readings a second"]
async fn a_command_is_a_change_on_the_bus_within_milliseconds() {
    let broker = Mosquitto::start();
    let bus = Bus::of(broker.port()).await;
    let store = scratch("db");
    let settings = format!(
        "{AT_ONCE}[senders.desk]\nmay = [\"pause_audio\", \"resume_audio\"]\n[store]\nurl = \"sqlite://{}\"\n",
        store.display()
    );
    let _service = Program::run(broker.port(), &settings);
    bus.until_status("online").await;
    bus.read("icu-1/p-17", r#"{"heart_rate":170}"#).await;
    bus.alerts(1).await;
    let load = load(broker.port());
    let took = timeout(DEADLINE, command_to_change(broker.port())).await.expect("a change of each command");
    load.abort();
    let part = |part: f64| took[((took.len() - 1) as f64 * part) as usize];
    let (p50, p99, most) = (part(0.5), part(0.99), part(1.0));
    println!(
        "command to change at {READINGS_PER_SECOND} readings/s, SQLite: p50 {p50:.2} ms, p99 {p99:.2} ms, most {most:.2} ms"
    );
}

/// CPU time of a process so far, in microseconds.
fn cpu_us(id: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).expect("its figures");
    let fields: Vec<_> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks: f64 = [11, 12].iter().map(|field| fields[*field].parse::<f64>().expect("a number")).sum();
    ticks * 1e4 // a tick is 10 ms
}

/// Lets alerts come and go, hears each change and confirms it or not; CPU a change, in microseconds.
async fn changes(port: u16, service: u32, confirmed: bool) -> f64 {
    let (client, mut events) = client(port, "pager");
    client.subscribe("wardwatch/alerts/#", QoS::AtLeastOnce).await.expect("the client runs");
    let mut ticks = interval(Duration::from_millis(10));
    let (mut sent, mut heard, mut begun) = (0, 0, 0.0);
    while heard < CHANGES {
        tokio::select! {
            event = events.poll() => match event.expect("a connection") {
                Event::Incoming(Packet::SubAck(_)) => begun = cpu_us(service),
                Event::Incoming(Packet::Publish(message)) => {
                    heard += 1;
                    if confirmed {
                        let change: Value = serde_json::from_slice(&message.payload).expect("JSON");
                        let confirmation =
                            json!({"id": change["id"], "sequence": change["sequence"], "status": "received"});
                        let topic = "wardwatch/confirmations/pager";
                        client.try_publish(topic, QoS::AtLeastOnce, false, confirmation.to_string()).expect("room");
                    }
                }
                _ => {}
            },
            _ = ticks.tick() => for _ in 0..20 {
                let (topic, reading) = coming_and_going(sent);
                client.try_publish(topic, QoS::AtLeastOnce, false, reading).expect("room");
                sent += 1;
            },
        }
    }
    (cpu_us(service) - begun) / CHANGES as f64
}

/// A reading that begins an alert or ends it.
fn coming_and_going(number: u64) -> (String, String) {
    let patient = number % PATIENTS;
    let rate = if (number / PATIENTS).is_multiple_of(2) { 170 } else { 72 };
    let reading = json!({"device": format!("mon-{patient}"), "seq": number, "heart_rate": rate});
    (format!("wardwatch/vitals/icu-1/p-{patient}"), reading.to_string())
}

/// CPU a change, in microseconds, where each of so many is confirmed or none is.
async fn cost(confirmed: bool) -> f64 {
    let broker = Mosquitto::start();
    let bus = Bus::of(broker.port()).await;
    let receivers = "[receivers.pager]\nfilters = [\"alerts/#\"]\nwithin = \"10min\"\nfallback = \"desk\"\n";
    let service =
        Program::run(broker.port(), &format!("{AT_ONCE}{}", if confirmed { receivers } else { "" }));
    bus.until_status("online").await;
    publish_retained(broker.port(), [("wardwatch/receivers/pager".to_owned(), r#"{"online":true}"#)]).await;
    drop(bus);
    let changes = changes(broker.port(), service.id(), confirmed);
    timeout(DEADLINE * 2, changes).await.expect("all changes in time")
}

#[tokio::test]
#[ignore = "prints figures: CPU of a change with and without its confirmation"]
async fn a_confirmed_delivery_costs_microseconds() {
    for round in 1..=3 {
        let (without, with) = (cost(false).await, cost(true).await);
        println!(
            "round {round}: {without:.1} µs of CPU a change without, {with:.1} µs with its confirmation: {:.1} µs more",
            with - without
        );
    }
}
