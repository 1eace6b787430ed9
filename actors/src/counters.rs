//! Counts that the heartbeat shows.

use std::sync::atomic::{AtomicU64, Ordering};

/// One count; adding is cheap and may come from any thread.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds `more`.
    pub fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    /// Moves from `before` to `after`, of which this is the sum with others.
    pub fn change(&self, before: usize, after: usize) {
        let (before, after) = (before as u64, after as u64);
        self.0.fetch_add(after.wrapping_sub(before), Ordering::Relaxed);
    }

    /// The count now.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What is counted since the start, and how many there are now.
#[derive(Debug, Default)]
pub struct Counters {
    /// Patients here now.
    pub patients: Counter,
    /// Alerts open now, for all subjects.
    pub open_alerts: Counter,
    /// Readings taken.
    pub readings: Counter,
    /// Messages and values rejected.
    pub rejected: Counter,
    /// Readings that only history wanted.
    pub late: Counter,
    /// Readings that came before.
    pub duplicates: Counter,
    /// Commands that came.
    pub commands: Counter,
    /// Commands that were not carried out.
    pub commands_rejected: Counter,
    /// Fields that nobody knows.
    pub unknown_fields: Counter,
}
