//! From a message on the bus to what the census is told: the way in of `run` and of `assess` alike.

use std::rc::Rc;
use std::sync::Arc;

use actix::Addr;
use bytes::Bytes;
use wardwatch_actors::census_actor::{Arrived, CensusActor, DeviceStatus, Discharge, Recorded};
use wardwatch_actors::clock::{Clock, Timestamp};
use wardwatch_actors::counters::Counters;
use wardwatch_actors::receipt::Receipt;
use wardwatch_actors::settings::Settings;
use wardwatch_actors::vitals::Reading;

use super::payload::reading::{self, Rejection};
use super::payload::record;
use super::payload::rejected::RejectedMessage;
use super::topics::{Address, Topics};
use crate::causes::Causes;
use crate::config::Sources;

/// Takes what is refused at the door.
pub trait Refusals {
    /// A message or value was refused.
    fn refuse(&self, message: RejectedMessage);
}

/// Reads messages and brings them to the census; what cannot be read is refused with its reason.
pub struct Inbox {
    pub topics: Topics,
    pub sources: Sources,
    pub settings: Arc<Settings>,
    pub clock: Clock,
    pub counters: Arc<Counters>,
    pub census: Addr<CensusActor>,
    pub refusals: Rc<dyn Refusals>,
}

/// One message from the bus.
#[derive(Debug)]
pub struct Letter<'a> {
    pub topic: &'a str,
    pub payload: Bytes,
    /// Whether the broker kept it from before we subscribed.
    pub retain: bool,
    pub receipt: Receipt,
}

impl Inbox {
    /// Takes one message. Its receipt is settled here where nobody further owes anything for it.
    pub fn take(&self, letter: Letter<'_>) {
        let now = self.clock.now().wall;
        match self.topics.read(letter.topic) {
            Ok(Address::Vitals(patient)) => self.vitals(patient, letter, now),
            Ok(Address::Record(patient)) => self.record(patient, letter, now),
            Ok(Address::DeviceStatus(device)) => self.status(device, letter, now),
            Ok(Address::Probe(_)) => letter.receipt.settle(),
            Err(fault) => self.refuse(letter, &fault, now),
        }
    }

    fn vitals(&self, patient: &str, letter: Letter<'_>, now: Timestamp) {
        // A broker delivers an emptied retained reading as an empty message; it says nothing.
        if letter.retain {
            return match letter.payload.is_empty() {
                true => letter.receipt.settle(),
                false => self.refuse(letter, &Rejection::Retained, now),
            };
        }
        let mut parsed = match reading::parse(&letter.payload, &self.sources, now) {
            Ok(parsed) => parsed,
            Err(rejection) => return self.refuse(letter, &rejection, now),
        };
        if parsed.unknown_fields > 0 {
            self.counters.unknown_fields.add(parsed.unknown_fields);
        }
        for fault in parsed.faults {
            let (field, reason) = (Some(fault.field), fault.reason);
            self.refuse_part(RejectedMessage::new(now, letter.topic, reason, field, &letter.payload));
        }
        let Letter { payload, receipt, .. } = letter;
        let Some(last) = parsed.readings.pop() else { return receipt.settle() };
        for reading in parsed.readings {
            self.bring(patient, reading, payload.clone(), receipt.clone());
        }
        self.bring(patient, last, payload, receipt);
    }

    fn bring(&self, patient: &str, reading: Reading, payload: Bytes, receipt: Receipt) {
        let (patient, reading) = (patient.into(), Box::new(reading));
        self.census.do_send(Arrived { patient, reading, payload, receipt });
    }

    fn record(&self, patient: &str, letter: Letter<'_>, now: Timestamp) {
        let Ok(patient) = patient.parse() else { return letter.receipt.settle() };
        match record::parse(&letter.payload, &patient, &self.settings) {
            Ok(Some(record)) => self.census.do_send(Recorded { patient, record, receipt: letter.receipt }),
            Ok(None) => self.census.do_send(Discharge { patient, receipt: letter.receipt }),
            Err(fault) => self.refuse(letter, &fault, now),
        }
    }

    fn status(&self, device: &str, letter: Letter<'_>, now: Timestamp) {
        let Ok(device) = device.parse() else { return letter.receipt.settle() };
        match record::parse_status(&letter.payload) {
            Ok(Some(online)) => {
                self.census.do_send(DeviceStatus { device, online, receipt: letter.receipt });
            }
            Ok(None) => letter.receipt.settle(),
            Err(fault) => self.refuse(letter, &fault, now),
        }
    }

    fn refuse(&self, letter: Letter<'_>, fault: &(dyn std::error::Error + 'static), now: Timestamp) {
        let reason = Causes(fault).to_string();
        self.refuse_part(RejectedMessage::new(now, letter.topic, reason, None, &letter.payload));
        letter.receipt.settle();
    }

    fn refuse_part(&self, message: RejectedMessage) {
        self.counters.rejected.add(1);
        self.refusals.refuse(message);
    }
}
