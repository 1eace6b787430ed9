//! The outbox: what is pending for the broker, in order, with its bound and what goes first when it is full.
//!
//! It does no I/O and knows no time; the publisher moves messages from it to the broker and back.

use std::collections::{HashSet, VecDeque};

use bytes::Bytes;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Publish, PublishProperties};
use uuid::Uuid;

use super::cuts::Cuts;
use super::outgoing::{
    BrokerTerms, DeliveryClass, DeliveryResult, DropOrder, Finished, Outgoing, PubackAnswer,
};
use super::rejected::RejectedMessages;
use super::waiting::WaitingMessages;
use crate::contract::announcement::Announcement;
use crate::contract::shorten::shorten;

/// How many connections in a row the broker must have ended for what we sent before a message is taken for the cause.
const MAX_FAILURES: u8 = 3;
/// After so many, messages go one at a time, so that the one that costs the connection is known.
const LOSSES_ALLOWED: u8 = 2;
/// How many packet identifiers there are.
const PKIDS: u64 = 65_535;
/// MQTT's own bytes in a PUBLISH beside topic and payload, at most.
const PACKET_OVERHEAD: usize = 16;
/// How many messages that may wait are on the way at most: an alert change that comes next goes behind them.
const DEFERRABLE_WINDOW: usize = 200;

/// Messages waiting, sent, and rejected.
pub(super) struct OutboxQueue {
    waiting: WaitingMessages,
    rejected: RejectedMessages,
    /// On the way, in this order; none once acknowledged. The front is always some.
    sent: VecDeque<Option<Outgoing>>,
    /// The place of the front of `sent` in this connection's order.
    first_sent: u64,
    /// Alerts of which a change is on the way.
    alerts_sent: HashSet<Uuid>,
    /// How many of `sent` may wait.
    deferrable_sent: usize,
    next_place: u64,
    terms: Option<BrokerTerms>,
    /// How many connections in a row the broker ended soon, for what we sent.
    losses: u8,
    cuts: Cuts,
    /// Changes that made room.
    pub dropped: u64,
    /// Scores that could not go at once.
    pub passed_by: u64,
    /// Messages that are no changes and that the broker did not take.
    pub undeliverable: u64,
}

impl OutboxQueue {
    pub fn new(bound: usize) -> Self {
        Self {
            waiting: WaitingMessages::new(bound),
            rejected: RejectedMessages::new(bound),
            sent: VecDeque::new(),
            first_sent: 0,
            alerts_sent: HashSet::new(),
            deferrable_sent: 0,
            next_place: 0,
            terms: None,
            losses: 0,
            cuts: Cuts::default(),
            dropped: 0,
            passed_by: 0,
            undeliverable: 0,
        }
    }

    /// How many messages of QoS 1 are pending, without those that were rejected.
    pub fn pending(&self) -> usize {
        self.waiting.len() + self.rejected.retrying() + self.sent.iter().flatten().count()
    }

    /// How many messages the broker has rejected, or wait behind one of those.
    pub fn rejected(&self) -> usize {
        self.rejected.len()
    }

    /// Whether nothing is pending.
    pub fn is_empty(&self) -> bool {
        self.sent.is_empty() && self.waiting.len() == 0 && self.rejected.retrying() == 0
    }

    /// Whether something waits that may wait a little for others.
    pub fn has_deferrable(&self) -> bool {
        self.waiting.has_deferrable()
    }

    /// Whether only changes of high priority are left and there is no room for more.
    pub fn is_full(&self) -> bool {
        self.waiting.is_full()
    }

    pub fn is_connected(&self) -> bool {
        self.terms.is_some()
    }

    /// The place of the oldest unacknowledged message, if there is one: it moves while the broker answers.
    pub fn oldest_sent(&self) -> Option<u64> {
        (!self.sent.is_empty()).then_some(self.first_sent)
    }

