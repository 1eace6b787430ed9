//! Who is measured, and how it is started: the service with either store, and the plain client.

use std::process::{Command, Stdio};

use super::BenchRun;
use super::stores::Folder;

/// Settings of whoever runs the bench must not change what is measured.
const VARIABLE_PREFIX: &str = "WARDWATCH__";

/// Who is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// The client that only acknowledges.
    Plain,
    /// The service, which keeps nothing.
    Memory,
    /// The service, which keeps everything on the disk, each commit forced to it.
    Sqlite,
}

impl Who {
    /// All of them, in the order in which they take turns.
    pub const ALL: [Self; 3] = [Self::Memory, Self::Sqlite, Self::Plain];

    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "the plain client",
            Self::Memory => "the service in memory",
            Self::Sqlite => "the service with SQLite",
        }
    }

    /// Its name at the broker; the service's is also that of its heartbeat.
    pub fn client_id(self, prefix: &str) -> String {
        match self {
            Self::Plain => format!("{prefix}-plain"),
            Self::Memory | Self::Sqlite => format!("{prefix}-service"),
        }
    }
}

/// What was measured of each of them, round by round.
#[derive(Debug)]
pub struct ByTurns<T> {
    pub plain: Vec<T>,
    pub memory: Vec<T>,
    pub sqlite: Vec<T>,
}

impl<T> ByTurns<T> {
    /// Nothing yet.
    pub fn new() -> Self {
        Self { plain: Vec::new(), memory: Vec::new(), sqlite: Vec::new() }
    }

    /// One more round of this one.
    pub fn push(&mut self, who: Who, round: T) {
        let rounds = match who {
            Who::Plain => &mut self.plain,
            Who::Memory => &mut self.memory,
            Who::Sqlite => &mut self.sqlite,
        };
        rounds.push(round);
    }
}

/// The names of all sessions that a broker may keep of those under measurement.
pub fn client_ids(prefix: &str) -> [String; 4] {
    let service = Who::Sqlite.client_id(prefix);
    let (publisher, commands) = (format!("{service}-out"), format!("{service}-commands"));
    [service, publisher, commands, Who::Plain.client_id(prefix)]
}

/// How it is started; without a folder it keeps nothing.
pub fn command(bench: &BenchRun<'_>, who: Who, store: Option<&Folder>) -> Command {
    let client_id = who.client_id(&bench.prefix);
    let mut command = Command::new(&bench.settings.program);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with(VARIABLE_PREFIX) {
            command.env_remove(name);
        }
    }
    match who {
        Who::Plain => {
            let url = bench.settings.broker.to_string();
            command.args(["acknowledge-only", "--url", &url, "--prefix", &bench.prefix]);
            command.args(["--client-id", &client_id]);
        }
        Who::Memory | Who::Sqlite => {
            command.arg("run").envs(service_settings(bench, client_id, store));
        }
    }
    command.stdout(Stdio::null());
    command
}

/// How the service is set up: no bound on patients or their rate in the way.
fn service_settings(
    bench: &BenchRun<'_>,
    client_id: String,
    store: Option<&Folder>,
) -> impl Iterator<Item = (String, String)> {
    let settings = bench.settings;
    let most_patients = settings.many_patients.max(settings.patients).max(settings.restored_patients);
    let keys = [
        ("MQTT__URL", settings.broker.to_string()),
        ("MQTT__PREFIX", bench.prefix.clone()),
        ("MQTT__CLIENT_ID", client_id),
        ("ADMISSION__MAX_PATIENTS", (most_patients * 2 + 1000).to_string()),
        ("ADMISSION__MAX_RATE", "10000".to_owned()),
        // A marker that is well again may fall again at once.
        ("LIMITS__ADULT__OXYGEN_SATURATION__CLEAR_DELAY", "0s".to_owned()),
        ("STORE__URL", store.map_or("memory".to_owned(), Folder::url)),
        ("STORE__SYNCHRONOUS", "full".to_owned()),
        ("LOG__LEVEL", "error".to_owned()),
    ];
    keys.into_iter().map(|(key, value)| (format!("{VARIABLE_PREFIX}{key}"), value))
}
