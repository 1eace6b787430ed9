//! An alert change as it goes out.

use serde::{Serialize, Serializer};
use uuid::Uuid;

use wardwatch_actors::alerts::{AlertChange, Event, Presence, Signal};
use wardwatch_actors::clock::Timestamp;
use wardwatch_actors::conditions::{Kind, Priority};
use wardwatch_actors::people::{DeviceId, Subject};
use wardwatch_actors::vitals::Quantity;
use wardwatch_actors::vitals::ReadingRef;

/// An alert change with the contract's fields, in the contract's order.
#[derive(Debug, Serialize)]
pub struct AlertMessage<'a> {
    id: Uuid,
    sequence: u32,
    event: Event,
    #[serde(serialize_with = "text")]
    condition: &'a wardwatch_actors::conditions::Condition,
    kind: Kind,
    priority: Priority,
    unit: Option<&'a str>,
    patient: Option<&'a str>,
    bed: Option<&'a str>,
    message: &'a str,
    value: Option<Quantity>,
    limit: Option<Quantity>,
    ucum: Option<&'a str>,
    onset: Timestamp,
    time: Timestamp,
    device: Option<&'a DeviceId>,
    reading: Option<ReadingMessage<'a>>,
    presence: Presence,
    signal: Signal,
    backlog: bool,
    simulated: bool,
    reason: Option<&'a str>,
    /// Who commanded it: the system, and the person.
    #[serde(skip_serializing_if = "Option::is_none")]
    sender: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<&'a str>,
    /// When a pause ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Timestamp>,
    /// Who is called now.
    #[serde(skip_serializing_if = "Option::is_none")]
    route: Option<&'a str>,
    /// Only a test of the way to those who listen.
    #[serde(skip_serializing_if = "is_not")]
    test: bool,
}

fn is_not(test: &bool) -> bool {
    !test
}

/// The reading that caused a change.
#[derive(Debug, Serialize)]
struct ReadingMessage<'a> {
    device: Option<&'a DeviceId>,
    seq: Option<u64>,
    time: Timestamp,
}

impl<'a> From<&'a ReadingRef> for ReadingMessage<'a> {
    fn from(reading: &'a ReadingRef) -> Self {
        Self { device: reading.device.as_ref(), seq: reading.seq, time: reading.time }
    }
}

impl<'a> From<&'a AlertChange> for AlertMessage<'a> {
    fn from(change: &'a AlertChange) -> Self {
        let (unit, patient) = match &change.subject {
            Subject::Patient(patient) => (Some(patient.unit()), Some(patient.patient())),
            Subject::Unit(unit) => (Some(unit.as_str()), None),
            Subject::Installation => (None, None),
        };
        Self {
            id: change.id,
            sequence: change.sequence,
            event: change.event,
            condition: &change.condition,
            kind: change.kind(),
            priority: change.priority,
            unit,
            patient,
            bed: change.bed.as_deref(),
            message: &change.message,
            value: change.value(),
            limit: change.limit(),
            ucum: change.ucum(),
            onset: change.onset,
            time: change.time,
            device: change.condition.device().filter(|device| !device.is_unnamed()),
            reading: change.reading.as_ref().map(ReadingMessage::from),
            presence: change.presence,
            signal: change.signal,
            backlog: change.backlog,
            simulated: change.simulated,
            reason: change.reason.as_deref(),
            sender: change.author.as_ref().map(|author| &*author.sender),
            by: change.author.as_ref().map(|author| &*author.by),
            until: change.until,
            route: change.route.as_deref(),
            test: change.test,
        }
    }
}

fn text<T: std::fmt::Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}
