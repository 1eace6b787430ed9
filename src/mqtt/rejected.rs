//! What the broker rejected, or did not take for now: set aside, and offered again.
//!
//! Later changes of the same alert wait behind the one that was rejected; those of other alerts do not.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use uuid::Uuid;

use super::outgoing::{DeliveryClass, DeliveryResult, Finished, Outgoing};

/// What waits for one another: the changes of one alert, the newest of one retained topic, or a message by itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum RejectedKey {
    Alert(Uuid),
    Topic(String),
    Alone(u64),
}

impl RejectedKey {
    fn of(outgoing: &Outgoing) -> Self {
        match (outgoing.class, outgoing.alert) {
            (DeliveryClass::Latest, _) => Self::Topic(outgoing.announcement.topic.clone()),
            (_, Some(alert)) => Self::Alert(alert),
            (_, None) => Self::Alone(outgoing.place),
        }
    }
}

/// One that was rejected, and what waits behind it.
#[derive(Debug, Default)]
struct RejectedGroup {
    messages: VecDeque<Outgoing>,
    /// Its first is on the way again.
    out: bool,
    /// It has cost three connections: not offered before a start or reload.
    costly: bool,
    /// The broker did not take it for now: offered again soon, and its receipts wait.
    retry: bool,
    /// It has been tried again for a while: its receipts wait no more, and it counts as rejected.
    given_up: bool,
}

impl RejectedGroup {
    fn holds_receipts(&self) -> bool {
        self.retry && !self.given_up
    }
}

/// Everything that was rejected.
pub(super) struct RejectedMessages {
    bound: usize,
    entries: BTreeMap<RejectedKey, RejectedGroup>,
    /// To be offered, in order.
    offered: VecDeque<RejectedKey>,
    /// To be tried again soon.
    retried: BTreeSet<RejectedKey>,
    /// Those tried again since before the last minute began.
    retried_before: BTreeSet<RejectedKey>,
    /// Every message, the first to make room at the front: drop order, place and whose it is.
    order: BTreeSet<(u8, u64, RejectedKey)>,
    /// How many messages hold their receipts.
    retrying: usize,
    /// How many were rejected when that was last logged.
    logged: usize,
}

impl RejectedMessages {
    pub fn new(bound: usize) -> Self {
        Self {
            bound,
            entries: BTreeMap::new(),
            offered: VecDeque::new(),
            retried: BTreeSet::new(),
            retried_before: BTreeSet::new(),
            order: BTreeSet::new(),
            retrying: 0,
            logged: 0,
        }
    }

    /// How many messages the broker rejected, or wait behind one.
    pub fn len(&self) -> usize {
        self.order.len() - self.retrying
    }

    /// How many messages will be tried again soon.
    pub fn retrying(&self) -> usize {
        self.retrying
    }

    /// Whether one more rejection is worth a line in the log: each time their number has doubled.
    pub fn is_news(&mut self) -> bool {
        let rejected = self.len() + 1;
        let news = rejected > self.logged * 2;
        if news {
            self.logged = rejected;
        }
        news
    }

    /// Whether changes of this alert wait behind one that was rejected.
    pub fn holds(&self, alert: &Uuid) -> bool {
        self.entries.contains_key(&RejectedKey::Alert(*alert))
    }

    /// A message was rejected; answers what must make room for it.
    pub fn add(&mut self, outgoing: Outgoing, costly: bool, finished: &mut Finished) -> Option<Outgoing> {
        let key = RejectedKey::of(&outgoing);
        self.put_first(&key, outgoing);
        let entry = self.entries.entry(key.clone()).or_default();
        let held = if entry.holds_receipts() { entry.messages.len() } else { 0 };
        (entry.costly, entry.retry, entry.given_up) = (costly, false, false);
        entry.messages.iter_mut().for_each(|message| finished.receipts.append(&mut message.receipts));
        self.retrying -= held;
        self.retried.remove(&key);
        self.make_room()
    }

    /// A later change of an alert that this holds.
    pub fn add_behind(&mut self, outgoing: Outgoing, finished: &mut Finished) -> Option<Outgoing> {
        let key = RejectedKey::of(&outgoing);
        self.order.insert(indexed(&outgoing, &key));
        let entry = self.entries.entry(key).or_default();
        entry.messages.push_back(outgoing);
        if entry.holds_receipts() {
            self.retrying += 1;
        } else {
            let behind = entry.messages.iter_mut().next_back();
            behind.into_iter().for_each(|message| finished.receipts.append(&mut message.receipts));
        }
        self.make_room()
    }

    /// The broker did not take this for now.
    pub fn retry_later(&mut self, outgoing: Outgoing) {
        let key = RejectedKey::of(&outgoing);
        self.put_first(&key, outgoing);
        let entry = self.entries.entry(key.clone()).or_default();
        if !entry.retry {
            (entry.retry, entry.given_up) = (true, false);
            self.retrying += entry.messages.len();
        }
        self.retried.insert(key);
    }

    fn put_first(&mut self, key: &RejectedKey, outgoing: Outgoing) {
        self.order.insert(indexed(&outgoing, key));
        let entry = self.entries.entry(key.clone()).or_default();
        entry.out = false;
        self.retrying += usize::from(entry.holds_receipts());
        entry.messages.push_front(outgoing);
    }

