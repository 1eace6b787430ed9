//! What patients and the installation report to the census, and what it passes on.

use actix::{Context, Handler, Message};

use super::{CensusActor, SHARD};
use crate::installation::ShardReport;
use crate::installation_actor::{DeliveryReported, ShardReported, UnitReported};
use crate::patient::Listening;
use crate::patient::outcome::Notice;
use crate::patient_actor::{HearOfDevice, HearOfUnit, Show};
use crate::people::{Departure, PatientId, UnitId};
use crate::receipt::Receipt;

/// A patient says something that concerns others.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Notify {
    pub patient: PatientId,
    pub notice: Notice,
}

impl Handler<Notify> for CensusActor {
    type Result = ();

    fn handle(&mut self, Notify { patient, notice }: Notify, _: &mut Context<Self>) {
        match notice {
            Notice::Measures { device, live } => {
                self.census.link(&device, &patient, Some(self.shard.clock.uptime()));
                if self.census.is_gone(&device, live)
                    && let Some(entry) = self.census.entry(patient.as_str())
                {
                    let receipt = Receipt::none();
                    entry.address.do_send(HearOfDevice { device, online: false, receipt });
                }
            }
            Notice::ClockSkew(device, skew) => self.census.skew(&device, &patient, skew),
            Notice::Unheard(priority) => self.census.unheard(&patient, priority),
            Notice::Unconfirmed(receiver, unconfirmed) => {
                self.installation.do_send(DeliveryReported { receiver, patient, unconfirmed });
            }
            Notice::Leaves => {
                if self.census.may_leave(&patient) {
                    let held = self.census.entry(patient.as_str()).is_some_and(|entry| entry.held);
                    let departure = if held { Departure::Discharged } else { Departure::Left };
                    self.end_stay(&patient, departure, Receipt::none());
                }
            }
        }
        self.report();
    }
}

/// Somebody has begun to look at a unit, or at everybody: each patient there shows how it is.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct ShowPatients {
    pub unit: Option<UnitId>,
}

impl Handler<ShowPatients> for CensusActor {
    type Result = ();

    fn handle(&mut self, ShowPatients { unit }: ShowPatients, _: &mut Context<Self>) {
        for (patient, entry) in self.census.patients() {
            if unit.as_ref().is_none_or(|unit| unit.as_str() == patient.unit()) {
                entry.address.do_send(Show);
            }
        }
    }
}

/// Whether our own clock is the likelier fault, of all devices of all shards.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct OwnClockJudged {
    pub suspect: bool,
}

impl Handler<OwnClockJudged> for CensusActor {
    type Result = ();

    fn handle(&mut self, OwnClockJudged { suspect }: OwnClockJudged, _: &mut Context<Self>) {
        let listening = self.shard.listening.get();
        self.shard.listening.set(Listening { own_clock_suspect: suspect, ..listening });
    }
}

/// That nothing is heard of a unit is one alert about it from now on, or no longer.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct UnitJudged {
    pub unit: UnitId,
    pub unheard: bool,
}

impl Handler<UnitJudged> for CensusActor {
    type Result = ();

    fn handle(&mut self, UnitJudged { unit, unheard }: UnitJudged, _: &mut Context<Self>) {
        for patient in self.census.note_unit_unheard(&unit, unheard) {
            if let Some(entry) = self.census.entry(patient.as_str()) {
                entry.address.do_send(HearOfUnit { unheard });
            }
        }
    }
}

impl CensusActor {
    /// Reports to the installation what has changed: devices, their clocks, room, of whom nothing is heard.
    pub(super) fn report(&mut self) {
        for (unit, hearing) in self.census.changed_units() {
            self.installation.do_send(UnitReported { shard: SHARD, unit, hearing });
        }
        let report =
            ShardReport { clocks: self.census.clocks(), full: self.full, holds: self.census.holds_many() };
        if std::mem::replace(&mut self.reported, report) != report {
            self.installation.do_send(ShardReported { shard: SHARD, report });
        }
    }
}
