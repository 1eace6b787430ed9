//! A seeded load: patients whose values cross their limits at every fifth reading, live, and what it must cause.

use std::collections::VecDeque;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rumqttc::{AsyncClient, Event, MqttOptions, NetworkOptions, Packet, QoS};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use wardwatch_actors::clock::{Clock, Span, Timestamp};
use wardwatch_actors::conditions::{Condition, Priority};
use wardwatch_actors::people::{DeviceId, PatientId};
use wardwatch_actors::vitals::ReadingRef;
use wardwatch_actors::vitals::Vital;

use super::truth::{Change, Course, Truth};

/// The delay of a high respiratory rate, as the configuration of WardWatch sets it. All others have none.
pub const DELAY: Span = Span::from_secs(3);
/// How far apart the readings of one patient are at most.
pub const LONGEST_INTERVAL: Span = Span::from_secs(1);
/// How often a reading goes from normal to beyond a limit, or back.
const CROSSES: f64 = 0.2;
/// A respiratory rate beyond its limit either ends with the next reading, or lasts for so long.
const LONG_EPISODE_MS: i64 = 5_000;

/// How much, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct LoadSize {
    pub patients: u32,
    pub lasts: Duration,
}

/// One patient and the device at the bed.
struct Bed {
    patient: PatientId,
    device: DeviceId,
    rng: ChaCha8Rng,
    every_ms: i64,
    /// Of the next reading, from the start.
    due_ms: i64,
    seq: u64,
    heart_rate: u16,
    /// How many more readings the respiratory rate stays where it is.
    breath_for: i64,
    breathes_fast: bool,
    courses: [Course; 3],
}

/// A reading on its way.
struct Sent {
    at: Timestamp,
    topic: String,
    payload: String,
}

impl Bed {
    fn new(number: u32, seed: u64) -> Self {
        let patient: PatientId = format!("icu-{}/p-{number}", number % 4).parse().expect("a patient");
        let mut rng = ChaCha8Rng::seed_from_u64(seed ^ (u64::from(number) << 32));
        let course = |condition, delay| Course::new(&patient, condition, delay);
        Self {
            courses: [
                course(Condition::High(Vital::HeartRate), Span::ZERO),
                course(Condition::High(Vital::RespiratoryRate), DELAY),
                course(Condition::High(Vital::Temperature), Span::ZERO),
            ],
            device: format!("mon-{number}").parse().expect("a device"),
            every_ms: rng.random_range(200..LONGEST_INTERVAL.as_ms()),
            due_ms: rng.random_range(0..1000),
            patient,
            rng,
            seq: 0,
            heart_rate: 75,
            breath_for: 4,
            breathes_fast: false,
        }
    }

    /// The next values: a heart rate that moves between normal, medium and high, and a respiratory rate
    /// that is beyond its limit for one reading or for long.
    fn go_on(&mut self) {
        if self.rng.random_bool(CROSSES) {
            let others: Vec<u16> =
                [75, 130, 160].into_iter().filter(|rate| *rate != self.heart_rate).collect();
            self.heart_rate = others[self.rng.random_range(0..others.len())];
        }
        self.breath_for -= 1;
        if self.breath_for <= 0 {
            self.breathes_fast = !self.breathes_fast;
            let long = LONG_EPISODE_MS / self.every_ms + 2;
            self.breath_for = match (self.breathes_fast, self.rng.random_bool(0.5)) {
                (true, true) => long,
                (true, false) => 1,
                (false, _) => self.rng.random_range(3..=long),
            };
        }
    }

    /// Measures at `at`; the last reading of all has a temperature that raises an alert, so that whoever
    /// has heard that has heard everything.
    fn measure(&mut self, at: Timestamp, last: bool) -> (Sent, Vec<Change>) {
        self.go_on();
        self.seq += 1;
        // A delay that began now would be ended by a timer.
        self.breathes_fast &= !last || self.courses[1].open().is_some();
        let respiratory_rate = if self.breathes_fast { 33 } else { 16 };
        let temperature = if last { r#","temperature":39.5"# } else { "" };
        let Self { device, seq, heart_rate, .. } = self;
        let payload = format!(
            r#"{{"time":{},"device":"{device}","seq":{seq},"heart_rate":{heart_rate},"respiratory_rate":{respiratory_rate}{temperature}}}"#,
            at.unix_ms(),
        );
        let sent = Sent { at, topic: format!("wardwatch/vitals/{}", self.patient), payload };
        let reading = ReadingRef {
            device: Some(self.device.clone()),
            seq: Some(self.seq),
            time: at,
            timed: true,
            generation: 0,
            simulated: false,
        };
        let heart = match self.heart_rate {
            160 => Some(Priority::High),
            130 => Some(Priority::Medium),
            _ => None,
        };
        let breath = self.breathes_fast.then_some(Priority::Medium);
        let warm = last.then_some(Priority::Medium);
        let steps = self.courses.iter_mut().zip([heart, breath, warm]);
        (sent, steps.filter_map(|(course, reached)| course.step(reached, &reading)).collect())
    }
}

/// A load under way.
pub struct Load {
    task: JoinHandle<(Truth, Vec<Sent>)>,
    line: Line,
}

/// What a load was.
pub struct Loaded {
    pub truth: Truth,
    sent: Vec<Sent>,
}

impl Load {
    /// Sends from now on, for as long as `size` says.
    pub fn start(port: u16, seed: u64, size: LoadSize) -> Self {
        let line = Line::open(port);
        let task = tokio::spawn(run(seed, size, line.clone()));
        Self { task, line }
    }

