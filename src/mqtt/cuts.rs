//! Connections that the broker cuts right after it has rejected a message.
//!
//! Mosquitto 2.0.11 does that with `max_queued_messages 0`, which alone loses no alerts: an access list that rejects one
//! message costs all others the connection. What was rejected is then offered singly and seldom; what is no alert change
//! is kept back until then.

use std::collections::BTreeSet;

use super::outgoing::{DeliveryClass, DropOrder};

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
    /// A connection was cut right after a rejection: what was rejected is offered singly, until one is taken.
    pub singly: bool,
    /// The last connection was: nothing is offered with this one.
    pub explained: bool,
    /// Kept back until the next minute: the retained, the advisory or the passing messages.
    kept_back: BTreeSet<u8>,
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

    /// The connection ended, by the broker for what we sent or otherwise; answers whether a rejection explains it.
    pub fn ended(&mut self, by_broker: bool) -> bool {
        self.explained = by_broker && self.rejected.is_some();
        if !by_broker {
            return false;
        }
        if let Some((class, _)) = self.rejected.take() {
            self.singly = true;
            if !class.is_change() {
                self.kept_back.insert(kind(class));
            }
            return true;
        }
        if std::mem::take(&mut self.passing_s) > 0 {
            self.passing = self.passing.saturating_add(1);
            if self.passing >= PASSING_CUTS {
                self.kept_back.insert(kind(DeliveryClass::Passing));
            }
        }
        false
    }

    /// A minute is over: one more try.
    pub fn minute(&mut self) {
        self.kept_back.clear();
    }

    /// Whether messages of this class are kept back.
    pub fn keeps_back(&self, class: DeliveryClass) -> bool {
        !self.kept_back.is_empty() && self.kept_back.contains(&kind(class))
    }
}

fn kind(class: DeliveryClass) -> u8 {
    match class {
        DeliveryClass::Change(DropOrder::Info | DropOrder::Low | DropOrder::Medium | DropOrder::High) => 0,
        DeliveryClass::Latest => 1,
        DeliveryClass::Advisory => 2,
        DeliveryClass::Passing => 3,
    }
}
