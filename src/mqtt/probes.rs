//! The probes an ingest sends to itself: once one is back, all that was queued before it has been heard.

use std::collections::VecDeque;
use std::str;
use std::time::Duration;

use tokio::time::Instant;

use crate::link;

/// How many probes are remembered; of a broker that swallows them, the oldest are forgotten.
const REMEMBERED: usize = 16;

/// A probe that came back.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct HeardProbe {
    /// Which one; numbers rise within a connection.
    pub number: u64,
    pub sent: Instant,
    /// How long it took.
    pub round_trip: Duration,
}

/// The probes of one connection that are under way.
#[derive(Debug)]
pub(crate) struct Probes {
    /// Distinguishes our probes from those of an earlier connection, which a persistent session may still deliver.
    connection: u64,
    last: u64,
    under_way: VecDeque<(u64, Instant)>,
}

impl Probes {
    pub fn new() -> Self {
        Self { connection: link::random(), last: 0, under_way: VecDeque::with_capacity(REMEMBERED) }
    }

    /// The text of one more probe, sent at `now`.
    pub fn send(&mut self, now: Instant) -> String {
        self.last += 1;
        if self.under_way.len() == REMEMBERED {
            self.under_way.pop_front();
        }
        self.under_way.push_back((self.last, now));
        format!("{:016x}-{}", self.connection, self.last)
    }

    /// Takes note of a probe that came back at `now`, unless it is not one of ours or came before.
    pub fn hear(&mut self, text: &[u8], now: Instant) -> Option<HeardProbe> {
        let (connection, number) = read(text)?;
        if connection != self.connection {
            return None;
        }
        self.hear_number(number, now)
    }

    /// Whether this is a probe at all, perhaps of an earlier connection.
    pub fn is_probe(text: &[u8]) -> bool {
        read(text).is_some()
    }

    /// Whether this is a probe that was sent on this connection.
    pub fn is_ours(&self, text: &[u8]) -> bool {
        read(text).is_some_and(|(connection, number)| connection == self.connection && number <= self.last)
    }

    /// The same of one that is known by its number.
    pub fn hear_number(&mut self, number: u64, now: Instant) -> Option<HeardProbe> {
        let at = self.under_way.iter().position(|&(sent, _)| sent == number)?;
        let (_, sent) = self.under_way.drain(..=at).next_back()?;
        Some(HeardProbe { number, sent, round_trip: now.saturating_duration_since(sent) })
    }

    /// The number of the newest probe, 0 before the first.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// For how long the oldest probe has been under way.
    pub fn overdue(&self, now: Instant) -> Option<Duration> {
        self.under_way.front().map(|&(_, sent)| now.saturating_duration_since(sent))
    }
}

/// The connection and the number of a probe.
fn read(text: &[u8]) -> Option<(u64, u64)> {
    let (connection, number) = str::from_utf8(text).ok()?.split_once('-')?;
    let connection = (connection.len() == 16).then(|| u64::from_str_radix(connection, 16).ok()).flatten()?;
    Some((connection, number.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_is_heard_once_with_its_round_trip() {
        let start = Instant::now();
        let mut probes = Probes::new();
        let text = probes.send(start);
        let heard = probes.hear(text.as_bytes(), start + Duration::from_millis(7));
        assert_eq!(heard, Some(HeardProbe { number: 1, sent: start, round_trip: Duration::from_millis(7) }));
        assert_eq!(probes.hear(text.as_bytes(), start), None);
        assert_eq!(probes.overdue(start), None);
    }

    #[test]
    fn a_probe_stands_for_those_before_it() {
        let start = Instant::now();
        let mut probes = Probes::new();
        let early = probes.send(start);
        let late = probes.send(start);
        assert_eq!(probes.hear(late.as_bytes(), start).map(|heard| heard.number), Some(2));
        assert_eq!(probes.hear(early.as_bytes(), start), None);
    }

    #[test]
    fn a_probe_of_an_earlier_connection_or_of_nobody_is_not_ours() {
        let now = Instant::now();
        let early = Probes::new().send(now);
        let mut probes = Probes::new();
        probes.send(now);
        for text in [early.as_bytes(), b"", b"-", b"1-1", b"\xff-1", b"online"] {
            assert_eq!(probes.hear(text, now), None);
        }
        let ours = probes.send(now);
        assert!(Probes::is_probe(early.as_bytes()) && !probes.is_ours(early.as_bytes()));
        assert!(probes.is_ours(ours.as_bytes()) && !Probes::is_probe(b"1-1") && !Probes::is_probe(b"online"));
    }

    #[test]
    fn a_broker_that_swallows_every_probe_costs_no_memory() {
        let now = Instant::now();
        let mut probes = Probes::new();
        (0..1000).for_each(|_| drop(probes.send(now)));
        assert_eq!(probes.under_way.len(), REMEMBERED);
    }
}
