//! The retained state of a patient, and scores, as they go out.

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use wardwatch_actors::alerts::Inactivated;
use wardwatch_actors::analyzers::Score;
use wardwatch_actors::chart::Chart;
use wardwatch_actors::clock::Timestamp;
use wardwatch_actors::conditions::Priority;
use wardwatch_actors::patient::outcome::PatientState;
use wardwatch_actors::people::{Class, DeviceId, PatientId};
use wardwatch_actors::settings::Inactivation;
use wardwatch_actors::vitals::{Quantity, Vital};

use super::alert::AlertMessage;

/// The state of one patient, for a late subscriber.
#[derive(Debug, Serialize)]
pub struct StateMessage<'a> {
    unit: &'a str,
    patient: &'a str,
    bed: Option<&'a str>,
    time: Timestamp,
    class: Class,
    #[serde(serialize_with = "vitals")]
    vitals: &'a Chart,
    missing: &'a [Vital],
    alerts: Vec<AlertMessage<'a>>,
    #[serde(serialize_with = "scores")]
    scores: Vec<ScoreMessage<'a>>,
    simulated: bool,
    /// Until when the patient is away.
    #[serde(skip_serializing_if = "Option::is_none")]
    standby: Option<StandbyMessage<'a>>,
    /// What somebody paused or switched off.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    inactivated: Vec<InactivatedMessage<'a>>,
}

/// The patient is away.
#[derive(Debug, Serialize)]
struct StandbyMessage<'a> {
    since: Timestamp,
    until: Timestamp,
    by: &'a str,
}

/// Something that somebody paused or switched off.
#[derive(Debug, Serialize)]
struct InactivatedMessage<'a> {
    inactivation: Inactivation,
    /// The one condition; null: everything about the patient.
    condition: Option<String>,
    /// What is of a higher priority signals all the same.
    up_to: Priority,
    since: Timestamp,
    until: Option<Timestamp>,
    by: &'a str,
}

impl<'a> From<&'a Inactivated> for InactivatedMessage<'a> {
    fn from(of: &'a Inactivated) -> Self {
        Self {
            inactivation: of.inactivation,
            condition: of.condition.as_ref().map(ToString::to_string),
            up_to: of.up_to,
            since: of.since,
            until: of.until,
            by: &of.author.by,
        }
    }
}

impl<'a> StateMessage<'a> {
    /// The state of this patient.
    pub fn new(patient: &'a PatientId, state: &'a PatientState) -> Self {
        let scores = state.scores.iter().map(|score| ScoreMessage::new(patient, score, state.time));
        Self {
            unit: patient.unit(),
            patient: patient.patient(),
            bed: state.record.bed.as_deref(),
            time: state.time,
            class: state.record.class_at(state.time),
            vitals: &state.chart,
            missing: &state.missing,
            alerts: state.alerts.iter().map(|change| AlertMessage::from(&**change)).collect(),
            scores: scores.collect(),
            simulated: state.simulated,
            standby: state.standby.as_ref().map(|standby| StandbyMessage {
                since: standby.since,
                until: standby.until,
                by: &standby.author.by,
            }),
            inactivated: state.inactivated.iter().map(InactivatedMessage::from).collect(),
        }
    }
}

/// One value of the state.
#[derive(Serialize)]
struct Value<'a, T> {
    value: T,
    #[serde(skip_serializing_if = "Option::is_none")]
    ucum: Option<&'a str>,
    time: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<&'a DeviceId>,
}

fn vitals<S: Serializer>(chart: &&Chart, serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(None)?;
    for vital in chart.present().iter() {
        let Some(latest) = chart.latest(vital) else { continue };
        let (ucum, device) = (Some(vital.facts().ucum), latest.reading.device.as_ref());
        map.serialize_entry(
            vital.name(),
            &Value::<Quantity> { value: latest.value, ucum, time: latest.at, device },
        )?;
    }
    if let Some(held) = chart.consciousness {
        map.serialize_entry(
            "consciousness",
            &Value { value: held.value, ucum: None, time: held.at, device: None },
        )?;
    }
    if let Some(held) = chart.oxygen {
        let value = Value { value: held.value, ucum: None, time: held.at, device: None };
        map.serialize_entry("supplemental_oxygen", &value)?;
    }
    map.end()
}

fn scores<S: Serializer>(scores: &[ScoreMessage<'_>], serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(scores.len()))?;
    for score in scores {
        map.serialize_entry(score.score, score)?;
    }
    map.end()
}

/// A score of one patient.
#[derive(Debug, Serialize)]
pub struct ScoreMessage<'a> {
    score: &'a str,
    unit: &'a str,
    patient: &'a str,
    time: Timestamp,
    complete: bool,
    total: Option<u8>,
    at_least: Option<u8>,
    at_most: Option<u8>,
    risk: Option<&'a str>,
    #[serde(serialize_with = "parts")]
    parts: &'a Score,
    missing: &'a [std::borrow::Cow<'static, str>],
    /// Why there is no score for this patient.
    #[serde(skip_serializing_if = "Option::is_none")]
    excluded: Option<&'a str>,
}

impl<'a> ScoreMessage<'a> {
    /// The score of this patient at `time`.
    pub fn new(patient: &'a PatientId, score: &'a Score, time: Timestamp) -> Self {
        let applies = score.excluded.is_none();
        Self {
            score: score.name.as_str(),
            unit: patient.unit(),
            patient: patient.patient(),
            time,
            complete: score.complete(),
            total: score.total(),
            at_least: applies.then_some(score.at_least),
            at_most: applies.then_some(score.at_most),
            risk: applies.then_some(&*score.risk),
            parts: score,
            missing: &score.missing,
            excluded: score.excluded.as_deref(),
        }
    }
}

fn parts<S: Serializer>(score: &&Score, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(score.parts.iter().map(|(name, points)| (name, points)))
}
