//! A retained state of ours as the broker gives it back: whose it is, and which alerts it says are open.

use serde::Deserialize;
use thiserror::Error;
use uuid::Uuid;
use wardwatch_actors::alerts::{AlertChange, Cause, Event, Presence, Signal};
use wardwatch_actors::clock::Timestamp;
use wardwatch_actors::conditions::{Condition, Kind, NamedCondition, Priority, ScoreName};
use wardwatch_actors::people::{DeviceId, PatientId, Subject};
use wardwatch_actors::vitals::{ReadingRef, Vital};

/// What a state says that a start without any memory needs.
#[derive(Debug)]
pub struct PublishedState {
    pub patient: PatientId,
    pub time: Timestamp,
    /// The last change of each open alert.
    pub open: Vec<AlertChange>,
}

/// Why it is no state of ours.
#[derive(Debug, Error)]
pub enum StateFault {
    #[error("payload is no state")]
    Json(#[from] serde_json::Error),
    #[error("the state is of nobody: {0}/{1}")]
    Patient(String, String),
}

#[derive(Deserialize)]
struct WireState {
    unit: String,
    patient: String,
    time: Timestamp,
    alerts: Vec<WireAlert>,
}

#[derive(Deserialize)]
struct WireAlert {
    id: Uuid,
    sequence: u32,
    event: Event,
    condition: String,
    kind: Kind,
    priority: Priority,
    bed: Option<String>,
    message: String,
    onset: Timestamp,
    time: Timestamp,
    device: Option<DeviceId>,
    reading: Option<WireReference>,
    presence: Presence,
    signal: Signal,
    backlog: bool,
    simulated: bool,
}

#[derive(Deserialize)]
struct WireReference {
    device: Option<DeviceId>,
    seq: Option<u64>,
    time: Timestamp,
}

/// Reads a retained state.
pub fn parse(payload: &[u8]) -> Result<PublishedState, StateFault> {
    let WireState { unit, patient, time, alerts } = serde_json::from_slice(payload)?;
    let id = format!("{unit}/{patient}").parse::<PatientId>();
    let patient = id.map_err(|_| StateFault::Patient(unit, patient))?;
    let is_open = |alert: &WireAlert| alert.event != Event::Cleared;
    let open = alerts.into_iter().filter(is_open).map(|alert| change(&patient, alert)).collect();
    Ok(PublishedState { patient, time, open })
}

fn change(patient: &PatientId, alert: WireAlert) -> AlertChange {
    let reading = alert.reading.map(|WireReference { device, seq, time }| ReadingRef {
        device,
        seq,
        time,
        timed: true,
        generation: 0,
        simulated: alert.simulated,
    });
    AlertChange {
        id: alert.id,
        sequence: alert.sequence,
        event: alert.event,
        condition: condition(alert.condition, alert.kind, alert.device),
        priority: alert.priority,
        previous_priority: None,
        subject: Subject::Patient(patient.clone()),
        bed: alert.bed,
        cause: Cause::Words { words: alert.message.clone() },
        message: alert.message,
        onset: alert.onset,
        time: alert.time,
        reading,
        presence: alert.presence,
        signal: alert.signal,
        backlog: alert.backlog,
        simulated: alert.simulated,
        reason: None,
        author: None,
        until: None,
        route: None,
        test: false,
    }
}

/// The condition of this name; one that nobody knows is its rule's own.
fn condition(name: String, kind: Kind, device: Option<DeviceId>) -> Condition {
    let of_vitals = Vital::ALL
        .into_iter()
        .flat_map(|vital| [Condition::Low(vital), Condition::High(vital), Condition::Missing(vital)]);
    let of_devices = device.into_iter().flat_map(|device| {
        [
            Condition::DeviceSilent(device.clone()),
            Condition::DeviceOffline(device.clone()),
            Condition::ClockWrong(Some(device)),
        ]
    });
    let others = [Condition::PatientUnheard, Condition::AnalysisFailed, Condition::AlertUnanswered];
    let news2 = Condition::Risk(ScoreName::new("news2"));
    let mut known = of_vitals.chain(of_devices).chain(others).chain([news2]);
    known
        .find(|known| known.to_string() == name)
        .unwrap_or(Condition::Named(NamedCondition { name: name.into(), kind }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::payload::alert::AlertMessage;
    use crate::contract::payload::json;

    fn state(alerts: &[AlertChange]) -> Vec<u8> {
        let alerts: Vec<_> = alerts
            .iter()
            .map(|change| String::from_utf8(json(&AlertMessage::from(change))).unwrap())
            .collect();
        format!(
            r#"{{"unit":"icu-1","patient":"p-17","bed":null,"time":"2026-11-22T06:35:06Z","class":"adult","vitals":{{}},"alerts":[{}]}}"#,
            alerts.join(",")
        )
        .into_bytes()
    }

    fn open(condition: Condition) -> AlertChange {
        let payload = format!(
            r#"{{"id":"61646215-6c53-5000-bde5-42f0ef93f67b","sequence":3,"event":"escalated","condition":"{condition}","kind":"technical","priority":"high","bed":"B","message":"x","onset":"2026-11-22T06:35:06Z","time":"2026-11-22T06:35:07Z","device":null,"reading":{{"device":"mon-17","seq":7,"time":"2026-11-22T06:35:06Z"}},"presence":"present","signal":"on","backlog":false,"simulated":false}}"#
        );
        let alert = serde_json::from_str(&payload).unwrap();
        AlertChange { condition, ..change(&"icu-1/p-17".parse().unwrap(), alert) }
    }

    #[test]
    fn what_we_say_in_a_state_is_read_back() {
        let device = || "mon-17".parse::<DeviceId>().unwrap();
        let named = NamedCondition { name: "lactate.high".into(), kind: Kind::Physiological };
        let conditions = [
            Condition::High(Vital::HeartRate),
            Condition::Missing(Vital::OxygenSaturation),
            Condition::Risk(ScoreName::new("news2")),
            Condition::DeviceSilent(device()),
            Condition::ClockWrong(Some(device())),
            Condition::Named(named),
        ];
        let said: Vec<_> = conditions.into_iter().map(open).collect();
        let read = parse(&state(&said)).unwrap();
        assert_eq!((read.patient.as_str(), read.open), ("icu-1/p-17", said));
    }

    #[test]
    fn what_is_over_is_not_open_and_what_is_no_state_is_none() {
        let over = AlertChange { event: Event::Cleared, ..open(Condition::AnalysisFailed) };
        assert!(parse(&state(&[over])).unwrap().open.is_empty());
        for payload in
            ["", "{}", "[]", r#"{"unit":"","patient":"p","time":"2026-11-22T06:35:06Z","alerts":[]}"#]
        {
            assert!(parse(payload.as_bytes()).is_err(), "{payload}");
        }
    }
}
