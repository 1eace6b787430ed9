//! What the census does with each message: who is let in, moved, or let go.

use std::collections::BTreeSet;
use std::sync::Arc;

use tracing::info;

use super::{Arrived, CensusActor, MOST_HELD, PatientAddress};
use crate::admission::AdmissionRecord;
use crate::census::{Announcements, Reception};
use crate::outlet::Kept;
use crate::patient::Listening;
use crate::patient::outcome::{Outcome, Refusal, Refused};
use crate::patient_actor::{Admit, HandOver, Leave, Observe};
use crate::people::{Departure, PatientId, Subject};
use crate::receipt::Receipt;
use crate::settings::Mode;

impl CensusActor {
    /// Brings a reading to its patient.
    pub(super) fn bring(&mut self, arrived: Arrived) {
        match self.seats.get(&*arrived.patient) {
            Some(seat) => {
                let Arrived { reading, payload, receipt, .. } = arrived;
                seat.actor.do_send(Observe { reading, payload, receipt });
            }
            None => self.receive(arrived),
        }
    }

    /// A reading of somebody who is not here.
    fn receive(&mut self, arrived: Arrived) {
        let now = self.parts.clock.now();
        let Ok(patient) = arrived.patient.parse::<PatientId>() else { return arrived.receipt.settle() };
        match self.census.receive(&patient, now) {
            Reception::Hold if self.held.len() < MOST_HELD => self.held.push(arrived),
            Reception::Hold => self.refuse(patient, Refusal::TooEarly, arrived),
            Reception::Refuse(refusal) => {
                if matches!(refusal, Refusal::Full { .. }) && !self.census.is_told_full() {
                    let changes = self.census.note_full(now);
                    self.announce(Subject::Installation, changes);
                }
                self.refuse(patient, refusal, arrived);
            }
            Reception::Admit => {
                let Arrived { reading, payload, receipt, .. } = arrived;
                let stay = reading.observed_at.unwrap_or(reading.received_at);
                if let Some(actor) = self.admit(&patient, stay, false) {
                    actor.do_send(Observe { reading, payload, receipt });
                }
            }
        }
    }

    pub(super) fn discharge(&mut self, patient: &PatientId, departure: Departure, receipt: Receipt) {
        let Some(seat) = self.unseat(patient) else {
            return self.parts.outlet.keep_in_turn(Subject::Patient(patient.clone()), receipt);
        };
        let now = self.parts.clock.now();
        info!(%patient, reason = departure.reason(), "the stay has ended");
        seat.actor.do_send(Leave { departure, receipt });
        match departure {
            Departure::Left => self.census.left(patient, now),
            Departure::Discharged | Departure::Transferred => self.census.departed(patient, now),
        }
        if self.census.is_told_full() {
            let changes = self.census.note_full(now);
            self.announce(Subject::Installation, changes);
        }
        self.doubt_own_clock();
    }

    /// A record came for somebody: admits, transfers, or changes what is known.
    pub(super) fn record(&mut self, patient: &PatientId, record: AdmissionRecord, receipt: Receipt) {
        let from = record.from.as_ref().and_then(|unit| PatientId::in_unit(unit, patient.patient()).ok());
        for device in record.devices.iter().flatten() {
            self.census.measures(device, patient);
        }
        if let Some(seat) = self.seats.get_mut(patient) {
            seat.recorded = true;
            seat.actor.do_send(Admit { record, receipt });
            return;
        }
        let arrival = self.parts.clock.now().wall;
        let actor = match from.filter(|from| from != patient).and_then(|from| self.transfer(&from, patient)) {
            Some(actor) => Some(actor),
            None => self.admit(patient, arrival, true),
        };
        if let Some(actor) = actor {
            info!(%patient, "admitted by a record");
            actor.do_send(Admit { record, receipt });
        }
    }

    /// Moves somebody's memory to a new place; none where nobody is there.
    fn transfer(&mut self, from: &PatientId, to: &PatientId) -> Option<PatientAddress> {
        let seat = self.unseat(from)?;
        self.census.departed(from, self.parts.clock.now());
        self.parts.outlet.empty_record(from);
        let actor = self.seat(to, None, true)?;
        info!(%from, %to, "transferred");
        seat.actor.do_send(HandOver { to: Arc::clone(&actor), id: to.clone() });
        Some(actor)
    }

    /// In registered mode, whoever was restored and has no record any more was discharged meanwhile.
    pub(super) fn discharge_unrecorded(&mut self) {
        if self.parts.settings.admission.mode == Mode::Open {
            return;
        }
        let unrecorded =
            self.seats.iter().filter(|(_, seat)| !seat.recorded).map(|(patient, _)| patient.clone());
        for patient in unrecorded.collect::<BTreeSet<_>>() {
            self.discharge(&patient, Departure::Discharged, Receipt::none());
        }
    }

    /// The devices that are known have changed, or what their clocks say.
    pub(super) fn doubt_own_clock(&mut self) {
        let (own_clock_suspect, changes) = self.census.doubt_own_clock(self.parts.clock.now());
        self.doubt(own_clock_suspect, changes);
    }

    pub(super) fn doubt(&self, own_clock_suspect: bool, changes: Announcements) {
        self.set_listening(Listening { own_clock_suspect, ..self.listening() });
        self.announce(Subject::Installation, changes);
    }

    fn refuse(&self, patient: PatientId, refusal: Refusal, arrived: Arrived) {
        self.parts.counters.rejected.add(1);
        let at = arrived.reading.received_at;
        self.parts.outlet.refuse(Refused { patient, refusal, payload: arrived.payload, at });
        arrived.receipt.settle();
    }

    /// Publishes what concerns a unit or the installation.
    pub(super) fn announce(&self, subject: Subject, changes: Announcements) {
        if changes.is_empty() {
            return;
        }
        for change in &changes {
            let ended = change.event == crate::alerts::Event::Cleared;
            let (before, after) = if ended { (1, 0) } else { (0, usize::from(change.sequence == 1)) };
            self.parts.counters.open_alerts.change(before, after);
        }
        let outcome = Outcome { changes, ..Outcome::default() };
        let receipt = Receipt::none();
        let (reading, saved, record) = (None, None, None);
        self.parts.outlet.keep(Kept { subject, reading, outcome, saved, record, receipt });
    }
}
