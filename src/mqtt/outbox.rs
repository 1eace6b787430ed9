//! The outbox: what is owed to the broker, in order, with its bound and what goes first when it is full.
//!
//! It does no I/O and knows no time; the publisher moves messages from it to the broker and back.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;
use wardwatch_actors::receipt::Receipt;

/// How many scores wait at most; beyond, the oldest go.
const MAX_PASSING: usize = 10_000;
/// How many undeliverable messages are kept for a look.
const MAX_UNDELIVERABLE: usize = 100;
/// How often a message may be the oldest unacknowledged one when the broker ends the connection for a
/// protocol error, before it is taken for the cause.
const MAX_FAILURES: u8 = 3;
/// How many packet identifiers there are.
const PKIDS: u64 = 65_535;
/// MQTT's own bytes in a PUBLISH beside topic and payload, at most.
const PACKET_OVERHEAD: usize = 16;

/// What goes first when the outbox is full, from the first to go to the one that stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    Info,
    Low,
    Medium,
    /// Never dropped.
    High,
}

impl Weight {
    const ALL: [Self; 4] = [Self::Info, Self::Low, Self::Medium, Self::High];
}

/// How a message goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// QoS 1, in order, each one of them: alert changes, rejections, replies.
    Change(Weight),
    /// QoS 1 and retained, after the changes; of one topic only the newest waits: state, heartbeat.
    Latest,
    /// QoS 0, only while connected: scores.
    Passing,
}

impl Way {
    /// Whether it may wait a little, so that one write carries many.
    pub(super) fn is_unhurried(self) -> bool {
        match self {
            Self::Change(_) => false,
            Self::Latest | Self::Passing => true,
        }
    }
}

/// A message for the broker.
#[derive(Debug)]
pub struct Outgoing {
    pub topic: String,
    pub payload: Bytes,
    pub way: Way,
    /// Settled once the broker has the message, or nobody will bring it there any more.
    pub receipts: Vec<Receipt>,
    /// The store's number of it, told to `OutboxListener::settled`.
    pub row: Option<u64>,
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The broker has it. A passing message has only been handed to the connection.
    Accepted,
    /// A newer one of the same topic went in its place.
    Superseded,
    /// The broker will never take it.
    Undeliverable,
    /// It had to make room, or passed by while there was no connection.
    Dropped,
}

/// A message nothing more will be done for.
#[derive(Debug)]
pub(super) struct Finished {
    pub receipts: Vec<Receipt>,
    pub row: Option<u64>,
    pub outcome: Outcome,
}

/// A message the broker will never take, kept for a look.
#[derive(Debug, Clone)]
pub struct Undeliverable {
    pub topic: String,
    pub payload: Bytes,
    pub reason: String,
}

/// What a PUBACK says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    Accepted,
    /// Not now.
    Retry,
    Never(String),
}

/// What goes onto the connection.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Publication {
    pub topic: String,
    pub payload: Bytes,
    /// 0 for QoS 0.
    pub pkid: u16,
    pub retain: bool,
}

struct Item {
    /// Its place in the order of arrival.
    number: u64,
    failures: u8,
    outgoing: Outgoing,
}

impl Item {
    fn finish(self, outcome: Outcome) -> Finished {
        Finished { receipts: self.outgoing.receipts, row: self.outgoing.row, outcome }
    }
}

/// What a connection allows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    /// Unacknowledged messages the broker takes.
    pub window: usize,
    /// Bytes of a packet the broker takes.
    pub max_packet: usize,
}

/// Messages waiting and messages sent.
pub(super) struct Queue {
    bound: usize,
    /// Waiting changes of each weight; the smallest number over all goes next.
    changes: [VecDeque<Item>; Weight::ALL.len()],
    /// Waiting `Way::Latest`, by topic and in order.
    latest: HashMap<String, Item>,
    latest_order: VecDeque<String>,
    passing: VecDeque<Item>,
    /// On the way, in this order; none once acknowledged. The front is always some.
    sent: VecDeque<Option<Item>>,
    /// The place of the front of `sent` in this connection's order.
    first_sent: u64,
    next_number: u64,
    terms: Option<Terms>,
    /// Changes that made room.
    pub dropped: u64,
    /// Scores that could not go at once.
    pub passed_by: u64,
    pub undeliverable: u64,
    pub kept: VecDeque<Undeliverable>,
}

