//! Readings beyond their device's rate: they wait, and are judged in turn when nobody else's is waiting.
//!
//! Each device of each patient has a queue of its own, and the queues take turns: what one sends too much of holds up
//! nobody else. Where all that waits is too much, the newest of the longest queue is rejected, unless no queue is longer
//! than what a device may have kept while it was cut off: then nothing more is taken from the broker for a moment.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::rc::Rc;

use crate::people::DeviceId;

/// What may wait in all, in bytes.
const MOST_BYTES: usize = 64 << 20;

/// No queue of at most so many is a flood: what a device measures once a second in eight hours.
const LONGEST_BACKLOG: usize = 8 * 3600;

/// Whose readings wait: one device of one patient.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WaitingSource {
    /// `unit/patient`.
    pub patient: Box<str>,
    /// None for all that are not known.
    pub device: Option<DeviceId>,
}

/// Readings that wait for their turn.
#[derive(Debug)]
pub struct TurnQueue<T> {
    most_bytes: usize,
    longest_backlog: usize,
    queues: HashMap<Rc<WaitingSource>, VecDeque<(usize, T)>>,
    /// Who waits, in the order of their turns.
    order: VecDeque<Rc<WaitingSource>>,
    by_length: BTreeSet<(usize, Rc<WaitingSource>)>,
    bytes: usize,
    readings: usize,
}

/// What follows where more waits than may.
#[derive(Debug, PartialEq, Eq)]
pub enum Overflow<T> {
    /// The newest of the longest queue, to be rejected.
    Reject(WaitingSource, T),
    /// Everybody waits no longer than may be: nothing more is to come for a moment.
    Hold,
}

impl<T> Default for TurnQueue<T> {
    fn default() -> Self {
        Self::of_at_most(MOST_BYTES, LONGEST_BACKLOG)
    }
}

impl<T> TurnQueue<T> {
    /// Nobody waits; so many bytes may, and a queue of so many readings is no flood.
    pub fn of_at_most(most_bytes: usize, longest_backlog: usize) -> Self {
        Self {
            most_bytes,
            longest_backlog,
            queues: HashMap::new(),
            order: VecDeque::new(),
            by_length: BTreeSet::new(),
            bytes: 0,
            readings: 0,
        }
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.readings == 0
    }

    /// How many readings wait.
    pub fn len(&self) -> usize {
        self.readings
    }

    /// A reading of so many bytes waits, behind those of its source.
    pub fn push(&mut self, source: WaitingSource, bytes: usize, reading: T) {
        let source = Rc::new(source);
        let queue = self.queues.entry(Rc::clone(&source)).or_default();
        queue.push_back((bytes, reading));
        let length = queue.len();
        if length == 1 {
            self.order.push_back(Rc::clone(&source));
        }
        self.changed(&source, length - 1, length);
        (self.bytes, self.readings) = (self.bytes + bytes, self.readings + 1);
    }

    /// What follows where too much waits, or the broker's room for what is not acknowledged grows `short`.
    pub fn overflow(&mut self, short: bool) -> Option<Overflow<T>> {
        if self.readings == 0 || !(short || self.bytes > self.most_bytes) {
            return None;
        }
        let (length, source) = self.by_length.last()?;
        if *length <= self.longest_backlog {
            return Some(Overflow::Hold);
        }
        let source = Rc::clone(source);
        let (_, reading) = self.take(&source, VecDeque::pop_back)?;
        Some(Overflow::Reject(WaitingSource::clone(&source), reading))
    }

    /// Whether there is room again after it was too much.
    pub fn has_room(&self) -> bool {
        self.bytes <= self.most_bytes / 8 * 7
    }

    /// The reading whose turn it is.
    pub fn next_turn(&mut self) -> Option<(WaitingSource, T)> {
        loop {
            let source = self.order.pop_front()?;
            // A queue of which all was rejected has no turn.
            let Some((_, reading)) = self.take(&source, VecDeque::pop_front) else { continue };
            if self.queues.contains_key(&source) {
                self.order.push_back(Rc::clone(&source));
            }
            return Some((WaitingSource::clone(&source), reading));
        }
    }

