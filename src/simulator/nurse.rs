//! A simulated nurse: comes to some alerts after a while and acknowledges them, and leaves others.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rumqttc::{AsyncClient, Event, EventLoop, MqttOptions, Packet, QoS};
use serde::Deserialize;
use tokio::time::{Instant, sleep, sleep_until};
use uuid::Uuid;
use wardwatch_actors::clock::Timestamp;
use wardwatch_actors::conditions::Priority;
use wardwatch_actors::people::PatientId;
use wardwatch_actors::settings::CommandName;

use crate::contract::payload::given_command::GivenCommand;
use crate::contract::payload::json;
use crate::contract::topics::Topics;

/// How many alerts the nurse has in mind at most; of more nobody comes.
const MOST: usize = 10_000;
/// Between attempts to connect again.
const RETRY: Duration = Duration::from_secs(1);

/// Who the nurse is, and where.
#[derive(Debug, Clone)]
pub struct NurseSettings {
    /// The same seed comes to the same alerts.
    pub seed: u64,
    /// The name under `[senders]`.
    pub sender: String,
    pub units: Vec<String>,
    pub prefix: String,
    /// The wall clock, by which commands are dated.
    pub wall: fn() -> jiff::Timestamp,
}

/// What the nurse hears of an alert.
#[derive(Debug, Deserialize)]
struct HeardAlert {
    id: Uuid,
    sequence: u32,
    event: String,
    priority: Priority,
    unit: Option<String>,
    patient: Option<String>,
    signal: String,
}

/// To which alerts the nurse is on the way, and when.
#[derive(Debug, Default)]
struct Rounds {
    seed: u64,
    visits: BTreeMap<Uuid, (Instant, u32, PatientId)>,
}

/// When the nurse comes to this alert, if ever: to nine of ten of high priority, seven of medium and three of low.
fn comes_after(seed: u64, alert: Uuid, priority: Priority) -> Option<Duration> {
    let (of_ten, within_s) = match priority {
        Priority::High => (9, 20),
        Priority::Medium => (7, 40),
        Priority::Low => (3, 60),
        Priority::Info => return None,
    };
    let (high, low) = alert.as_u64_pair();
    let mut dice = ChaCha8Rng::seed_from_u64(seed ^ high ^ low.rotate_left(32));
    let (chance, after_ms) = (dice.next_u64() % 10, 4_000 + dice.next_u64() % (within_s * 1000 - 4_000));
    (chance < of_ten).then(|| Duration::from_millis(after_ms))
}

impl Rounds {
    /// Hears of an alert: sets out, or turns back where it is over or somebody else has been there.
    fn hear(&mut self, alert: &HeardAlert, now: Instant) {
        let signals =
            alert.signal == "on" && matches!(alert.event.as_str(), "raised" | "escalated" | "updated");
        let (Some(unit), Some(patient)) = (&alert.unit, &alert.patient) else { return };
        let Ok(patient) = format!("{unit}/{patient}").parse() else { return };
        if !signals {
            if matches!(alert.event.as_str(), "acknowledged" | "cleared" | "latched") {
                self.visits.remove(&alert.id);
            }
        } else if let Some((_, sequence, _)) = self.visits.get_mut(&alert.id) {
            *sequence = alert.sequence;
        } else if let Some(after) = comes_after(self.seed, alert.id, alert.priority)
            && self.visits.len() < MOST
        {
            self.visits.insert(alert.id, (now + after, alert.sequence, patient));
        }
    }

    fn next(&self) -> Option<Instant> {
        self.visits.values().map(|(at, _, _)| *at).min()
    }

    /// The alerts at which the nurse is now.
    fn arrived(&mut self, now: Instant) -> Vec<(Uuid, u32, PatientId)> {
        let there: Vec<_> = self.visits.extract_if(.., |_, (at, _, _)| *at <= now).collect();
        there.into_iter().map(|(alert, (_, sequence, patient))| (alert, sequence, patient)).collect()
    }
}

