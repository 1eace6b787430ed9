//! What waits for how long, on a clock that the test moves.

use super::*;
use crate::store::batch::Batch;
use crate::store::queue::CommitQueue;

const MS: Duration = Duration::from_millis(1);

struct Timeline {
    queue: CommitQueue,
    trial: StoreTrial,
    now: Instant,
}

impl Timeline {
    fn new(change: impl FnOnce(&mut CommitTerms)) -> Self {
        let mut terms = CommitTerms::new(20 * MS, 50 * MS);
        change(&mut terms);
        let now = Instant::now();
        Self { queue: CommitQueue::new(terms, 1, now), trial: StoreTrial::new(), now }
    }

    fn push(&mut self, entry: impl FnOnce(&StoreTrial) -> StoreInput) {
        let (kept, at) = entry(&self.trial).into_kept();
        self.queue.push(kept, at, self.now);
    }

    /// Lets time pass as the watch does: with a look at least every 100 ms.
    fn pass(&mut self, ms: u32) -> Vec<Seen> {
        let mut left = ms;
        while left > 0 {
            let step = left.min(100);
            (self.now, left) = (self.now + step * MS, left - step);
            let (emissions, lost) = self.queue.overdue(self.now);
            self.note(emissions);
            lost.into_iter().for_each(|since| {
                self.trial.record.note(Seen::Event(StoreEvent::Lost { since: Some(since), cause: None }))
            });
        }
        self.seen()
    }

    fn commit(&mut self, batch: &Batch) -> Vec<Seen> {
        let (emissions, back) = self.queue.committed(batch.upto);
        self.note(emissions);
        if back {
            self.trial.record.note(Seen::Event(StoreEvent::Back { counts: self.queue.counts }));
        }
        self.seen()
    }

    fn note(&self, emissions: Vec<Emission>) {
        for emission in emissions {
            for numbered in &emission.changes {
                let message = numbered.change.message.clone();
                self.trial.record.note(Seen::Published { message, committed: false });
            }
            emission.receipt.settle();
        }
    }

    fn seen(&self) -> Vec<Seen> {
        std::mem::take(&mut self.trial.record.seen.lock().unwrap())
    }
}

fn published(second: i64) -> Seen {
    Seen::Published { message: format!("second {second}"), committed: false }
}

/// Seen to fail with `linger`, and with changes being urgent, taken out.
#[test]
fn readings_wait_for_others_for_as_long_as_they_may_linger_and_a_change_not_at_all() {
    let mut line = Timeline::new(|_| ());
    assert_eq!(line.queue.commit_in(line.now), None);
    line.push(|trial| entry(trial, 1));
    assert_eq!(line.queue.commit_in(line.now), Some(20 * MS));
    line.pass(15);
    line.push(|trial| entry(trial, 2));
    assert_eq!(line.queue.commit_in(line.now), Some(5 * MS));
    line.push(|trial| alerting(trial, 3));
    assert_eq!(line.queue.commit_in(line.now), Some(Duration::ZERO));
    let batch = line.queue.take_batch();
    assert_eq!(batch.rows.len(), 3);
    assert_eq!(line.queue.commit_in(line.now), None);
    let settled = [Seen::Settled(1), Seen::Settled(2), published(3), Seen::Settled(3)];
    assert_eq!(line.commit(&batch), settled);
}

/// Seen to fail with `publish_within` taken out.
#[test]
fn a_change_goes_out_before_its_commit_after_50_ms_and_never_again() {
    let mut line = Timeline::new(|_| ());
    line.push(|trial| entry(trial, 1));
    line.push(|trial| alerting(trial, 2));
    let batch = line.queue.take_batch();
    assert_eq!(line.pass(49), []);
    assert_eq!(line.pass(1), [published(2)]);
    assert_eq!(line.queue.counts.published_before_commit, 1);
    assert_eq!(line.pass(500), []);
    assert_eq!(line.commit(&batch), [Seen::Settled(1), Seen::Settled(2)]);
}

/// Seen to fail with the return of a lost store taken out.
#[test]
fn after_two_seconds_without_a_commit_the_store_is_lost_and_nothing_waits_for_it() {
    let mut line = Timeline::new(|_| ());
    line.push(|trial| entry(trial, 1));
    let batch = line.queue.take_batch();
    assert_eq!(line.pass(1999), []);
    assert_eq!(
        line.pass(1),
        [Seen::Settled(1), Seen::Event(StoreEvent::Lost { since: Some(at(1)), cause: None })]
    );
    line.push(|trial| alerting(trial, 2));
    assert_eq!(line.queue.overdue_in(line.now), Some(Duration::ZERO));
    assert_eq!(line.pass(1), [published(2), Seen::Settled(2)]);
    let counts = line.queue.counts;
    assert_eq!(line.commit(&batch), [Seen::Event(StoreEvent::Back { counts })]);
    let batch = line.queue.take_batch();
    assert_eq!(batch.rows.len(), 1);
    assert_eq!(line.commit(&batch), []);
}

