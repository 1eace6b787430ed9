//! What is on the way on one connection of the publisher, in the order in which it was sent.

use std::collections::VecDeque;

use super::cuts::Cuts;
use super::outgoing::{BrokerTerms, Outgoing};

/// How many packet identifiers there are.
const PKIDS: u64 = 65_535;

/// Which of the publisher's connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PublisherConnection {
    /// The one that carries our last will, and all that the broker is known to take.
    Main,
    /// The one on which is tried what the broker may reject, where a rejection costs the connection.
    Trial,
}

/// One connection's messages, and how its connections have ended.
#[derive(Debug, Default)]
pub(super) struct InFlight {
    pub terms: Option<BrokerTerms>,
    /// On the way, in this order; none once acknowledged. The front is always some.
    sent: VecDeque<Option<Outgoing>>,
    /// The place of the front of `sent` in this connection's order.
    first: u64,
    /// How many of `sent` may wait.
    pub deferrable: usize,
    /// How many connections in a row the broker ended soon, for what we sent.
    pub losses: u8,
    pub cuts: Cuts,
}

impl InFlight {
    /// How many places are taken, from the oldest unacknowledged message on.
    pub fn len(&self) -> usize {
        self.sent.len()
    }

    /// How many messages are not acknowledged.
    pub fn pending(&self) -> usize {
        self.sent.iter().flatten().count()
    }

    /// The place of the oldest unacknowledged message, if there is one: it moves while the broker answers.
    pub fn oldest(&self) -> Option<u64> {
        (!self.sent.is_empty()).then_some(self.first)
    }

    /// Takes up a message; answers its packet identifier.
    pub fn send(&mut self, outgoing: Outgoing) -> u16 {
        let pkid = pkid(self.first + self.sent.len() as u64);
        self.deferrable += usize::from(outgoing.class.is_deferrable());
        self.sent.push_back(Some(outgoing));
        pkid
    }

    /// Takes the message that was answered.
    pub fn answered(&mut self, pkid: u16) -> Option<Outgoing> {
        let first = self::pkid(self.first);
        let at = if pkid >= first { pkid - first } else { PKIDS as u16 - first + pkid };
        let outgoing = self.sent.get_mut(usize::from(at)).and_then(Option::take)?;
        while matches!(self.sent.front(), Some(None)) {
            self.sent.pop_front();
            self.first += 1;
        }
        self.deferrable -= usize::from(outgoing.class.is_deferrable());
        Some(outgoing)
    }

    /// Whether a newer message of the same topic is on the way.
    pub fn has_newer(&self, than: &Outgoing) -> bool {
        let topic = &than.announcement.topic;
        self.sent.iter().flatten().any(|sent| sent.place > than.place && sent.announcement.topic == *topic)
    }

    /// The connection is gone: everything that it had not acknowledged, in order.
    pub fn end(&mut self) -> VecDeque<Outgoing> {
        (self.terms, self.first, self.deferrable) = (None, 0, 0);
        self.sent.drain(..).flatten().collect()
    }
}

/// The packet identifier of a place in a connection's order: they go round from 1, and the window is smaller
/// than the round, so that no two on the way are alike.
fn pkid(place: u64) -> u16 {
    (place % PKIDS) as u16 + 1
}
