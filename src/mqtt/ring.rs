//! The ring of messages not yet acknowledged to the broker, in the order of their arrival.

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU16, AtomicU32, AtomicU64};

use thiserror::Error;
use tokio::sync::Notify;
use wardwatch_actors::receipt::Ledger;

/// Bits of a slot's word that count what is still pending; the rest says for which entry.
const COUNT_BITS: u32 = 20;
const COUNT_MASK: u64 = (1 << COUNT_BITS) - 1;

/// The word of a slot whose entry is void.
const VOID: u64 = u64::MAX;

/// How many messages may be unacknowledged: as many as MQTT has packet identifiers for.
const MOST_MESSAGES: usize = 1 << 16;

/// How many bytes of payload may be under way; a message that is taken while there is room may exceed it.
const MOST_BYTES: i64 = 32 << 20;

/// What must never happen to a receipt; the process ends, and the broker delivers again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RingFault {
    /// Whatever the receipt stood for is lost.
    #[error("a receipt was dropped unsettled")]
    Abandoned,
    /// More parties than a slot can count.
    #[error("more than a million parties hold a receipt of one message")]
    TooManyPending,
}

/// What is pending for one message.
///
/// The entry and the count share one word, so that a receipt of an earlier connection can never touch the
/// count of a message that has taken its slot since.
#[derive(Default)]
struct Slot {
    /// The entry's low 44 bits, then the count of unsettled receipts.
    pending: AtomicU64,
    /// The packet identifier to acknowledge; 0 where nothing is to be: QoS 0.
    pkid: AtomicU16,
    /// How many readings are in the message, and how many of them are no work: all, once one waits for its turn.
    readings: AtomicU32,
    waiting: AtomicU32,
    bytes: AtomicU32,
}

impl Slot {
    /// What the message weighs, without what of it waits.
    fn load(&self) -> (i64, i64) {
        let readings = i64::from(self.readings.load(Relaxed));
        let under_way = readings - i64::from(self.waiting.load(Relaxed));
        (under_way, self.share() * under_way)
    }

    /// Bytes of one reading.
    fn share(&self) -> i64 {
        i64::from(self.bytes.load(Relaxed)) / i64::from(self.readings.load(Relaxed)).max(1)
    }
}

/// The ledger of one shard's ingest: what it has taken and not acknowledged, counted in readings and bytes.
///
/// Receipts are cloned and settled from any thread and never block. Only the ingest's thread calls `push`,
/// `take_settled`, `void`, `weigh`, `wait` and `go_on`. An entry is a number that never comes again, so receipts of an
/// earlier connection are distinguished from those of this one. Nothing here allocates after `new`.
pub struct Ring {
    slots: Box<[Slot]>,
    /// How many readings may be under way.
    max_readings: i64,
    /// Readings that are not settled and do not wait for their turn, and their bytes.
    readings: AtomicI64,
    bytes: AtomicI64,
    /// Readings that ever came.
    taken: AtomicU64,
    /// The oldest entry not yet acknowledged.
    front: AtomicU64,
    /// The next entry.
    tail: AtomicU64,
    /// Entries below belong to an earlier connection.
    valid_from: AtomicU64,
    /// Too much waits for its turn.
    held: AtomicBool,
    abandoned: AtomicBool,
    overdrawn: AtomicBool,
    closed: AtomicBool,
    woken: Notify,
}

impl Ring {
    /// A ring in which at most `max_unacknowledged` readings are under way, at least one.
    pub fn new(max_unacknowledged: usize) -> Self {
        Self::sized(MOST_MESSAGES, max_unacknowledged)
    }

    /// A ring in which at most so many messages are under way.
    pub fn of_messages(most: usize) -> Self {
        Self::sized(most, most)
    }

    fn sized(messages: usize, max_unacknowledged: usize) -> Self {
        Self {
            slots: (0..messages).map(|_| Slot::default()).collect(),
            max_readings: max_unacknowledged.max(1) as i64,
            readings: AtomicI64::new(0),
            bytes: AtomicI64::new(0),
            taken: AtomicU64::new(0),
            front: AtomicU64::new(0),
            tail: AtomicU64::new(0),
            valid_from: AtomicU64::new(0),
            held: AtomicBool::new(false),
            abandoned: AtomicBool::new(false),
            overdrawn: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            woken: Notify::new(),
        }
    }

