//! The receipt that travels with a message until nobody owes anything for it.

use std::fmt;
use std::sync::Arc;

/// Where debts are kept: the ingest's ring of unacknowledged messages, or a test's.
///
/// Calls come from any thread, and never block.
pub trait Ledger: Send + Sync + 'static {
    /// One more party owes something for `entry`.
    fn owe(&self, entry: u64);
    /// One party has done what it owed for `entry`.
    fn settle(&self, entry: u64);
    /// A receipt for `entry` was dropped without being settled: whatever it stood for is lost.
    fn abandon(&self, entry: u64);
    /// So many readings are in the message of `entry`, which counted as one.
    fn weigh(&self, _entry: u64, _readings: usize) {}
    /// A reading of `entry` waits for its turn, and is no work under way meanwhile.
    fn wait(&self, _entry: u64) {}
    /// A reading of `entry` that waited has its turn.
    fn go_on(&self, _entry: u64) {}
    /// Whether more of what waits may have its turn; what has just come goes first.
    fn has_room(&self) -> bool {
        true
    }
    /// Whether so many messages are unacknowledged that the broker may soon send no more.
    fn is_short(&self) -> bool {
        false
    }
    /// Too much waits: nothing more is to be taken, or again.
    fn hold(&self, _hold: bool) {}
}

/// A debt to the broker: the message it stands for may be acknowledged once every clone is settled.
///
/// Whoever still owes something for a reading holds a clone. Dropping one unsettled is a fault that
/// ends the process, since a reading would otherwise stay unacknowledged for ever, or be forgotten.
#[must_use = "a receipt that is dropped unsettled ends the process"]
pub struct Receipt {
    debt: Option<(Arc<dyn Ledger>, u64)>,
}

impl Receipt {
    /// A receipt for `entry`, which must already be owed once in `ledger`.
    pub fn new(ledger: Arc<dyn Ledger>, entry: u64) -> Self {
        Self { debt: Some((ledger, entry)) }
    }

    /// A receipt for something nobody waits for, such as a timer.
    pub fn none() -> Self {
        Self { debt: None }
    }

    /// So many readings are in the message.
    pub fn weigh(&self, readings: usize) {
        if let Some((ledger, entry)) = &self.debt {
            ledger.weigh(*entry, readings);
        }
    }

    /// The reading waits for its turn: it is no work under way until [`go_on`](Self::go_on).
    pub fn wait(&self) {
        if let Some((ledger, entry)) = &self.debt {
            ledger.wait(*entry);
        }
    }

    /// The reading that waited has its turn.
    pub fn go_on(&self) {
        if let Some((ledger, entry)) = &self.debt {
            ledger.go_on(*entry);
        }
    }

    /// Where the debt is kept.
    pub fn ledger(&self) -> Option<&Arc<dyn Ledger>> {
        self.debt.as_ref().map(|(ledger, _)| ledger)
    }

    /// Ends this party's debt.
    pub fn settle(mut self) {
        if let Some((ledger, entry)) = self.debt.take() {
            ledger.settle(entry);
        }
    }
}

impl Clone for Receipt {
    fn clone(&self) -> Self {
        if let Some((ledger, entry)) = &self.debt {
            ledger.owe(*entry);
        }
        Self { debt: self.debt.clone() }
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        if let Some((ledger, entry)) = self.debt.take() {
            ledger.abandon(entry);
        }
    }
}

impl fmt::Debug for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.debt {
            Some((_, entry)) => write!(f, "Receipt({entry})"),
            None => f.write_str("Receipt(none)"),
        }
    }
}
