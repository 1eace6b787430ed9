//! Fifty patients at 1 Hz beside an attack, half of whom cross into high with each reading, and how late their alerts are.
//!
//! An alert is as late as it comes after a client that only listens has had the reading from the same broker: what the
//! broker itself takes for everybody is nobody's lateness.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use rumqttc::{AsyncClient, Event, EventLoop, MqttOptions, NetworkOptions, Packet, Publish, QoS};
use serde_json::Value;
use tokio::task::AbortHandle;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use wardwatch_actors::clock::{Clock, Span, Uptime};

use super::mosquitto::{DEADLINE, until};

/// How many they are.
const PATIENTS: u64 = 50;
/// Each sends once a second.
const EVERY: Duration = Duration::from_millis(1000 / PATIENTS);

/// One reading that must raise an alert.
#[derive(Debug, Clone, Copy)]
struct Crossing {
    sent: Uptime,
    /// When the listening client had it.
    delivered: Option<Uptime>,
    alerted: Option<Uptime>,
}

impl Crossing {
    fn begins(&self) -> Uptime {
        self.delivered.unwrap_or(self.sent)
    }
}

/// A heartbeat of the service itself, not a forged one.
#[derive(Debug, Clone)]
pub struct Beat {
    pub at: Uptime,
    pub says: Value,
}

/// What the listening client has heard.
#[derive(Default)]
struct Heard {
    crossings: BTreeMap<(u64, u64), Crossing>,
    /// When the service began that is watched; heartbeats of others are forged.
    started: Option<String>,
    beats: Vec<Beat>,
    /// Alerts about bystanders that are not theirs, and what is said of units and of the installation.
    others: Vec<(Uptime, String)>,
}

/// The bystanders at work; they end with their value.
pub struct Bystanders {
    heard: Arc<Mutex<Heard>>,
    clock: Clock,
    tasks: Vec<AbortHandle>,
}

/// How late alerts were, in milliseconds, in rising order.
#[derive(Debug, Clone, Default)]
pub struct Latencies {
    pub ms: Vec<i64>,
    pub lost: usize,
}

impl Latencies {
    /// Ninety-nine of a hundred are not later.
    pub fn p99(&self) -> Option<i64> {
        let place = (self.ms.len() * 99).div_ceil(100).checked_sub(1)?;
        self.ms.get(place).copied()
    }

    pub fn worst(&self) -> Option<i64> {
        self.ms.last().copied()
    }
}

impl Bystanders {
    /// They listen from now on, and measure once `start` is called.
    pub async fn of(port: u16) -> Self {
        let (heard, clock) = (Arc::<Mutex<Heard>>::default(), Clock::system());
        let (client, events) = connect(port, "bystanders-heard");
        let filters = ["vitals/by/+", "alerts/+/by/+", "alerts/+/_/_", "alerts/+/+/_", "system/+"];
        for filter in filters {
            let filter = format!("wardwatch/{filter}");
            client.subscribe(filter, QoS::AtLeastOnce).await.expect("room for a request");
        }
        let (granted, all_granted) = tokio::sync::oneshot::channel();
        let listening = listen(events, filters.len(), granted, Arc::clone(&heard), clock.clone());
        let tasks = vec![tokio::spawn(listening).abort_handle()];
        timeout(DEADLINE, all_granted).await.expect("subscriptions in time").expect("a listener");
        Self { heard, clock, tasks }
    }

    /// They measure and send from now on.
    pub fn start(&mut self, port: u16) {
        let (client, events) = connect(port, "bystanders");
        self.tasks.push(tokio::spawn(drain(events)).abort_handle());
        self.tasks
            .push(tokio::spawn(measure(client, Arc::clone(&self.heard), self.clock.clone())).abort_handle());
    }

    pub fn now(&self) -> Uptime {
        self.clock.uptime()
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().expect("what was heard")
    }

