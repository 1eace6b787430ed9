//! One change of one alert: what is published, logged and counted.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::alerts::finding::{Cause, Presence};
use crate::alerts::signal::Signal;
use crate::clock::Timestamp;
use crate::conditions::Kind;
use crate::conditions::{Condition, Priority};
use crate::people::Subject;
use crate::vitals::Quantity;
use crate::vitals::ReadingRef;

/// What happened to an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Event {
    /// The condition exists.
    Raised,
    /// Its limit, cause or presence changed.
    Updated,
    /// Its priority rose.
    Escalated,
    /// Its priority fell.
    Deescalated,
    /// The condition ended.
    Cleared,
}

/// One change of one alert, numbered within it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertChange {
    /// The alert, the same for all its changes.
    pub id: Uuid,
    /// The number of this change within the alert, from 1.
    pub sequence: u32,
    pub event: Event,
    pub condition: Condition,
    pub priority: Priority,
    /// The priority before this change, where it was another.
    pub previous_priority: Option<Priority>,
    pub subject: Subject,
    pub bed: Option<String>,
    /// Why, for a person.
    pub message: String,
    pub cause: Cause,
    /// When the condition began.
    pub onset: Timestamp,
    /// When this change was so.
    pub time: Timestamp,
    /// The reading that caused this change; none for a timer or a record.
    pub reading: Option<ReadingRef>,
    pub presence: Presence,
    pub signal: Signal,
    /// Whether it was held back until a backlog was drained.
    pub backlog: bool,
    pub simulated: bool,
    /// Why it ended, where that is not plain.
    pub reason: Option<String>,
}

impl AlertChange {
    /// About the patient, the equipment, or advice.
    pub fn kind(&self) -> Kind {
        self.condition.kind()
    }

    /// The value that the alert rests on.
    pub fn value(&self) -> Option<Quantity> {
        self.cause.value()
    }

    /// The limit that holds at the alert's priority.
    pub fn limit(&self) -> Option<Quantity> {
        self.cause.limit(self.priority)
    }

    /// The UCUM code of value and limit.
    pub fn ucum(&self) -> Option<&str> {
        self.cause.ucum()
    }
}

/// The namespace of alert ids, itself derived from the project's name.
const ALERTS: Uuid = Uuid::from_u128(0x2f6c_1b1e_6f0d_5d0b_9a52_77a4_9d1c_3e70);

/// The id of an alert: the same subject, condition and onset reading always give the same one.
///
/// Without an onset reading, `anchor` tells one occurrence from the next: the end of the last such
/// alert, or the start of the stay where there was none.
pub fn alert_id(
    subject: &Subject,
    condition: &Condition,
    onset: Option<&ReadingRef>,
    anchor: Option<Timestamp>,
) -> Uuid {
    let device = condition.device().map_or("", |device| device.as_str());
    let mut name = format!("{subject}\n{condition}\n{device}\n");
    match onset {
        Some(reading) => {
            let seq = reading.seq.map(|seq| seq.to_string()).unwrap_or_default();
            // The arrival counts only where the device sent neither a time nor a count.
            let time =
                if reading.timed || reading.seq.is_none() { reading.time.to_string() } else { String::new() };
            name.push_str(&format!("{seq}\n{time}"));
        }
        None => name.push_str(&anchor.map(|end| end.to_string()).unwrap_or_default()),
    }
    Uuid::new_v5(&ALERTS, name.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vitals::Vital;

    #[test]
    fn the_same_onset_reading_gives_the_same_id_and_the_arrival_counts_only_where_nothing_was_sent() {
        let subject = Subject::Patient("icu-1/p-17".parse().unwrap());
        let condition = Condition::High(Vital::HeartRate);
        let reading =
            |seq, ms, timed| ReadingRef { device: None, seq, time: Timestamp::from_unix_ms(ms), timed };
        let id = |reading: ReadingRef| alert_id(&subject, &condition, Some(&reading), None);
        assert_eq!(id(reading(Some(1), 5, true)), id(reading(Some(1), 5, true)));
        assert_ne!(id(reading(Some(1), 5, true)), id(reading(Some(2), 5, true)));
        assert_eq!(id(reading(Some(1), 5, false)), id(reading(Some(1), 6, false)));
        assert_ne!(id(reading(None, 5, false)), id(reading(None, 6, false)));
    }
}