    fn take(
        &mut self,
        source: &Rc<WaitingSource>,
        take: impl FnOnce(&mut VecDeque<(usize, T)>) -> Option<(usize, T)>,
    ) -> Option<(usize, T)> {
        let queue = self.queues.get_mut(source)?;
        let length = queue.len();
        let (bytes, reading) = take(queue)?;
        if length == 1 {
            self.queues.remove(source);
        }
        self.changed(source, length, length - 1);
        (self.bytes, self.readings) = (self.bytes - bytes, self.readings - 1);
        Some((bytes, reading))
    }

    fn changed(&mut self, source: &Rc<WaitingSource>, before: usize, after: usize) {
        if before > 0 {
            self.by_length.remove(&(before, Rc::clone(source)));
        }
        if after > 0 {
            self.by_length.insert((after, Rc::clone(source)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(patient: &str, device: &str) -> WaitingSource {
        WaitingSource { patient: patient.into(), device: device.parse().ok() }
    }

    /// Who has a turn, in order, as (device, reading).
    fn turns(turns: &mut TurnQueue<usize>) -> Vec<(String, usize)> {
        let next = || {
            let (source, reading) = turns.next_turn()?;
            Some((source.device.as_ref()?.to_string(), reading))
        };
        std::iter::from_fn(next).collect()
    }

    #[test]
    fn queues_take_turns_and_each_keeps_its_order() {
        let mut waiting = TurnQueue::default();
        (0..4).for_each(|n| waiting.push(source("icu-1/p-1", "mon-1"), 1, n));
        (4..6).for_each(|n| waiting.push(source("icu-1/p-2", "mon-2"), 1, n));
        let order = turns(&mut waiting);
        let order: Vec<_> = order.iter().map(|(device, n)| (device.as_str(), *n)).collect();
        let expected = [("mon-1", 0), ("mon-2", 4), ("mon-1", 1), ("mon-2", 5), ("mon-1", 2), ("mon-1", 3)];
        assert_eq!(order, expected);
        assert!(waiting.is_empty() && waiting.by_length.is_empty() && waiting.bytes == 0);
    }

    #[test]
    fn where_too_much_waits_the_newest_of_the_longest_queue_is_rejected() {
        let mut waiting = TurnQueue::of_at_most(100, 3);
        waiting.push(source("icu-1/p-2", "mon-2"), 10, 0);
        (1..10).for_each(|n| waiting.push(source("icu-1/p-1", "mon-1"), 10, n));
        assert_eq!(waiting.overflow(false), None);
        waiting.push(source("icu-1/p-2", "mon-2"), 10, 10);
        assert_eq!(waiting.overflow(false), Some(Overflow::Reject(source("icu-1/p-1", "mon-1"), 9)));
        assert_eq!((waiting.overflow(false), waiting.len()), (None, 10));
        assert_eq!(waiting.overflow(true), Some(Overflow::Reject(source("icu-1/p-1", "mon-1"), 8)));
    }

    #[test]
    fn where_nobody_has_more_than_a_backlog_nothing_is_rejected_and_nothing_more_taken() {
        let mut waiting = TurnQueue::of_at_most(100, 3);
        for device in ["mon-1", "mon-2", "mon-3", "mon-4"] {
            (0..3).for_each(|n| waiting.push(source("icu-1/p-1", device), 10, n));
        }
        assert_eq!((waiting.overflow(false), waiting.has_room()), (Some(Overflow::Hold), false));
        (0..4).for_each(|_| drop(waiting.next_turn()));
        assert_eq!((waiting.overflow(false), waiting.has_room()), (None, true));
    }

    #[test]
    fn eight_hours_of_a_device_once_a_second_are_no_flood() {
        let mut waiting = TurnQueue::default();
        for n in 0..8 * 3600 {
            waiting.push(source("icu-1/p-1", "mon-1"), 2000, n);
            assert_eq!(waiting.overflow(false), None);
            assert_ne!(waiting.overflow(true), Some(Overflow::Reject(source("icu-1/p-1", "mon-1"), n)));
        }
        assert_eq!(waiting.len(), 28_800);
    }

    #[test]
    fn a_hundred_thousand_names_cost_each_reading_the_same_as_one() {
        let mut waiting = TurnQueue::of_at_most(usize::MAX, usize::MAX);
        for n in 0..100_000 {
            waiting.push(source("icu-1/p-1", &format!("mon-{n}")), 1, n);
        }
        for n in 0..100_000 {
            assert_eq!(waiting.next_turn().map(|(_, n)| n), Some(n));
        }
        assert!(waiting.queues.is_empty() && waiting.order.is_empty());
    }
}
