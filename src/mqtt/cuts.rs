//! Connections that the broker cuts right after it has rejected a message.
//!
//! Mosquitto 2.0.11 does that with `max_queued_messages 0`, which alone loses no alerts: an access list that rejects one
//! message costs all others the connection. What it may reject is then tried on a connection of its own (`PublisherConnection::Trial`).

use super::outgoing::DeliveryClass;

/// For how many seconds a rejection, or a message of QoS 0, explains the end of its connection.
const LATELY_S: u8 = 2;
/// How many connections must have ended right after messages of QoS 0, of which the broker rejects none in words.
const PASSING_CUTS: u8 = 3;

/// What the ends of connections say of the broker.
#[derive(Debug, Default)]
pub(super) struct Cuts {
    /// What was rejected last, and for how many seconds that still explains an end.
    rejected: Option<(DeliveryClass, u8)>,
    /// For how many seconds the last message of QoS 0 does.
    passing_s: u8,
    passing: u8,
}

/// Why a connection ended, as far as what we sent explains it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// For a message of this class, which the broker had rejected.
    Rejection(DeliveryClass),
    /// For messages of QoS 0, time and again.
    Passing,
    Unexplained,
}

impl Cuts {
    /// The broker rejected a message of this class.
    pub fn rejected(&mut self, class: DeliveryClass) {
        self.rejected = Some((class, LATELY_S));
    }

    /// A message of QoS 0 went out.
    pub fn passed(&mut self) {
        self.passing_s = LATELY_S;
    }

    /// A second went by.
    pub fn second(&mut self) {
        self.passing_s = self.passing_s.saturating_sub(1);
        self.rejected = self.rejected.and_then(|(class, left)| Some((class, left.checked_sub(1)?)));
    }

    /// The connection ended, by the broker for what we sent or otherwise.
    pub fn ended(&mut self, by_broker: bool) -> Cut {
        let (rejected, passed) = (self.rejected.take(), std::mem::take(&mut self.passing_s) > 0);
        match rejected.filter(|_| by_broker) {
            Some((class, _)) => return Cut::Rejection(class),
            None if !(by_broker && passed) => return Cut::Unexplained,
            None => self.passing = self.passing.saturating_add(1),
        }
        if self.passing >= PASSING_CUTS { Cut::Passing } else { Cut::Unexplained }
    }
}
