//! A recording run through `assess`, and what every result of it must hold.

#![allow(dead_code, reason = "each test binary that shares this file uses its own part of it")]

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use wardwatch::assess::{AssessSettings, Summary, assess};
use wardwatch::config::Config;
use wardwatch_actors::clock::Timestamp;

/// One message that would have been published.
#[derive(Debug, Clone)]
pub struct Published {
    pub at: Timestamp,
    /// Below the prefix.
    pub topic: String,
    pub payload: Value,
}

impl Published {
    /// A field that is text; empty where it is none.
    pub fn text(&self, field: &str) -> &str {
        self.payload[field].as_str().unwrap_or_default()
    }

    /// Whether it is an alert change, each counted once: a change of priority is published on two topics.
    pub fn is_change(&self) -> bool {
        self.topic
            .strip_prefix("alerts/")
            .is_some_and(|rest| rest.split('/').next() == Some(self.text("priority")))
    }

    /// The moment that a field of the payload names.
    pub fn time(&self, field: &str) -> Timestamp {
        self.text(field).parse().unwrap_or_else(|fault| panic!("{field} of {:?}: {fault}", self.payload))
    }
}

/// A folder of real material, if it is here: beside the project, or where `WARDWATCH_DATA` says.
///
/// It is not ours to give away. Where it is missing, a test says so and passes.
pub fn data(folder: &str) -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data");
    let data = std::env::var_os("WARDWATCH_DATA").map_or_else(|| beside.into(), PathBuf::from);
    let folder = data.join(folder);
    if !folder.exists() {
        // Not by `println!`, which the test harness would keep to itself.
        let _ = writeln!(std::io::stderr(), "ran nothing: {} is not here", folder.display());
        return None;
    }
    Some(folder)
}

/// The configuration of this text.
pub fn config(name: &str, toml: &str) -> Config {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.toml"));
    std::fs::write(&path, toml).unwrap();
    Config::load(Some(&path), &[], &[]).unwrap_or_else(|faults| {
        let faults: Vec<_> = faults.iter().map(ToString::to_string).collect();
        panic!("{name}: {}", faults.join("\n"))
    })
}

/// Assesses a recording on simulated time, and checks what every result must hold.
pub fn assessed(config: &Config, recording: impl BufRead, linger: Duration) -> (Vec<Published>, Summary) {
    let settings = AssessSettings {
        settings: Arc::new(config.settings().unwrap()),
        sources: config.sources(),
        prefix: config.mqtt.prefix.clone(),
        linger,
    };
    let result = Paper::default();
    let summary = paused_system().block_on(assess(settings, recording, result.clone())).unwrap();
    let text = String::from_utf8(result.0.take()).unwrap();
    let published: Vec<_> = text.lines().map(read).collect();
    check(&published);
    (published, summary)
}

/// An actix system whose time stands still but for what waits for it.
pub fn paused_system() -> actix::SystemRunner {
    actix::System::with_tokio_rt(|| {
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
    })
}

#[derive(Clone, Default)]
struct Paper(Rc<RefCell<Vec<u8>>>);

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn read(line: &str) -> Published {
    let mut line: Value = serde_json::from_str(line).unwrap_or_else(|fault| panic!("{fault}: {line}"));
    let topic = line["topic"].as_str().unwrap();
    let topic = topic.strip_prefix("wardwatch/").unwrap().to_owned();
    Published { at: line["at"].as_str().unwrap().parse().unwrap(), topic, payload: line["payload"].take() }
}

/// What no result may break: numbers without a gap, one alert of a condition at a time, first raised, last cleared.
fn check(published: &[Published]) {
    let mut last: BTreeMap<String, u64> = BTreeMap::new();
    let mut open: BTreeMap<(String, String, String), String> = BTreeMap::new();
    let mut over: BTreeSet<String> = BTreeSet::new();
    for (before, after) in published.iter().zip(&published[1.min(published.len())..]) {
        assert!(before.at <= after.at, "out of order: {after:?}");
    }
    for change in published.iter().filter(|published| published.is_change()) {
        let id = change.text("id").to_owned();
        let sequence = change.payload["sequence"].as_u64().unwrap();
        let expected = last.insert(id.clone(), sequence).unwrap_or_default() + 1;
        assert_eq!(sequence, expected, "a change is lost or published twice: {change:?}");
        let raised = change.text("event") == "raised";
        assert_eq!(raised, sequence == 1, "an alert begins with raised, once: {change:?}");
        assert!(!over.contains(&id), "an alert goes on after its end: {change:?}");
        assert!(change.time("onset") <= change.time("time"), "an alert before its onset: {change:?}");
        assert!(!change.text("message").is_empty(), "an alert that does not say why: {change:?}");
        if change.text("condition") == "backlog.summary" {
            continue; // is published once and never open
        }
        let subject = change.topic.splitn(3, '/').nth(2).unwrap().to_owned();
        let fact = (subject, change.text("condition").to_owned(), change.text("device").to_owned());
        match change.text("event") {
            "raised" => assert_eq!(open.insert(fact, id), None, "raised while open: {change:?}"),
            "cleared" => {
                assert_eq!(open.remove(&fact), Some(id.clone()), "cleared but not open: {change:?}");
                over.insert(id);
            }
            _ => assert_eq!(open.get(&fact), Some(&id), "changed but not open: {change:?}"),
        }
    }
}
