//! What the shards' threads, the recorder and the watch share: the queue, and who waits for what.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tracing::error;
use wardwatch_actors::clock::Timestamp;
use wardwatch_actors::outlet::Kept;

use super::audit::{AuditHead, AuditNote};
use super::batch::Batch;
use super::queue::CommitQueue;
use super::recovery::Recovered;
use super::running::LOOK_EVERY;
use super::writer;
use super::{StoreEvent, StoreListener, StoreStatus};
use crate::contract::payload::rejected::RejectedMessage;
use crate::feed::{Emission, Feed};

/// What the recorder would be woken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Awaits {
    Nothing,
    Urgent,
    Anything,
}

/// What the recorder does next.
pub enum RecorderStep {
    Commit(Batch),
    /// Looks whether the files are still the store's.
    Look,
    End,
}

/// Whether the store can be written to has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// Something has waited for a commit since then; none where that is no matter of waiting.
    Begins {
        since: Option<Timestamp>,
    },
    Ends,
}

/// How the store ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ShutdownMode {
    /// After all is committed.
    Drain,
    /// As soon as possible.
    Abandon,
}

struct Inner {
    queue: CommitQueue,
    recorder_awaits: Awaits,
    /// Whether the watch sleeps until something comes.
    watch_sleeps: bool,
    ending: Option<ShutdownMode>,
    /// Whether the recorder has committed all there was, and ended.
    drained: bool,
    fault: Option<String>,
    audit: AuditHead,
}

/// What the threads share.
pub struct SharedStore {
    inner: Mutex<Inner>,
    recorder: Condvar,
    watch: Condvar,
    closed: Condvar,
    feed: Feed,
    listener: Box<dyn StoreListener>,
}

