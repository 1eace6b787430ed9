//! The outbox: what is pending for the broker, in order, with its bound and what goes first when it is full.
//!
//! It does no I/O and knows no time; the publisher moves messages from it to the broker and back.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::Publish;
use wardwatch_actors::receipt::Receipt;

use crate::contract::announcement::Announcement;

/// How many scores wait at most; beyond, the oldest go.
const MAX_PASSING: usize = 10_000;
/// How often a message may be the oldest unacknowledged one when the broker ends the connection for a
/// protocol error, before it is taken for the cause.
const MAX_FAILURES: u8 = 3;
/// How many packet identifiers there are.
const PKIDS: u64 = 65_535;
/// MQTT's own bytes in a PUBLISH beside topic and payload, at most.
const PACKET_OVERHEAD: usize = 16;

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
    const ALL: [Self; 4] = [Self::Info, Self::Low, Self::Medium, Self::High];
}

/// How a message goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryClass {
    /// QoS 1, in order, each one of them: alert changes, rejections, replies.
    Change(DropOrder),
    /// QoS 1 and retained, after the changes; of one topic only the newest waits: state, heartbeat.
    Latest,
    /// QoS 0, only while connected: scores.
    Passing,
}

impl DeliveryClass {
    /// Whether it may wait a little, so that one write carries many.
    pub(super) fn is_deferrable(self) -> bool {
        match self {
            Self::Change(_) => false,
            Self::Latest | Self::Passing => true,
        }
    }
}

/// A message for the broker.
#[derive(Debug)]
pub struct Outgoing {
    pub announcement: Announcement,
    pub class: DeliveryClass,
    /// Settled once the broker has the message, or nobody will bring it there any more.
    pub receipts: Vec<Receipt>,
    /// The feed's number of the change that is done with it, told to `OutboxListener::done`.
    pub number: Option<u64>,
    /// Its place in the order of arrival.
    place: u64,
    /// How many connections it seems to have cost.
    failures: u8,
}

impl Outgoing {
    /// A message that nobody waits for.
    pub fn new(announcement: Announcement, class: DeliveryClass) -> Self {
        Self { announcement, class, receipts: Vec::new(), number: None, place: 0, failures: 0 }
    }
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryResult {
    /// The broker has it. A passing message has only been handed to the connection.
    Accepted,
    /// A newer one of the same topic went in its place.
    Superseded,
    /// The broker will never take it.
    Undeliverable,
    /// It had to make room, or passed by while there was no connection.
    Dropped,
}

/// Messages nothing more will be done for, and why.
pub(super) type Finished = Vec<(Outgoing, DeliveryResult)>;

/// What a PUBACK says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PubackAnswer {
    Accepted,
    /// Not now.
    Retry,
    Never(String),
}

/// What a connection allows.
#[derive(Debug, Clone, Copy)]
pub(super) struct BrokerTerms {
    /// Unacknowledged messages the broker takes.
    pub window: usize,
    /// Bytes of a packet the broker takes.
    pub max_packet: usize,
}

/// Messages waiting and messages sent.
pub(super) struct OutboxQueue {
    bound: usize,
    /// Waiting changes of each drop order; the smallest place over all goes next.
    changes: [VecDeque<Outgoing>; DropOrder::ALL.len()],
    /// Waiting `DeliveryClass::Latest`, by topic and in order.
    latest: HashMap<String, Outgoing>,
    latest_order: VecDeque<String>,
    passing: VecDeque<Outgoing>,
    /// On the way, in this order; none once acknowledged. The front is always some.
    sent: VecDeque<Option<Outgoing>>,
    /// The place of the front of `sent` in this connection's order.
    first_sent: u64,
    next_place: u64,
    terms: Option<BrokerTerms>,
    /// Changes that made room.
    pub dropped: u64,
    /// Scores that could not go at once.
    pub passed_by: u64,
    pub undeliverable: u64,
}

impl OutboxQueue {
    pub fn new(bound: usize) -> Self {
        Self {
            bound,
            changes: Default::default(),
            latest: HashMap::new(),
            latest_order: VecDeque::new(),
            passing: VecDeque::new(),
            sent: VecDeque::new(),
            first_sent: 0,
            next_place: 0,
            terms: None,
            dropped: 0,
            passed_by: 0,
            undeliverable: 0,
        }
    }

    /// How many messages of QoS 1 are pending.
    pub fn pending(&self) -> usize {
        self.waiting_changes() + self.latest.len() + self.sent.iter().flatten().count()
    }

