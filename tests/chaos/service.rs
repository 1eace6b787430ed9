//! `wardwatch run` as a process of its own, which can be killed, suspended, and starved of its store.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rusqlite::Connection;

use super::mosquitto::until;

static STARTED: AtomicU32 = AtomicU32::new(0);

/// The settings that the truth knows of; what differs follows.
const CONFIG: &str = r#"
[limits.adult]
heart_rate = { delay = "0s", clear_delay = "0s" }
respiratory_rate = { delay = "3s", clear_delay = "0s" }
[scores.news2]
enabled = false
[dashboard]
listen = "127.0.0.1:0"
"#;

/// The program under test; it ends with its value.
pub struct Service {
    directory: PathBuf,
    store: PathBuf,
    child: Mutex<Option<Child>>,
}

impl Service {
    /// Starts it on this broker, with its store on `store` or else beside its configuration.
    pub fn start(broker: &str, store: Option<&Path>, more_config: &str) -> Self {
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let name = format!("chaos-{}-{number}", std::process::id());
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&directory).expect("a directory for the service");
        let store = store.unwrap_or(&directory).join("wardwatch.db");
        let own = format!("[mqtt]\nurl = \"{broker}\"\n[store]\nurl = \"sqlite://{}\"\n", store.display());
        fs::write(directory.join("wardwatch.toml"), own + CONFIG + more_config).expect("a configuration");
        let service = Self { directory, store, child: Mutex::new(None) };
        service.launch();
        service
    }

    pub fn config(&self) -> PathBuf {
        self.directory.join("wardwatch.toml")
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Its database, as another process sees it.
    pub fn store(&self) -> Connection {
        let store = Connection::open(&self.store).expect("the store");
        store.busy_timeout(Duration::from_secs(30)).expect("patience");
        store
    }

    /// How many changes a start would publish again.
    pub fn pending(&self) -> i64 {
        let count = "SELECT count(*) FROM changes WHERE published = 0";
        self.store().query_row(count, [], |row| row.get(0)).expect("the changes")
    }

    /// Starts it again.
    pub fn launch(&self) {
        let log = OpenOptions::new().create(true).append(true).open(self.log_path()).expect("a log");
        let mut child = command();
        child.arg("run").arg("--config").arg(self.config()).stdout(Stdio::null()).stderr(log);
        let mut running = self.child.lock().expect("the service");
        assert!(running.is_none(), "the service still runs");
        *running = Some(child.spawn().expect("the service starts"));
    }

    /// Ends it as a power cut does. Fails where it has ended by itself.
    pub fn kill(&self) {
        let mut child = self.take();
        let ended = child.try_wait().expect("the service's state");
        assert!(ended.is_none(), "the service has ended by itself: {ended:?}");
        child.kill().expect("a kill");
        child.wait().expect("its end");
    }

    /// Stops its time.
    pub fn suspend(&self) {
        self.signal("STOP");
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.signal("CONT");
    }

    /// Ends it as an operator does; it must end well.
    pub async fn end(&self) {
        self.signal("TERM");
        let mut child = self.take();
        let mut ended = None;
        until("the service has ended", || {
            ended = child.try_wait().expect("the service's state");
            ended.is_some()
        })
        .await;
        assert!(ended.is_some_and(|status| status.success()), "the service ended with {ended:?}");
    }

    /// Judges a recording by the same configuration; gives the result, a message a line.
    pub fn assess(&self, recording: &Path) -> String {
        let done = command().arg("assess").arg(recording).arg("--config").arg(self.config()).output();
        let done = done.expect("an assessment");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).expect("a result in UTF-8")
    }

    /// The last lines of its log.
    pub fn log_tail(&self) -> String {
        let log = fs::read_to_string(self.log_path()).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(80)..].join("\n")
    }

    fn log_path(&self) -> PathBuf {
        self.directory.join("wardwatch.log")
    }

    fn take(&self) -> Child {
        self.child.lock().expect("the service").take().expect("a running service")
    }

    fn signal(&self, name: &str) {
        let child = self.child.lock().expect("the service");
        let id = child.as_ref().expect("a running service").id().to_string();
        let sent = Command::new("kill").arg(format!("-{name}")).arg(id).status();
        assert!(sent.expect("kill").success(), "the service takes no signal");
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if let Ok(mut child) = self.child.lock()
            && let Some(mut child) = child.take()
        {
            let _ = child.kill();
            let _ = child.wait();
        }
        if !std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.directory);
        }
    }
}

fn command() -> Command {
    Command::new(env!("CARGO_BIN_EXE_wardwatch"))
}