impl SharedStore {
    /// Nothing waits yet.
    pub fn new(queue: CommitQueue, feed: Feed, listener: Box<dyn StoreListener>) -> Self {
        let inner = Inner {
            queue,
            recorder_awaits: Awaits::Nothing,
            watch_sleeps: false,
            ending: None,
            drained: false,
            fault: None,
            audit: AuditHead::NONE,
        };
        Self {
            inner: Mutex::new(inner),
            recorder: Condvar::new(),
            watch: Condvar::new(),
            closed: Condvar::new(),
            feed,
            listener,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what was caused at this time.
    pub fn keep(&self, kept: Kept, at: Timestamp) {
        let mut inner = self.lock();
        inner.queue.push(kept, at, Instant::now());
        self.wake(&mut inner);
    }

    /// Takes a rejected message.
    pub fn reject(&self, rejected: RejectedMessage) {
        let mut inner = self.lock();
        inner.queue.reject(rejected, Instant::now());
        self.wake(&mut inner);
    }

    /// Takes what the audit is to say.
    pub fn note(&self, note: AuditNote, at: Timestamp) {
        let mut inner = self.lock();
        inner.queue.note(note, at, Instant::now());
        self.wake(&mut inner);
    }

    /// How far the audit is.
    pub fn note_head(&self, head: AuditHead) {
        self.lock().audit = head;
    }

    /// Notes that the broker has the change of this number.
    pub fn published(&self, number: u64) {
        self.lock().queue.published(number);
    }

    fn wake(&self, inner: &mut Inner) {
        let for_recorder = match inner.recorder_awaits {
            Awaits::Nothing => false,
            Awaits::Urgent => inner.queue.is_urgent(),
            Awaits::Anything => true,
        };
        if for_recorder {
            inner.recorder_awaits = Awaits::Nothing;
            self.recorder.notify_all();
        }
        if std::mem::take(&mut inner.watch_sleeps) {
            self.watch.notify_all();
        }
    }

    /// How the store fares.
    pub fn status(&self) -> StoreStatus {
        let inner = self.lock();
        let queue = &inner.queue;
        StoreStatus {
            lost: queue.is_lost(),
            waiting: queue.waiting(),
            counts: queue.counts,
            fault: inner.fault.clone(),
            audit: Some(inner.audit).filter(|head| head.row > 0),
        }
    }

    /// Whether commits are known to fail.
    pub fn has_fault(&self) -> bool {
        self.lock().fault.is_some()
    }

    /// Notes why commits fail, or that they no longer do.
    pub fn note_fault(&self, fault: Option<String>) {
        self.lock().fault = fault;
    }

    /// So many changes are missing in the log.
    pub fn note_rejected(&self, changes: u64) {
        if changes > 0 {
            self.lock().queue.counts.rejected_changes += changes;
        }
    }

    /// Nothing can be written, for this cause: nothing waits for commits any more, and the listener learns it if it
    /// is news.
    pub fn lose(&self, cause: String) {
        self.note_fault(Some(cause));
        self.emit(|queue| {
            let news = queue.lose();
            (Vec::new(), news.then_some(Loss::Begins { since: None }))
        });
        let mut inner = self.lock();
        inner.watch_sleeps = false;
        self.watch.notify_all();
    }

    /// The last run ended without its store: whether anything can be written shows with the first commit.
    pub fn begin_lost(&self) {
        self.lock().queue.lose();
    }

    /// What the last run left could be read only now.
    pub fn found(&self, recovered: Recovered) {
        self.listener.found(recovered);
    }

    /// For the recorder: waits for what is next.
    pub fn next_step(&self) -> RecorderStep {
        let mut inner = self.lock();
        let looks_at = Instant::now() + writer::LOOK_EVERY;
        loop {
            let now = Instant::now();
            let wait = inner.queue.commit_in(now);
            match (inner.ending, wait) {
                (Some(ShutdownMode::Abandon), _) => return RecorderStep::End,
                (Some(ShutdownMode::Drain), _) if inner.queue.is_drained() => return RecorderStep::End,
                (Some(ShutdownMode::Drain), _) | (None, Some(Duration::ZERO)) => {
                    let mut batch = inner.queue.take_batch();
                    batch.running = inner.queue.running(now);
                    return RecorderStep::Commit(batch);
                }
                (None, None) if now >= looks_at => return RecorderStep::Look,
                (None, Some(linger)) => {
                    inner.recorder_awaits = Awaits::Urgent;
                    let waited = self.recorder.wait_timeout(inner, linger);
                    inner = waited.unwrap_or_else(PoisonError::into_inner).0;
                }
                (None, None) => {
                    inner.recorder_awaits = Awaits::Anything;
                    let waited = self.recorder.wait_timeout(inner, looks_at - now);
                    inner = waited.unwrap_or_else(PoisonError::into_inner).0;
                }
            }
            inner.recorder_awaits = Awaits::Nothing;
        }
    }

    /// For the recorder: waits before it tries again; false where the store was abandoned.
    pub fn pause(&self, pause: Duration) -> bool {
        let abandoned = |inner: &mut Inner| inner.ending != Some(ShutdownMode::Abandon);
        let waited = self.recorder.wait_timeout_while(self.lock(), pause, abandoned);
        waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    /// For the watch: waits until something is overdue, and says when that is; none at the end.
    pub fn next_overdue(&self) -> Option<Instant> {
        let mut inner = self.lock();
        loop {
            if inner.ending == Some(ShutdownMode::Abandon) || inner.drained {
                return None;
            }
            let now = Instant::now();
            match inner.queue.overdue_in(now) {
                Some(Duration::ZERO) => return Some(now),
                Some(wait) => {
                    let waited = self.watch.wait_timeout(inner, wait.min(LOOK_EVERY));
                    inner = waited.unwrap_or_else(PoisonError::into_inner).0;
                }
                None => {
                    inner.watch_sleeps = true;
                    inner = self.watch.wait(inner).unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }

    /// Takes from the queue what may go and emits it, one caller at a time.
    pub fn emit(&self, take: impl FnOnce(&mut CommitQueue) -> (Vec<Emission>, Option<Loss>)) {
        let turn = self.feed.turn();
        let (emissions, event) = {
            let mut inner = self.lock();
            let (emissions, loss) = take(&mut inner.queue);
            let cause = inner.fault.clone();
            let event = loss.map(|loss| match loss {
                Loss::Begins { since } => StoreEvent::Lost { since, cause },
                Loss::Ends => StoreEvent::Back { counts: inner.queue.counts },
            });
            (emissions, event)
        };
        emissions.into_iter().for_each(|emission| turn.emit(emission));
        if let Some(event) = event {
            self.listener.store(event);
        }
    }

    /// Whether the recorder is to leave everything in order.
    pub fn drains(&self) -> bool {
        self.lock().ending == Some(ShutdownMode::Drain)
    }

    /// The recorder has ended.
    pub fn recorder_ended(&self) {
        let mut inner = self.lock();
        inner.drained = inner.queue.is_drained();
        self.closed.notify_all();
        self.watch.notify_all();
    }

    /// A thread of the store panicked.
    pub fn died(&self, thread: &'static str) {
        error!("the {thread} of the store died");
        self.listener.store(StoreEvent::Died { thread });
    }

    /// Waits until all is committed, for so long at most; whether it is.
    pub fn close(&self, within: Duration) -> bool {
        let mut inner = self.lock();
        inner.ending = Some(ShutdownMode::Drain);
        self.recorder.notify_all();
        let waits = |inner: &mut Inner| !inner.drained;
        let waited = self.closed.wait_timeout_while(inner, within, waits);
        let drained = waited.unwrap_or_else(PoisonError::into_inner).0.drained;
        self.abandon();
        drained
    }

    /// Ends both threads as soon as they can; what waits is forgotten.
    pub fn abandon(&self) {
        self.lock().ending = Some(ShutdownMode::Abandon);
        self.recorder.notify_all();
        self.watch.notify_all();
    }
}