    /// Takes a message up; whatever must go for it is added to `finished`.
    pub fn accept(&mut self, mut outgoing: Outgoing, finished: &mut Finished) {
        outgoing.place = self.next_place;
        self.next_place += 1;
        match outgoing.class {
            DeliveryClass::Passing if !self.is_connected() => self.drop_all([outgoing], finished),
            class if class.is_deferrable() && self.cuts.keeps_back(class) => {
                self.set_aside(outgoing, false, finished)
            }
            DeliveryClass::Latest => {
                if let Some(outgoing) = self.rejected.supersede(outgoing, finished) {
                    self.waiting.push(outgoing, finished);
                }
            }
            _ => {
                let gone = self.waiting.push(outgoing, finished);
                self.drop_all(gone, finished);
            }
        }
    }

    fn drop_all(&mut self, dropped: impl IntoIterator<Item = Outgoing>, finished: &mut Finished) {
        for outgoing in dropped {
            match outgoing.class {
                DeliveryClass::Passing => self.passed_by += 1,
                _ => self.dropped += 1,
            }
            finished.push(outgoing, DeliveryResult::Dropped);
        }
    }

    /// A connection is there: what was rejected is offered again.
    pub fn connect(&mut self, terms: BrokerTerms) {
        self.terms = Some(terms);
        if !self.cuts.explained {
            self.offer();
        }
    }

    fn offer(&mut self) {
        self.rejected.offer(false);
        if self.cuts.singly {
            self.rejected.offer_only_first();
        }
    }

    /// A second went by.
    pub fn second(&mut self) {
        self.cuts.second();
    }

    /// A minute went by: what was rejected is offered again, only the first of it where a rejection costs the connection.
    /// What has been tried again for all of this minute holds up no receipt any more.
    pub fn minute(&mut self, finished: &mut Finished) {
        self.cuts.minute();
        self.rejected.give_receipts(finished);
        self.offer();
    }

    /// This connection has lived for long: what cost those before was none of what was sent.
    pub fn steady(&mut self) {
        self.losses = 0;
    }

    /// Offers again what was rejected; with `all`, also what has cost three connections.
    pub fn offer_rejected(&mut self, all: bool) {
        self.rejected.offer(all);
    }

    /// Offers again what the broker did not take for now.
    pub fn offer_retried(&mut self) {
        self.rejected.offer_retried();
    }

    /// The next message for the connection, if the broker takes one more; of what is deferrable only where it is its
    /// time. Its packet identifier is 0 for QoS 0.
    pub fn hand_over(&mut self, deferrable: bool, finished: &mut Finished) -> Option<Publish> {
        let terms = self.terms?;
        loop {
            let outgoing = self.next(terms, deferrable, finished)?;
            match fit(&outgoing, &terms) {
                Ok(payload) => return Some(self.send(outgoing, payload, finished)),
                Err(reason) => self.reject(outgoing, &reason, false, finished),
            }
        }
    }

    fn next(&mut self, terms: BrokerTerms, deferrable: bool, finished: &mut Finished) -> Option<Outgoing> {
        let careful = self.losses >= LOSSES_ALLOWED;
        let window = if careful { terms.window.min(1) } else { terms.window };
        if self.sent.len() < window {
            while let Some(alert) = self.waiting.next_change() {
                match alert {
                    Some(alert) if self.rejected.holds(&alert) => {
                        let behind = self.waiting.take_change()?;
                        let gone = self.rejected.add_behind(behind, finished);
                        self.drop_rejected(gone, finished);
                    }
                    // Of one alert one change after the other: whatever follows keeps its place behind it.
                    Some(alert) if self.alerts_sent.contains(&alert) => return None,
                    _ => return self.waiting.take_change(),
                }
            }
            if let Some(offered) = self.rejected.take_offered() {
                return Some(offered);
            }
        }
        // What may wait leaves room for the change that comes next.
        let room = self.deferrable_sent < DEFERRABLE_WINDOW.min(window.div_ceil(2));
        let next = (self.sent.len() < window && room && deferrable).then(|| self.waiting.take_deferrable());
        next.flatten().or_else(|| match deferrable && room && !careful {
            true => self.waiting.take_passing(),
            false => None,
        })
    }