/// Seen to fail with the longest step of running time taken out.
#[test]
fn a_process_that_was_stopped_for_an_hour_has_not_waited_for_its_store() {
    let mut line = Timeline::new(|terms| terms.publish_within = 500 * MS);
    line.push(|trial| alerting(trial, 1));
    line.now += Duration::from_secs(3600);
    assert_eq!(line.pass(100), []);
    assert!(!line.queue.is_lost());
    assert_eq!(
        line.pass(1900).last(),
        Some(&Seen::Event(StoreEvent::Lost { since: Some(at(1)), cause: None }))
    );
}

/// Seen to fail with readings going before changes taken out.
#[test]
fn too_much_waiting_is_a_lost_store_and_the_oldest_readings_go_first_and_changes_last() {
    let mut line = Timeline::new(|terms| terms.max_waiting = 10);
    (0..5).for_each(|second| line.push(|trial| alerting(trial, second)));
    (5..12).for_each(|second| line.push(|trial| entry(trial, second)));
    assert_eq!(line.queue.overdue_in(line.now), Some(Duration::ZERO));
    assert_eq!(line.pass(1).last(), Some(&Seen::Event(StoreEvent::Lost { since: Some(at(0)), cause: None })));
    assert_eq!((line.queue.waiting(), line.queue.counts.dropped_readings), (10, 2));
    (12..17).for_each(|second| line.push(|trial| alerting(trial, second)));
    let counts = line.queue.counts;
    assert_eq!((counts.dropped_readings, counts.dropped_changes), (7, 0));
    line.push(|trial| alerting(trial, 17));
    assert_eq!((line.queue.waiting(), line.queue.counts.dropped_changes), (10, 1));
    let batch = line.queue.take_batch();
    let numbers: Vec<_> = batch.rows.iter().map(|row| row.at).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 12, 13, 14, 15, 16, 17].map(at));
    line.pass(1);
}

#[test]
fn where_only_changes_wait_the_oldest_of_the_lowest_priority_goes_and_high_ones_last() {
    let mut line = Timeline::new(|terms| terms.max_changes = 6);
    let priorities = [Priority::High, Priority::Low, Priority::Info, Priority::Medium];
    for second in 0..8 {
        let priority = priorities[second % 4];
        let change = AlertChange { priority, ..raised(second as i64) };
        line.push(|trial| StoreInput { changes: vec![change], ..entry(trial, second as i64) });
    }
    line.pass(1);
    assert_eq!(line.queue.counts.dropped_changes, 2, "both of info");
    for second in 8..14 {
        line.push(|trial| alerting(trial, second));
    }
    let rows = line.queue.take_batch().rows;
    assert_eq!(rows.iter().map(|row| row.at).collect::<Vec<_>>(), [8, 9, 10, 11, 12, 13].map(at));
    assert_eq!(line.queue.counts.dropped_changes, 8);
    line.pass(1);
}

#[test]
fn changes_do_not_wait_for_many_others_to_be_written() {
    let mut line = Timeline::new(|terms| terms.max_urgent = 2);
    (0..3).for_each(|second| line.push(|trial| alerting(trial, second)));
    let first = line.queue.take_batch();
    assert_eq!(line.commit(&first).last(), Some(&Seen::Settled(1)));
    assert_eq!(line.queue.commit_in(line.now), Some(Duration::ZERO));
    let second = line.queue.take_batch();
    assert_eq!(line.commit(&second), [published(2), Seen::Settled(2)]);
}

/// Seen to fail with the snapshots of a batch taken out.
#[test]
fn a_great_deal_is_committed_in_parts_and_each_snapshot_once() {
    let mut line = Timeline::new(|terms| terms.max_batch = 4);
    for second in 0..6 {
        line.push(|trial| StoreInput { saved: memory(second), ..entry(trial, second) });
    }
    line.queue.published(1);
    line.queue.published(6);
    let first = line.queue.take_batch();
    assert_eq!((first.upto, first.rows.len(), first.snapshots.len(), first.published.len()), (4, 4, 0, 1));
    let second = line.queue.take_batch();
    assert_eq!(
        (second.upto, second.rows.len(), second.snapshots.len(), second.published.len()),
        (6, 2, 1, 1)
    );
    assert_eq!(second.snapshots[0].2.taken.wall, at(5));
    assert_eq!(line.commit(&first).len(), 4);
    assert_eq!(line.commit(&second).len(), 2);
    assert!(line.queue.is_drained());
}