    /// Whether nothing is pending.
    pub fn is_empty(&self) -> bool {
        self.sent.is_empty() && self.latest.is_empty() && self.waiting_changes() == 0
    }

    /// Whether something waits that may wait a little for others.
    pub fn has_deferrable(&self) -> bool {
        !self.latest.is_empty() || !self.passing.is_empty()
    }

    /// Whether only changes of high priority are left and there is no room for more.
    pub fn is_full(&self) -> bool {
        let [droppable @ .., high] = &self.changes;
        high.len() >= self.bound && droppable.iter().all(VecDeque::is_empty)
    }

    pub fn is_connected(&self) -> bool {
        self.terms.is_some()
    }

    /// The place of the oldest unacknowledged message, if there is one: it moves while the broker answers.
    pub fn oldest_sent(&self) -> Option<u64> {
        (!self.sent.is_empty()).then_some(self.first_sent)
    }

    fn waiting_changes(&self) -> usize {
        self.changes.iter().map(VecDeque::len).sum()
    }

    /// Takes a message up; whatever must go for it is added to `finished`.
    pub fn accept(&mut self, mut outgoing: Outgoing, finished: &mut Finished) {
        outgoing.place = self.next_place;
        self.next_place += 1;
        match outgoing.class {
            DeliveryClass::Change(drop_order) => {
                self.changes[drop_order as usize].push_back(outgoing);
                self.make_room(finished);
            }
            DeliveryClass::Latest => self.accept_latest(outgoing, finished),
            DeliveryClass::Passing if self.is_connected() => {
                self.passing.push_back(outgoing);
                if self.passing.len() > MAX_PASSING {
                    let oldest = self.passing.pop_front();
                    self.drop_all(oldest, finished);
                }
            }
            DeliveryClass::Passing => self.drop_all([outgoing], finished),
        }
    }

    /// While there are more changes than may wait, the oldest of the first in drop order goes.
    fn make_room(&mut self, finished: &mut Finished) {
        let [droppable @ .., _] = &mut self.changes;
        let first = droppable.iter().position(|lane| !lane.is_empty());
        if let Some(lane) = first.filter(|_| self.waiting_changes() > self.bound) {
            let oldest = self.changes[lane].pop_front();
            self.drop_all(oldest, finished);
        }
    }

    fn accept_latest(&mut self, mut newer: Outgoing, finished: &mut Finished) {
        let topic = newer.announcement.topic.clone();
        match self.latest.remove(&topic) {
            Some(mut older) => {
                newer.receipts.append(&mut older.receipts);
                finished.push((older, DeliveryResult::Superseded));
            }
            None => self.latest_order.push_back(topic.clone()),
        }
        self.latest.insert(topic, newer);
    }

    fn drop_all(&mut self, dropped: impl IntoIterator<Item = Outgoing>, finished: &mut Finished) {
        for outgoing in dropped {
            match outgoing.class {
                DeliveryClass::Passing => self.passed_by += 1,
                DeliveryClass::Change(_) | DeliveryClass::Latest => self.dropped += 1,
            }
            finished.push((outgoing, DeliveryResult::Dropped));
        }
    }

    /// A connection is there.
    pub fn connect(&mut self, terms: BrokerTerms) {
        self.terms = Some(terms);
    }

    /// The next message for the connection, if the broker takes one more; of what is deferrable only where it is its
    /// time. Its packet identifier is 0 for QoS 0.
    pub fn hand_over(&mut self, deferrable: bool, finished: &mut Finished) -> Option<Publish> {
        let terms = self.terms?;
        loop {
            let in_window = self.sent.len() < terms.window;
            let outgoing = match in_window.then(|| self.next_pending(deferrable)).flatten() {
                Some(outgoing) => outgoing,
                None => self.passing.pop_front_if(|_| deferrable)?,
            };
            match hopeless(&outgoing.announcement, &terms) {
                Some(reason) => self.give_up(outgoing, &reason, finished),
                None => return Some(self.send(outgoing, finished)),
            }
        }
    }

    fn send(&mut self, outgoing: Outgoing, finished: &mut Finished) -> Publish {
        let Announcement { topic, payload } = &outgoing.announcement;
        let (topic, payload) = (Bytes::copy_from_slice(topic.as_bytes()), payload.clone());
        match outgoing.class {
            DeliveryClass::Passing => {
                finished.push((outgoing, DeliveryResult::Accepted));
                Publish { qos: QoS::AtMostOnce, topic, payload, ..Publish::default() }
            }
            class @ (DeliveryClass::Change(_) | DeliveryClass::Latest) => {
                let pkid = pkid(self.first_sent + self.sent.len() as u64);
                let retain = class == DeliveryClass::Latest;
                self.sent.push_back(Some(outgoing));
                Publish { qos: QoS::AtLeastOnce, topic, payload, pkid, retain, ..Publish::default() }
            }
        }
    }

