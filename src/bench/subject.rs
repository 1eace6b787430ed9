//! Who is measured: the service or the plain client, as a process of its own that ends with its value.

use std::collections::VecDeque;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::time::{sleep, timeout};

use super::listener::Listener;
use super::load::Load;
use super::packets::{Marks, Ward};
use super::process::OwnChild;
use super::{Bench, PATIENCE, broker, process};

/// Settings of whoever runs the bench must not change what is measured.
const VARIABLE_PREFIX: &str = "WARDWATCH__";

/// Between two tries whether a subject answers yet.
const ASK_EVERY: Duration = Duration::from_millis(100);

/// Readings in one write.
const AT_ONCE: u64 = 64;

/// Readings between two marks, whose answers tell how far the subject is.
const MARK_EVERY: u64 = 5000;

/// Marks that may be unanswered: the subject always has readings waiting, and the broker never very many.
const MARKS_AHEAD: u64 = 3;

/// Who is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    Service,
    Plain,
}

impl Who {
    /// Its name at the broker; the service's is also that of its heartbeat.
    pub fn client_id(self, prefix: &str) -> String {
        match self {
            Self::Service => format!("{prefix}-service"),
            Self::Plain => format!("{prefix}-plain"),
        }
    }
}

/// The names of all sessions that a broker may keep of those under measurement.
pub fn client_ids(prefix: &str) -> [String; 3] {
    let service = Who::Service.client_id(prefix);
    let publisher = format!("{service}-out");
    [service, publisher, Who::Plain.client_id(prefix)]
}

/// A process under measurement, its answers, and the load on it.
pub struct Subject {
    child: OwnChild,
    pub listener: Listener,
    pub load: Load,
}

impl Subject {
    /// Starts the process, and waits until it answers a mark.
    pub async fn start(bench: &Bench<'_>, who: Who, marks: &mut Marks) -> anyhow::Result<Self> {
        let settings = bench.settings;
        let (prefix, broker) = (&bench.prefix, &settings.broker);
        let client_id = who.client_id(prefix);
        let mut command = Command::new(&settings.program);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with(VARIABLE_PREFIX) {
                command.env_remove(name);
            }
        }
        match who {
            Who::Service => {
                command.arg("run").envs(service_settings(bench, &client_id));
            }
            Who::Plain => {
                let url = broker.to_string();
                command.args([
                    "acknowledge-only",
                    "--url",
                    &url,
                    "--prefix",
                    prefix,
                    "--client-id",
                    &client_id,
                ]);
            }
        }
        command.stdout(Stdio::null());
        let listener = Listener::start(broker, &bench.topics(), &format!("{prefix}-listener")).await?;
        let load = Load::connect(broker, &format!("{prefix}-devices"), 0).await?;
        let child = OwnChild::start(command)?;
        let mut subject = Self { child, listener, load };
        let answered = timeout(PATIENCE, subject.until_it_answers(bench, marks)).await;
        answered.context("it does not begin to answer")??;
        Ok(subject)
    }

    async fn until_it_answers(&mut self, bench: &Bench<'_>, marks: &mut Marks) -> anyhow::Result<()> {
        loop {
            self.load.set_time((bench.settings.wall)());
            self.load.add(marks.take_turn().0);
            self.load.write().await?;
            sleep(ASK_EVERY).await;
            if self.listener.next_now().is_some() {
                return Ok(());
            }
            if let Some(status) = self.child.ended()? {
                bail!("the process under measurement ended by itself, with {status}");
            }
        }
    }

    /// Publishes so many readings as fast as they are followed, and returns when the last is followed.
    pub async fn follow(
        &mut self,
        bench: &Bench<'_>,
        ward: &mut Ward,
        marks: &mut Marks,
        readings: u64,
    ) -> anyhow::Result<()> {
        let mut marked = VecDeque::new();
        let end = self.load.sent() + readings;
        while self.load.sent() < end {
            let wall = (bench.settings.wall)();
            self.load.set_time(wall);
            for _ in 0..AT_ONCE.min(end - self.load.sent()) {
                let last = self.load.sent() + 1 == end;
                if last || self.load.sent().is_multiple_of(MARK_EVERY) {
                    marked.push_back(self.load.add(marks.take_turn().0));
                } else {
                    self.load.add(ward.take_turn());
                }
            }
            self.load.write().await?;
            while let Some(answer) = self.listener.next_now() {
                marked.retain(|seq| *seq > answer.seq);
            }
            while marked.len() as u64 > MARKS_AHEAD {
                let answer = self.listener.next().await?;
                marked.retain(|seq| *seq > answer.seq);
            }
        }
        while !marked.is_empty() {
            let answer = self.listener.next().await?;
            marked.retain(|seq| *seq > answer.seq);
        }
        Ok(())
    }

    /// The CPU that it has used.
    pub fn cpu(&self) -> anyhow::Result<Duration> {
        process::cpu(self.child.id())
    }

    /// The memory that it has now, in bytes.
    pub fn memory(&self) -> anyhow::Result<u64> {
        process::memory(self.child.id())
    }

    /// Ends the process, and its sessions at the broker.
    pub async fn end(self, bench: &Bench<'_>) -> anyhow::Result<()> {
        drop(self.child);
        broker::forget_sessions(&bench.settings.broker, &client_ids(&bench.prefix)).await
    }
}

/// How the service is set up: no bound on patients or their rate in the way.
fn service_settings(bench: &Bench<'_>, client_id: &str) -> Vec<(String, String)> {
    let settings = bench.settings;
    let most_patients = settings.many_patients.max(settings.patients) * 2 + 1000;
    let keys = [
        ("MQTT__URL", settings.broker.to_string()),
        ("MQTT__PREFIX", bench.prefix.clone()),
        ("MQTT__CLIENT_ID", client_id.to_owned()),
        ("ADMISSION__MAX_PATIENTS", most_patients.to_string()),
        ("ADMISSION__MAX_RATE", "10000".to_owned()),
        ("STORE__URL", bench.store_url()),
        ("LOG__LEVEL", "error".to_owned()),
    ];
    keys.into_iter().map(|(key, value)| (format!("{VARIABLE_PREFIX}{key}"), value)).collect()
}
