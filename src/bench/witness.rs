//! Hears the service's heartbeats and who raised what, to say when it is back and whether anything was raised anew.

use std::collections::HashSet;

use anyhow::{Context, Result};
use rumqttc::Publish;
use serde::Deserialize;
use tokio::time::{Instant, sleep, timeout};

use super::listener::Listener;
use super::program::Who;
use super::{ASK_EVERY, BenchRun, PATIENCE};

/// What stands in a heartbeat of an instance that is long gone. To hear it of its own name makes the
/// service say again that it is there, so that nobody has to wait for the next heartbeat.
const LONG_GONE: &str = r#"{"started":"1970-01-01T00:00:00Z","status":"offline"}"#;

/// A heartbeat, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Beat {
    /// When this process started, which distinguishes it from the one before.
    pub started: String,
    #[serde(default)]
    pub ingest: String,
    #[serde(default)]
    pub patients: u64,
    #[serde(default)]
    pub open_alerts: u64,
    #[serde(default)]
    unacknowledged: u64,
    #[serde(default)]
    outbox: u64,
    #[serde(default)]
    waiting: u64,
}

impl Beat {
    /// Whether everything that is live is heard.
    pub fn listens(&self) -> bool {
        self.ingest == "listening"
    }

    /// Whether nothing is under way: all is committed, published and acknowledged.
    pub fn is_settled(&self) -> bool {
        self.listens() && self.unacknowledged + self.outbox + self.waiting == 0
    }
}

/// An alert change, as far as it matters here.
#[derive(Debug, Deserialize)]
struct Change {
    id: String,
    event: String,
}

/// What the witness understands.
enum Understood {
    Beat(Beat, Instant),
    Raised(String),
}

/// Counts of `raised`, by the ids of the alerts.
#[derive(Debug, Default)]
struct RaisedIds {
    ids: HashSet<String>,
    again: u64,
    anew: u64,
}

/// Hears heartbeats and alerts on a connection of its own.
pub struct Witness {
    listener: Listener<Understood>,
    topic: String,
    raised: RaisedIds,
}

impl Witness {
    /// Begins to listen.
    pub async fn start(bench: &BenchRun<'_>) -> Result<Self> {
        let topics = bench.topics();
        let topic = topics.system(&Who::Sqlite.client_id(&bench.prefix));
        let beats_on = topic.clone();
        let understand =
            move |message: &Publish, heard| word(message.topic == beats_on, &message.payload, heard);
        let client_id = format!("{}-witness", bench.prefix);
        let filters = [topics.all_alerts(), topic.clone()];
        let listener = Listener::start(&bench.settings.broker, filters, &client_id, understand).await?;
        Ok(Self { listener, topic, raised: RaisedIds::default() })
    }

    /// The next heartbeat that is so; `what` says what is waited for.
    pub async fn until(&mut self, what: &str, is_so: impl Fn(&Beat) -> bool) -> Result<(Beat, Instant)> {
        let beat = timeout(PATIENCE, async {
            loop {
                match self.listener.next().await? {
                    Understood::Beat(beat, heard) if is_so(&beat) => return anyhow::Ok((beat, heard)),
                    Understood::Beat(..) => {}
                    Understood::Raised(id) => self.raised.hear(id),
                }
            }
        });
        beat.await.with_context(|| format!("waited in vain for {what}"))?
    }

    /// The first heartbeat of a service that listens which is so, asking for one every [`ASK_EVERY`].
    pub async fn ask_until(&mut self, what: &str, is_so: impl Fn(&Beat) -> bool) -> Result<(Beat, Instant)> {
        let asked = timeout(PATIENCE, async {
            loop {
                self.listener.say(&self.topic, LONG_GONE).await?;
                let (beat, heard) = self.until("a heartbeat", Beat::listens).await?;
                if is_so(&beat) {
                    return anyhow::Ok((beat, heard));
                }
                sleep(ASK_EVERY).await;
            }
        });
        asked.await.with_context(|| format!("waited in vain for {what}"))?
    }

    /// Begins to count what is raised; known is what was raised before.
    pub fn count_anew(&mut self) {
        (self.raised.again, self.raised.anew) = (0, 0);
    }

    /// How many alerts were raised of which nobody knew, and how many that were known.
    pub fn raised(&self) -> (u64, u64) {
        (self.raised.anew, self.raised.again)
    }
}

impl RaisedIds {
    fn hear(&mut self, id: String) {
        match self.ids.insert(id) {
            true => self.anew += 1,
            false => self.again += 1,
        }
    }
}

fn word(is_beat: bool, payload: &[u8], heard: Instant) -> Option<Understood> {
    if is_beat {
        return Some(Understood::Beat(serde_json::from_slice(payload).ok()?, heard));
    }
    let change: Change = serde_json::from_slice(payload).ok()?;
    (change.event == "raised").then_some(Understood::Raised(change.id))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beat(text: &str) -> Beat {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_service_has_settled_when_nothing_is_under_way() {
        let begin = r#"{"started":"2026-11-22T06:35:06Z","ingest":"listening","patients":3,"outbox":0"#;
        assert!(beat(&format!("{begin}}}")).is_settled());
        assert!(!beat(&format!(r#"{begin},"waiting":1}}"#)).is_settled());
        assert!(!beat(LONG_GONE).listens());
    }

    #[test]
    fn an_alert_is_raised_anew_unless_its_id_was_heard_before() {
        let mut raised = RaisedIds::default();
        for id in ["a", "b", "a"] {
            raised.hear(id.to_owned());
        }
        assert_eq!((raised.anew, raised.again), (2, 1));
    }
}
