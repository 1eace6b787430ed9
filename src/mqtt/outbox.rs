//! The outbox: what is pending for the broker, in order, with its bound and what goes first when it is full.
//!
//! It does no I/O and knows no time; the publisher moves messages from it to the broker and back.

mod hand_over;

use std::collections::HashSet;

use uuid::Uuid;

use super::cuts::Cut;
use super::in_flight::{InFlight, PublisherConnection};
use super::outgoing::{
    BrokerTerms, DeliveryClass, DeliveryResult, DropOrder, Finished, Outgoing, PubackAnswer,
};
use super::rejected::RejectedMessages;
use super::trust::{Trust, family};
use super::waiting::WaitingMessages;
use crate::contract::shorten::shorten;

/// How many connections in a row the broker must have ended for what we sent before a message is taken for the cause.
const MAX_FAILURES: u8 = 3;
/// After so many, messages go one at a time, so that the one that costs the connection is known.
const LOSSES_ALLOWED: u8 = 2;

/// Messages waiting, sent, and rejected.
pub(super) struct OutboxQueue {
    waiting: WaitingMessages,
    rejected: RejectedMessages,
    main: InFlight,
    trial: InFlight,
    /// Alerts of which a change is on the way.
    alerts_sent: HashSet<Uuid>,
    next_place: u64,
    trust: Trust,
    /// Kept back until the next minute, since the broker cuts connections for them: rejections, scores.
    kept_back: Vec<DeliveryClass>,
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
            main: InFlight::default(),
            trial: InFlight::default(),
            alerts_sent: HashSet::new(),
            next_place: 0,
            trust: Trust::default(),
            kept_back: Vec::new(),
            dropped: 0,
            passed_by: 0,
            undeliverable: 0,
        }
    }

    fn in_flight(&mut self, connection: PublisherConnection) -> &mut InFlight {
        match connection {
            PublisherConnection::Main => &mut self.main,
            PublisherConnection::Trial => &mut self.trial,
        }
    }

    /// How many messages of QoS 1 are pending, without those that were rejected.
    pub fn pending(&self) -> usize {
        self.waiting.len() + self.rejected.retrying() + self.main.pending() + self.trial.pending()
    }

    /// How many messages the broker has rejected, or wait behind one of those.
    pub fn rejected(&self) -> usize {
        self.rejected.len()
    }

    /// Whether nothing is pending.
    pub fn is_empty(&self) -> bool {
        self.pending() == 0
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
        self.main.terms.is_some()
    }

    /// Whether something is to be tried on a connection of its own.
    pub fn wants_trial(&self) -> bool {
        self.trust.cautious && (self.rejected.has_offers() || self.waiting.has_passing())
    }

    /// The place of the oldest unacknowledged message, if there is one: it moves while the broker answers.
    pub fn oldest_sent(&mut self, connection: PublisherConnection) -> Option<u64> {
        self.in_flight(connection).oldest()
    }

    /// Takes a message up; whatever must go for it is added to `finished`.
    pub fn accept(&mut self, mut outgoing: Outgoing, finished: &mut Finished) {
        outgoing.place = self.next_place;
        self.next_place += 1;
        match outgoing.class {
            DeliveryClass::Passing if !self.is_connected() => self.drop_all([outgoing], finished),
            class if self.kept_back.contains(&class) => self.set_aside(outgoing, false, finished),
            DeliveryClass::Latest => {
                if let Some(outgoing) = self.rejected.supersede(outgoing, self.trust.cautious, finished) {
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

    /// A connection is there: what was rejected is offered again, unless that has cost the one before.
    pub fn connect(&mut self, connection: PublisherConnection, terms: BrokerTerms) {
        self.in_flight(connection).terms = Some(terms);
        if connection == PublisherConnection::Main && !self.trust.cautious {
            self.rejected.offer(false);
        }
    }

    /// A second went by.
    pub fn second(&mut self, connection: PublisherConnection) {
        self.in_flight(connection).cuts.second();
    }

    /// A minute went by: what was rejected is offered again, one of each unit where a rejection costs the connection.
    /// What has been tried again for all of this minute holds up no receipt any more.
    pub fn minute(&mut self, finished: &mut Finished) {
        self.kept_back.clear();
        self.rejected.give_receipts(finished);
        match self.trust.cautious {
            true => self.rejected.offer_one_of_each(|topic| family(topic).to_owned()),
            false => self.rejected.offer(false),
        }
    }

    /// This connection has lived for long: what cost those before was none of what was sent.
    pub fn steady(&mut self, connection: PublisherConnection) {
        self.in_flight(connection).losses = 0;
    }

    /// Offers again what was rejected; with `all`, also what has cost three connections.
    pub fn offer_rejected(&mut self, all: bool) {
        self.rejected.offer(all);
    }

    /// Offers again what the broker did not take for now.
    pub fn offer_retried(&mut self) {
        self.rejected.offer_retried();
    }

    /// The broker has answered the message with this packet identifier.
    pub fn answered(
        &mut self,
        connection: PublisherConnection,
        pkid: u16,
        verdict: PubackAnswer,
        finished: &mut Finished,
    ) {
        let Some(mut outgoing) = self.in_flight(connection).answered(pkid) else { return };
        if let Some(alert) = &outgoing.alert {
            self.alerts_sent.remove(alert);
        }
        let was_offered = std::mem::take(&mut outgoing.offered);
        if verdict == PubackAnswer::Accepted {
            self.accepted(&outgoing.announcement.topic, was_offered);
        }
        match verdict {
            PubackAnswer::Accepted if outgoing.next_part() => self.put_back(outgoing, finished),
            PubackAnswer::Accepted if outgoing.rejected.is_empty() => {
                self.rejected.release(outgoing.alert);
                finished.push(outgoing, DeliveryResult::Accepted);
            }
            PubackAnswer::Accepted => self.set_aside(outgoing, false, finished),
            PubackAnswer::Retry if self.is_superseded(&outgoing) => {
                finished.push(outgoing, DeliveryResult::Superseded);
            }
            PubackAnswer::Retry => self.rejected.retry_later(outgoing),
            PubackAnswer::TooLarge => self.too_large(outgoing, finished),
            PubackAnswer::Rejected(reason) => {
                self.in_flight(connection).cuts.rejected(outgoing.class);
                self.trust.rejected(&outgoing.announcement.topic);
                self.reject(outgoing, &reason, false, finished);
            }
        }
    }

    /// Whether a newer message of the same retained topic waits or is on the way: this one must not come after it.
    fn is_superseded(&self, outgoing: &Outgoing) -> bool {
        outgoing.class == DeliveryClass::Latest
            && (self.waiting.has_latest(&outgoing.announcement.topic)
                || [&self.main, &self.trial].iter().any(|sent| sent.has_newer(outgoing)))
    }

    /// The broker takes this topic: then it may take others of its family, too. One that was taken all along says
    /// nothing of them.
    fn accepted(&mut self, topic: &str, was_offered: bool) {
        if self.trust.accepted(topic, was_offered) && self.trust.cautious {
            let family = family(topic);
            self.rejected.offer_those(|topic| self::family(topic) == family);
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
    pub fn disconnect(
        &mut self,
        connection: PublisherConnection,
        blame: Option<&str>,
        finished: &mut Finished,
    ) -> bool {
        let cut = self.in_flight(connection).cuts.ended(blame.is_some());
        let explained = self.note_cut(connection, cut);
        let blame = blame.filter(|_| !explained);
        let alone = self.in_flight(connection).losses >= LOSSES_ALLOWED;
        let mut sent = self.in_flight(connection).end();
        for alert in sent.iter().filter_map(|outgoing| outgoing.alert) {
            self.alerts_sent.remove(&alert);
        }
        if let Some((reason, oldest)) = blame.zip(sent.front_mut()) {
            self.in_flight(connection).losses = self.in_flight(connection).losses.saturating_add(1);
            oldest.failures += 1;
            let costly = alone && oldest.failures >= MAX_FAILURES;
            if let Some(blamed) = costly.then(|| sent.pop_front()).flatten() {
                self.reject(blamed, reason, true, finished);
            }
        }
        while let Some(outgoing) = sent.pop_back() {
            self.put_back(outgoing, finished);
        }
        if connection == PublisherConnection::Main {
            let passing = self.waiting.take_all_passing();
            self.drop_all(passing, finished);
        }
        explained
    }

    /// What the end of a connection says of the broker; whether a rejection explains it.
    fn note_cut(&mut self, connection: PublisherConnection, cut: Cut) -> bool {
        match cut {
            Cut::Rejection(class) => {
                self.trust.cautious = true;
                if !class.is_change() && class != DeliveryClass::Latest {
                    self.keep_back(class);
                }
                true
            }
            Cut::Passing => {
                self.trust.cautious = true;
                self.keep_back(DeliveryClass::Passing);
                false
            }
            Cut::Unexplained => {
                // It may be another broker next time.
                self.trust.cautious &= connection == PublisherConnection::Trial;
                false
            }
        }
    }

    fn keep_back(&mut self, class: DeliveryClass) {
        if !self.kept_back.contains(&class) {
            self.kept_back.push(class);
        }
    }

    /// What the broker may reject cannot be tried apart: it goes with all else, for a cut costs less than an alert that
    /// nobody hears.
    pub fn try_with_the_others(&mut self) {
        self.trust.cautious = false;
        self.rejected.offer(false);
    }

    /// Returns a message to where it was taken from.
    fn put_back(&mut self, outgoing: Outgoing, finished: &mut Finished) {
        if self.is_superseded(&outgoing) {
            return finished.push(outgoing, DeliveryResult::Superseded);
        }
        let late = self.trust.is_doubted(&outgoing.announcement.topic);
        if let Some(outgoing) = self.rejected.take_back(outgoing, late) {
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
        if outgoing.is_advice() {
            self.undeliverable += 1;
            return finished.push(outgoing, DeliveryResult::Undeliverable);
        }
        if !costly && self.is_superseded(&outgoing) {
            return finished.push(outgoing, DeliveryResult::Superseded);
        }
        let gone = self.rejected.add(outgoing, costly, finished);
        self.drop_rejected(gone, finished);
    }

    /// Of what was rejected the lightest make room, for good; a high one stays in the store for the next start.
    fn drop_rejected(&mut self, gone: Option<Outgoing>, finished: &mut Finished) {
        if let Some(mut outgoing) = gone {
            if outgoing.class == DeliveryClass::Change(DropOrder::High) {
                outgoing.number = None;
            }
            self.drop_all([outgoing], finished);
        }
    }
}

#[cfg(test)]
mod tests;
