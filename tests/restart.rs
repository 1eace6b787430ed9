//! `kill -9` and a new start: what was under way goes on, and nobody hears again of what was known.

#[path = "support/mosquitto.rs"]
mod mosquitto;
#[path = "support/ward.rs"]
mod ward;

#[path = "restart/audit.rs"]
mod audit;
#[path = "restart/earlier_versions.rs"]
mod earlier_versions;
#[path = "restart/memory.rs"]
mod memory;
#[path = "restart/pending.rs"]
mod pending;
#[path = "restart/stays.rs"]
mod stays;
#[path = "restart/store_lost.rs"]
mod store_lost;

use std::path::PathBuf;

use rusqlite::Connection;
use serde_json::Value;
use wardwatch_actors::alerts::identity::{Again, alert_id};
use wardwatch_actors::clock::{Clock, Span, Timestamp};
use wardwatch_actors::conditions::Condition;
use wardwatch_actors::people::Subject;
use wardwatch_actors::vitals::ReadingRef;
use wardwatch_actors::vitals::Vital;

use mosquitto::{Mosquitto, until};
use ward::{AT_ONCE, Bus, Program, scratch};

/// The patient of most tests, and its topics' end.
const PATIENT: &str = "icu-1/p-17";

/// A ward whose WardWatch is killed and started again, on the same broker and the same store.
struct Ward {
    broker: Mosquitto,
    bus: Bus,
    settings: String,
    store: PathBuf,
    program: Program,
}

impl Ward {
    /// Opens a ward, and waits until WardWatch hears everything.
    async fn open(settings: &str) -> Self {
        Self::open_beside(Mosquitto::start(), settings).await
    }

    /// The same beside this broker.
    async fn open_beside(broker: Mosquitto, settings: &str) -> Self {
        Self::open_on(broker, settings, scratch("db")).await
    }

    /// The same with the store that lies there, where one does.
    async fn open_on(broker: Mosquitto, settings: &str, store: PathBuf) -> Self {
        Self::begin(broker, settings, store, "online").await
    }

    /// The same, until it has this status.
    async fn begin(broker: Mosquitto, settings: &str, store: PathBuf, status: &str) -> Self {
        // `kill -9` takes nothing from the system's cache, so that no test waits for the disk itself.
        // Whoever markers how far WardWatch has come is alerted of at once.
        let settings = format!(
            "{settings}[units.markers.limits.adult]\nheart_rate = {{ delay = \"0s\", clear_delay = \"0s\" }}\n[store]\nurl = \"sqlite://{}\"\nsynchronous = \"normal\"\n",
            store.display()
        );
        let bus = Bus::of(broker.port()).await;
        let program = Program::run(broker.port(), &settings);
        bus.until_status(status).await;
        Self { broker, bus, settings, store, program }
    }

    /// Kills WardWatch, once all that was sent is judged and committed.
    async fn kill(&mut self) {
        self.bus.until_judged("before").await;
        self.kill_at_once().await;
        self.bus.until_status("offline").await;
    }

    /// Kills it whatever it is doing.
    async fn kill_at_once(&mut self) {
        self.program.signal("KILL");
        assert_eq!(self.program.ended().await.code(), None, "{}", self.program.complained());
    }

    /// Starts it again, and waits until it hears everything.
    async fn start(&mut self) {
        let before = self.bus.heard("system/").len();
        self.program = Program::run(self.broker.port(), &self.settings);
        let online = |beats: &[Value]| beats[before..].last().is_some_and(|beat| beat["status"] == "online");
        self.bus.until("that it is online again", "system/", online).await;
    }

    /// The broker forgets everything while WardWatch is down: sessions, queues, and what was retained.
    async fn replace_broker(&mut self) {
        self.broker.kill();
        self.broker.restart_empty();
        while self.bus.heard("here").is_empty() {
            self.bus.send("here", "true").await;
            until_time(now() + Span::from_ms(50)).await;
        }
    }

    async fn restart(&mut self) {
        self.kill().await;
        self.start().await;
    }

    async fn read(&self, reading: &str) {
        self.bus.read(PATIENT, reading).await;
    }

    /// The changes of alerts so far, each once: a repeat, which subscribers know by its id and sequence, must
    /// be one to the letter.
    fn changes(&self) -> Vec<Value> {
        let mut changes: Vec<Value> = Vec::new();
        for change in self.bus.heard("alerts/") {
            let same = |known: &&Value| ["id", "sequence"].iter().all(|key| known[key] == change[key]);
            match changes.iter().find(same) {
                Some(known) => assert_eq!(*known, change),
                None => changes.push(change),
            }
        }
        changes
    }

    /// The same without those of markers.
    fn alerts(&self) -> Vec<Value> {
        self.changes().into_iter().filter(|alert| alert["unit"] != "markers").collect()
    }

    /// The changes of alerts once all that was sent until now is judged.
    async fn settled(&self, marker: &str) -> Vec<Value> {
        self.bus.until_judged(marker).await;
        self.alerts()
    }

    /// The database, beside WardWatch or while it is down.
    fn database(&self) -> Connection {
        let connection = Connection::open(&self.store).expect("the store");
        connection.busy_timeout(mosquitto::DEADLINE).expect("patience");
        connection
    }

    fn count(&self, sql: &str) -> i64 {
        self.database().query_row(sql, [], |row| row.get(0)).expect("a number")
    }
}

impl Drop for Ward {
    fn drop(&mut self) {
        for extension in ["db", "db-wal", "db-shm"] {
            let _ = std::fs::remove_file(self.store.with_extension(extension));
        }
    }
}

/// What the wall clock says.
fn now() -> Timestamp {
    Clock::system().now().wall
}

/// Waits until the wall clock says so.
async fn until_time(time: Timestamp) {
    until("it is time", || now() >= time).await;
}

/// A reading of the patient's monitor, of this time.
fn reading(seq: u64, time: Timestamp, heart_rate: u32) -> String {
    format!(r#"{{"device":"mon-17","seq":{seq},"time":"{time}","heart_rate":{heart_rate}}}"#)
}

/// The id of the alert of a high heart rate that begins with this reading.
fn id_of(seq: u64, time: Timestamp) -> String {
    let subject = Subject::Patient(PATIENT.parse().expect("an id"));
    let device = "mon-17".parse().ok();
    let onset = ReadingRef { device, seq: Some(seq), time, timed: true, generation: 0, simulated: false };
    alert_id(&subject, &Condition::High(Vital::HeartRate), Some(&onset), None, Again::First, None).to_string()
}

/// Each change as `raised heart_rate.high 1`.
fn lines(alerts: &[Value]) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let line = |alert: &Value| {
        format!("{} {} {}", text(&alert["event"]), text(&alert["condition"]), alert["sequence"])
    };
    alerts.iter().map(line).collect()
}