    fn next_pending(&mut self, deferrable: bool) -> Option<Outgoing> {
        let fronts = self.changes.iter().enumerate();
        let oldest = fronts.filter_map(|(lane, waiting)| Some((waiting.front()?.place, lane))).min();
        match oldest {
            Some((_, lane)) => self.changes[lane].pop_front(),
            None => {
                self.latest_order.pop_front_if(|_| deferrable).and_then(|topic| self.latest.remove(&topic))
            }
        }
    }

    /// The broker has answered the message with this packet identifier.
    pub fn answered(&mut self, pkid: u16, verdict: PubackAnswer, finished: &mut Finished) {
        let first = self::pkid(self.first_sent);
        let at = if pkid >= first { pkid - first } else { PKIDS as u16 - first + pkid };
        let Some(outgoing) = self.sent.get_mut(usize::from(at)).and_then(Option::take) else { return };
        while matches!(self.sent.front(), Some(None)) {
            self.sent.pop_front();
            self.first_sent += 1;
        }
        match verdict {
            PubackAnswer::Accepted => finished.push((outgoing, DeliveryResult::Accepted)),
            PubackAnswer::Retry => self.put_back(outgoing, finished),
            PubackAnswer::Never(reason) => self.give_up(outgoing, &reason, finished),
        }
    }

    /// The connection is gone: what it has not acknowledged waits again, in its old place.
    ///
    /// With `blame`, the broker ended it for what we sent, which the oldest unacknowledged message stands for.
    pub fn disconnect(&mut self, blame: Option<&str>, finished: &mut Finished) {
        self.terms = None;
        self.first_sent = 0;
        let mut sent: VecDeque<Outgoing> = self.sent.drain(..).flatten().collect();
        if let Some((reason, oldest)) = blame.zip(sent.front_mut()) {
            oldest.failures += 1;
            if let Some(blamed) = (oldest.failures >= MAX_FAILURES).then(|| sent.pop_front()).flatten() {
                self.give_up(blamed, reason, finished);
            }
        }
        while let Some(outgoing) = sent.pop_back() {
            self.put_back(outgoing, finished);
        }
        let passing = std::mem::take(&mut self.passing);
        self.drop_all(passing, finished);
    }

    /// Returns a message to its place among the waiting.
    fn put_back(&mut self, mut outgoing: Outgoing, finished: &mut Finished) {
        match outgoing.class {
            DeliveryClass::Change(drop_order) => {
                let lane = &mut self.changes[drop_order as usize];
                let place = lane.partition_point(|waiting| waiting.place < outgoing.place);
                lane.insert(place, outgoing);
            }
            DeliveryClass::Latest => match self.latest.get_mut(&outgoing.announcement.topic) {
                Some(newer) => {
                    newer.receipts.append(&mut outgoing.receipts);
                    finished.push((outgoing, DeliveryResult::Superseded));
                }
                None => {
                    let topic = &outgoing.announcement.topic;
                    self.latest_order.push_front(topic.clone());
                    self.latest.insert(topic.clone(), outgoing);
                }
            },
            DeliveryClass::Passing => self.drop_all([outgoing], finished),
        }
    }

    /// Counts a message that the broker will never take.
    fn give_up(&mut self, outgoing: Outgoing, reason: &str, finished: &mut Finished) {
        let topic = &outgoing.announcement.topic;
        tracing::error!(topic, reason, "the broker rejects a message; it is undeliverable");
        self.undeliverable += 1;
        finished.push((outgoing, DeliveryResult::Undeliverable));
    }
}

/// Why a message would only end the connection.
fn hopeless(Announcement { topic, payload }: &Announcement, terms: &BrokerTerms) -> Option<String> {
    let size = topic.len() + payload.len() + PACKET_OVERHEAD;
    if !rumqttc::valid_topic(topic) {
        Some("a topic to publish on has no wildcards".to_owned())
    } else if size > terms.max_packet {
        Some(format!("{size} bytes are more than the broker takes ({})", terms.max_packet))
    } else {
        None
    }
}

/// The packet identifier of a place in a connection's order: they go round from 1, and the window is smaller
/// than the round, so that no two on the way are alike.
fn pkid(place: u64) -> u16 {
    (place % PKIDS) as u16 + 1
}

#[cfg(test)]
#[path = "outbox_tests.rs"]
mod tests;
