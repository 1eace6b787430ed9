//! A listener on the bus that shows alerts and rejections on a terminal as they come.

use std::future::Future;

use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS};
use serde::Deserialize;
use wardwatch::contract::topics::Topics;

use super::lines::{ShownAlert, painted, time_of_day};
use super::output::{self, OutputFault};

/// What is shown of a rejection.
#[derive(Deserialize)]
struct ShownRejection {
    time: String,
    topic: String,
    field: Option<String>,
    reason: String,
    count: u64,
}

/// Shows every alert change and every rejection until `stop`, or until nobody reads on.
pub async fn show(host: &str, port: u16, stop: impl Future<Output = ()>) -> Result<(), OutputFault> {
    let mut options = MqttOptions::new("wardwatch-demo-listener", host, port);
    options.set_max_packet_size(1 << 20, 1 << 20);
    let (client, mut events) = AsyncClient::new(options, 16);
    let colour = output::colourful(&std::io::stdout());
    let topics = Topics::new("wardwatch");
    let mut stop = std::pin::pin!(stop);
    loop {
        let event = tokio::select! {
            event = events.poll() => event,
            () = &mut stop => return Ok(()),
        };
        match event {
            Ok(Event::Incoming(Packet::ConnAck(_))) => {
                for filter in [topics.all_alerts(), topics.rejected()] {
                    // It fails only where the loop above is gone.
                    let _ = client.subscribe(filter, QoS::AtLeastOnce).await;
                }
            }
            Ok(Event::Incoming(Packet::Publish(message))) => {
                let line = match message.topic == topics.rejected() {
                    true => rejected_line(&message.payload, colour),
                    false => alert_line(&message.payload, &message.topic, colour),
                };
                output::print(line.unwrap_or_default())?;
            }
            Ok(_) => {}
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(200)).await,
        }
    }
}

/// A line about a change; none where it comes a second time, on the topic of its priority before.
fn alert_line(payload: &[u8], topic: &str, colour: bool) -> Option<String> {
    let alert: ShownAlert = serde_json::from_slice(payload).ok()?;
    topic.contains(&format!("/{}/", alert.priority)).then(|| alert.line(colour))
}

fn rejected_line(payload: &[u8], colour: bool) -> Option<String> {
    let ShownRejection { time, topic, field, reason, count } = serde_json::from_slice(payload).ok()?;
    let what = painted(&format!("{:<18}", "REJECTED"), "\x1b[35m", colour);
    // Most reasons name the field themselves.
    let field = field.filter(|field| !reason.contains(field)).map(|field| format!("{field}: "));
    let field = field.unwrap_or_default();
    let times = if count > 1 { format!(" ({count} times)") } else { String::new() };
    Some(format!("{}  {what} {topic}: {field}{reason}{times}\n", time_of_day(&time)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_priority_is_shown_once() {
        let change = br#"{"event":"escalated","priority":"high","unit":"sim-1","patient":"p-001","bed":"A","signal":"on",
            "message":"Heart rate 0 /min, below 40 /min","time":"2026-11-22T10:10:28.000Z"}"#;
        let shown = alert_line(change, "wardwatch/alerts/high/sim-1/p-001", false);
        let line = "10:10:28  HIGH   escalated   sim-1/p-001 bed A  Heart rate 0 /min, below 40 /min\n";
        assert_eq!(shown.as_deref(), Some(line));
        assert_eq!(alert_line(change, "wardwatch/alerts/medium/sim-1/p-001", false), None);
    }

    #[test]
    fn a_rejection_says_where_and_why() {
        let rejected = br#"{"time":"2026-11-22T10:10:28.000Z","topic":"wardwatch/vitals/sim-1/me",
            "reason":"460 is outside 0 to 350 /min","field":"heart_rate","payload":"","count":2}"#;
        let line = "10:10:28  REJECTED           wardwatch/vitals/sim-1/me: heart_rate: 460 is outside 0 to 350 /min (2 times)\n";
        assert_eq!(rejected_line(rejected, false).as_deref(), Some(line));
        assert!(rejected_line(rejected, true).is_some_and(|line| line.contains("\x1b[35m")));
    }
}