    /// Where too much was rejected, the oldest of the lowest goes.
    fn make_room(&mut self) -> Option<Outgoing> {
        let (_, place, key) = (self.order.len() > self.bound).then(|| self.order.pop_first()).flatten()?;
        let entry = self.entries.get_mut(&key)?;
        let at = entry.messages.iter().position(|message| message.place == place)?;
        let gone = entry.messages.remove(at);
        self.retrying -= usize::from(entry.holds_receipts());
        if entry.messages.is_empty() && !entry.out {
            self.forget(&key);
        }
        gone
    }

    fn forget(&mut self, key: &RejectedKey) {
        self.entries.remove(key);
        self.retried.remove(key);
        if self.entries.is_empty() {
            self.logged = 0;
        }
    }

    /// A newer message of a retained topic: it goes in the place of one that was rejected. None where it has to wait
    /// there itself, since that topic costs connections.
    pub fn supersede(&mut self, mut newer: Outgoing, finished: &mut Finished) -> Option<Outgoing> {
        let key = RejectedKey::of(&newer);
        let Some(mut entry) = self.entries.remove(&key) else { return Some(newer) };
        self.retried.remove(&key);
        self.retrying -= if entry.holds_receipts() { entry.messages.len() } else { 0 };
        for mut older in entry.messages.drain(..) {
            self.order.remove(&indexed(&older, &key));
            newer.receipts.append(&mut older.receipts);
            finished.push(older, DeliveryResult::Superseded);
        }
        if !entry.costly {
            return Some(newer);
        }
        finished.receipts.append(&mut newer.receipts);
        self.order.insert(indexed(&newer, &key));
        entry.messages.push_back(newer);
        self.entries.insert(key, entry);
        None
    }

    /// Offers all again, in order; what has cost three connections only with `all`.
    pub fn offer(&mut self, all: bool) {
        let mut fronts = Vec::with_capacity(self.entries.len());
        for (key, entry) in &mut self.entries {
            if all && std::mem::take(&mut entry.costly) {
                entry.messages.iter_mut().for_each(|message| message.failures = 0);
            }
            if let Some(front) = entry.messages.front().filter(|_| !entry.out && !entry.costly) {
                fronts.push((front.place, key.clone()));
            }
        }
        fronts.sort_unstable();
        self.offered = fronts.into_iter().map(|(_, key)| key).collect();
    }

    /// Of what is offered keeps the first alone.
    pub fn offer_only_first(&mut self) {
        self.offered.truncate(1);
    }

    /// Offers again what the broker did not take for now.
    pub fn offer_retried(&mut self) {
        self.offered.extend(std::mem::take(&mut self.retried));
    }

    /// A minute is over: what has been tried again for all of it counts as rejected, and its receipts wait no more. It is
    /// tried on as before.
    pub fn give_receipts(&mut self, finished: &mut Finished) {
        let now: BTreeSet<RejectedKey> = self
            .order
            .iter()
            .map(|(_, _, key)| key)
            .filter(|key| self.entries[*key].holds_receipts())
            .cloned()
            .collect();
        for key in now.intersection(&self.retried_before) {
            let Some(entry) = self.entries.get_mut(key) else { continue };
            entry.given_up = true;
            self.retrying -= entry.messages.len();
            entry.messages.iter_mut().for_each(|message| finished.receipts.append(&mut message.receipts));
        }
        self.retried_before = now;
    }

    /// The next that is offered.
    pub fn take_offered(&mut self) -> Option<Outgoing> {
        while let Some(key) = self.offered.pop_front() {
            let Some(entry) = self.entries.get_mut(&key).filter(|entry| !entry.out && !entry.costly) else {
                continue;
            };
            let Some(mut first) = entry.messages.pop_front() else { continue };
            first.offered = true;
            self.order.remove(&indexed(&first, &key));
            self.retrying -= usize::from(entry.holds_receipts());
            match key {
                RejectedKey::Alert(_) => entry.out = true,
                // Nothing waits behind it.
                RejectedKey::Topic(_) | RejectedKey::Alone(_) => self.forget(&key),
            }
            return Some(first);
        }
        None
    }

    /// What was offered comes back without an answer, or with another part to send; none where it was taken from here.
    pub fn take_back(&mut self, outgoing: Outgoing) -> Option<Outgoing> {
        let key = RejectedKey::of(&outgoing);
        if !self.entries.get(&key).is_some_and(|entry| entry.out) {
            return Some(outgoing);
        }
        self.put_first(&key, outgoing);
        self.offered.push_front(key);
        None
    }

    /// The broker has taken the change of this alert that was offered: the next one goes.
    pub fn release(&mut self, alert: Option<Uuid>) {
        let Some(key) = alert.map(RejectedKey::Alert) else { return };
        let Some(entry) = self.entries.get_mut(&key) else { return };
        if entry.messages.is_empty() {
            return self.forget(&key);
        }
        self.retrying -= if entry.holds_receipts() { entry.messages.len() } else { 0 };
        (entry.out, entry.retry, entry.given_up) = (false, false, true);
        self.offered.push_front(key);
    }
}

fn indexed(outgoing: &Outgoing, key: &RejectedKey) -> (u8, u64, RejectedKey) {
    let drop_order = match outgoing.class {
        DeliveryClass::Change(order) => 1 + order as u8,
        DeliveryClass::Latest | DeliveryClass::Advisory | DeliveryClass::Passing => 0,
    };
    (drop_order, outgoing.place, key.clone())
}
