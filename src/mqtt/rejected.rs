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
    /// To be offered, in order: what the broker is more likely to reject comes late.
    offered: BTreeSet<(bool, u64, RejectedKey)>,
    /// To be tried again soon.
    retried: BTreeSet<RejectedKey>,
    /// Those tried again since before the last minute began.
    retried_before: BTreeSet<RejectedKey>,
    /// Every message, the first to make room at the front: weight, place and whose it is.
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
            offered: BTreeSet::new(),
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

    /// Where too much was rejected, the oldest of the lightest goes.
    fn make_room(&mut self) -> Option<Outgoing> {
        let (_, place, key) = (self.order.len() > self.bound).then(|| self.order.pop_first()).flatten()?;
        self.take_off_offers(place, &key);
        let entry = self.entries.get_mut(&key)?;
        let at = entry.messages.iter().position(|message| message.place == place)?;
        let gone = entry.messages.remove(at);
        self.retrying -= usize::from(entry.holds_receipts());
        if entry.messages.is_empty() && !entry.out {
            self.forget(&key);
        }
        gone
    }

    fn take_off_offers(&mut self, place: u64, key: &RejectedKey) {
        for late in [false, true] {
            self.offered.remove(&(late, place, key.clone()));
        }
    }

    fn forget(&mut self, key: &RejectedKey) {
        self.entries.remove(key);
        self.retried.remove(key);
        if self.entries.is_empty() {
            self.logged = 0;
        }
    }

    /// The broker may reject this: it is offered by itself, and whoever waits for it waits on; answers what must make
    /// room for it.
    pub fn try_apart(&mut self, outgoing: Outgoing, late: bool) -> Option<Outgoing> {
        let (key, place) = (RejectedKey::of(&outgoing), outgoing.place);
        self.retry_later(outgoing);
        self.retried.remove(&key);
        self.offered.insert((late, place, key));
        self.make_room()
    }

    /// A newer message of a retained topic: it goes in the place of one that was rejected. None where it has to wait
    /// there itself, since that topic costs connections, each rejection where the broker cuts for it.
    pub fn supersede(
        &mut self,
        mut newer: Outgoing,
        cuts: bool,
        finished: &mut Finished,
    ) -> Option<Outgoing> {
        let key = RejectedKey::of(&newer);
        let Some(mut entry) = self.entries.remove(&key) else { return Some(newer) };
        self.retried.remove(&key);
        self.retrying -= if entry.holds_receipts() { entry.messages.len() } else { 0 };
        for mut older in entry.messages.drain(..) {
            self.order.remove(&indexed(&older, &key));
            self.take_off_offers(older.place, &key);
            newer.receipts.append(&mut older.receipts);
            finished.push(older, DeliveryResult::Superseded);
        }
        if !(entry.costly || cuts && !entry.retry) {
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
        if all {
            for entry in self.entries.values_mut().filter(|entry| entry.costly) {
                entry.costly = false;
                entry.messages.iter_mut().for_each(|message| message.failures = 0);
            }
        }
        self.offer_those(|_| true);
    }

    /// Offers again those of these topics, in order.
    pub fn offer_those(&mut self, is_meant: impl Fn(&str) -> bool) {
        let offers = self.fronts().filter(|(_, _, topic)| is_meant(topic));
        let offers: Vec<_> = offers.map(|(place, key, _)| (false, place, key.clone())).collect();
        self.offered.extend(offers);
    }

    /// Offers again the first of each kind of topic, behind what is offered already.
    pub fn offer_one_of_each(&mut self, kind: impl Fn(&str) -> String) {
        let mut first = BTreeMap::new();
        for (place, key, topic) in self.fronts() {
            let oldest = first.entry(kind(topic)).or_insert((place, key));
            *oldest = (*oldest).min((place, key));
        }
        let offers: Vec<_> = first.into_values().map(|(place, key)| (true, place, key.clone())).collect();
        self.offered.extend(offers);
    }

    /// The first of whatever may be offered: its place, whose it is, and its topic.
    fn fronts(&self) -> impl Iterator<Item = (u64, &RejectedKey, &str)> {
        let may_be = self.entries.iter().filter(|(_, entry)| !entry.out && !entry.costly);
        may_be.filter_map(|(key, entry)| {
            let front = entry.messages.front()?;
            Some((front.place, key, &*front.announcement.topic))
        })
    }

    /// Whether something is offered.
    pub fn has_offers(&self) -> bool {
        !self.offered.is_empty()
    }

    /// How many are offered.
    pub fn offers(&self) -> usize {
        self.offered.len()
    }

    /// Offers again what the broker did not take for now.
    pub fn offer_retried(&mut self) {
        for key in std::mem::take(&mut self.retried) {
            self.offer_first_of(key, false);
        }
    }

    fn offer_first_of(&mut self, key: RejectedKey, late: bool) {
        let front = self.entries.get(&key).and_then(|entry| entry.messages.front());
        if let Some(place) = front.map(|front| front.place) {
            self.offered.insert((late, place, key));
        }
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
        while let Some((_, _, key)) = self.offered.pop_first() {
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
    pub fn take_back(&mut self, outgoing: Outgoing, late: bool) -> Option<Outgoing> {
        let key = RejectedKey::of(&outgoing);
        if !self.entries.get(&key).is_some_and(|entry| entry.out) {
            return Some(outgoing);
        }
        self.put_first(&key, outgoing);
        self.offer_first_of(key, late);
        None
    }

    /// The broker has taken the change of this alert that was offered: the next one goes.
    pub fn release(&mut self, alert: Option<Uuid>) {
        let Some(key) = alert.map(RejectedKey::Alert) else { return };
        let Some(entry) = self.entries.get_mut(&key) else { return };
        if entry.messages.is_empty() {
            return self.forget(&key);
        }
        entry.out = false;
        self.offer_first_of(key, false);
    }
}

fn indexed(outgoing: &Outgoing, key: &RejectedKey) -> (u8, u64, RejectedKey) {
    let weight = match outgoing.class {
        DeliveryClass::Change(order) => 1 + order as u8,
        DeliveryClass::Latest | DeliveryClass::Advisory | DeliveryClass::Passing => 0,
    };
    (weight, outgoing.place, key.clone())
}
