//! The thread that commits, and then emits what waited for it.

use std::collections::VecDeque;
use std::time::Duration;

use tracing::{error, info};

use super::batch::Batch;
use super::faults::CommitFault;
use super::shared::{Loss, RecorderStep, SharedStore};
use super::writer::Writer;
use crate::causes::Causes;

/// The pause after a failed commit: doubled each time, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How much running time lies between two steps of what counts as covered by snapshots.
const COVERED_STEP: Duration = Duration::from_secs(10);
/// After how many steps a reading's snapshot must have come.
const COVERED_STEPS: u32 = 6;

/// Commits what comes until the store is closed.
pub fn run(shared: &SharedStore, mut writer: Writer) {
    commit_all(shared, &mut writer);
    // Whoever closed the store goes on at once, and then nothing drains any more.
    let drains = shared.drains();
    shared.recorder_ended();
    // All is committed: nobody waits for this, and a crash in it loses nothing.
    if drains {
        writer.finish();
    }
}

fn commit_all(shared: &SharedStore, writer: &mut Writer) {
    let mut covered = Covered::default();
    loop {
        match shared.next_step() {
            RecorderStep::Commit(mut batch) => {
                batch.covered = covered.step(&batch);
                if !commit(shared, writer, &batch) {
                    return;
                }
                shared.note_head(writer.audit_head());
                shared.emit(|queue| {
                    let (emissions, back) = queue.committed(batch.upto);
                    (emissions, back.then_some(Loss::Ends))
                });
                writer.tidy();
            }
            RecorderStep::Look => {
                writer.look();
                report(shared, writer);
            }
            RecorderStep::End => return,
        }
    }
}

/// Reports what became of the store beside commits; whether that is a fault.
fn report(shared: &SharedStore, writer: &mut Writer) -> bool {
    if let Some(found) = writer.take_found() {
        shared.found(found);
    }
    let notice = writer.take_notice();
    let is_fault = notice.is_some();
    notice.into_iter().for_each(|notice| shared.lose(notice));
    is_fault
}

/// Tries until it is done; false where the store was abandoned first.
fn commit(shared: &SharedStore, writer: &mut Writer, batch: &Batch) -> bool {
    let mut pause = FIRST_PAUSE;
    let mut logged = String::new();
    let mut faulty = shared.has_fault();
    loop {
        let committed = writer.commit(batch);
        faulty |= report(shared, writer);
        match committed {
            Ok(rejections) => {
                shared.note_rejected(rejections.changes);
                break;
            }
            Err(fault) => log_fault(shared, &fault, &mut logged),
        }
        faulty = true;
        if !shared.pause(pause) {
            return false;
        }
        pause = LONGEST_PAUSE.min(pause * 2);
    }
    if faulty {
        info!("the store can be written to again");
        shared.note_fault(None);
    }
    true
}

/// Logs why a commit failed: once, until it fails for another reason.
fn log_fault(shared: &SharedStore, fault: &CommitFault, logged: &mut String) {
    let words = Causes(fault).to_string();
    if *logged != words {
        error!("{words}; trying again until it succeeds");
        shared.note_fault(Some(words.clone()));
        *logged = words;
    }
}

/// Which readings are old enough to be in a snapshot, so that a restart need not look at them.
#[derive(Debug, Default)]
struct Covered {
    /// The last number at each step, in running time, the newest last.
    steps: VecDeque<(Duration, u64)>,
}

impl Covered {
    /// This batch is to be committed: what counts as covered with it, where that moves.
    ///
    /// The memory that covers a reading has come by then, but only in a batch that leaves nothing waiting is it
    /// certainly stored: after an outage readings may be committed long before it.
    fn step(&mut self, batch: &Batch) -> Option<u64> {
        if self.steps.back().is_none_or(|(last, _)| batch.running >= *last + COVERED_STEP) {
            self.steps.push_back((batch.running, batch.upto));
        }
        let old_enough = COVERED_STEP * COVERED_STEPS;
        let first = self.steps.front().filter(|(at, _)| batch.whole && batch.running >= *at + old_enough)?;
        let (at, _) = *first;
        let covered = self.steps.iter().take_while(|(then, _)| batch.running >= *then + old_enough).last();
        let covered = covered.map(|(_, number)| *number);
        self.steps.retain(|(then, _)| *then > at && batch.running < *then + old_enough);
        covered
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(second: u64, whole: bool) -> Batch {
        Batch { upto: second * 100, whole, running: Duration::from_secs(second), ..Batch::default() }
    }

    #[test]
    fn readings_are_covered_after_a_minute_of_running_time() {
        let mut covered = Covered::default();
        let steps = (0..80).filter_map(|second| Some((second, covered.step(&batch(second, true))?)));
        assert_eq!(steps.collect::<Vec<_>>(), [(60, 0), (70, 1000)]);
    }

    #[test]
    fn while_memories_wait_behind_readings_nothing_more_is_covered() {
        let mut covered = Covered::default();
        let step = |second| Some((second, covered.step(&batch(second, !(5..95).contains(&second)))?));
        assert_eq!((0..100).filter_map(step).collect::<Vec<_>>(), [(95, 3000)]);
    }
}
