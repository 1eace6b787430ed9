//! The outbox with what is to be tried again, and when, and what an operator has to know of it.

use tokio::time::Instant;
use tracing::warn;
use wardwatch_actors::clock::Timestamp;

use super::in_flight::PublisherConnection;
use super::outbox::OutboxQueue;
use super::outgoing::{Finished, PubackAnswer};
use crate::link::Backoff;

/// So many messages in a row that the broker does not take for now mean that it takes none: all wait.
const TAKES_NONE: u32 = 10;

/// What waits, and how the publisher fares with it.
pub(super) struct OutboxState {
    pub queue: OutboxQueue,
    /// When what the broker did not take for now is offered again.
    retry_at: Option<Instant>,
    retry: Backoff,
    /// How many it did not take, since it last took one.
    not_taken: u32,
    pub broker_certificate: Option<Timestamp>,
    pub last_error: Option<String>,
    pub lost_since: Option<Instant>,
    /// Dropped changes that have been logged.
    dropped_logged: u64,
}

impl OutboxState {
    /// Nothing waits; so many changes may.
    pub fn new(max_changes: usize) -> Self {
        Self {
            queue: OutboxQueue::new(max_changes),
            retry_at: None,
            retry: Backoff::default(),
            not_taken: 0,
            broker_certificate: None,
            last_error: None,
            lost_since: None,
            dropped_logged: 0,
        }
    }

    /// Logs dropped changes each time their number has doubled: an outage must not flood the log.
    pub fn log_dropped(&mut self) {
        let dropped = self.queue.dropped;
        if dropped > self.dropped_logged * 2 {
            self.dropped_logged = dropped;
            warn!(dropped, "the outbox is full; changes of the lowest priority go first");
        }
    }

    /// Offers what is to be tried again, if it is time; whether anything may be sent now, and when to look again.
    pub fn retry(&mut self, now: Instant) -> (bool, Option<Instant>) {
        if self.retry_at.take_if(|at| *at <= now).is_some() {
            self.queue.offer_retried();
            self.not_taken = 0;
        }
        (self.retry_at.is_none() || self.not_taken < TAKES_NONE, self.retry_at)
    }

    pub fn answered(
        &mut self,
        connection: PublisherConnection,
        pkid: u16,
        verdict: PubackAnswer,
        finished: &mut Finished,
    ) {
        match &verdict {
            PubackAnswer::Accepted => {
                self.not_taken = 0;
                self.retry.reset();
            }
            PubackAnswer::Retry => {
                self.not_taken += 1;
                self.retry_at.get_or_insert_with(|| Instant::now() + self.retry.after_failure());
            }
            PubackAnswer::TooLarge => {}
            PubackAnswer::Rejected(reason) => self.last_error = Some(format!("rejected: {reason}")),
        }
        self.queue.answered(connection, pkid, verdict, finished);
    }
}
