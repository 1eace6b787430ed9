//! One change of one alert: what is published, logged and counted.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::alerts::finding::{Cause, Presence, Side};
use crate::clock::{Span, Timestamp};
use crate::conditions::Kind;
use crate::conditions::{Condition, Priority};
use crate::people::Subject;
use crate::vitals::ReadingRef;
use crate::vitals::{Quantity, Vital, VitalSet};

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

/// How an alert is signalled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Signal {
    On,
    Off,
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
    pub fn ucum(&self) -> Option<&'static str> {
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

/// Says a change to a person: what, against which limit, for how long.
pub fn message(event: Event, priority: Priority, presence: Presence, cause: &Cause, delay: Span) -> String {
    let words = match cause {
        Cause::Limit { vital, side, value, .. } => {
            let facts = vital.facts();
            let limit = cause.limit(priority).map(|l| l.to_string()).unwrap_or_default();
            let beyond = match (event, side) {
                (Event::Cleared, Side::Low) => "no longer below",
                (Event::Cleared, Side::High) => "no longer above",
                (_, Side::Low) => "below",
                (_, Side::High) => "above",
            };
            let lasted = match event {
                Event::Raised | Event::Escalated if delay != Span::ZERO => format!(" for {delay}"),
                _ => String::new(),
            };
            let symbol = facts.symbol;
            format!("{} {value} {symbol}, {beyond} {limit} {symbol}{lasted}", facts.words)
        }
        Cause::Score { words, .. } => words.clone(),
        Cause::Missing { vital, with, since } => missing(event, *vital, *with, *since),
        Cause::Silent { since } => match event {
            Event::Cleared => "The device sends again".to_owned(),
            _ => format!("Nothing has come from the device since {since}"),
        },
        Cause::Offline => match event {
            Event::Cleared => "The device is online again".to_owned(),
            _ => "The device is offline: it says so itself, or its last will does".to_owned(),
        },
        Cause::Clock { off_by } => match event {
            Event::Cleared => "The clock is right again".to_owned(),
            _ if off_by.as_ms() >= 0 => {
                format!("The clock is {} behind ours; readings are judged as it were right", off_by.abs())
            }
            _ => format!("The clock is {} ahead of ours; readings are judged as it were right", off_by.abs()),
        },
        Cause::Failed { rules } => match event {
            Event::Cleared => "Readings are judged whole again".to_owned(),
            _ => format!(
                "A reading could not be judged by: {}. Look after the patient; report it with the log",
                rules.join(", ")
            ),
        },
        Cause::Words { words } => words.clone(),
    };
    match (event, presence) {
        (Event::Updated, Presence::Unknown) => {
            format!("{words}; the value is now missing or too old to tell")
        }
        _ => words,
    }
}

/// Says that a vital is missing, and what stopped with it.
fn missing(event: Event, vital: Vital, with: VitalSet, since: Timestamp) -> String {
    let words = vital.facts().words;
    if event == Event::Cleared {
        return format!("{words} is measured again");
    }
    let others: String =
        with.iter().map(|other| format!(", nor {}", other.facts().words.to_lowercase())).collect();
    format!("{words} has not been measured since {since}{others}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_says_value_limit_and_delay() {
        let cause = Cause::Limit {
            vital: Vital::HeartRate,
            side: Side::High,
            value: Quantity::whole(158),
            limit: Some(Quantity::whole(120)),
            extreme: Some(Quantity::whole(150)),
        };
        let said = |event, priority| message(event, priority, Presence::Present, &cause, Span::from_secs(5));
        assert_eq!(said(Event::Raised, Priority::High), "Heart rate 158 /min, above 150 /min for 5 s");
        assert_eq!(said(Event::Cleared, Priority::Medium), "Heart rate 158 /min, no longer above 120 /min");
    }

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
