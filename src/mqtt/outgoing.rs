//! A message on its way out: how it goes, what it is done with, and what may become of it.

use bytes::Bytes;
use uuid::Uuid;
use wardwatch_actors::receipt::Receipt;

use crate::contract::announcement::Announcement;

/// What goes first when the outbox is full, from the first to go to the one that stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DropOrder {
    Info,
    Low,
    Medium,
    /// Never dropped.
    High,
}

impl DropOrder {
    pub(super) const ALL: [Self; 4] = [Self::Info, Self::Low, Self::Medium, Self::High];
}

/// How a message goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryClass {
    /// QoS 1, in order, each one of them: alert changes.
    Change(DropOrder),
    /// QoS 1 and retained, after the changes; of one topic only the newest waits: state, heartbeat.
    Latest,
    /// QoS 1, in order, after the changes: what was rejected.
    Advisory,
    /// QoS 0, only while connected: scores.
    Passing,
}

impl DeliveryClass {
    /// Whether it is an alert change.
    pub(super) fn is_change(self) -> bool {
        matches!(self, Self::Change(_))
    }

    /// Whether it may wait a little, so that one write carries many.
    pub(super) fn is_deferrable(self) -> bool {
        !self.is_change()
    }
}

/// A message for the broker.
#[derive(Debug)]
pub struct Outgoing {
    pub announcement: Announcement,
    /// The same on further topics; it is done when the broker has all of them.
    pub further: Vec<Announcement>,
    pub class: DeliveryClass,
    /// Settled once the broker has the message or rejects it, or nobody will bring it there any more.
    pub receipts: Vec<Receipt>,
    /// What whoever asked wants back with the answer.
    pub correlation: Option<Bytes>,
    /// The feed's number of the change, given to `OutboxListener::done`.
    pub number: Option<u64>,
    /// The alert of which it is a change: of one alert one change is on the way at a time.
    pub alert: Option<Uuid>,
    /// Its place in the order of arrival.
    pub(super) place: u64,
    /// How many connections it seems to have cost.
    pub(super) failures: u8,
    /// Those of its announcements that the broker rejected.
    pub(super) rejected: Vec<Announcement>,
    /// It was offered by what was set aside: rejected before, or to be tried apart.
    pub(super) offered: bool,
    /// Bytes that its payload may have, where the broker found it too large.
    pub(super) max_payload: usize,
}

impl Outgoing {
    /// A message that nobody waits for.
    pub fn new(announcement: Announcement, class: DeliveryClass) -> Self {
        Self {
            announcement,
            further: Vec::new(),
            class,
            receipts: Vec::new(),
            correlation: None,
            number: None,
            alert: None,
            place: 0,
            failures: 0,
            rejected: Vec::new(),
            offered: false,
            max_payload: usize::MAX,
        }
    }

    /// Whether nobody has to have it: a rejection, a score, the answer to a command. Rejected, it is only counted.
    pub(super) fn is_advice(&self) -> bool {
        match self.class {
            DeliveryClass::Advisory | DeliveryClass::Passing => true,
            DeliveryClass::Change(_) => self.number.is_none() && self.alert.is_none(),
            DeliveryClass::Latest => false,
        }
    }

    /// Goes on to the next of its announcements; false where there is none.
    pub(super) fn next_part(&mut self) -> bool {
        match self.further.is_empty() {
            true => false,
            false => {
                self.announcement = self.further.remove(0);
                true
            }
        }
    }

    /// Everything that the broker rejected of it is to be offered anew.
    pub(super) fn begin_anew(&mut self) {
        let mut rejected = std::mem::take(&mut self.rejected).into_iter();
        if let Some(first) = rejected.next() {
            self.announcement = first;
            self.further.extend(rejected);
        }
    }
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryResult {
    /// The broker has it. A passing message has only been handed to the connection.
    Accepted,
    /// A newer one of the same topic went in its place.
    Superseded,
    /// The broker does not take it, and it is no change that would be offered again.
    Undeliverable,
    /// It had to make room, or passed by while there was no connection.
    Dropped,
}

/// What is over with a call: messages nothing more will be done for, and why; receipts that need not wait any more.
#[derive(Debug, Default)]
pub(super) struct Finished {
    pub messages: Vec<(Outgoing, DeliveryResult)>,
    pub receipts: Vec<Receipt>,
}

impl Finished {
    pub fn push(&mut self, outgoing: Outgoing, result: DeliveryResult) {
        self.messages.push((outgoing, result));
    }
}

/// What a PUBACK says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PubackAnswer {
    Accepted,
    /// Not now.
    Retry,
    /// Not in this size.
    TooLarge,
    Rejected(String),
}

/// What a connection allows.
#[derive(Debug, Clone, Copy)]
pub(super) struct BrokerTerms {
    /// Unacknowledged messages the broker takes.
    pub window: usize,
    /// Bytes of a packet the broker takes.
    pub max_packet: usize,
}
