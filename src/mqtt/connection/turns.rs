//! What waits has its turn, and what may be said then of what was heard.

use tokio::time::Instant;

use super::Connection;
use crate::mqtt::ingest::{ConnectionProgress, Inbox};
use crate::mqtt::probes::Probes;

/// After so many bursts what waits has a turn though more has come.
const TURN_AFTER: u32 = 8;

impl<I: Inbox> Connection<'_, I> {
    /// What was queued before the probe of this number has come; perhaps some of it waits.
    pub(super) fn caught_up(&mut self, progress: ConnectionProgress, probe: u64) {
        let now = Instant::now();
        self.long.hold_back(progress, probe, now);
        self.say_what_was_heard(now);
    }

    pub(super) fn say_what_was_heard(&mut self, now: Instant) {
        while let Some((progress, probe)) = self.long.said_by(now) {
            self.inbox.hearing(progress);
            self.catch_up(probe);
        }
    }

    /// Whether to read now, and whether what waits may have its turn: after so many readings it has it first.
    pub(super) fn next_step(&self) -> (bool, bool) {
        let gives_turns = !self.long.is_empty() && self.ingest.ring.has_room();
        (self.may_read() && !(gives_turns && self.bursts >= TURN_AFTER), gives_turns)
    }

    /// Hands over some of the long messages.
    pub(super) async fn give_turn(&mut self) {
        self.bursts = 0;
        let (ring, inbox) = (&self.ingest.ring, &mut self.inbox);
        self.long.give_turn(|| ring.has_room(), |message| inbox.message(message));
        self.say_what_was_heard(Instant::now());
        tokio::task::yield_now().await;
    }

    /// Whether somebody else sent what is on our probe's topic: what is no probe, or one that is not ours once all that an
    /// earlier connection left in the session has come.
    pub(super) fn is_forged(&self, text: &[u8], retain: bool) -> bool {
        retain || !Probes::is_probe(text) || self.drained_by.is_none() && !self.probes.is_ours(text)
    }
}
