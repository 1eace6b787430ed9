//! The door into the census: whatever protocol a message came by, it enters here, with the receipt it is acknowledged by.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use actix::Addr;
use bytes::Bytes;
use thiserror::Error;
use wardwatch_actors::admission::AdmissionRecord;
use wardwatch_actors::census_actor::{
    Arrived, CensusActor, Commanded, ConfirmDischarges, Confirmed, DeviceStatus, Discharge, MessagesFlooded,
    Recorded, Registered,
};
use wardwatch_actors::clock::Clock;
use wardwatch_actors::counters::Counters;
use wardwatch_actors::people::{DeviceId, PatientId};
use wardwatch_actors::receipt::Receipt;
use wardwatch_actors::vitals::Reading;

use crate::contract::inbound::{Inbound, InboundMessage, ReplyRequest, Translator};
use crate::contract::payload::rejected::{PAYLOAD_KEPT, RejectedMessage};

/// Why a message is rejected unread.
#[derive(Debug, Error)]
#[error(
    "too much of this topic waits (12 MiB, or eight hours of a reading a second): the newest is rejected unread"
)]
struct TooMuch;

/// Takes what is rejected at the door.
pub trait RejectedOutput {
    /// A message or value was rejected.
    fn reject(&self, message: RejectedMessage);
}

/// One message, however it came.
pub struct Arrival<'a> {
    pub topic: &'a str,
    /// As much of it as has been read.
    pub payload: Bytes,
    /// Bytes of the payload as it was sent.
    pub size: usize,
    /// Whether the broker keeps it for whoever subscribes.
    pub retain: bool,
    /// Whether it waited in a queue before we listened.
    pub queued: bool,
    /// Where its answer is wanted.
    pub reply: ReplyRequest<'a>,
    pub receipt: Receipt,
}

/// Brings what comes in to the census of one shard, on its thread.
pub struct Door {
    pub translator: Translator,
    pub clock: Clock,
    pub counters: Arc<Counters>,
    pub census: Addr<CensusActor>,
    pub rejected: Rc<dyn RejectedOutput>,
    /// Whether what comes waited in a queue before we listened.
    pub draining: Cell<bool>,
}

impl Door {
    /// Takes one message of the contract. Its receipt is settled here where nobody further waits for it.
    pub fn take(&self, topic: &str, payload: Bytes, retain: bool, receipt: Receipt) {
        let size = payload.len();
        self.take_beginning(topic, payload, size, retain, receipt);
    }

    /// The same of a message of so many bytes, of which perhaps only the beginning has been read.
    pub fn take_beginning(&self, topic: &str, payload: Bytes, size: usize, retain: bool, receipt: Receipt) {
        let (queued, reply) = (self.draining.get(), ReplyRequest::default());
        self.take_arrival(Arrival { topic, payload, size, retain, queued, reply, receipt });
    }

    /// The same of one that may want its answer somewhere.
    pub fn take_arrival(&self, arrival: Arrival<'_>) {
        let Arrival { topic, payload, size, retain, queued, reply, receipt } = arrival;
        let received_at = self.clock.now().wall;
        let message = InboundMessage { topic, payload: &payload, size, retain, queued, received_at, reply };
        let translation = self.translator.translate(message);
        if translation.unknown_fields > 0 {
            self.counters.unknown_fields.add(translation.unknown_fields as u64);
        }
        translation.rejected.into_iter().for_each(|rejected| self.reject(rejected));
        match translation.inbound {
            Inbound::Readings { patient, readings } => self.readings(patient, readings, payload, receipt),
            Inbound::Record { patient, record: Some(record) } => self.record(patient, record, receipt),
            Inbound::Record { patient, record: None } => self.discharge(patient, receipt),
            Inbound::DeviceStatus { device, online } => self.device_status(device, online, receipt),
            Inbound::Command(command) => self.census.do_send(Commanded { command, receipt }),
            Inbound::Registration { receiver, online } => {
                self.census.do_send(Registered { receiver, online, receipt });
            }
            Inbound::Confirmation(confirmation) => self.census.do_send(Confirmed { confirmation, receipt }),
            Inbound::ConfirmDischarges => self.census.do_send(ConfirmDischarges { receipt }),
            Inbound::Nothing => receipt.settle(),
        }
    }

    /// Takes readings of one patient, in order of their time; `payload` is what they came as.
    pub fn readings(&self, patient: &str, mut readings: Vec<Reading>, mut payload: Bytes, receipt: Receipt) {
        receipt.weigh(readings.len());
        if readings.len() > 1 {
            // What is shown of it if it is rejected; the whole would live as long as the last of its readings.
            payload = Bytes::copy_from_slice(&payload[..PAYLOAD_KEPT.min(payload.len())]);
        }
        let size = payload.len() / readings.len().max(1);
        let Some(last) = readings.pop() else { return receipt.settle() };
        for reading in readings {
            self.reading(patient, reading, (payload.clone(), size), receipt.clone());
        }
        self.reading(patient, last, (payload, size), receipt);
    }

    fn reading(&self, patient: &str, reading: Reading, (payload, size): (Bytes, usize), receipt: Receipt) {
        let (patient, reading) = (patient.into(), Box::new(reading));
        self.census.do_send(Arrived { patient, reading, payload, size, receipt });
    }

    /// Takes a patient's record.
    pub fn record(&self, patient: PatientId, record: AdmissionRecord, receipt: Receipt) {
        self.census.do_send(Recorded { patient, record, receipt });
    }

    /// Takes that a patient's record was emptied.
    pub fn discharge(&self, patient: PatientId, receipt: Receipt) {
        self.census.do_send(Discharge { patient, receipt });
    }

    /// Takes what a device, or its last will, says of itself.
    pub fn device_status(&self, device: DeviceId, online: bool, receipt: Receipt) {
        self.census.do_send(DeviceStatus { device, online, receipt });
    }

    /// Takes a command that somebody within the process gives, who waits there for its answer.
    pub fn command(&self, sender: String, patient: PatientId, payload: &[u8], caller: u64, receipt: Receipt) {
        let whose = (sender, patient, caller);
        let command = self.translator.asked_command(payload, whose, self.clock.now().wall);
        self.census.do_send(Commanded { command, receipt });
    }

    /// Rejects a message unread: more of its topic waits than a device measures in eight hours.
    pub fn too_much(&self, topic: &str, payload: &[u8], receipt: Receipt) {
        let reason = TooMuch.to_string();
        self.reject(RejectedMessage::new(self.clock.now().wall, topic, reason, None, payload));
        match self.translator.patient_of(topic) {
            Some(patient) => self.census.do_send(MessagesFlooded { patient, receipt }),
            None => receipt.settle(),
        }
    }

    /// Counts and passes on what was rejected.
    pub fn reject(&self, message: RejectedMessage) {
        self.counters.rejected.add(message.count);
        self.rejected.reject(message);
    }
}
