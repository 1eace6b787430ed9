//! A real Mosquitto on a free loopback port, and clients to watch it with.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rumqttc::{AsyncClient, Event, EventLoop, MqttOptions, Packet, Publish, QoS};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// Long enough for a busy machine; a test that waits for it has failed.
pub const DEADLINE: Duration = Duration::from_secs(60);
/// How often a state is looked at that nobody announces.
const LOOK: Duration = Duration::from_millis(10);

/// The repository's configuration, as a user starts from it.
pub const CONFIG: &str = include_str!("../../mosquitto.conf");

static STARTED: AtomicU32 = AtomicU32::new(0);

/// A broker of this test alone; it ends with its value.
pub struct Mosquitto {
    directory: PathBuf,
    config: String,
    port: u16,
    child: Option<Child>,
}

impl Mosquitto {
    /// Starts a broker with the repository's configuration, but for port and place of persistence.
    pub fn start() -> Self {
        Self::with_config(CONFIG)
    }

    /// Starts a broker with another configuration, of which the same two lines are replaced.
    pub fn with_config(config: &str) -> Self {
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let directory =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("mosquitto-{}-{number}", std::process::id()));
        fs::create_dir_all(&directory).expect("a directory for the broker");
        let mut broker = Self { directory, config: config.to_owned(), port: 0, child: None };
        for _ in 0..10 {
            broker.port = free_port();
            if broker.try_start() {
                return broker;
            }
        }
        panic!("mosquitto does not start: {}", broker.log());
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn url(&self) -> String {
        format!("mqtt://127.0.0.1:{}", self.port)
    }

    /// The number of its process.
    pub fn id(&self) -> u32 {
        self.child.as_ref().expect("a running broker").id()
    }

    /// Ends the broker as an operator does: it saves what it has.
    pub fn stop(&mut self) {
        self.signal("TERM");
        self.wait();
    }

    /// Ends the broker as a power cut does.
    pub fn kill(&mut self) {
        self.signal("KILL");
        self.wait();
    }

    /// Starts it again on the same port, with what it saved.
    pub fn restart(&mut self) {
        assert!(self.child.is_none(), "the broker still runs");
        assert!(self.try_start(), "mosquitto does not start again: {}", self.log());
    }

    /// Starts it again on the same port, with nothing of before.
    pub fn restart_empty(&mut self) {
        let _ = fs::remove_file(self.directory.join("mosquitto.db"));
        self.restart();
    }

    /// Stops its time, as a machine that hangs does.
    pub fn suspend(&self) {
        self.signal("STOP");
    }

    /// Has it read its configuration and access list anew.
    pub fn reload(&self) {
        self.signal("HUP");
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.signal("CONT");
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.join("mosquitto.log")).unwrap_or_default()
    }

    fn try_start(&mut self) -> bool {
        let config = self.directory.join("mosquitto.conf");
        fs::write(&config, self.own_config()).expect("the broker's configuration");
        let log = File::create(self.directory.join("mosquitto.log")).expect("the broker's log");
        let child = mosquitto().arg("-c").arg(&config).stdout(Stdio::null()).stderr(log).spawn();
        let mut child = child.expect("mosquitto is installed (apt-get install mosquitto)");
        loop {
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                self.child = Some(child);
                return true;
            }
            if child.try_wait().expect("the broker's state").is_some() {
                return false;
            }
            std::thread::sleep(LOOK);
        }
    }

    fn own_config(&self) -> String {
        let others =
            |line: &&str| !line.starts_with("listener ") && !line.starts_with("persistence_location ");
        let kept: Vec<&str> = self.config.lines().filter(others).collect();
        // As root, Mosquitto would become a user who may not write here.
        format!(
            "user root\nlistener {} 127.0.0.1\npersistence_location {}/\n{}\n",
            self.port,
            self.directory.display(),
            kept.join("\n")
        )
    }

    fn signal(&self, name: &str) {
        let id = self.child.as_ref().expect("a running broker").id().to_string();
        let sent = Command::new("kill").arg(format!("-{name}")).arg(id).status();
        assert!(sent.expect("kill").success(), "the broker takes no signal");
    }

    fn wait(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.wait().expect("the broker's end");
        }
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        if !std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.directory);
        }
    }
}

/// Debian puts it where only root looks.
pub fn mosquitto() -> Command {
    let installed = Path::new("/usr/sbin/mosquitto");
    Command::new(if installed.exists() { installed } else { Path::new("mosquitto") })
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").port()
}

/// Waits until `state` is true, and says `what` was waited for if it never is.
pub async fn until(what: &str, mut state: impl FnMut() -> bool) {
    let wait = async {
        while !state() {
            sleep(LOOK).await;
        }
    };
    timeout(DEADLINE, wait).await.unwrap_or_else(|_| panic!("waited in vain until {what}"));
}

