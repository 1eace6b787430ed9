//! What subscribers hear of alerts, and how it compares with the truth.

use std::collections::{BTreeMap, BTreeSet};

use rumqttc::Publish;
use serde_json::Value;
use uuid::Uuid;
use wardwatch_actors::clock::Timestamp;

use super::mosquitto::Listener;
use super::truth::Truth;

/// One change as it was heard.
#[derive(Debug, Clone)]
pub struct Heard {
    pub id: Uuid,
    pub sequence: u64,
    pub event: String,
    pub condition: String,
    /// `unit/patient`; empty for the installation.
    pub patient: String,
    pub backlog: bool,
    pub onset: Timestamp,
    pub time: Timestamp,
    text: String,
}

impl Heard {
    /// None for the copy of a change of priority on the topic of the priority before.
    fn read(publish: &Publish) -> Option<Self> {
        let text = String::from_utf8(publish.payload.to_vec()).expect("an alert in UTF-8");
        let change: Value = serde_json::from_str(&text).expect("an alert in JSON");
        let word = |field: &str| change[field].as_str().unwrap_or_default().to_owned();
        let own = format!("wardwatch/alerts/{}/", word("priority"));
        let patient = match (change["unit"].as_str(), change["patient"].as_str()) {
            (Some(unit), Some(patient)) => format!("{unit}/{patient}"),
            _ => String::new(),
        };
        publish.topic.starts_with(&own).then(|| Self {
            id: word("id").parse().expect("an id"),
            sequence: change["sequence"].as_u64().expect("a sequence"),
            event: word("event"),
            condition: word("condition"),
            patient,
            backlog: change["backlog"].as_bool().unwrap_or_default(),
            onset: word("onset").parse().expect("an onset"),
            time: word("time").parse().expect("a time"),
            text,
        })
    }
}

/// Waits until WardWatch says that it hears everything; what was published before, it has never heard.
pub async fn until_listening(port: u16) {
    let system = Listener::subscribe(port, &["wardwatch/system/#"]).await;
    let listens =
        |publish: &Publish| String::from_utf8_lossy(&publish.payload).contains(r#""ingest":"listening""#);
    system.hear("that WardWatch listens", |heard| heard.iter().any(listens)).await;
}

/// A subscriber to every alert, whose session outlives everything.
pub struct Watcher {
    listener: Listener,
}

impl Watcher {
    pub async fn start(port: u16) -> Self {
        Self { listener: Listener::subscribe(port, &["wardwatch/alerts/#"]).await }
    }

    /// Every change heard so far, in order.
    pub fn heard(&self) -> Vec<Heard> {
        self.listener.heard().iter().filter_map(Heard::read).collect()
    }

    /// Waits until this condition was heard to do this `times` over.
    pub async fn hear(&self, condition: &str, event: &str, times: usize) {
        let wanted = |publish: &&Publish| {
            Heard::read(publish).is_some_and(|heard| heard.condition == condition && heard.event == event)
        };
        let what = format!("{condition} {event}");
        let distinct = |heard: &[Publish]| {
            let ids = heard.iter().filter(wanted).filter_map(Heard::read).map(|heard| heard.id);
            ids.collect::<BTreeSet<_>>().len() >= times
        };
        self.listener.hear(&what, distinct).await;
    }

    /// Whether every patient's last reading has been heard of.
    pub fn has_heard_the_end(&self, truth: &Truth) -> bool {
        let is_end = |condition: &str| condition == "temperature.high";
        let ends = truth.changes.iter().filter(|change| is_end(&change.condition)).map(|change| change.id);
        let heard: BTreeSet<_> =
            self.heard().into_iter().filter(|h| is_end(&h.condition)).map(|h| h.id).collect();
        ends.into_iter().all(|id| heard.contains(&id))
    }
}

/// What was heard, each change once.
#[derive(Debug, Default)]
pub struct Account {
    /// In the order in which each was heard first.
    pub changes: Vec<Heard>,
    /// Changes heard again, with the same content.
    pub duplicates: usize,
    /// Changes heard again with another content.
    pub contradictions: Vec<String>,
}

impl Account {
    /// Counts what was heard.
    pub fn of(heard: Vec<Heard>) -> Self {
        let mut first: BTreeMap<(Uuid, u64), String> = BTreeMap::new();
        let mut account = Self::default();
        for change in heard {
            match first.get(&(change.id, change.sequence)) {
                Some(text) if *text == change.text => account.duplicates += 1,
                Some(text) => account.contradictions.push(format!("{text}\n    then {}", change.text)),
                None => {
                    first.insert((change.id, change.sequence), change.text.clone());
                    account.changes.push(change);
                }
            }
        }
        account
    }

    /// What of the truth did not come.
    pub fn missing(&self, truth: &Truth) -> Vec<String> {
        let heard: BTreeSet<_> = self.changes.iter().map(|c| (c.id, c.sequence, c.event.as_str())).collect();
        let missing = truth.changes.iter().filter(|c| !heard.contains(&(c.id, c.sequence, c.event)));
        missing.map(|change| format!("{change:?}")).collect()
    }

    /// What is not in the truth, but for conditions that a fault explains.
    pub fn spurious(&self, truth: &Truth, explained: &[&str]) -> Vec<String> {
        let expected: BTreeSet<_> = truth.changes.iter().map(|c| (c.id, c.sequence, c.event)).collect();
        let changes = self.changes.iter().filter(|c| !explained.contains(&c.condition.as_str()));
        let spurious = changes.filter(|c| !expected.contains(&(c.id, c.sequence, c.event.as_str())));
        spurious.map(|change| change.text.clone()).collect()
    }

    /// Where changes of one condition of one patient came in another order than that of the truth.
    pub fn disorder(&self, truth: &Truth) -> Vec<String> {
        let mut heard: BTreeMap<(String, &str), Vec<(Uuid, u64)>> = BTreeMap::new();
        for change in &self.changes {
            let of = (change.patient.clone(), change.condition.as_str());
            heard.entry(of).or_default().push((change.id, change.sequence));
        }
        let mut faults = Vec::new();
        for (of, expected) in truth.courses() {
            let places: BTreeMap<_, _> =
                expected.iter().enumerate().map(|(place, c)| ((c.id, c.sequence), place)).collect();
            let heard = heard.remove(&of).unwrap_or_default();
            let order: Vec<_> = heard.iter().filter_map(|change| places.get(change)).collect();
            if !order.is_sorted() {
                faults.push(format!("{of:?}: {order:?}"));
            }
        }
        faults
    }
}
