//! What the census does with each message: who is admitted, moved, or discharged.

use std::sync::Arc;

use bytes::Bytes;
use tracing::info;

use super::{Arrived, CensusActor, MOST_HELD};
use crate::admission::AdmissionRecord;
use crate::census::Reception;
use crate::patient::outcome::{ArrivalKind, ArrivalRejection, RejectedArrival};
use crate::patient_actor::{Admit, AwaitMemory, HandOver, Observe};
use crate::people::{Departure, PatientId};
use crate::receipt::Receipt;

impl CensusActor {
    /// Brings a reading to its patient.
    pub(super) fn bring(&mut self, arrived: Arrived) {
        let (device, now) = (arrived.reading.device.as_ref(), self.shard.clock.uptime());
        let Some(entry) = self.census.hears(&arrived.patient, device, now) else {
            return self.receive(arrived);
        };
        let Arrived { reading, payload, receipt, .. } = arrived;
        entry.address.do_send(Observe { reading, payload, receipt });
    }

    /// A reading of somebody who is not here.
    fn receive(&mut self, arrived: Arrived) {
        let now = self.shard.clock.now();
        let Ok(patient) = arrived.patient.parse::<PatientId>() else { return arrived.receipt.settle() };
        match self.census.receive(&patient, now) {
            Reception::Hold if self.held.len() < MOST_HELD => self.held.push(arrived.without_buffer()),
            Reception::Hold => self.reject(patient, ArrivalRejection::TooEarly, arrived),
            Reception::Reject(rejection) => {
                if matches!(rejection, ArrivalRejection::Full { .. }) {
                    self.full = true;
                    self.report();
                }
                self.reject(patient, rejection, arrived);
            }
            Reception::Admit => {
                let stay = arrived.reading.observed_at.unwrap_or(arrived.reading.received_at);
                self.admit(&patient, stay, None);
                self.bring(arrived);
            }
        }
    }

    /// A record came for somebody: admits, transfers, or changes what is known.
    pub(super) fn record(&mut self, patient: &PatientId, record: Arc<AdmissionRecord>, receipt: Receipt) {
        let from = record.from.as_ref().and_then(|unit| PatientId::in_unit(unit, patient.patient()).ok());
        let from = from.filter(|from| from != patient && self.census.entry(from.as_str()).is_some());
        if self.census.entry(patient.as_str()).is_some_and(|entry| entry.held) {
            self.hold_discharge(patient, false, Receipt::none());
        }
        match (self.census.confirm(patient, &record), &from) {
            (Some(true), Some(from)) => self.transfer(from, patient),
            // An unchanged record changes nothing: it moves nobody who came since.
            (Some(_), _) => {}
            (None, Some(from)) => {
                self.enter(patient, None, Some(Arc::clone(&record)), true);
                self.transfer(from, patient);
            }
            (None, None) if self.census.is_full() => return self.reject_record(patient, receipt),
            (None, None) => {
                let arrival = self.shard.clock.now().wall;
                self.admit(patient, arrival, Some(Arc::clone(&record)));
                info!(%patient, "admitted by a record");
            }
        }
        if let Some(entry) = self.census.entry(patient.as_str()) {
            entry.address.do_send(Admit { record, receipt });
        }
        self.report();
    }

    /// Moves somebody's memory, devices included, to an entry in another unit.
    fn transfer(&mut self, from: &PatientId, to: &PatientId) {
        let Some(left) = self.remove(from, Departure::Transferred) else { return };
        self.shard.outlet.empty_record(from);
        if let Some(entry) = self.census.entry(to.as_str()) {
            entry.address.do_send(AwaitMemory);
            left.address.do_send(HandOver { to: Arc::clone(&entry.address), id: to.clone() });
        }
        info!(%from, %to, "transferred");
        self.census.moved(left, to);
    }

    /// All places are taken: whoever is here is watched on, and nobody else.
    fn reject_record(&mut self, patient: &PatientId, receipt: Receipt) {
        self.full = true;
        self.report();
        self.shard.counters.rejected.add(1);
        let (rejection, at) = (self.census.full(patient), self.shard.clock.now().wall);
        let (patient, what, payload) = (patient.clone(), ArrivalKind::Record, Bytes::new());
        self.shard.outlet.reject_arrival(RejectedArrival { patient, what, rejection, payload, at });
        receipt.settle();
    }

    pub(super) fn reject(&self, patient: PatientId, rejection: ArrivalRejection, arrived: Arrived) {
        self.shard.counters.rejected.add(1);
        let at = arrived.reading.received_at;
        let (what, payload) = (ArrivalKind::Reading, arrived.payload);
        self.shard.outlet.reject_arrival(RejectedArrival { patient, what, rejection, payload, at });
        arrived.receipt.settle();
    }
}