    /// Waits until all has been sent, and the broker has it.
    pub async fn end(self) -> Loaded {
        let (truth, sent) = self.task.await.expect("the load runs");
        super::mosquitto::until("the broker has every reading", || self.line.is_empty()).await;
        Loaded { truth, sent }
    }
}

impl Loaded {
    /// How many readings were sent.
    pub fn readings(&self) -> usize {
        self.sent.len()
    }

    /// Writes down what was sent, each reading as if it had arrived at once.
    pub fn record(&self, path: &Path) {
        let mut out = std::io::BufWriter::new(std::fs::File::create(path).expect("the recording"));
        for Sent { at, topic, payload } in &self.sent {
            writeln!(out, r#"{{"at":"{at}","topic":"{topic}","payload":{payload}}}"#).expect("the recording");
        }
    }
}

/// Every reading carries the time at which it is due, so that the truth hangs on the seed alone.
async fn run(seed: u64, size: LoadSize, line: Line) -> (Truth, Vec<Sent>) {
    let mut beds: Vec<_> = (0..size.patients).map(|number| Bed::new(number, seed)).collect();
    let (mut truth, mut all) = (Truth::default(), Vec::new());
    let (begun, wall) = (Instant::now(), Clock::system().now().wall);
    let ends_ms = i64::try_from(size.lasts.as_millis()).expect("a short load");
    let mut pace = interval(Duration::from_millis(20));
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut left = beds.len();
    while left > 0 {
        pace.tick().await;
        let now_ms = i64::try_from(begun.elapsed().as_millis()).expect("a short load");
        while let Some(bed) = beds.iter_mut().filter(|bed| bed.due_ms <= now_ms).min_by_key(|bed| bed.due_ms)
        {
            let last = bed.due_ms + bed.every_ms > ends_ms;
            let (sent, changes) = bed.measure(wall + Span::from_ms(bed.due_ms), last);
            bed.due_ms = if last { i64::MAX } else { bed.due_ms + bed.every_ms };
            left -= usize::from(last);
            line.send(&sent);
            all.push(sent);
            truth.changes.extend(changes);
        }
    }
    truth.open = beds.iter().flat_map(|bed| &bed.courses).filter_map(Course::open).collect();
    (truth, all)
}

/// A connection of devices that keep what the broker has not acknowledged, and send it again.
#[derive(Clone, Default)]
struct Line(Arc<Mutex<Unacknowledged>>);

#[derive(Default)]
struct Unacknowledged {
    /// In the order of sending, in which Mosquitto acknowledges.
    messages: VecDeque<(String, String)>,
    connected: Option<AsyncClient>,
}

impl Line {
    fn open(port: u16) -> Self {
        let line = Self::default();
        tokio::spawn(line.clone().carry(port));
        line
    }

    fn send(&self, sent: &Sent) {
        let mut line = self.0.lock().expect("the line");
        line.publish(&sent.topic, &sent.payload);
        line.messages.push_back((sent.topic.clone(), sent.payload.clone()));
    }

    fn is_empty(&self) -> bool {
        self.0.lock().expect("the line").messages.is_empty()
    }

    /// Comes back sometimes before WardWatch, sometimes after it.
    async fn carry(self, port: u16) {
        for retry_after in [20, 2000, 700].into_iter().cycle().map(Duration::from_millis) {
            let mut options = MqttOptions::new("beds", "127.0.0.1", port);
            options.set_clean_session(true).set_inflight(u16::MAX);
            let (client, mut events) = AsyncClient::new(options, 100_000);
            let mut network = NetworkOptions::new();
            network.set_tcp_nodelay(true);
            events.set_network_options(network);
            while let Ok(event) = events.poll().await {
                let mut line = self.0.lock().expect("the line");
                match event {
                    Event::Incoming(Packet::ConnAck(_)) => line.connect(client.clone()),
                    Event::Incoming(Packet::PubAck(_)) => drop(line.messages.pop_front()),
                    _ => {}
                }
            }
            self.0.lock().expect("the line").connected = None;
            sleep(retry_after).await;
        }
    }
}

impl Unacknowledged {
    fn connect(&mut self, client: AsyncClient) {
        self.connected = Some(client);
        for (topic, payload) in &self.messages {
            self.publish(topic, payload);
        }
    }

    fn publish(&self, topic: &str, payload: &str) {
        if let Some(client) = &self.connected {
            client
                .try_publish(topic, QoS::AtLeastOnce, false, payload.to_owned())
                .expect("room for a reading");
        }
    }
}