/// Acknowledges alerts of these units, for ever. A broker that is gone is waited for.
pub async fn run(settings: NurseSettings, options: MqttOptions) -> Infallible {
    let (client, mut events) = connect(options);
    let topics = Topics::new(&settings.prefix);
    let mut rounds = Rounds { seed: settings.seed, ..Rounds::default() };
    loop {
        let (next, now) = (rounds.next(), Instant::now());
        tokio::select! {
            event = events.poll() => match event {
                Ok(Event::Incoming(Packet::ConnAck(_))) => {
                    for unit in &settings.units {
                        // It fails only where the loop is gone, which is here.
                        let _ = client.try_subscribe(topics.alerts("+", &format!("{unit}/+")), QoS::AtLeastOnce);
                    }
                }
                Ok(Event::Incoming(Packet::Publish(message))) => {
                    if let Ok(alert) = serde_json::from_slice(&message.payload) {
                        rounds.hear(&alert, now);
                    }
                }
                Ok(_) => {}
                Err(_) => sleep(RETRY).await,
            },
            () = sleep_until(next.unwrap_or(now)), if next.is_some() => {
                for (alert, sequence, patient) in rounds.arrived(Instant::now()) {
                    let command = json(&acknowledges(&settings, alert, sequence));
                    let topic = topics.command(&settings.sender, &patient);
                    // Where so many wait that this one finds no room, nobody comes.
                    let _ = client.try_publish(topic, QoS::AtLeastOnce, false, command);
                }
            }
        }
    }
}

fn connect(mut options: MqttOptions) -> (AsyncClient, EventLoop) {
    options.set_clean_session(true).set_manual_acks(false);
    AsyncClient::new(options, 100)
}

fn acknowledges(settings: &NurseSettings, alert: Uuid, sequence: u32) -> GivenCommand {
    GivenCommand {
        command_id: format!("{alert}-{sequence}"),
        command: CommandName::Acknowledge,
        by: "a simulated nurse".to_owned(),
        at: Timestamp::from_unix_ms((settings.wall)().as_millisecond()),
        alert: Some(alert),
        until: None,
        reason: None,
        limits: None,
        record: None,
        to: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert(number: u128, event: &str, priority: &str, signal: &str) -> HeardAlert {
        let id = Uuid::from_u128(number);
        serde_json::from_value(serde_json::json!({
            "id": id, "sequence": 1, "event": event, "priority": priority, "unit": "sim-1", "patient": "p-1",
            "signal": signal
        }))
        .unwrap()
    }

    /// To how many of a thousand alerts of this priority a nurse comes.
    fn comes_to(seed: u64, priority: Priority) -> Vec<u128> {
        (0..1000).filter(|n| comes_after(seed, Uuid::from_u128(n * 7919), priority).is_some()).collect()
    }

    #[test]
    fn some_alerts_are_acknowledged_and_some_left_and_the_same_seed_comes_to_the_same() {
        let counts = [Priority::High, Priority::Medium, Priority::Low, Priority::Info];
        let [high, medium, low, info] = counts.map(|priority| comes_to(1, priority).len());
        assert!((850..950).contains(&high) && (630..770).contains(&medium), "{high} {medium}");
        assert!((230..370).contains(&low) && info == 0, "{low} {info}");
        assert_eq!(comes_to(1, Priority::Medium), comes_to(1, Priority::Medium));
        assert_ne!(comes_to(1, Priority::Medium), comes_to(2, Priority::Medium));
    }

    #[test]
    fn the_nurse_turns_back_where_it_is_over_and_comes_once() {
        let (mut rounds, now) = (Rounds { seed: 1, ..Rounds::default() }, Instant::now());
        let numbers = (0..20).filter(|n| comes_after(1, Uuid::from_u128(*n), Priority::High).is_some());
        let [first, second] = numbers.take(2).collect::<Vec<_>>()[..] else {
            panic!("the nurse comes to nobody")
        };
        rounds.hear(&alert(first, "raised", "high", "on"), now);
        rounds.hear(&alert(second, "raised", "high", "on"), now);
        rounds.hear(&alert(second, "cleared", "high", "off"), now);
        let arrived = rounds.arrived(now + Duration::from_secs(60));
        assert_eq!(arrived.iter().map(|(id, _, _)| id.as_u128()).collect::<Vec<_>>(), [first]);
        assert!(rounds.next().is_none());
        rounds.hear(&alert(first, "raised", "high", "audio-paused"), now);
        assert!(rounds.next().is_none(), "what is quiet calls nobody");
    }
}
