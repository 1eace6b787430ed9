//! How the census takes up what a restart finds, and knows when everybody is watched again.

use tokio::sync::oneshot;

use super::{CensusActor, Restore};
use crate::patient::Patient;
use crate::patient::snapshot::{Memory, Restored};
use crate::patient_actor::{ConfirmWatched, ObserveAgain, TellMemoryLost};

/// Those from before the restart who are not watched again yet.
pub(super) struct Restoring {
    left: usize,
    done: oneshot::Sender<()>,
}

impl CensusActor {
    /// Gives everybody a place again; answers when all of them are watched.
    pub(super) fn take_up(&mut self, Restore { patients, departed, open }: Restore) -> oneshot::Receiver<()> {
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
        self.note_watched(0);
        watched
    }

    /// Gives somebody from before the restart a place again, whose actor confirms that it watches.
    fn restore(&mut self, Restored { patient, memory, readings }: Restored) -> bool {
        let lost = matches!(memory, Memory::Alerts { .. });
        let memory = Patient::restored(memory, patient.clone(), &self.parts.settings, self.parts.clock.now());
        for (device, skew) in memory.devices() {
            self.census.measures(device, &patient);
            if skew.is_some() {
                self.census.note_skew(device, skew);
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

    /// So many more are watched again: tells whoever waits for it once that is everybody.
    pub(super) fn note_watched(&mut self, more: usize) {
        let Some(restoring) = &mut self.restoring else { return };
        restoring.left = restoring.left.saturating_sub(more);
        if let Some(Restoring { done, .. }) = self.restoring.take_if(|restoring| restoring.left == 0) {
            let _ = done.send(()); // nobody has to wait for it
        }
    }
}
