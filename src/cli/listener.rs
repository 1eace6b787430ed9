//! A listener on the bus that shows alerts on a terminal as they come.

use std::future::Future;
use std::io::{IsTerminal, Write};

use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS};
use serde::Deserialize;
use wardwatch::contract::topics::Topics;

/// What is shown of an alert change.
#[derive(Deserialize)]
struct Shown {
    event: String,
    priority: String,
    unit: Option<String>,
    patient: Option<String>,
    bed: Option<String>,
    message: String,
    time: String,
}

/// Shows every alert change until `stop`.
pub async fn show_alerts(host: &str, port: u16, stop: impl Future<Output = ()>) {
    let mut options = MqttOptions::new("wardwatch-demo-listener", host, port);
    options.set_max_packet_size(1 << 20, 1 << 20);
    let (client, mut events) = AsyncClient::new(options, 16);
    let colour = std::io::stdout().is_terminal();
    let mut stop = std::pin::pin!(stop);
    loop {
        let event = tokio::select! {
            event = events.poll() => event,
            () = &mut stop => return,
        };
        match event {
            Ok(Event::Incoming(Packet::ConnAck(_))) => {
                let alerts = Topics::new("wardwatch").all_alerts();
                if client.subscribe(alerts, QoS::AtLeastOnce).await.is_err() {
                    return;
                }
            }
            Ok(Event::Incoming(Packet::Publish(message))) => show(&message.payload, &message.topic, colour),
            Ok(_) => {}
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(200)).await,
        }
    }
}

fn show(payload: &[u8], topic: &str, colour: bool) {
    let Ok(alert) = serde_json::from_slice::<Shown>(payload) else { return };
    // A change of priority comes on two topics; one line is enough.
    if !topic.contains(&format!("/{}/", alert.priority)) {
        return;
    }
    let paint = match alert.priority.as_str() {
        _ if !colour => "",
        _ if alert.event == "cleared" => "\x1b[32m",
        "high" => "\x1b[1;31m",
        "medium" => "\x1b[33m",
        "low" => "\x1b[36m",
        _ => "\x1b[2m",
    };
    let plain = if colour { "\x1b[0m" } else { "" };
    let who = match (alert.unit, alert.patient) {
        (Some(unit), Some(patient)) => format!("{unit}/{patient}"),
        (Some(unit), None) => unit,
        _ => "installation".to_owned(),
    };
    let bed = alert.bed.map(|bed| format!(" bed {bed}")).unwrap_or_default();
    let time = alert.time.get(11..19).unwrap_or("");
    let Shown { event, priority, message, .. } = alert;
    // A terminal that is gone has nobody to tell.
    let _ = writeln!(
        std::io::stdout(),
        "{time}  {paint}{:<6} {event:<11}{plain} {:<18} {message}",
        priority.to_uppercase(),
        format!("{who}{bed}"),
    );
}
