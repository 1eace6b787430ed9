//! The receipt that travels with a message until nobody owes anything for it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

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
    /// A reading of `entry` waits for its turn: until it had one, the whole message is no work under way.
    fn wait(&self, _entry: u64) {}
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

    /// The reading waits for its turn: its message is no work under way from now on.
    pub fn wait(&self) {
        if let Some((ledger, entry)) = &self.debt {
            ledger.wait(*entry);
        }
    }

    /// The reading that waited has its turn: it is under way until all that is owed for it by itself is settled.
    pub fn counted(mut self, under_way: &TurnCount) -> Self {
        let Some((ledger, entry)) = self.debt.take() else { return Self::none() };
        under_way.0.fetch_add(1, Ordering::Relaxed);
        let turn = TurnDebt { ledger, debts: AtomicUsize::new(1), under_way: under_way.clone() };
        Self { debt: Some((Arc::new(turn), entry)) }
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

/// How many readings have had their turn and are not safe yet.
#[derive(Debug, Clone, Default)]
pub struct TurnCount(Arc<AtomicUsize>);

impl TurnCount {
    /// How many they are.
    pub fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// One reading of a message that had its turn, with debts of its own: a message of a thousand is done long after its
/// first reading is.
struct TurnDebt {
    /// Where the debt of the message is kept.
    ledger: Arc<dyn Ledger>,
    debts: AtomicUsize,
    under_way: TurnCount,
}

impl Ledger for TurnDebt {
    fn owe(&self, _: u64) {
        self.debts.fetch_add(1, Ordering::SeqCst);
    }

    fn settle(&self, entry: u64) {
        if self.debts.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.under_way.0.fetch_sub(1, Ordering::Relaxed);
            self.ledger.settle(entry);
        }
    }

    fn abandon(&self, entry: u64) {
        self.ledger.abandon(entry);
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicI64;

    use super::*;

    #[derive(Default)]
    struct Debts(AtomicI64);

    impl Ledger for Debts {
        fn owe(&self, _: u64) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }

        fn settle(&self, _: u64) {
            self.0.fetch_sub(1, Ordering::SeqCst);
        }

        fn abandon(&self, _: u64) {}
    }

    #[test]
    fn a_reading_that_had_its_turn_is_under_way_until_its_own_debts_are_settled() {
        let (debts, under_way) = (Arc::new(Debts(AtomicI64::new(1))), TurnCount::default());
        let message = Receipt::new(Arc::clone(&debts) as Arc<dyn Ledger>, 7);
        let turn = message.clone().counted(&under_way);
        let other = turn.clone();
        assert_eq!((debts.0.load(Ordering::SeqCst), under_way.count()), (2, 1));
        turn.settle();
        assert_eq!((debts.0.load(Ordering::SeqCst), under_way.count()), (2, 1));
        other.settle();
        assert_eq!((debts.0.load(Ordering::SeqCst), under_way.count()), (1, 0), "the message still owes");
        message.settle();
        assert_eq!(debts.0.load(Ordering::SeqCst), 0);
        Receipt::none().counted(&under_way).settle();
        assert_eq!(under_way.count(), 0);
    }
}
