//! Stays that end: one, many in steps, and many at once, which are held.

use actix::{AsyncContext, Context, Handler, Message};
use tracing::{info, warn};

use super::CensusActor;
use super::turns::after_others;
use crate::census::DischargeDecision;
use crate::clock::Span;
use crate::patient_actor::HoldDischarge;
use crate::people::{Departure, PatientId, Subject};
use crate::receipt::Receipt;
use crate::settings::Mode;

/// How many stays end before others have their turn.
const STAYS_AT_A_TIME: usize = 64;

/// The admission record of a patient was emptied: the stay ends, unless it is one of very many.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Discharge {
    pub patient: PatientId,
    pub receipt: Receipt,
}

impl Handler<Discharge> for CensusActor {
    type Result = ();

    fn handle(&mut self, Discharge { patient, receipt }: Discharge, ctx: &mut Context<Self>) {
        match self.census.decide_discharge(&patient, self.shard.clock.uptime()) {
            DischargeDecision::Now => self.end_stay(&patient, Departure::Discharged, receipt),
            DischargeDecision::Hold => self.hold_discharge(&patient, true, receipt),
            DischargeDecision::Wait => {
                self.hold_discharge(&patient, true, receipt);
                self.arm_discharges(ctx);
            }
        }
        self.report();
    }
}

/// Somebody confirms that those whose discharge is held are gone.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct ConfirmDischarges {
    pub receipt: Receipt,
}

impl Handler<ConfirmDischarges> for CensusActor {
    type Result = ();

    fn handle(&mut self, ConfirmDischarges { receipt }: ConfirmDischarges, ctx: &mut Context<Self>) {
        info!(held = self.census.held_count(), "held discharges confirmed");
        let held = self.census.held().cloned().collect();
        self.discharge_in_steps(
            held,
            |census, patient| census.census.entry(patient.as_str()).is_some_and(|entry| entry.held),
            ctx,
        );
        receipt.settle();
    }
}

impl CensusActor {
    /// The patient's stay ends.
    pub(super) fn end_stay(&mut self, patient: &PatientId, departure: Departure, receipt: Receipt) {
        let Some(entry) = self.remove(patient, departure) else {
            return self.shard.outlet.keep_in_turn(Subject::Patient(patient.clone()), receipt);
        };
        info!(%patient, reason = departure.reason(), "stay ended");
        entry.address.do_send(crate::patient_actor::Leave { departure, receipt });
    }

    /// The patient's discharge is held from now on, or no longer: the record is back.
    pub(super) fn hold_discharge(&mut self, patient: &PatientId, held: bool, receipt: Receipt) {
        let is_new = self.census.note_held(patient, held);
        if self.census.holds_many() && !self.reported.holds {
            warn!(
                "most records are gone at once: discharges are held until they are confirmed or the records are back"
            );
        }
        match self.census.entry(patient.as_str()).filter(|_| is_new) {
            Some(entry) => entry.address.do_send(HoldDischarge { held, receipt }),
            None => self.shard.outlet.keep_in_turn(Subject::Patient(patient.clone()), receipt),
        }
    }

    /// Looks again when the discharge that waits longest is over.
    fn arm_discharges(&mut self, ctx: &mut Context<Self>) {
        let now = self.shard.clock.uptime();
        let Some(at) = self.census.next_discharge(now).filter(|_| !self.discharges_armed) else { return };
        self.discharges_armed = true;
        ctx.run_later(at.since(now).max(Span::ZERO).to_duration(), |census, ctx| {
            census.discharges_armed = false;
            census.end_waiting_discharges(ctx);
        });
    }

    /// Ends the stays of those whose discharge was no part of a mass.
    fn end_waiting_discharges(&mut self, ctx: &mut Context<Self>) {
        let now = self.shard.clock.uptime();
        let mut ended = 0;
        while ended < STAYS_AT_A_TIME
            && let Some(patient) = self.census.take_discharged(now)
        {
            self.end_stay(&patient, Departure::Discharged, Receipt::none());
            ended += 1;
        }
        self.report();
        match ended == STAYS_AT_A_TIME {
            true => after_others(ctx, Self::end_waiting_discharges),
            false => self.arm_discharges(ctx),
        }
    }

    /// In registered mode, whoever was restored and has no record any more was discharged meanwhile.
    pub(super) fn begin_to_discharge_unrecorded(&mut self, ctx: &mut Context<Self>) {
        if self.shard.settings().admission.mode != Mode::Registered {
            return;
        }
        let unrecorded = self.census.unconfirmed();
        let unrecorded: Vec<_> = unrecorded.into_iter().filter(|(_, held)| !held).map(|(id, _)| id).collect();
        let is_unrecorded = |census: &Self, patient: &PatientId| {
            census.census.entry(patient.as_str()).is_some_and(|entry| !entry.confirmed && !entry.held)
        };
        if !self.census.holds_unrecorded(unrecorded.len()) {
            return self.discharge_in_steps(unrecorded, is_unrecorded, ctx);
        }
        let hold = move |census: &mut Self, patient: &PatientId| {
            if is_unrecorded(census, patient) {
                census.hold_discharge(patient, true, Receipt::none());
            }
        };
        self.in_steps(unrecorded, hold, ctx);
    }

    /// Ends the stays of these, where `which` still holds of them when it is their turn.
    fn discharge_in_steps(
        &mut self,
        patients: Vec<PatientId>,
        which: impl Fn(&Self, &PatientId) -> bool + 'static,
        ctx: &mut Context<Self>,
    ) {
        let end = move |census: &mut Self, patient: &PatientId| {
            if which(census, patient) {
                census.end_stay(patient, Departure::Discharged, Receipt::none());
            }
        };
        self.in_steps(patients, end, ctx);
    }

    /// Does this for some of these, and for the others once everybody else had a turn.
    fn in_steps(
        &mut self,
        mut patients: Vec<PatientId>,
        step: impl Fn(&mut Self, &PatientId) + 'static,
        ctx: &mut Context<Self>,
    ) {
        let later = patients.split_off(patients.len().min(STAYS_AT_A_TIME));
        patients.iter().for_each(|patient| step(self, patient));
        self.report();
        if !later.is_empty() {
            after_others(ctx, move |census, ctx| census.in_steps(later, step, ctx));
        }
    }
}
