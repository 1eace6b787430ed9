//! Attacks by what fails beside the service: its log, its store, its broker, and what the broker allows it.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::time::Duration;

use rumqttc::QoS;
use tokio::time::sleep;

use super::Form;
use super::flood::flood;
use super::mosquitto::publish;
use super::report::{Row, Table};
use super::site::{Setup, Site};
use super::small_disk::SmallDisk;
use super::ward::scratch;
use super::{until_beat, until_said};

/// How long a suspended broker stands still, in seconds.
const SUSPENDED: u64 = 4;

/// Each in a ward of its own.
pub async fn all(table: &mut Table, form: Form) {
    log(table, form).await;
    broker(table, form).await;
    store(table).await;
}

/// Says as much as it can of rejections without end.
async fn log(table: &mut Table, form: Form) {
    let junk = move |port| {
        let one = |n: u64| (format!("vitals/atk/j-{}", n % 50), "no reading");
        flood(port, QoS::AtLeastOnce, (0..form.of(15_000, 200_000)).map(one));
    };
    let name = "nobody reads the log";
    if table.wants(name) {
        let (_unread, mut writer) = std::io::pipe().expect("a pipe");
        // So much it takes without a reader.
        writer.write_all(&[b'\n'; 65_536]).expect("a pipe of 64 KiB");
        let mut site = Site::open(Setup::default(), |command| {
            command.env("RUST_LOG", "trace").stderr(writer);
        })
        .await;
        table.add(site.attacked(name, junk).await);
    }
    let name = "a log on a full disk";
    if table.wants(name) {
        let full = OpenOptions::new().write(true).open("/dev/full").expect("a device that is always full");
        let mut site = Site::open(Setup::default(), |command| {
            command.env("RUST_LOG", "trace").stderr(full);
        })
        .await;
        table.add(site.attacked(name, junk).await);
    }
}

async fn broker(table: &mut Table, form: Form) {
    let name = "an access list that denies some alerts";
    if table.wants(name) {
        table.add(denied_alerts(name, form).await);
    }
    let name = "an access list that denies probes";
    if table.wants(name) {
        let list = access_list("topic deny wardwatch/probe/#");
        let setup =
            Setup { broker: &format!("acl_file {list}"), status: Some("degraded"), ..Setup::default() };
        let mut site = Site::open(setup, |_| {}).await;
        table.add(site.under(name, sleep(Duration::from_secs(5))).await);
        let _ = fs::remove_file(list);
    }
    let name = "a broker that stands still";
    if table.wants(name) {
        let mut site = Site::open(Setup::default(), |_| {}).await;
        let id = site.broker.id();
        let stand_still = async move {
            signal(id, "STOP");
            sleep(Duration::from_secs(form.of(SUSPENDED, 4 * SUSPENDED))).await;
            signal(id, "CONT");
        };
        table.add(site.under(name, stand_still).await);
    }
}

/// Sends a process a signal.
fn signal(id: u32, name: &str) {
    let sent = std::process::Command::new("kill").arg(format!("-{name}")).arg(id.to_string()).status();
    assert!(sent.expect("kill").success(), "it takes no signal");
}

/// An access list with this line, by which everybody else may everything.
fn access_list(line: &str) -> String {
    let file = scratch("acl");
    fs::write(&file, format!("topic readwrite #\n{line}\n")).expect("an access list");
    file.display().to_string()
}

