//! Attacks by what is sent as readings: too many, too large, too old, broken, and under too many names.

use std::time::Duration;

use rumqttc::QoS;
use wardwatch_actors::clock::Clock;

use super::Form;
use super::flood::{deaf_subscriber, flood, flood_retained};
use super::report::Table;
use super::site::{SETTINGS, Setup, Site};
use super::until_beat;

/// A day's working hours at one reading a second.
const BACKLOG: u64 = 8 * 3600;

fn now_ms() -> i64 {
    Clock::system().now().wall.unix_ms()
}

/// One reading with everything in it.
fn reading(device: &str, seq: u64, time: i64) -> String {
    let rate = 60 + seq % 30;
    format!(
        r#"{{"time":{time},"device":"{device}","seq":{seq},"heart_rate":{rate},"oxygen_saturation":97,"respiratory_rate":16,"blood_pressure":"120/80","temperature":36.8}}"#
    )
}

/// One message of so many readings, the first of this count.
fn array(device: &str, first: u64, count: u64, begun: i64, every_ms: i64) -> String {
    let one = |seq: u64| reading(device, seq, begun + seq as i64 * every_ms);
    let all: Vec<_> = (first..first + count).map(one).collect();
    format!("[{}]", all.join(","))
}

/// The ward that is attacked next: the same as before, where that is still well.
async fn ward(before: Option<Site>) -> Site {
    if let Some(mut site) = before
        && site.is_well()
    {
        return site;
    }
    Site::open(Setup::default(), |_| {}).await
}

/// Everything that one client can send, in one ward one after the other.
pub async fn all(table: &mut Table, form: Form) {
    let mut open = None;
    // Before all places are taken by those who attack.
    for (name, in_arrays) in [("8 h of backlog, singly", false), ("8 h of backlog, in arrays", true)] {
        if table.wants(name) {
            let mut site = ward(open.take()).await;
            backlog(table, &mut site, name, in_arrays).await;
            open = Some(site);
        }
    }
    for (name, send) in plain(form) {
        if table.wants(name) {
            let mut site = ward(open.take()).await;
            table.add(site.attacked(name, send).await);
            open = Some(site);
        }
    }
    let name = "a reader of everything that reads nothing";
    if table.wants(name) {
        let mut site = ward(open.take()).await;
        let _deaf = deaf_subscriber(site.port());
        let send = move |port| {
            let one = |n: u64| ("vitals/atk/deaf".to_owned(), reading("atk-deaf", n, now_ms()));
            flood(port, QoS::AtLeastOnce, (0..form.of(10_000, 500_000)).map(one));
        };
        table.add(site.attacked(name, send).await);
    }
}

/// What is sent at once where much is sent at once.
const AT_ONCE: [&str; 5] = [
    "arrays of 1,000 of many patients",
    "QoS 0, one patient",
    "deep and broken JSON",
    "a new device with each reading",
    "a new topic that is rejected each time",
];

/// Several attacks side by side on a ward of as many patients as there may be.
pub async fn at_once(table: &mut Table, form: Form) {
    let name = "five of these at once, a full ward";
    if !form.long || !table.wants(name) {
        return;
    }
    let patients = 20_000;
    let settings = SETTINGS.replace("max_patients = 1000", &format!("max_patients = {}", patients + 200));
    let mut site = Site::open(Setup { settings: &settings, ..Setup::default() }, |_| {}).await;
    let from = site.bystanders.now();
    let port = site.port();
    let admitted = tokio::task::spawn_blocking(move || {
        let topic = |n: u64| format!("vitals/full-{}/p-{n}", n % 40);
        flood(
            port,
            QoS::AtLeastOnce,
            (0..patients).map(|n| (topic(n), reading(&format!("f-{n}"), n, now_ms()))),
        );
    });
    admitted.await.expect("everybody sends");
    let here = until_beat(&site, from, |beat| beat["patients"].as_u64() >= Some(patients)).await;
    site.rest();
    let sends: Vec<_> =
        plain(Form { long: false }).into_iter().filter(|(name, _)| AT_ONCE.contains(name)).collect();
    let send = move |port| {
        let threads = sends.into_iter().map(|(_, send)| std::thread::spawn(move || send(port)));
        let threads: Vec<_> = threads.collect();
        threads.into_iter().for_each(|thread| thread.join().expect("an attacker ends"));
    };
    let mut row = site.attacked(name, send).await;
    row.fault(here, "not everybody was admitted");
    table.add(row);
}

