//! A whole ward in one call: broker, WardWatch, and an ear on everything that goes over the bus.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;

use rumqttc::Publish;
use serde_json::Value;
use tokio::sync::oneshot;
use tokio::time::timeout;
use wardwatch::config::Config;
use wardwatch::fatal::Fatal;
use wardwatch::run::run_with;
use wardwatch_actors::analyzers::{self, Analyzer};

use super::mosquitto::{DEADLINE, Listener, Mosquitto, publish, publish_retained, until};

/// A heart rate alerts and clears at once, and nothing else has to be waited for.
pub const AT_ONCE: &str = "[limits.adult]\nheart_rate = { delay = \"0s\", clear_delay = \"0s\" }\n";

static FILES: AtomicU32 = AtomicU32::new(0);

/// Broker, service and ear; the service runs in this process.
pub struct Ward {
    pub broker: Mosquitto,
    pub service: Service,
    pub bus: Bus,
}

impl Ward {
    /// Opens a ward with these settings, and waits until WardWatch hears everything.
    pub async fn open(settings: &str) -> Self {
        let broker = Mosquitto::start();
        let bus = Bus::of(broker.port()).await;
        let service = Service::start(broker.port(), settings);
        bus.until_status("online").await;
        Self { broker, service, bus }
    }
}

/// Everything that goes over the bus of one ward.
pub struct Bus {
    pub port: u16,
    listener: Listener,
}

impl Bus {
    /// Listens from now on, and across restarts of the broker.
    pub async fn of(port: u16) -> Self {
        Self { port, listener: Listener::subscribe(port, &["wardwatch/#"]).await }
    }

    /// A device of this patient (`icu-1/p-17`) sends a reading.
    pub async fn read(&self, patient: &str, reading: &str) {
        self.send(&format!("vitals/{patient}"), reading).await;
    }

    /// Somebody publishes this.
    pub async fn send(&self, topic: &str, payload: &str) {
        publish(self.port, [(format!("wardwatch/{topic}"), payload)]).await;
    }

    /// Somebody publishes this, retained.
    pub async fn keep(&self, topic: &str, payload: &str) {
        publish_retained(self.port, [(format!("wardwatch/{topic}"), payload)]).await;
    }

    /// What has come on topics that begin so, in order; an empty message is null.
    pub fn heard(&self, topic: &str) -> Vec<Value> {
        published(&self.listener.heard(), topic)
    }

    /// Waits until what came on topics that begin so satisfies `state`, and returns it.
    pub async fn until(
        &self,
        what: &str,
        topic: &str,
        mut state: impl FnMut(&[Value]) -> bool,
    ) -> Vec<Value> {
        let heard = self.listener.hear(what, |heard| state(&published(heard, topic))).await;
        published(&heard, topic)
    }

    /// Waits for so many alert changes, and returns what has come by then.
    pub async fn alerts(&self, count: usize) -> Vec<Value> {
        self.until(&format!("{count} alert changes"), "alerts/", |alerts| alerts.len() >= count).await
    }

    /// Waits until this is the status in the newest heartbeat, and returns that.
    pub async fn until_status(&self, status: &str) -> Value {
        let newest = |beats: &[Value]| beats.last().is_some_and(|beat| beat["status"] == status);
        let mut beats = self.until(&format!("that it is {status}"), "system/", newest).await;
        beats.pop().expect("a heartbeat")
    }