    fn send(&mut self, outgoing: Outgoing, payload: Bytes, finished: &mut Finished) -> Publish {
        let topic = Bytes::copy_from_slice(outgoing.announcement.topic.as_bytes());
        if outgoing.class == DeliveryClass::Passing {
            self.cuts.passed();
            finished.push(outgoing, DeliveryResult::Accepted);
            return Publish { qos: QoS::AtMostOnce, topic, payload, ..Publish::default() };
        }
        let pkid = pkid(self.first_sent + self.sent.len() as u64);
        let retain = outgoing.class == DeliveryClass::Latest;
        self.deferrable_sent += usize::from(outgoing.class.is_deferrable());
        self.alerts_sent.extend(outgoing.alert);
        let correlation_data = outgoing.correlation.clone();
        let properties = correlation_data
            .is_some()
            .then(|| PublishProperties { correlation_data, ..PublishProperties::default() });
        self.sent.push_back(Some(outgoing));
        let qos = QoS::AtLeastOnce;
        Publish { qos, topic, payload, pkid, retain, properties, ..Publish::default() }
    }

    /// The broker has answered the message with this packet identifier.
    pub fn answered(&mut self, pkid: u16, verdict: PubackAnswer, finished: &mut Finished) {
        let first = self::pkid(self.first_sent);
        let at = if pkid >= first { pkid - first } else { PKIDS as u16 - first + pkid };
        let Some(mut outgoing) = self.sent.get_mut(usize::from(at)).and_then(Option::take) else { return };
        while matches!(self.sent.front(), Some(None)) {
            self.sent.pop_front();
            self.first_sent += 1;
        }
        self.forget_sent(&outgoing);
        let offered = std::mem::take(&mut outgoing.offered);
        if offered && verdict == PubackAnswer::Accepted && std::mem::take(&mut self.cuts.singly) {
            self.offer_rejected(false);
        }
        match verdict {
            PubackAnswer::Accepted if outgoing.next_part() => self.put_back(outgoing, finished),
            PubackAnswer::Accepted if outgoing.rejected.is_empty() => {
                self.rejected.release(outgoing.alert);
                finished.push(outgoing, DeliveryResult::Accepted);
            }
            PubackAnswer::Accepted => self.set_aside(outgoing, false, finished),
            PubackAnswer::Retry => self.rejected.retry_later(outgoing),
            PubackAnswer::TooLarge => self.too_large(outgoing, finished),
            PubackAnswer::Rejected(reason) => {
                self.cuts.rejected(outgoing.class);
                self.reject(outgoing, &reason, false, finished);
            }
        }
    }

    fn forget_sent(&mut self, outgoing: &Outgoing) {
        self.deferrable_sent -= usize::from(outgoing.class.is_deferrable());
        if let Some(alert) = &outgoing.alert {
            self.alerts_sent.remove(alert);
        }
    }

    /// The broker took the payload for too large, whatever it had said before: it is tried in half its size.
    fn too_large(&mut self, mut outgoing: Outgoing, finished: &mut Finished) {
        let size = outgoing.announcement.payload.len().min(outgoing.max_payload);
        match shorten(&outgoing.announcement.payload, size / 2) {
            Some(_) => {
                outgoing.max_payload = size / 2;
                self.put_back(outgoing, finished);
            }
            None => self.reject(outgoing, "it is too large for the broker", false, finished),
        }
    }

