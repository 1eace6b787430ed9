//! How the census takes up what a restart finds, and knows when everybody is watched again.

use actix::{Handler, Message, ResponseFuture};
use tokio::sync::oneshot;

use super::CensusActor;
use crate::alerts::AlertChange;
use crate::clock::Timestamp;
use crate::patient_actor::{ConfirmWatched, ObserveAgain, TellMemoryLost};
use crate::people::PatientId;
use crate::people::patient::Patient;
use crate::people::snapshot::{Memory, Restored};

/// Those from before the restart who are not watched again yet.
pub(super) struct Restoring {
    left: usize,
    done: oneshot::Sender<()>,
}

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

    fn handle(
        &mut self,
        Restore { patients, departed, open }: Restore,
        _: &mut Self::Context,
    ) -> Self::Result {
        let now = self.parts.clock.now();
        for (patient, at) in departed {
            self.census.departed_before(&patient, at, now);
        }
        self.parts.counters.open_alerts.change(0, open.len());
        self.census.adopt(open, now);
        let (done, watched) = oneshot::channel();
        let left = patients.into_iter().map(|restored| usize::from(self.restore(restored))).sum();
        self.restoring = Some(Restoring { left, done });
        let (own_clock_suspect, changes) = self.census.restored(now);
        self.doubt(own_clock_suspect, changes);
        self.note_watched();
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

    fn handle(&mut self, _: WatchedAgain, _: &mut Self::Context) {
        if let Some(restoring) = &mut self.restoring {
            restoring.left = restoring.left.saturating_sub(1);
        }
        self.note_watched();
    }
}

impl CensusActor {
    /// Gives somebody from before the restart a place again, whose actor confirms that it watches.
    fn restore(&mut self, Restored { patient, memory, readings }: Restored) -> bool {
        let lost = matches!(memory, Memory::Alerts { .. });
        let memory = Patient::restored(memory, patient.clone(), &self.parts.settings, self.parts.clock.now());
        for (device, leaning) in memory.devices() {
            self.census.measures(device, &patient);
            if leaning.is_some() {
                self.census.leans(device, leaning);
            }
        }
        let Some(actor) = self.seat(&patient, Some(memory), false) else { return false };
        if lost {
            actor.do_send(TellMemoryLost);
        }
        for reading in readings {
            actor.do_send(ObserveAgain { reading: Box::new(reading) });
        }
        actor.do_send(ConfirmWatched);
        true
    }

    /// Tells whoever waits for it that everybody is watched again.
    fn note_watched(&mut self) {
        if let Some(Restoring { done, .. }) = self.restoring.take_if(|restoring| restoring.left == 0) {
            let _ = done.send(()); // nobody has to wait for it
        }
    }
}
