//! A ward under attack: a real broker, the program itself, bystanders, and what the kernel says of its memory.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tokio::time::{sleep, timeout};
use wardwatch_actors::clock::{Span, Uptime};

use super::bystanders::{Bystanders, Latencies};
use super::mosquitto::{CONFIG, Mosquitto};
use super::report::Row;
use super::ward::{Program, scratch};

/// For how long the bystanders are measured without an attack.
const CALM: Duration = Duration::from_millis(1500);
/// For how long they are measured after an attack has been delivered.
const AFTER: Duration = Duration::from_secs(1);
/// How long an alert is waited for before it counts as lost.
const PATIENCE: Duration = Duration::from_secs(15);
/// A heartbeat that says all is well while an alert is later than this lies.
const LIE: Span = Span::from_secs(5);

/// A heart rate alerts and clears at once; there is a limit to who is taken in.
pub const SETTINGS: &str = "[limits.adult]\nheart_rate = { delay = \"0s\", clear_delay = \"0s\" }\n\
                            [admission]\nmax_patients = 1000\n";

/// How a ward is set up before the attack.
pub struct Setup<'a> {
    /// Lines of the broker's configuration, instead of the repository's size limit.
    pub broker: &'a str,
    pub settings: &'a str,
    /// Where the store is.
    pub store: Option<&'a Path>,
    /// What a heartbeat says before the bystanders are measured; none: anything.
    pub status: Option<&'a str>,
}

impl Default for Setup<'_> {
    fn default() -> Self {
        Self { broker: "", settings: SETTINGS, store: None, status: Some("online") }
    }
}

/// One ward; it ends with its value.
pub struct Site {
    pub broker: Mosquitto,
    pub program: Program,
    pub bystanders: Bystanders,
    pub store: PathBuf,
    calm: Latencies,
    /// Memory before the first attack, in bytes.
    idle: u64,
    /// Why it did not even begin.
    fault: Option<String>,
}

impl Site {
    /// Opens a ward, and measures its bystanders in peace.
    pub async fn open(setup: Setup<'_>, change: impl FnOnce(&mut Command)) -> Self {
        // Whatever the broker takes, we must be able to reject.
        let broker =
            CONFIG.replace("message_size_limit 1048576", &format!("message_size_limit 0\n{}", setup.broker));
        let broker = Mosquitto::with_config(&broker);
        let mut bystanders = Bystanders::of(broker.port()).await;
        let store = setup.store.map_or_else(|| scratch("db"), Path::to_owned);
        let settings = format!("{}[store]\nurl = \"sqlite://{}\"\n", setup.settings, store.display());
        let program = Program::run_with(broker.port(), &settings, change);
        let is_so = |beat: &serde_json::Value| setup.status.is_none_or(|status| beat["status"] == status);
        let begun = bystanders.hear_beat(Uptime::START, is_so).await;
        let never = || format!("the service never said {:?}: {}", setup.status, program.complained());
        let fault = (!begun).then(never);
        bystanders.start(broker.port());
        let from = bystanders.now();
        sleep(CALM).await;
        bystanders.settle(PATIENCE).await;
        let calm = bystanders.latencies(from, bystanders.now());
        let idle = memory(&program, "VmRSS:").unwrap_or_default();
        Self { broker, program, bystanders, store, calm, idle, fault }
    }

    pub fn port(&self) -> u16 {
        self.broker.port()
    }

    /// What is idle is judged anew: so much is needed without an attack.
    pub fn rest(&mut self) {
        self.idle = memory(&self.program, "VmRSS:").unwrap_or(self.idle);
    }

    /// Whether another attack can be made on this ward.
    pub fn is_well(&mut self) -> bool {
        self.program.is_running() && self.calm.lost == 0
    }

    /// Lets something happen, and says how the bystanders fared.
    pub async fn under(&mut self, attack: &'static str, work: impl Future<Output = ()>) -> Row {
        self.forget_peak();
        let from = self.bystanders.now();
        // An attack that a hung broker holds up for ever is over as well.
        let _ = timeout(Duration::from_secs(300), work).await;
        sleep(AFTER).await;
        let to = self.bystanders.now();
        self.bystanders.settle(PATIENCE).await;
        let during = self.bystanders.latencies(from, to);
        let lies = self.bystanders.lies(from, LIE);
        let peak = self.program.is_running().then(|| memory(&self.program, "VmHWM:")).flatten();
        let mut row = Row {
            attack,
            before: self.calm.clone(),
            during,
            memory: peak.map(|peak| peak.saturating_sub(self.idle)),
            says: self.said(from),
            faults: self.fault.take().into_iter().chain(lies.into_iter().take(1)).collect(),
        };
        row.judge();
        row
    }

    /// The same of something that is done on a thread of its own.
    pub async fn attacked(&mut self, attack: &'static str, work: impl FnOnce(u16) + Send + 'static) -> Row {
        let port = self.port();
        let done = tokio::task::spawn_blocking(move || work(port));
        self.under(attack, async { done.await.expect("the attack ends") }).await
    }

    /// The statuses of the heartbeats since then.
    fn said(&self, from: Uptime) -> String {
        let mut statuses = Vec::new();
        for beat in self.bystanders.beats(from) {
            let status = beat.says["status"].as_str().unwrap_or("-").to_owned();
            if statuses.last() != Some(&status) {
                statuses.push(status);
            }
        }
        if statuses.is_empty() { "(none came)".to_owned() } else { statuses.join(", ") }
    }

    /// The most memory counts from now.
    fn forget_peak(&self) {
        let _ = fs::write(format!("/proc/{}/clear_refs", self.program.id()), "5");
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            for end in ["", "-wal", "-shm", ".lock"] {
                let _ = fs::remove_file(format!("{}{end}", self.store.display()));
            }
        }
    }
}

/// A line of what the kernel says of a process, in bytes.
pub fn memory(program: &Program, line: &str) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{}/status", program.id())).ok()?;
    let kib = text.lines().find_map(|of| of.strip_prefix(line))?;
    Some(kib.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}