type Send = Box<dyn FnOnce(u16) + std::marker::Send>;

/// Attacks after which nothing else is asked than what is asked of all.
fn plain(form: Form) -> Vec<(&'static str, Send)> {
    vec![
        (
            "arrays of 1,000 of one device",
            Box::new(move |port| {
                let begun = now_ms();
                let one = |n: u64| ("vitals/atk/arrays".to_owned(), array("atk-1", n * 1000, 1000, begun, 1));
                flood(port, QoS::AtLeastOnce, (0..form.of(150, 4_000)).map(one));
            }),
        ),
        (
            "arrays of 1,000 of many patients",
            Box::new(move |port| {
                let begun = now_ms();
                let one = |n: u64| {
                    (
                        format!("vitals/atk/m-{}", n % 50),
                        array(&format!("m-{}", n % 50), n * 1000, 1000, begun, 1),
                    )
                };
                flood(port, QoS::AtLeastOnce, (0..form.of(150, 4_000)).map(one));
            }),
        ),
        (
            "arrays of 100,000 small elements",
            Box::new(move |port| {
                let element = r#"{"heart_rate":72},"#.repeat(100_000);
                let payload = format!("[{}]", element.trim_end_matches(','));
                let one = |_| ("vitals/atk/long".to_owned(), payload.clone());
                flood(port, QoS::AtLeastOnce, (0..form.of(20, 500)).map(one));
            }),
        ),
        (
            "QoS 0, one patient",
            Box::new(move |port| {
                let one = |n: u64| ("vitals/atk/qos0".to_owned(), reading("atk-q0", n, now_ms()));
                flood(port, QoS::AtMostOnce, (0..form.of(50_000, 1_000_000)).map(one));
            }),
        ),
        (
            "QoS 0, arrays",
            Box::new(move |port| {
                let begun = now_ms();
                let one =
                    |n: u64| ("vitals/atk/q0-arrays".to_owned(), array("atk-q1", n * 1000, 1000, begun, 1));
                flood(port, QoS::AtMostOnce, (0..form.of(100, 4_000)).map(one));
            }),
        ),
        (
            "messages of 70 MB",
            Box::new(move |port| {
                let element = r#"{"heart_rate":72},"#.repeat(70_000_000 / 18);
                for n in 0..form.of(2, 10) {
                    let payload = format!("[{}]", element.trim_end_matches(','));
                    flood(
                        port,
                        if n.is_multiple_of(2) { QoS::AtLeastOnce } else { QoS::AtMostOnce },
                        [("vitals/atk/large".to_owned(), payload)],
                    );
                }
            }),
        ),
        (
            "deep and broken JSON",
            Box::new(move |port| {
                let broken = [
                    "[".repeat(20_000),
                    "{\"a\":".repeat(5_000),
                    "{\"heart_rate\":".to_owned(),
                    format!("[{}", "{\"heart_rate\":999},".repeat(900)),
                    "\u{0}\u{ffff}".repeat(300),
                    format!("[{}0]", "0,".repeat(990)),
                ];
                let one =
                    |n: u64| (format!("vitals/atk/b-{}", n % 7), broken[n as usize % broken.len()].clone());
                flood(port, QoS::AtLeastOnce, (0..form.of(6_000, 300_000)).map(one));
            }),
        ),
        (
            "names as long as they can be",
            Box::new(move |port| {
                let long = "n".repeat(60_000);
                let one = |n: u64| match n % 5 {
                    0 => (format!("vitals/{long}/p"), reading("a", n, now_ms())),
                    1 => ("vitals/atk/names".to_owned(), reading(&long, n, now_ms())),
                    2 => ("vitals/atk/names".to_owned(), format!(r#"{{"heart_rate":72,"{long}{n}":1}}"#)),
                    3 => (format!("patients/atk/{long}"), "{}".to_owned()),
                    _ => ("patients/atk/names".to_owned(), format!(r#"{{"class":"{long}","{long}":{n}}}"#)),
                };
                flood(port, QoS::AtLeastOnce, (0..form.of(1_000, 50_000)).map(one));
            }),
        ),
        (
            "a new device with each reading",
            Box::new(move |port| {
                let one = |n: u64| ("vitals/atk/devices".to_owned(), reading(&format!("d-{n}"), n, now_ms()));
                flood(port, QoS::AtLeastOnce, (0..form.of(10_000, 100_000)).map(one));
            }),
        ),
        (
            "a new device's status each time",
            Box::new(move |port| {
                let one = |n: u64| {
                    (format!("devices/d-{n}/status"), if n.is_multiple_of(2) { "online" } else { "offline" })
                };
                flood(port, QoS::AtLeastOnce, (0..form.of(10_000, 100_000)).map(one));
            }),
        ),
        (
            "a new patient with each reading",
            Box::new(move |port| {
                let one = |n: u64| (format!("vitals/many/p-{n}"), reading(&format!("p-{n}"), n, now_ms()));
                flood(port, QoS::AtLeastOnce, (0..form.of(5_000, 100_000)).map(one));
            }),
        ),
        (
            "a new unit with each reading",
            Box::new(move |port| {
                let one = |n: u64| (format!("vitals/unit-{n}/p"), reading(&format!("u-{n}"), n, now_ms()));
                flood(port, QoS::AtLeastOnce, (0..form.of(5_000, 100_000)).map(one));
            }),
        ),
        (
            "a new topic that is rejected each time",
            Box::new(move |port| {
                let one = |n: u64| (format!("vitals/x/y/z-{n}"), reading("x", n, now_ms()));
                flood(port, QoS::AtLeastOnce, (0..form.of(10_000, 100_000)).map(one));
            }),
        ),
        (
            "two times that alternate",
            Box::new(move |port| {
                let (one_time, other) = (now_ms(), now_ms() - 20_000);
                let one = |n: u64| {
                    (
                        "vitals/atk/two-times".to_owned(),
                        reading("atk-2t", n, if n.is_multiple_of(2) { one_time } else { other }),
                    )
                };
                flood(port, QoS::AtLeastOnce, (0..form.of(20_000, 264_000)).map(one));
            }),
        ),
        (
            "records that are kept, of nobody",
            Box::new(move |port| {
                let one = |n: u64| (format!("patients/rec/p-{n}"), r#"{"bed":"B"}"#);
                flood_retained(port, (0..form.of(5_000, 100_000)).map(one));
            }),
        ),
    ]
}

/// Nothing of what a device kept may be lost, nor is it a flood.
async fn backlog(table: &mut Table, site: &mut Site, name: &'static str, in_arrays: bool) {
    let from = site.bystanders.now();
    let device = if in_arrays { "kept-arrays" } else { "kept-singly" };
    let send = move |port| {
        let begun = now_ms() - BACKLOG as i64 * 1000;
        let topic = || format!("vitals/atk/{device}");
        if in_arrays {
            let one = |n: u64| (topic(), array(device, n * 1000, 1000.min(BACKLOG - n * 1000), begun, 1000));
            flood(port, QoS::AtLeastOnce, (0..BACKLOG.div_ceil(1000)).map(one));
        } else {
            let one = |n: u64| (topic(), reading(device, n, begun + n as i64 * 1000));
            flood(port, QoS::AtLeastOnce, (0..BACKLOG).map(one));
        }
    };
    let mut row = site.attacked(name, send).await;
    let kept = kept_of(site, device).await;
    row.fault(kept == BACKLOG, &format!("{kept} of {BACKLOG} readings are in the store"));
    let is_of_device = |said: &String| said.starts_with("device.flooding") && said.contains(device);
    let flooding = site.bystanders.others(from).iter().any(is_of_device);
    row.fault(!flooding, "device.flooding was raised");
    table.add(row);
}

/// How many readings of this patient the store has, once they do not become more.
async fn kept_of(site: &Site, patient: &str) -> u64 {
    let count = || {
        let store = rusqlite::Connection::open(&site.store).expect("the store");
        let sql = "SELECT count(*) FROM readings WHERE patient = ?1";
        let counted = store.query_row(sql, [format!("atk/{patient}")], |row| row.get::<_, i64>(0));
        u64::try_from(counted.unwrap_or_default()).unwrap_or_default()
    };
    let (mut kept, mut same) = (count(), 0);
    while kept < BACKLOG && same < 10 {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let now = count();
        same = if now == kept { same + 1 } else { 0 };
        kept = now;
    }
    kept
}