    /// How many messages are unacknowledged.
    pub fn len(&self) -> usize {
        let front = self.front.load(Acquire);
        self.tail.load(Acquire).saturating_sub(front) as usize
    }

    /// Whether every message is acknowledged.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many readings are taken and not yet safe, without those that wait for their turn.
    pub fn readings(&self) -> usize {
        self.readings.load(SeqCst).max(0) as usize
    }

    /// Whether no further message may be read.
    pub fn is_full(&self) -> bool {
        self.len() >= self.slots.len() || !self.has_room()
    }

    /// Whether more of what was taken may be handed over: what waits, waits apart.
    pub(crate) fn has_room(&self) -> bool {
        self.readings.load(SeqCst) < self.max_readings
            && self.bytes.load(SeqCst) < MOST_BYTES
            && !self.held.load(SeqCst)
    }

    /// How many readings have ever come.
    pub(crate) fn taken(&self) -> u64 {
        self.taken.load(Relaxed)
    }

    /// Takes up a message, pending once; `None` if the ring is full. It is one reading until it is weighed, and has no
    /// packet identifier (0) where the broker wants no acknowledgement.
    pub(crate) fn push(&self, pkid: u16, bytes: usize) -> Option<u64> {
        if self.is_full() {
            return None;
        }
        let entry = self.tail.load(Relaxed);
        let slot = self.slot(entry);
        slot.pkid.store(pkid, Relaxed);
        slot.readings.store(1, Relaxed);
        slot.waiting.store(0, Relaxed);
        slot.bytes.store(u32::try_from(bytes).unwrap_or(u32::MAX), Relaxed);
        slot.pending.store(tag(entry) | 1, SeqCst);
        self.taken.fetch_add(1, Relaxed);
        self.add(slot.load());
        self.tail.store(entry + 1, Release);
        Some(entry)
    }

    /// Appends to `pkids` what may be acknowledged now, in the order of arrival.
    pub(crate) fn take_settled(&self, pkids: &mut Vec<u16>) {
        let tail = self.tail.load(Relaxed);
        let mut front = self.front.load(Relaxed);
        loop {
            let before = front;
            while front < tail && self.slot(front).pending.load(SeqCst) == tag(front) {
                pkids.extend(Some(self.slot(front).pkid.load(Relaxed)).filter(|pkid| *pkid != 0));
                front += 1;
            }
            if front == before {
                return;
            }
            // Whoever settles the new front after this store sees it and wakes us; whoever did so before
            // is seen by one more look.
            self.front.store(front, SeqCst);
        }
    }

    /// Forgets every message: the connection is gone, and the broker will deliver them again.
    pub(crate) fn void(&self) {
        let (front, tail) = (self.front.load(Relaxed), self.tail.load(Relaxed));
        self.valid_from.store(tail, SeqCst);
        for entry in front..tail {
            let slot = self.slot(entry);
            // Whoever settles the last receipt takes the load off; of an entry that is void, we do.
            if slot.pending.swap(VOID, SeqCst) & COUNT_MASK > 0 {
                self.take_off(slot.load());
            }
        }
        self.front.store(tail, SeqCst);
    }

    /// From now on dropped receipts are no fault: the process is ending, and they stay unacknowledged.
    pub fn close(&self) {
        self.closed.store(true, SeqCst);
    }

    /// What went wrong, if anything did.
    pub fn fault(&self) -> Option<RingFault> {
        if self.abandoned.load(Relaxed) {
            Some(RingFault::Abandoned)
        } else if self.overdrawn.load(Relaxed) {
            Some(RingFault::TooManyPending)
        } else {
            None
        }
    }

    /// Waits until the front may be acknowledged, there is room again, or a fault is there.
    pub(crate) async fn woken(&self) {
        self.woken.notified().await;
    }

    fn slot(&self, entry: u64) -> &Slot {
        &self.slots[(entry % self.slots.len() as u64) as usize]
    }