    /// The connection is gone: what it has not acknowledged waits again, in its old place.
    ///
    /// With `blame`, the broker ended it for what we sent, which the oldest unacknowledged message stands for. Answers
    /// whether a message that was rejected explains it.
    pub fn disconnect(&mut self, blame: Option<&str>, finished: &mut Finished) -> bool {
        let explained = self.cuts.ended(blame.is_some());
        let blame = blame.filter(|_| !explained);
        let alone = self.losses >= LOSSES_ALLOWED;
        self.terms = None;
        self.first_sent = 0;
        self.deferrable_sent = 0;
        self.alerts_sent.clear();
        let mut sent: VecDeque<Outgoing> = self.sent.drain(..).flatten().collect();
        if let Some((reason, oldest)) = blame.zip(sent.front_mut()) {
            self.losses = self.losses.saturating_add(1);
            oldest.failures += 1;
            let costly = alone && oldest.failures >= MAX_FAILURES;
            if let Some(blamed) = costly.then(|| sent.pop_front()).flatten() {
                self.reject(blamed, reason, true, finished);
            }
        }
        while let Some(outgoing) = sent.pop_back() {
            self.put_back(outgoing, finished);
        }
        let passing = self.waiting.take_all_passing();
        self.drop_all(passing, finished);
        explained
    }

    /// Returns a message to where it was taken from.
    fn put_back(&mut self, outgoing: Outgoing, finished: &mut Finished) {
        if let Some(outgoing) = self.rejected.take_back(outgoing) {
            self.waiting.put_back(outgoing, finished);
        }
    }

    /// The broker does not take this: the rest of it is tried, then it is set aside.
    fn reject(&mut self, mut outgoing: Outgoing, reason: &str, costly: bool, finished: &mut Finished) {
        let topic = &outgoing.announcement.topic;
        if self.rejected.is_news() {
            let rejected = self.rejected.len() + 1;
            tracing::error!(topic, reason, rejected, "the broker rejects a message; it is offered again");
        }
        outgoing.rejected.push(outgoing.announcement.clone());
        if !costly && outgoing.next_part() {
            self.put_back(outgoing, finished);
        } else {
            self.set_aside(outgoing, costly, finished);
        }
    }

    /// Keeps what was rejected, in part or whole, to be offered again; what is nobody's in particular is only counted.
    fn set_aside(&mut self, mut outgoing: Outgoing, costly: bool, finished: &mut Finished) {
        outgoing.begin_anew();
        if outgoing.class == DeliveryClass::Advisory || outgoing.class == DeliveryClass::Passing {
            self.undeliverable += 1;
            return finished.push(outgoing, DeliveryResult::Undeliverable);
        }
        if outgoing.class == DeliveryClass::Latest
            && self.waiting.has_latest(&outgoing.announcement.topic)
            && !costly
        {
            return self.waiting.put_back(outgoing, finished);
        }
        let gone = self.rejected.add(outgoing, costly, finished);
        self.drop_rejected(gone, finished);
    }

    /// Of what was rejected the lowest make room, for good; a high one stays in the store for the next start.
    fn drop_rejected(&mut self, gone: Option<Outgoing>, finished: &mut Finished) {
        if let Some(mut outgoing) = gone {
            if outgoing.class == DeliveryClass::Change(DropOrder::High) {
                outgoing.number = None;
            }
            self.drop_all([outgoing], finished);
        }
    }
}

/// The payload as the broker can take it, or why a message would only end the connection.
fn fit(outgoing: &Outgoing, terms: &BrokerTerms) -> Result<Bytes, String> {
    let Announcement { topic, payload } = &outgoing.announcement;
    if !rumqttc::valid_topic(topic) {
        return Err("a topic to publish on has no wildcards".to_owned());
    }
    let size = payload.len() + topic.len() + PACKET_OVERHEAD;
    let too_large = || format!("{size} bytes are more than the broker takes ({})", terms.max_packet);
    let room = terms.max_packet.checked_sub(topic.len() + PACKET_OVERHEAD).ok_or_else(too_large)?;
    let room = room.min(outgoing.max_payload);
    if payload.len() <= room {
        return Ok(payload.clone());
    }
    shorten(payload, room).map(Bytes::from).ok_or_else(too_large)
}

/// The packet identifier of a place in a connection's order: they go round from 1, and the window is smaller
/// than the round, so that no two on the way are alike.
fn pkid(place: u64) -> u16 {
    (place % PKIDS) as u16 + 1
}

#[cfg(test)]
mod tests;
