//! How the census takes up what a restart finds, and knows when everybody is watched again.

use std::sync::Arc;

use actix::{Context, Handler, Message, ResponseFuture};
use tokio::sync::oneshot;

use super::turns::after_others;
use super::{CensusActor, SHARD};
use crate::alerts::AlertChange;
use crate::clock::Timestamp;
use crate::conditions::Condition;
use crate::installation::ShardReport;
use crate::installation_actor::{DeliveryReported, ShardReported, TakeUp, UnitReported};
use crate::patient::snapshot::{Memory, Restored};
use crate::patient::{Listening, Patient};
use crate::patient_actor::{ConfirmWatched, ObserveAgain, ReportMemoryLost};
use crate::people::PatientId;

/// How many patients are entered again before others on this thread have a turn.
const AT_A_TIME: usize = 64;

/// What a restart finds. Sent before anything is heard; answered when everybody is watched again.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Restore {
    pub patients: Vec<Restored>,
    /// Who was discharged or transferred, and when.
    pub departed: Vec<(PatientId, Timestamp)>,
    /// Alerts about units and the installation that are open for those who listen.
    pub open: Vec<AlertChange>,
}

impl Handler<Restore> for CensusActor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, restore: Restore, ctx: &mut Context<Self>) -> Self::Result {
        let watched = self.take_up(restore, ctx);
        // Without a sender this actor has ended, and the process is ending.
        Box::pin(async move { drop(watched.await) })
    }
}

/// A patient from before the restart has observed again what its memory lacked.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct WatchedAgain;

impl Handler<WatchedAgain> for CensusActor {
    type Result = ();

    fn handle(&mut self, _: WatchedAgain, _: &mut Context<Self>) {
        self.note_watched(1);
    }
}

/// Those from before the restart who are not watched again yet.
pub(super) struct Restoring {
    left: usize,
    done: oneshot::Sender<()>,
}

impl CensusActor {
    /// Enters everybody again; answers when all of them are watched.
    fn take_up(
        &mut self,
        Restore { patients, departed, open }: Restore,
        ctx: &mut Context<Self>,
    ) -> oneshot::Receiver<()> {
        let now = self.shard.clock.now();
        for (patient, at) in departed {
            self.census.departed_before(patient, at, now);
        }
        let was_full = open.iter().any(|change| change.condition == Condition::AdmissionFull);
        // Until the installation has judged anew, what was found before holds.
        let own_clock_suspect = open.iter().any(|change| change.condition == Condition::ClockWrong(None));
        self.shard.listening.set(Listening { own_clock_suspect, ..self.shard.listening.get() });
        self.installation.do_send(TakeUp { open });
        let (done, watched) = oneshot::channel();
        self.restoring = Some(Restoring { left: patients.len(), done });
        self.restore_in_steps(patients.into_iter(), was_full, ctx);
        watched
    }

    /// Enters some of these again, and the others once everybody else on this thread had a turn.
    fn restore_in_steps(
        &mut self,
        mut patients: std::vec::IntoIter<Restored>,
        was_full: bool,
        ctx: &mut Context<Self>,
    ) {
        patients.by_ref().take(AT_A_TIME).for_each(|restored| self.restore(restored));
        if patients.len() > 0 {
            return after_others(ctx, move |census, ctx| census.restore_in_steps(patients, was_full, ctx));
        }
        self.full = was_full && self.census.is_full();
        for (unit, hearing) in self.census.changed_units() {
            self.installation.do_send(UnitReported { shard: SHARD, unit, hearing });
        }
        self.reported =
            ShardReport { clocks: self.census.clocks(), full: self.full, holds: self.census.holds_many() };
        self.installation.do_send(ShardReported { shard: SHARD, report: self.reported });
        self.note_watched(0);
    }

    /// Enters somebody from before the restart again, whose actor confirms that it watches.
    fn restore(&mut self, Restored { patient, memory, readings }: Restored) {
        let lost = matches!(memory, Memory::Alerts { .. });
        let memory =
            Patient::restored(memory, patient.clone(), &self.shard.settings(), self.shard.clock.now());
        let record = memory.is_recorded().then(|| Arc::clone(memory.record()));
        let held = memory.is_held();
        let devices: Vec<_> =
            memory.devices().map(|(device, heard, skew)| (device.clone(), heard, skew)).collect();
        let unheard = memory.is_unheard();
        for (sender, id, at) in memory.answered_ids() {
            self.used_ids.note(sender, id, &patient, at);
        }
        for receiver in memory.unconfirmed_by() {
            let patient = patient.clone();
            self.installation.do_send(DeliveryReported { receiver, patient, unconfirmed: true });
        }
        let actor = self.enter(&patient, Some(memory), record, false);
        self.census.unheard(&patient, unheard);
        for (device, heard, skew) in devices {
            self.census.link(&device, &patient, Some(heard));
            self.census.skew(&device, &patient, skew);
        }
        if held {
            self.census.note_held(&patient, true);
        }
        if lost {
            actor.do_send(ReportMemoryLost);
        }
        for reading in readings {
            actor.do_send(ObserveAgain { reading: Box::new(reading) });
        }
        actor.do_send(ConfirmWatched);
    }

    /// So many more are watched again: answers whoever waits for it once that is everybody.
    fn note_watched(&mut self, more: usize) {
        let Some(restoring) = &mut self.restoring else { return };
        restoring.left = restoring.left.saturating_sub(more);
        if let Some(Restoring { done, .. }) = self.restoring.take_if(|restoring| restoring.left == 0) {
            let _ = done.send(()); // nobody has to wait for it
        }
    }
}
