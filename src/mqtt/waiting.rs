//! What waits in the outbox for its first or next try: changes in order, the newest of each retained topic, and the rest.

use std::collections::{HashMap, VecDeque};

use super::outgoing::{DeliveryClass, DeliveryResult, DropOrder, Finished, Outgoing};

/// How many scores, and how many rejections, wait at most; beyond, the oldest go.
const MAX_PASSING: usize = 10_000;
const MAX_ADVISORY: usize = 10_000;
/// How many bytes of rejections wait at most.
const MAX_ADVISORY_BYTES: usize = 16 << 20;

/// Messages waiting.
pub(super) struct WaitingMessages {
    bound: usize,
    /// Changes of each drop order; the smallest place over all goes next.
    changes: [VecDeque<Outgoing>; DropOrder::ALL.len()],
    /// `DeliveryClass::Latest`, by topic and in order.
    latest: HashMap<String, Outgoing>,
    latest_order: VecDeque<String>,
    advisory: VecDeque<Outgoing>,
    advisory_bytes: usize,
    /// Whether an advisory message goes before the next of the others.
    advisory_next: bool,
    passing: VecDeque<Outgoing>,
}

impl WaitingMessages {
    pub fn new(bound: usize) -> Self {
        Self {
            bound,
            changes: Default::default(),
            latest: HashMap::new(),
            latest_order: VecDeque::new(),
            advisory: VecDeque::new(),
            advisory_bytes: 0,
            advisory_next: false,
            passing: VecDeque::new(),
        }
    }

    /// How many messages of QoS 1 wait.
    pub fn len(&self) -> usize {
        self.changes() + self.latest.len() + self.advisory.len()
    }

    fn changes(&self) -> usize {
        self.changes.iter().map(VecDeque::len).sum()
    }

    /// Whether something waits that may wait a little for others.
    pub fn has_deferrable(&self) -> bool {
        !self.latest.is_empty() || !self.advisory.is_empty() || !self.passing.is_empty()
    }

    /// Whether a newer one of this retained topic waits.
    pub fn has_latest(&self, topic: &str) -> bool {
        self.latest.contains_key(topic)
    }

    /// Whether only changes of high priority are left and there is no room for more.
    pub fn is_full(&self) -> bool {
        let [droppable @ .., high] = &self.changes;
        high.len() >= self.bound && droppable.iter().all(VecDeque::is_empty)
    }

    /// Adds a message behind the others; answers what must go for it.
    pub fn push(&mut self, outgoing: Outgoing, finished: &mut Finished) -> Vec<Outgoing> {
        match outgoing.class {
            DeliveryClass::Change(drop_order) => {
                self.changes[drop_order as usize].push_back(outgoing);
                self.make_room().into_iter().collect()
            }
            DeliveryClass::Latest => {
                self.push_latest(outgoing, finished);
                Vec::new()
            }
            DeliveryClass::Advisory => {
                self.advisory_bytes += outgoing.announcement.payload.len();
                self.advisory.push_back(outgoing);
                let mut gone = Vec::new();
                while self.advisory.len() > MAX_ADVISORY || self.advisory_bytes > MAX_ADVISORY_BYTES {
                    gone.extend(self.take_advisory());
                }
                gone
            }
            DeliveryClass::Passing => {
                self.passing.push_back(outgoing);
                let full = self.passing.len() > MAX_PASSING;
                full.then(|| self.passing.pop_front()).flatten().into_iter().collect()
            }
        }
    }

    /// Where there are more changes than may wait, the oldest of the first in drop order goes.
    fn make_room(&mut self) -> Option<Outgoing> {
        let [droppable @ .., _] = &mut self.changes;
        let first = droppable.iter().position(|lane| !lane.is_empty());
        let lane = first.filter(|_| self.changes() > self.bound)?;
        self.changes[lane].pop_front()
    }

    fn push_latest(&mut self, mut newer: Outgoing, finished: &mut Finished) {
        let topic = newer.announcement.topic.clone();
        match self.latest.remove(&topic) {
            Some(mut older) => {
                newer.receipts.append(&mut older.receipts);
                finished.push(older, DeliveryResult::Superseded);
            }
            None => self.latest_order.push_back(topic.clone()),
        }
        self.latest.insert(topic, newer);
    }

    fn next_lane(&self) -> Option<usize> {
        let fronts = self.changes.iter().enumerate();
        fronts.filter_map(|(lane, waiting)| Some((waiting.front()?.place, lane))).min().map(|(_, lane)| lane)
    }

    /// The change that goes next, as it waits.
    pub fn next_change(&self) -> Option<&Outgoing> {
        self.next_lane().and_then(|lane| self.changes[lane].front())
    }

    /// The change that goes next.
    pub fn take_change(&mut self) -> Option<Outgoing> {
        self.next_lane().and_then(|lane| self.changes[lane].pop_front())
    }

    /// What of the retained and the advisory messages goes next: in turn, so that neither waits for ever.
    pub fn take_deferrable(&mut self) -> Option<Outgoing> {
        let advisory = self.advisory_next || self.latest.is_empty();
        self.advisory_next = !advisory;
        match advisory.then(|| self.take_advisory()).flatten() {
            Some(advisory) => Some(advisory),
            None => self.latest_order.pop_front().and_then(|topic| self.latest.remove(&topic)),
        }
    }

    fn take_advisory(&mut self) -> Option<Outgoing> {
        let oldest = self.advisory.pop_front()?;
        self.advisory_bytes -= oldest.announcement.payload.len();
        Some(oldest)
    }

    /// Whether a score waits.
    pub fn has_passing(&self) -> bool {
        !self.passing.is_empty()
    }

    /// The score that goes next.
    pub fn take_passing(&mut self) -> Option<Outgoing> {
        self.passing.pop_front()
    }

    /// Every score.
    pub fn take_all_passing(&mut self) -> VecDeque<Outgoing> {
        std::mem::take(&mut self.passing)
    }

    /// Returns a message to its place.
    pub fn put_back(&mut self, mut outgoing: Outgoing, finished: &mut Finished) {
        match outgoing.class {
            DeliveryClass::Change(drop_order) => {
                let lane = &mut self.changes[drop_order as usize];
                let place = lane.partition_point(|waiting| waiting.place < outgoing.place);
                lane.insert(place, outgoing);
            }
            DeliveryClass::Latest => match self.latest.get_mut(&outgoing.announcement.topic) {
                Some(newer) => {
                    newer.receipts.append(&mut outgoing.receipts);
                    finished.push(outgoing, DeliveryResult::Superseded);
                }
                None => {
                    let topic = &outgoing.announcement.topic;
                    self.latest_order.push_front(topic.clone());
                    self.latest.insert(topic.clone(), outgoing);
                }
            },
            DeliveryClass::Advisory => {
                self.advisory_bytes += outgoing.announcement.payload.len();
                self.advisory.push_front(outgoing);
            }
            DeliveryClass::Passing => self.passing.push_front(outgoing),
        }
    }
}