impl Queue {
    pub fn new(bound: usize) -> Self {
        Self {
            bound,
            changes: Default::default(),
            latest: HashMap::new(),
            latest_order: VecDeque::new(),
            passing: VecDeque::new(),
            sent: VecDeque::new(),
            first_sent: 0,
            next_number: 0,
            terms: None,
            dropped: 0,
            passed_by: 0,
            undeliverable: 0,
            kept: VecDeque::new(),
        }
    }

    /// How many messages of QoS 1 are owed.
    pub fn owed(&self) -> usize {
        self.waiting_changes() + self.latest.len() + self.sent.iter().flatten().count()
    }

    /// Whether nothing is owed.
    pub fn is_empty(&self) -> bool {
        self.sent.is_empty() && self.latest.is_empty() && self.waiting_changes() == 0
    }

    /// Whether something waits that may wait a little for others.
    pub fn has_unhurried(&self) -> bool {
        !self.latest.is_empty() || !self.passing.is_empty()
    }

    /// Whether only changes of high priority are left and there is no room for more.
    pub fn is_full(&self) -> bool {
        let [lighter @ .., high] = &self.changes;
        high.len() >= self.bound && lighter.iter().all(VecDeque::is_empty)
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
    pub fn accept(&mut self, outgoing: Outgoing, finished: &mut Vec<Finished>) {
        let item = Item { number: self.next_number, failures: 0, outgoing };
        self.next_number += 1;
        match item.outgoing.way {
            Way::Change(weight) => {
                self.changes[weight as usize].push_back(item);
                self.make_room(finished);
            }
            Way::Latest => self.accept_latest(item, finished),
            Way::Passing if self.is_connected() => {
                self.passing.push_back(item);
                if self.passing.len() > MAX_PASSING {
                    let oldest = self.passing.pop_front();
                    self.drop_items(oldest, finished);
                }
            }
            Way::Passing => self.drop_items([item], finished),
        }
    }

    /// While there are more changes than may wait, the oldest of the lightest goes.
    fn make_room(&mut self, finished: &mut Vec<Finished>) {
        let [lighter @ .., _] = &mut self.changes;
        let lightest = lighter.iter().position(|lane| !lane.is_empty());
        if let Some(weight) = lightest.filter(|_| self.waiting_changes() > self.bound) {
            let oldest = self.changes[weight].pop_front();
            self.drop_items(oldest, finished);
        }
    }

    fn accept_latest(&mut self, mut item: Item, finished: &mut Vec<Finished>) {
        let topic = item.outgoing.topic.clone();
        match self.latest.remove(&topic) {
            Some(mut older) => {
                item.outgoing.receipts.append(&mut older.outgoing.receipts);
                finished.push(older.finish(Outcome::Superseded));
            }
            None => self.latest_order.push_back(topic.clone()),
        }
        self.latest.insert(topic, item);
    }

    fn drop_items(&mut self, items: impl IntoIterator<Item = Item>, finished: &mut Vec<Finished>) {
        for item in items {
            match item.outgoing.way {
                Way::Passing => self.passed_by += 1,
                Way::Change(_) | Way::Latest => self.dropped += 1,
            }
            finished.push(item.finish(Outcome::Dropped));
        }
    }

    /// A connection is there.
    pub fn connect(&mut self, terms: Terms) {
        self.terms = Some(terms);
    }

    /// The next message for the connection, if the broker takes one more; of what is unhurried only where it is its time.
    pub fn hand_over(&mut self, unhurried: bool, finished: &mut Vec<Finished>) -> Option<Publication> {
        let terms = self.terms?;
        loop {
            let in_window = self.sent.len() < terms.window;
            let item = match in_window.then(|| self.next_owed(unhurried)).flatten() {
                Some(item) => item,
                None => self.passing.pop_front_if(|_| unhurried)?,
            };
            match hopeless(&item.outgoing, &terms) {
                Some(reason) => self.give_up(item, reason, finished),
                None => return Some(self.send(item, finished)),
            }
        }
    }

    fn send(&mut self, item: Item, finished: &mut Vec<Finished>) -> Publication {
        let Outgoing { topic, payload, way, .. } = &item.outgoing;
        let (topic, payload) = (topic.clone(), payload.clone());
        match way {
            Way::Passing => {
                finished.push(item.finish(Outcome::Accepted));
                Publication { topic, payload, pkid: 0, retain: false }
            }
            Way::Change(_) | Way::Latest => {
                let pkid = pkid(self.first_sent + self.sent.len() as u64);
                let retain = *way == Way::Latest;
                self.sent.push_back(Some(item));
                Publication { topic, payload, pkid, retain }
            }
        }
    }

    fn next_owed(&mut self, unhurried: bool) -> Option<Item> {
        let fronts = self.changes.iter().enumerate();
        let oldest = fronts.filter_map(|(lane, items)| Some((items.front()?.number, lane))).min();
        match oldest {
            Some((_, lane)) => self.changes[lane].pop_front(),
            None => {
                self.latest_order.pop_front_if(|_| unhurried).and_then(|topic| self.latest.remove(&topic))
            }
        }
    }

    /// The broker has answered the message with this packet identifier.
    pub fn answered(&mut self, pkid: u16, verdict: Verdict, finished: &mut Vec<Finished>) {
        let first = self::pkid(self.first_sent);
        let at = if pkid >= first { pkid - first } else { PKIDS as u16 - first + pkid };
        let Some(item) = self.sent.get_mut(usize::from(at)).and_then(Option::take) else { return };
        while matches!(self.sent.front(), Some(None)) {
            self.sent.pop_front();
            self.first_sent += 1;
        }
        match verdict {
            Verdict::Accepted => finished.push(item.finish(Outcome::Accepted)),
            Verdict::Retry => self.put_back(item, finished),
            Verdict::Never(reason) => self.give_up(item, reason, finished),
        }
    }

    /// The connection is gone: what it has not acknowledged waits again, in its old place.
    ///
    /// With `blame`, the broker ended it for what we sent, which the oldest unacknowledged message stands for.
    pub fn disconnect(&mut self, blame: Option<&str>, finished: &mut Vec<Finished>) {
        self.terms = None;
        self.first_sent = 0;
        let mut sent: VecDeque<Item> = self.sent.drain(..).flatten().collect();
        if let Some((reason, oldest)) = blame.zip(sent.front_mut()) {
            oldest.failures += 1;
            if let Some(item) = (oldest.failures >= MAX_FAILURES).then(|| sent.pop_front()).flatten() {
                self.give_up(item, reason.to_owned(), finished);
            }
        }
        while let Some(item) = sent.pop_back() {
            self.put_back(item, finished);
        }
        let passing = std::mem::take(&mut self.passing);
        self.drop_items(passing, finished);
    }

    /// Returns a message to its place among the waiting.
    fn put_back(&mut self, mut item: Item, finished: &mut Vec<Finished>) {
        match item.outgoing.way {
            Way::Change(weight) => {
                let lane = &mut self.changes[weight as usize];
                let place = lane.partition_point(|waiting| waiting.number < item.number);
                lane.insert(place, item);
            }
            Way::Latest => match self.latest.get_mut(&item.outgoing.topic) {
                Some(newer) => {
                    newer.outgoing.receipts.append(&mut item.outgoing.receipts);
                    finished.push(item.finish(Outcome::Superseded));
                }
                None => {
                    self.latest_order.push_front(item.outgoing.topic.clone());
                    self.latest.insert(item.outgoing.topic.clone(), item);
                }
            },
            Way::Passing => self.drop_items([item], finished),
        }
    }

    /// Counts and keeps a message that the broker will never take.
    fn give_up(&mut self, item: Item, reason: String, finished: &mut Vec<Finished>) {
        let topic = item.outgoing.topic.clone();
        tracing::error!(topic, reason, "the broker does not take a message; it is kept as undeliverable");
        self.undeliverable += 1;
        if self.kept.len() == MAX_UNDELIVERABLE {
            self.kept.pop_front();
        }
        self.kept.push_back(Undeliverable { topic, payload: item.outgoing.payload.clone(), reason });
        finished.push(item.finish(Outcome::Undeliverable));
    }
}

/// Why a message would only end the connection.
fn hopeless(Outgoing { topic, payload, .. }: &Outgoing, terms: &Terms) -> Option<String> {
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
