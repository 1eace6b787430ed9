//! The translator: what a message that came in says, or why it is rejected.
//!
//! Topic and bytes in, domain types out; it knows no clock, no broker and no census.

use std::sync::Arc;

use wardwatch_actors::admission::AdmissionRecord;
use wardwatch_actors::clock::Timestamp;
use wardwatch_actors::people::{DeviceId, PatientId};
use wardwatch_actors::settings::Settings;
use wardwatch_actors::vitals::Reading;

use super::payload::reading::{self, FieldFault, Rejection};
use super::payload::record;
use super::payload::rejected::RejectedMessage;
use super::topics::{Address, Topics};
use crate::causes::Causes;
use crate::config::Sources;

/// One message from outside.
#[derive(Debug, Clone, Copy)]
pub struct InboundMessage<'t, 'p> {
    pub topic: &'t str,
    pub payload: &'p [u8],
    /// Whether the broker kept it from before we subscribed.
    pub retain: bool,
    pub received_at: Timestamp,
}

/// What a message says.
#[derive(Debug)]
pub enum Inbound<'t> {
    /// Readings of the patient `unit/patient`, in order of their time.
    Readings {
        patient: &'t str,
        readings: Vec<Reading>,
    },
    /// The admission record; none: the patient is discharged.
    Record {
        patient: PatientId,
        record: Option<AdmissionRecord>,
    },
    DeviceStatus {
        device: DeviceId,
        online: bool,
    },
    /// Nothing that concerns anybody: an emptied topic, our own probe, or all of it was rejected.
    Nothing,
}

/// What a message says, and what of it is rejected.
#[derive(Debug)]
pub struct Translation<'t> {
    pub inbound: Inbound<'t>,
    pub rejected: Vec<RejectedMessage>,
    /// How many of its fields nobody knows.
    pub unknown_fields: u64,
}

impl<'t> Translation<'t> {
    fn of(inbound: Inbound<'t>) -> Self {
        Self { inbound, rejected: Vec::new(), unknown_fields: 0 }
    }

    fn rejected(message: InboundMessage<'_, '_>, fault: &(dyn std::error::Error + 'static)) -> Self {
        let InboundMessage { topic, payload, received_at, .. } = message;
        let rejected = RejectedMessage::new(received_at, topic, Causes(fault).to_string(), None, payload);
        Self { inbound: Inbound::Nothing, rejected: vec![rejected], unknown_fields: 0 }
    }
}

/// Reads messages, with what the site says of its devices and limits.
#[derive(Debug, Clone)]
pub struct Translator {
    pub topics: Topics,
    pub sources: Sources,
    pub settings: Arc<Settings>,
}

impl Translator {
    /// Reads one message.
    pub fn translate<'t>(&self, message: InboundMessage<'t, '_>) -> Translation<'t> {
        match self.topics.read(message.topic) {
            Ok(Address::Vitals(patient)) => self.vitals(patient, message),
            Ok(Address::Record(patient)) => self.record(patient, message),
            Ok(Address::DeviceStatus(device)) => status(device, message),
            Ok(Address::Probe(_)) => Translation::of(Inbound::Nothing),
            Err(fault) => Translation::rejected(message, &fault),
        }
    }

    fn vitals<'t>(&self, patient: &'t str, message: InboundMessage<'t, '_>) -> Translation<'t> {
        let InboundMessage { payload, retain, received_at, .. } = message;
        // A broker delivers an emptied retained reading as an empty message; it says nothing.
        if retain {
            return match payload.is_empty() {
                true => Translation::of(Inbound::Nothing),
                false => Translation::rejected(message, &Rejection::Retained),
            };
        }
        let parsed = match reading::parse(payload, &self.sources, received_at) {
            Ok(parsed) => parsed,
            Err(rejection) => return Translation::rejected(message, &rejection),
        };
        Translation {
            inbound: Inbound::Readings { patient, readings: parsed.readings },
            rejected: each_rejected(parsed.faults, message),
            unknown_fields: parsed.unknown_fields,
        }
    }

    fn record<'t>(&self, patient: &'t str, message: InboundMessage<'t, '_>) -> Translation<'t> {
        let Ok(patient) = patient.parse() else { return Translation::of(Inbound::Nothing) };
        match record::parse(message.payload, &patient, &self.settings, message.received_at) {
            Ok(record) => Translation::of(Inbound::Record { patient, record }),
            Err(fault) => Translation::rejected(message, &fault),
        }
    }
}

/// A thousand elements may be rejected one by one: what is kept of their payload is kept once.
fn each_rejected(faults: Vec<FieldFault>, message: InboundMessage<'_, '_>) -> Vec<RejectedMessage> {
    if faults.is_empty() {
        return Vec::new();
    }
    let (time, topic, payload) = (message.received_at, message.topic, RejectedMessage::kept(message.payload));
    let rejected = faults.into_iter().map(|FieldFault { field, reason }| RejectedMessage {
        time,
        topic: topic.to_owned(),
        reason,
        field: Some(field),
        payload: Arc::clone(&payload),
        count: 1,
    });
    rejected.collect()
}

fn status<'t>(device: &'t str, message: InboundMessage<'t, '_>) -> Translation<'t> {
    let Ok(device) = device.parse() else { return Translation::of(Inbound::Nothing) };
    match record::parse_status(message.payload) {
        Ok(Some(online)) => Translation::of(Inbound::DeviceStatus { device, online }),
        Ok(None) => Translation::of(Inbound::Nothing),
        Err(fault) => Translation::rejected(message, &fault),
    }
}