    /// The slot of an entry that is not void.
    fn slot_of(&self, entry: u64) -> Option<&Slot> {
        let slot = self.slot(entry);
        (slot.pending.load(SeqCst) & !COUNT_MASK == tag(entry)).then_some(slot)
    }

    fn add(&self, (readings, bytes): (i64, i64)) {
        self.readings.fetch_add(readings, SeqCst);
        self.bytes.fetch_add(bytes, SeqCst);
    }

    /// Takes this off what is under way, and wakes the ingest where that makes room.
    fn take_off(&self, (readings, bytes): (i64, i64)) {
        let before = self.readings.fetch_sub(readings, SeqCst);
        let had_no_room = before >= self.max_readings && before - readings < self.max_readings;
        let before = self.bytes.fetch_sub(bytes, SeqCst);
        if had_no_room || (before >= MOST_BYTES && before - bytes < MOST_BYTES) {
            self.woken.notify_one();
        }
    }

    /// Changes the count of `entry` by `change` and returns the new one; `None` if the entry is void or
    /// `change` rejects.
    fn change(&self, entry: u64, change: impl Fn(u64) -> Option<u64>) -> Option<u64> {
        let changed = |pending: u64| {
            let of_entry = pending & !COUNT_MASK == tag(entry);
            of_entry.then(|| change(pending & COUNT_MASK)).flatten().map(|count| tag(entry) | count)
        };
        let before = self.slot(entry).pending.fetch_update(SeqCst, SeqCst, changed).ok()?;
        change(before & COUNT_MASK)
    }
}

impl Ledger for Ring {
    fn add_pending(&self, entry: u64) {
        let counted = self.change(entry, |count| Some(count + 1).filter(|&count| count <= COUNT_MASK));
        if counted.is_none() && self.slot(entry).pending.load(SeqCst) == tag(entry) | COUNT_MASK {
            self.overdrawn.store(true, SeqCst);
            self.woken.notify_one();
        }
    }

    fn settle(&self, entry: u64) {
        while let Some(slot) = self.slot_of(entry) {
            let pending = slot.pending.load(SeqCst);
            if pending & !COUNT_MASK != tag(entry) || pending & COUNT_MASK == 0 {
                return;
            }
            // Of the last that is pending: what all others did is seen, and the slot is nobody else's yet.
            let load = slot.load();
            if slot.pending.compare_exchange(pending, pending - 1, SeqCst, SeqCst).is_err() {
                continue;
            }
            if pending & COUNT_MASK == 1 {
                self.take_off(load);
                if self.front.load(SeqCst) == entry {
                    self.woken.notify_one();
                }
            }
            return;
        }
    }

    fn abandon(&self, entry: u64) {
        let of_this_connection = entry >= self.valid_from.load(SeqCst);
        if of_this_connection && !self.closed.load(SeqCst) {
            self.abandoned.store(true, SeqCst);
            self.woken.notify_one();
        }
    }

    fn weigh(&self, entry: u64, readings: usize) {
        let Some(slot) = self.slot_of(entry) else { return };
        let (readings, before) = (u32::try_from(readings).unwrap_or(u32::MAX).max(1), slot.load());
        slot.readings.store(readings, Relaxed);
        self.taken.fetch_add(u64::from(readings) - 1, Relaxed);
        self.add(slot.load());
        self.take_off(before);
    }

    fn wait(&self, entry: u64) {
        let Some(slot) = self.slot_of(entry) else { return };
        let load = slot.load();
        slot.waiting.store(slot.readings.load(Relaxed), Relaxed);
        self.take_off(load);
    }

    fn go_on(&self, entry: u64) {
        let Some(slot) = self.slot_of(entry) else { return };
        let before = slot.load();
        slot.waiting.store(0, Relaxed);
        self.add(slot.load());
        self.take_off(before);
    }

    fn is_short(&self) -> bool {
        self.len() >= self.slots.len() / 8 * 7
    }

    fn hold(&self, hold: bool) {
        if self.held.swap(hold, SeqCst) && !hold {
            self.woken.notify_one();
        }
    }
}

/// An entry as its slot keeps it. It comes again after 17 million million messages, years after any receipt.
fn tag(entry: u64) -> u64 {
    entry << COUNT_BITS
}

#[cfg(test)]
mod tests;