/// An alert that may not be published holds up no other, shows in the heartbeat, and comes once it may be published.
async fn denied_alerts(name: &'static str, form: Form) -> Row {
    let list = access_list("topic deny wardwatch/alerts/+/denied/#");
    let mut site =
        Site::open(Setup { broker: &format!("acl_file {list}"), ..Setup::default() }, |_| {}).await;
    let from = site.bystanders.now();
    let port = site.port();
    let denied = async move {
        let one = |n: u32| (format!("wardwatch/vitals/denied/p-{n}"), r#"{"seq":1,"heart_rate":170}"#);
        publish(port, (0..50).map(one)).await;
        sleep(Duration::from_secs(2)).await;
    };
    let mut row = site.under(name, denied).await;
    let degraded = until_beat(&site, from, |beat| beat["status"] == "degraded").await;
    row.fault(degraded, "the heartbeat never said degraded");
    fs::write(&list, "topic readwrite #\n").expect("an access list");
    signal(site.broker.id(), "HUP");
    if form.long {
        let late = super::mosquitto::Listener::subscribe(port, &["wardwatch/alerts/+/denied/#"]).await;
        // Offered again once a minute.
        for _ in 0..90 {
            sleep(Duration::from_secs(1)).await;
        }
        row.fault(
            late.heard().len() >= 50,
            &format!("{} of 50 denied alerts came later", late.heard().len()),
        );
    }
    let _ = fs::remove_file(list);
    row
}

async fn store(table: &mut Table) {
    let name = "a store on a full disk";
    if table.wants(name) {
        match SmallDisk::mount() {
            Some(disk) => table.add(full_store(name, &disk).await),
            None => println!("{name}: mounting a file system is not permitted here"),
        }
    }
    let name = "a store that is damaged at the start";
    if table.wants(name) {
        let store = scratch("db");
        fs::write(&store, [b"SQLite format 3\0".as_slice(), &[0xa5; 20_000]].concat()).expect("a file");
        let mut site =
            Site::open(Setup { store: Some(&store), status: None, ..Setup::default() }, |_| {}).await;
        table.add(site.under(name, sleep(Duration::from_secs(2))).await);
    }
    let name = "a store that is removed meanwhile";
    if table.wants(name) {
        let mut site = Site::open(Setup::default(), |_| {}).await;
        let from = site.bystanders.now();
        for end in ["", "-wal", "-shm"] {
            let _ = fs::remove_file(format!("{}{end}", site.store.display()));
        }
        let mut row = site.under(name, sleep(Duration::from_secs(4))).await;
        row.fault(until_said(&site, from, "store.lost raised").await, "store.lost was not raised");
        table.add(row);
    }
    let name = "a store that somebody else holds";
    if table.wants(name) {
        let mut site = Site::open(Setup::default(), |_| {}).await;
        let from = site.bystanders.now();
        let store = rusqlite::Connection::open(&site.store).expect("the store");
        store.execute_batch("BEGIN IMMEDIATE").expect("the store's lock");
        let mut row = site.under(name, sleep(Duration::from_secs(4))).await;
        row.fault(until_said(&site, from, "store.lost raised").await, "store.lost was not raised");
        drop(store);
        row.fault(until_said(&site, from, "store.lost cleared").await, "store.lost was not cleared");
        table.add(row);
    }
}

/// Whoever cannot commit says so, and lets nobody wait for it.
async fn full_store(name: &'static str, disk: &SmallDisk) -> Row {
    let store = disk.path().join("wardwatch.db");
    let mut site = Site::open(Setup { store: Some(&store), ..Setup::default() }, |_| {}).await;
    let from = site.bystanders.now();
    disk.fill();
    let port = site.port();
    let send = async move {
        // The log of the database has room in itself at first; less than the service takes unacknowledged.
        let one = |n: u64| (format!("vitals/atk/f-{}", n % 50), format!(r#"{{"seq":{n},"heart_rate":72}}"#));
        let sent = tokio::task::spawn_blocking(move || flood(port, QoS::AtLeastOnce, (0..3_000).map(one)));
        sent.await.expect("the flood ends");
    };
    let mut row = site.under(name, send).await;
    row.fault(until_said(&site, from, "store.lost raised").await, "store.lost was not raised");
    let degraded = until_beat(&site, from, |beat| beat["status"] == "degraded").await;
    row.fault(degraded, "the heartbeat never said degraded");
    disk.free();
    row.fault(until_said(&site, from, "store.lost cleared").await, "store.lost was not cleared");
    row
}