    /// Sends a reading that alerts about somebody else, and waits for that: all sent before is judged by then.
    pub async fn until_judged(&self, marker: &str) {
        self.read(&format!("markers/{marker}"), r#"{"seq":1,"heart_rate":170}"#).await;
        let has = |alerts: &[Value]| alerts.iter().any(|alert| alert["patient"] == marker);
        self.until("the marker's alert", "alerts/", has).await;
    }
}

fn published(heard: &[Publish], topic: &str) -> Vec<Value> {
    let wanted = format!("wardwatch/{topic}");
    let of_topic = heard.iter().filter(|message| message.topic.starts_with(&wanted));
    of_topic.map(|message| serde_json::from_slice(&message.payload).unwrap_or_default()).collect()
}

/// What a late subscriber gets on connecting: the retained messages of these topics, by topic.
pub async fn retained(port: u16, topic: &str) -> Vec<(String, Value)> {
    // What is retained comes before a message that is sent after the subscription.
    let sentinel = format!("wardwatch/retained-{}", FILES.fetch_add(1, Ordering::Relaxed));
    let filter = format!("wardwatch/{topic}/#");
    let late = Listener::subscribe(port, &[&filter, &sentinel]).await;
    publish(port, [(sentinel.clone(), "")]).await;
    let heard =
        late.hear("the sentinel", |heard| heard.iter().any(|message| message.topic == sentinel)).await;
    let kept = heard.into_iter().filter(|message| message.retain);
    kept.map(|message| (message.topic, serde_json::from_slice(&message.payload).expect("JSON"))).collect()
}

/// Which of these values are on the bus, as texts.
pub fn texts<'a>(messages: &'a [Value], field: &str) -> Vec<&'a str> {
    messages.iter().filter_map(|message| message[field].as_str()).collect()
}

/// WardWatch in this process, on a thread of its own.
pub struct Service {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Result<(), Fatal>>>,
}

impl Service {
    /// Starts it with these settings.
    pub fn start(port: u16, settings: &str) -> Self {
        Self::start_with(port, settings, Vec::new())
    }

    /// Starts it as another instance.
    pub fn start_as(port: u16, client_id: &str, settings: &str) -> Self {
        let client_id = ("WARDWATCH__MQTT__CLIENT_ID".to_owned(), client_id.to_owned());
        Self::start_configured(load_with(port, settings, &[client_id]), Vec::new())
    }

    /// Starts it with these rules beside its own.
    pub fn start_with(port: u16, settings: &str, rules: Vec<Box<dyn Analyzer>>) -> Self {
        Self::start_configured(load(port, settings), rules)
    }

    fn start_configured(config: Config, rules: Vec<Box<dyn Analyzer>>) -> Self {
        let (stop, stopped) = oneshot::channel();
        let work = move || {
            let mut all = analyzers::all(&Arc::new(config.settings().expect("limits")));
            all.extend(rules);
            let shutdown = async { drop(stopped.await) };
            actix::System::new().block_on(run_with(config, all, shutdown))
        };
        Self { stop: Some(stop), thread: Some(std::thread::spawn(work)) }
    }

    /// Asks it to end, and waits until it has.
    pub async fn end(mut self) -> Result<(), Fatal> {
        self.stop.take();
        self.ended().await
    }

    /// Waits until it ends by itself.
    pub async fn ended(mut self) -> Result<(), Fatal> {
        let thread = self.thread.take().expect("a service that runs");
        until("the service has ended", || thread.is_finished()).await;
        thread.join().expect("no panic")
    }
}

fn load(port: u16, settings: &str) -> Config {
    load_with(port, settings, &[])
}

fn load_with(port: u16, settings: &str, environment: &[(String, String)]) -> Config {
    let file = config_file(port, settings);
    let loaded = Config::load(Some(&file), environment, &[]);
    let _ = fs::remove_file(file);
    loaded.unwrap_or_else(|faults| panic!("{faults:?}"))
}

