//! What the outbox sends, and what it lets go.

mod costs;
mod order;
mod rejected;
mod trial;

use DeliveryResult::{Accepted, Dropped, Superseded};
use DropOrder::{High, Info, Low, Medium};
use PublisherConnection::Main;
use bytes::Bytes;
use rumqttc::v5::mqttbytes::v5::Publish;

use super::*;
use crate::contract::announcement::Announcement;

const TERMS: BrokerTerms = BrokerTerms { window: 3, max_packet: 1000 };

/// A queue whose messages are distinguished by topic, and what became of them by row.
struct OutboxTrial {
    queue: OutboxQueue,
    finished: Finished,
    rows: u64,
}

impl OutboxTrial {
    fn with_bound(bound: usize) -> Self {
        Self { queue: OutboxQueue::new(bound), finished: Finished::default(), rows: 0 }
    }

    fn connected() -> Self {
        let mut trial = Self::with_bound(100);
        trial.queue.connect(Main, TERMS);
        trial
    }

    /// Rows count from 1 in the order of the calls.
    fn accept(&mut self, topic: &str, class: DeliveryClass) {
        self.rows += 1;
        let announcement = Announcement { topic: topic.to_owned(), payload: Bytes::new() };
        let mut outgoing = Outgoing::new(announcement, class);
        outgoing.number = Some(self.rows);
        self.queue.accept(outgoing, &mut self.finished);
    }

    fn changes<const N: usize>(&mut self, changes: [(&str, DropOrder); N]) {
        changes.into_iter().for_each(|(topic, order)| self.accept(topic, DeliveryClass::Change(order)));
    }

    /// Hands over all there is room for; packet identifiers count from 1 in each connection.
    fn send(&mut self) -> Vec<String> {
        self.send_some(true)
    }

    /// The same, without what is deferrable where it is not its time.
    fn send_some(&mut self, deferrable: bool) -> Vec<String> {
        let topic = |publish: Publish| String::from_utf8_lossy(&publish.topic).into_owned();
        let next = || self.queue.hand_over(Main, deferrable, &mut self.finished).map(topic);
        std::iter::from_fn(next).collect()
    }

    fn answer(&mut self, pkid: u16, verdict: PubackAnswer) {
        self.queue.answered(Main, pkid, verdict, &mut self.finished);
    }

    fn outcomes(&mut self) -> Vec<(u64, DeliveryResult)> {
        self.finished
            .messages
            .drain(..)
            .filter_map(|(outgoing, result)| Some((outgoing.number?, result)))
            .collect()
    }
}

/// A ledger that says who has settled.
#[derive(Default)]
struct SettledRows(std::sync::Mutex<Vec<u64>>);

impl wardwatch_actors::receipt::Ledger for SettledRows {
    fn add_pending(&self, _: u64) {}

    fn settle(&self, entry: u64) {
        self.0.lock().unwrap().push(entry);
    }

    fn abandon(&self, _: u64) {} // with the queue, at the end of a test
}

impl OutboxTrial {
    /// A change of this alert on these topics, whose receipt is that of its row.
    fn change_of(&mut self, alert: u128, topics: &[&str], ring: &std::sync::Arc<SettledRows>) {
        self.rows += 1;
        let announce = |topic: &&str| Announcement { topic: (*topic).to_owned(), payload: Bytes::new() };
        let mut announcements = topics.iter().map(announce);
        let first = announcements.next().expect("a topic");
        let mut outgoing = Outgoing::new(first, DeliveryClass::Change(High));
        outgoing.further.extend(announcements);
        (outgoing.number, outgoing.alert) = (Some(self.rows), Some(Uuid::from_u128(alert)));
        outgoing.receipts.push(wardwatch_actors::receipt::Receipt::new(ring.clone(), self.rows));
        self.queue.accept(outgoing, &mut self.finished);
    }

    /// Settles what is over, and says whose receipts have been settled so far.
    fn settled(&mut self, ring: &SettledRows) -> Vec<u64> {
        let messages = self.finished.messages.iter_mut().flat_map(|(message, _)| message.receipts.drain(..));
        messages.chain(self.finished.receipts.drain(..)).for_each(|receipt| receipt.settle());
        ring.0.lock().unwrap().clone()
    }

    fn reject(&mut self, pkid: u16) {
        self.answer(pkid, PubackAnswer::Rejected("not authorized".to_owned()));
    }
}