    /// Waits for so long for the alerts of all readings sent up to now.
    pub async fn settle(&self, patience: Duration) {
        let now = self.now();
        let open = || {
            let heard = self.heard();
            heard.crossings.values().any(|crossing| crossing.sent <= now && crossing.alerted.is_none())
        };
        let begun = self.now();
        while open() && self.now().since(begun).to_duration() < patience {
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// How late the alerts of the readings were that were delivered between these moments.
    pub fn latencies(&self, from: Uptime, to: Uptime) -> Latencies {
        let heard = self.heard();
        let of_then = heard.crossings.values().filter(|c| c.begins() >= from && c.begins() <= to);
        let (mut ms, mut lost) = (Vec::new(), 0);
        for crossing in of_then {
            match crossing.alerted {
                Some(alerted) => ms.push(alerted.since(crossing.begins()).as_ms()),
                None => lost += 1,
            }
        }
        ms.sort_unstable();
        Latencies { ms, lost }
    }

    /// The status of each heartbeat that said all is well while an alert was late by more than this.
    pub fn lies(&self, from: Uptime, late: Span) -> Vec<String> {
        let heard = self.heard();
        let well = heard.beats.iter().filter(|beat| beat.at >= from && beat.says["status"] == "online");
        let pending = |beat: &&Beat| {
            heard.crossings.values().any(|crossing| {
                crossing.begins() + late < beat.at && crossing.alerted.is_none_or(|alerted| alerted > beat.at)
            })
        };
        well.filter(pending).map(|beat| format!("online while alerts were pending: {}", beat.says)).collect()
    }

    /// What was said of bystanders beside their heart rates, of units and of the installation: `condition event: message`.
    pub fn others(&self, from: Uptime) -> Vec<String> {
        let heard = self.heard();
        heard.others.iter().filter(|(at, _)| *at >= from).map(|(_, words)| words.clone()).collect()
    }

    /// Every heartbeat of the service since then.
    pub fn beats(&self, from: Uptime) -> Vec<Beat> {
        self.heard().beats.iter().filter(|beat| beat.at >= from).cloned().collect()
    }

    /// Waits for a heartbeat that is so; false where none comes in time.
    pub async fn hear_beat(&self, from: Uptime, is_so: impl Fn(&Value) -> bool) -> bool {
        let come = || self.beats(from).iter().any(|beat| is_so(&beat.says));
        timeout(DEADLINE / 5, until("a heartbeat", come)).await.is_ok()
    }
}

impl Drop for Bystanders {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

fn connect(port: u16, name: &str) -> (AsyncClient, EventLoop) {
    let mut options = MqttOptions::new(name, "127.0.0.1", port);
    options.set_clean_session(false).set_max_packet_size(1 << 24, 1 << 24).set_inflight(10_000);
    options.set_keep_alive(Duration::from_secs(600));
    let (client, mut events) = AsyncClient::new(options, 10_000);
    let mut network = NetworkOptions::new();
    network.set_tcp_nodelay(true);
    events.set_network_options(network);
    (client, events)
}

async fn drain(mut events: EventLoop) -> ! {
    loop {
        if events.poll().await.is_err() {
            sleep(Duration::from_millis(50)).await;
        }
    }
}

async fn measure(client: AsyncClient, heard: Arc<Mutex<Heard>>, clock: Clock) {
    let mut pace = interval(EVERY);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for turn in 0.. {
        pace.tick().await;
        let (patient, seq) = (turn % PATIENTS, turn / PATIENTS);
        let crosses = (patient + seq) % 2 == 0;
        let rate = if crosses { 170 } else { 72 };
        let now = clock.now();
        if crosses {
            let crossing = Crossing { sent: now.uptime, delivered: None, alerted: None };
            heard.lock().expect("what was heard").crossings.insert((patient, seq), crossing);
        }
        let time = now.wall.unix_ms();
        let payload = format!(r#"{{"time":{time},"device":"by-{patient}","seq":{seq},"heart_rate":{rate}}}"#);
        let topic = format!("wardwatch/vitals/by/{patient}");
        let _ = client.publish(topic, QoS::AtLeastOnce, false, payload).await;
    }
}

async fn listen(
    mut events: EventLoop,
    filters: usize,
    granted: tokio::sync::oneshot::Sender<()>,
    heard: Arc<Mutex<Heard>>,
    clock: Clock,
) -> ! {
    let (mut granted, mut left) = (Some(granted), filters);
    loop {
        match events.poll().await {
            Ok(Event::Incoming(Packet::SubAck(_))) => {
                left = left.saturating_sub(1);
                if let Some(granted) = (left == 0).then(|| granted.take()).flatten() {
                    let _ = granted.send(());
                }
            }
            Ok(Event::Incoming(Packet::Publish(message))) => {
                heard.lock().expect("what was heard").take(&message, clock.uptime());
            }
            Ok(_) => {}
            Err(_) => sleep(Duration::from_millis(50)).await,
        }
    }
}

impl Heard {
    fn take(&mut self, message: &Publish, at: Uptime) {
        let Ok(says) = serde_json::from_slice::<Value>(&message.payload) else { return };
        let topic = message.topic.trim_start_matches("wardwatch/");
        if topic.starts_with("system/") {
            self.beat(says, at);
        } else if let Some(patient) = topic.strip_prefix("vitals/by/") {
            if let Some(crossing) = self.crossing(patient, &says) {
                crossing.delivered.get_or_insert(at);
            }
        } else if says["condition"] == "heart_rate.high" && says["unit"] == "by" {
            let patient = says["patient"].as_str().unwrap_or_default().to_owned();
            if let Some(crossing) =
                (says["event"] == "raised").then(|| self.crossing(&patient, &says["reading"])).flatten()
            {
                crossing.alerted.get_or_insert(at);
            }
        } else {
            let word = |field: &str| says[field].as_str().unwrap_or("-").to_owned();
            self.others.push((at, format!("{} {}: {}", word("condition"), word("event"), word("message"))));
        }
    }

    fn crossing(&mut self, patient: &str, reading: &Value) -> Option<&mut Crossing> {
        self.crossings.get_mut(&(patient.parse().ok()?, reading["seq"].as_u64()?))
    }

    /// The first heartbeat is the service's, and so is whichever began when that one did.
    fn beat(&mut self, says: Value, at: Uptime) {
        let Some(started) = says["started"].as_str() else { return };
        if self.started.get_or_insert_with(|| started.to_owned()) == started {
            self.beats.push(Beat { at, says });
        }
    }
}