/// A configuration file with these settings, for a broker on this port; it keeps nothing unless they say so, and
/// no timer waits for devices to come back.
pub fn config_file(port: u16, settings: &str) -> PathBuf {
    let file = scratch("toml");
    let no_wait = "[alerts]\ndevices_back_within = \"0s\"\n";
    let (alerts, settings) = match settings {
        own if own.contains("devices_back_within") => ("", own.to_owned()),
        own if own.contains("[alerts]\n") => ("", own.replace("[alerts]\n", no_wait)),
        own => (no_wait, own.to_owned()),
    };
    let store = if settings.contains("[store]") { "" } else { "[store]\nurl = \"memory\"\n" };
    // Many run at a time, and there is one port 8080.
    let pages = if settings.contains("[dashboard]") { "" } else { "[dashboard]\nlisten = \"off\"\n" };
    let broker = format!("{alerts}[mqtt]\nurl = \"mqtt://127.0.0.1:{port}\"\n");
    fs::write(&file, broker + &settings + store + pages).expect("a configuration");
    file
}

/// A file of this test alone.
pub fn scratch(extension: &str) -> PathBuf {
    let number = FILES.fetch_add(1, Ordering::Relaxed);
    let name = format!("service-{}-{number}.{extension}", std::process::id());
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// The program as its users start it; it ends with its value.
pub struct Program {
    child: Child,
    said: PathBuf,
    complained: PathBuf,
    config: Option<PathBuf>,
}

impl Program {
    /// Starts it with these arguments.
    pub fn start(arguments: &[&str]) -> Self {
        Self::start_with(arguments, |_| {})
    }

    /// Starts it with these arguments, after this change to how it is started.
    pub fn start_with(arguments: &[&str], change: impl FnOnce(&mut Command)) -> Self {
        let (said, complained) = (scratch("out"), scratch("err"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_wardwatch"));
        command.args(arguments).stdin(Stdio::null());
        command.stdout(File::create(&said).expect("a file"));
        command.stderr(File::create(&complained).expect("a file"));
        change(&mut command);
        let child = command.spawn();
        Self { child: child.expect("the program"), said, complained, config: None }
    }

    /// Starts the service with these settings.
    pub fn run(port: u16, settings: &str) -> Self {
        Self::run_with(port, settings, |_| {})
    }

    /// Starts the service with these settings, after this change to how it is started.
    pub fn run_with(port: u16, settings: &str, change: impl FnOnce(&mut Command)) -> Self {
        let file = config_file(port, settings);
        let arguments = ["run", "--config", file.to_str().expect("a path in UTF-8")];
        let mut program = Self::start_with(&arguments, change);
        program.config = Some(file);
        program
    }

    /// Its process's number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has not ended.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("its state").is_none()
    }

    /// Writes other settings into its file, and has it read that anew.
    pub fn reload(&self, port: u16, settings: &str) {
        let (file, other) = (self.config.as_ref().expect("a service"), config_file(port, settings));
        fs::rename(other, file).expect("a configuration");
        self.signal("HUP");
    }

    /// Sends it a signal: `TERM`, `INT`, `KILL`.
    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").arg(format!("-{name}")).arg(id).status();
        assert!(sent.expect("kill").success(), "the program takes no signal");
    }

    /// Waits until it has ended, and returns its exit status.
    pub async fn ended(&mut self) -> ExitStatus {
        let mut status = None;
        let child = &mut self.child;
        until("the program has ended", || {
            status = child.try_wait().expect("its state");
            status.is_some()
        })
        .await;
        status.expect("a status")
    }

    /// Everything on standard output so far.
    pub fn said(&self) -> String {
        fs::read_to_string(&self.said).unwrap_or_default()
    }

    /// Everything on standard error so far.
    pub fn complained(&self) -> String {
        fs::read_to_string(&self.complained).unwrap_or_default()
    }

    /// Waits until this is on standard output.
    pub async fn until_said(&self, words: &str) {
        let wait = until("it says so", || self.said().contains(words));
        if timeout(DEADLINE / 2, wait).await.is_err() {
            panic!("{words:?} never came: {}{}", self.said(), self.complained());
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if !std::thread::panicking() {
            let files = [&self.said, &self.complained].into_iter().chain(&self.config);
            files.for_each(|file| drop(fs::remove_file(file)));
        }
    }
}
