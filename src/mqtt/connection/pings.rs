//! PINGREQ in place of our own probe, where the broker ends the connection for each probe.
//!
//! Mosquitto answers it behind every message that it has handed to the connection, but before those that wait for room
//! in its in-flight window. Where nothing came between two answers, nothing waits; with `max_inflight_messages 0`
//! nothing ever does. A ward that is never quiet is taken at its word for the latter after a while: its timers must run.

use tokio::time::Instant;

use super::Connection;
use crate::mqtt::ingest::{ConnectionProgress, Inbox};
use crate::mqtt::wire::WireFault;
use rumqttc::Packet;

/// After so many answers in a row with something in between, 10 s of them, each answer counts.
const NEVER_QUIET: u32 = 40;

/// PINGREQs under way, and what came between their answers.
#[derive(Debug, Default)]
pub(super) struct Pings {
    /// The number of the probe that each stands for; none for one that only keeps the connection alive.
    under_way: std::collections::VecDeque<Option<u64>>,
    /// How many readings had been taken at the last answer.
    taken: Option<u64>,
    busy: u32,
}

impl Pings {
    /// An answer came when so many readings had been taken: which probe it stands for, if what was queued before that has
    /// been heard.
    fn answered(&mut self, taken: u64) -> Option<u64> {
        let number = self.under_way.pop_front()??;
        let quiet = self.taken.replace(taken) == Some(taken);
        self.busy = if quiet { 0 } else { self.busy + 1 };
        (quiet || self.busy > NEVER_QUIET).then_some(number)
    }
}

impl<I: Inbox> Connection<'_, I> {
    /// Sends a PINGREQ that stands for the next probe.
    pub(super) fn ping_as_probe(&mut self, now: Instant) -> Result<(), WireFault> {
        self.probes.send(now);
        self.pings.under_way.push_back(Some(self.probes.last()));
        self.wire.write(&Packet::PingReq)
    }

    /// Sends a PINGREQ to keep the connection alive.
    pub(super) fn ping(&mut self) -> Result<(), WireFault> {
        self.pings.under_way.push_back(None);
        self.wire.write(&Packet::PingReq)
    }

    /// A PINGREQ has been answered.
    pub(super) fn take_pong(&mut self) {
        let of_probe = self.pings.under_way.front().copied().flatten();
        let caught_up = self.pings.answered(self.ingest.ring.taken());
        let heard = of_probe.and_then(|number| self.probes.hear_number(number, Instant::now()));
        if let Some(heard) = heard.filter(|_| caught_up.is_some()) {
            self.caught_up(ConnectionProgress::Ping { sent: heard.sent }, heard.number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the answers to probes mean that come when so many readings had been taken.
    fn heard(taken: &[u64]) -> Vec<Option<u64>> {
        let mut pings = Pings::default();
        pings.under_way.extend((1..=taken.len() as u64).map(Some));
        taken.iter().map(|taken| pings.answered(*taken)).collect()
    }

    #[test]
    fn what_was_queued_has_been_heard_once_nothing_came_between_two_answers() {
        assert_eq!(heard(&[0, 0, 5, 9, 9]), [None, Some(2), None, None, Some(5)]);
    }

    #[test]
    fn a_ward_that_is_never_quiet_waits_ten_seconds_and_no_longer() {
        let heard = heard(&(0..50).collect::<Vec<_>>());
        assert_eq!(heard.iter().position(Option::is_some), Some(40));
        assert!(heard[40..].iter().all(Option::is_some));
    }

    #[test]
    fn what_keeps_the_connection_alive_says_nothing() {
        let mut pings = Pings::default();
        pings.under_way.extend([None, Some(1), None, Some(2)]);
        assert_eq!([0; 4].map(|taken| pings.answered(taken)), [None, None, None, Some(2)]);
        assert_eq!(pings.answered(0), None);
    }
}
