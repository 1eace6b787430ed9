//! What is published of patients, as a subscriber of alerts reads it.

use serde::Deserialize;

use crate::course::Ms;
use crate::message::START;

/// One change of an alert.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// When it was published.
    pub at: Ms,
    /// `unit/patient`; `_` where it is about none.
    pub subject: String,
    pub id: String,
    pub sequence: u64,
    pub event: String,
    pub condition: String,
    pub priority: String,
    pub device: Option<String>,
    pub onset: Ms,
    pub time: Ms,
    pub backlog: bool,
    pub unknown: bool,
    pub message: String,
}

#[derive(Deserialize)]
struct Wire {
    id: String,
    sequence: u64,
    event: String,
    condition: String,
    priority: String,
    device: Option<String>,
    onset: String,
    time: String,
    presence: String,
    backlog: bool,
    message: String,
}

impl Change {
    /// The change of this topic and payload that was published at `at`; none for what is another's, or the copy on
    /// the topic of the priority before.
    pub fn read(at: Ms, topic: &str, payload: &[u8]) -> Option<Self> {
        let (priority, subject) = topic.strip_prefix("wardwatch/alerts/")?.split_once('/')?;
        let wire: Wire = serde_json::from_slice(payload).expect("an alert change");
        (wire.priority == priority).then(|| Self {
            at,
            subject: subject.to_owned(),
            id: wire.id,
            sequence: wire.sequence,
            event: wire.event,
            condition: wire.condition,
            priority: wire.priority,
            device: wire.device,
            onset: moment(&wire.onset),
            time: moment(&wire.time),
            backlog: wire.backlog,
            unknown: wire.presence == "unknown",
            message: wire.message,
        })
    }

    pub fn is(&self, event: &str) -> bool {
        self.event == event
    }

    /// 0 for info to 3 for high.
    pub fn rank(&self) -> u8 {
        match &*self.priority {
            "high" => 3,
            "medium" => 2,
            "low" => 1,
            _ => 0,
        }
    }
}

/// A moment of the wire, since second 0.
pub fn moment(text: &str) -> Ms {
    let time: jiff::Timestamp = text.parse().expect("a time of the contract");
    time.as_millisecond() - START
}