/// A subscriber with a session that outlives restarts of the broker.
pub struct Listener {
    heard: Arc<Mutex<Vec<Publish>>>,
    changed: Arc<Notify>,
    task: JoinHandle<()>,
}

impl Listener {
    /// Subscribes at QoS 1 and waits until that is confirmed.
    pub async fn subscribe(port: u16, filters: &[&str]) -> Self {
        let (client, mut event_loop) = client(port, "listener", false);
        let heard = Arc::new(Mutex::new(Vec::new()));
        let changed = Arc::new(Notify::new());
        let (keep, wake) = (heard.clone(), changed.clone());
        let filters: Vec<String> = filters.iter().map(|&filter| filter.to_owned()).collect();
        let (confirmed, confirmation) = tokio::sync::oneshot::channel();
        let task = tokio::spawn(async move {
            let mut confirmed = Some(confirmed);
            let mut unconfirmed = filters.len();
            loop {
                match event_loop.poll().await {
                    Ok(Event::Incoming(Packet::ConnAck(_))) => {
                        for filter in &filters {
                            client.try_subscribe(filter, QoS::AtLeastOnce).expect("room for a request");
                        }
                    }
                    Ok(Event::Incoming(Packet::SubAck(_))) => {
                        unconfirmed = unconfirmed.saturating_sub(1);
                        if let Some(confirmed) = (unconfirmed == 0).then(|| confirmed.take()).flatten() {
                            let _ = confirmed.send(());
                        }
                    }
                    Ok(Event::Incoming(Packet::Publish(publish))) => {
                        keep.lock().expect("what was heard").push(publish);
                        wake.notify_one();
                    }
                    Ok(_) => {}
                    Err(_) => sleep(LOOK).await,
                }
            }
        });
        timeout(DEADLINE, confirmation).await.expect("a subscription in time").expect("the listener runs");
        Self { heard, changed, task }
    }

    /// What has been heard so far.
    pub fn heard(&self) -> Vec<Publish> {
        self.heard.lock().expect("what was heard").clone()
    }

    /// Waits until what has been heard satisfies `state`, and returns it.
    pub async fn hear(&self, what: &str, mut state: impl FnMut(&[Publish]) -> bool) -> Vec<Publish> {
        let wait = async {
            while !state(&self.heard.lock().expect("what was heard")) {
                self.changed.notified().await;
            }
        };
        if timeout(DEADLINE, wait).await.is_err() {
            panic!("waited in vain to hear {what}; heard {:?}", self.heard());
        }
        self.heard()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Publishes at QoS 1 on a connection of its own and waits until the broker has everything.
pub async fn publish<P: Into<Vec<u8>>>(port: u16, messages: impl IntoIterator<Item = (String, P)>) {
    publish_as(port, false, messages).await;
}

/// The same, retained.
pub async fn publish_retained<P: Into<Vec<u8>>>(port: u16, messages: impl IntoIterator<Item = (String, P)>) {
    publish_as(port, true, messages).await;
}

async fn publish_as<P: Into<Vec<u8>>>(
    port: u16,
    retain: bool,
    messages: impl IntoIterator<Item = (String, P)>,
) {
    let messages: Vec<(String, Vec<u8>)> = messages.into_iter().map(|(t, p)| (t, p.into())).collect();
    let (client, mut event_loop) = client(port, "device", true);
    let mut unconfirmed = messages.len();
    let send = async {
        for (topic, payload) in messages {
            client.publish(topic, QoS::AtLeastOnce, retain, payload).await.expect("the client runs");
        }
        std::future::pending::<()>().await;
    };
    let confirm = async {
        while unconfirmed > 0 {
            match event_loop.poll().await.expect("a connection to publish on") {
                Event::Incoming(Packet::PubAck(_)) => unconfirmed -= 1,
                _ => continue,
            }
        }
    };
    let published = async {
        tokio::select! { () = send => {}, () = confirm => {} }
    };
    timeout(DEADLINE, published).await.expect("the broker confirms in time");
}

fn client(port: u16, role: &str, clean: bool) -> (AsyncClient, EventLoop) {
    let number = STARTED.fetch_add(1, Ordering::Relaxed);
    let mut options = MqttOptions::new(format!("{role}-{number}"), "127.0.0.1", port);
    options.set_clean_session(clean).set_max_packet_size(1 << 24, 1 << 24).set_inflight(1000);
    let (client, mut event_loop) = AsyncClient::new(options, 100);
    let mut network = rumqttc::NetworkOptions::new();
    network.set_tcp_nodelay(true);
    event_loop.set_network_options(network);
    (client, event_loop)
}
