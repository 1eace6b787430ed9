//! The receipt that travels with a message until nothing is pending for it any more.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Where is counted what is pending: the ingest's ring of unacknowledged messages, or a test's.
///
/// Calls come from any thread, and never block.
pub trait Ledger: Send + Sync + 'static {
    /// One more party has something pending for `entry`.
    fn add_pending(&self, entry: u64);
    /// One party has done what was pending for `entry`.
    fn settle(&self, entry: u64);
    /// A receipt for `entry` was dropped without being settled: whatever it stood for is lost.
    fn abandon(&self, entry: u64);
    /// So many readings are in the message of `entry`, which counted as one.
    fn weigh(&self, _entry: u64, _readings: usize) {}
    /// A reading of `entry` waits for its turn: until it had one, the whole message is no work under way.
    fn wait(&self, _entry: u64) {}
    /// The whole message of `entry` waits no longer: it is work under way from now on.
    fn go_on(&self, _entry: u64) {}
    /// Whether so many messages are unacknowledged that the broker may soon send no more.
    fn is_short(&self) -> bool {
        false
    }
    /// Too much waits: nothing more is to be taken, or again.
    fn hold(&self, _hold: bool) {}
}

/// The promise of an acknowledgement: the message it stands for may be acknowledged once every clone is settled.
///
/// Whoever has something pending for a reading holds a clone. Dropping one unsettled is a fault that
/// ends the process, since a reading would otherwise stay unacknowledged for ever, or be forgotten.
#[must_use = "a receipt that is dropped unsettled ends the process"]
pub struct Receipt {
    pending: Option<(Arc<dyn Ledger>, u64)>,
}

impl Receipt {
    /// A receipt for `entry`, which must already be pending once in `ledger`.
    pub fn new(ledger: Arc<dyn Ledger>, entry: u64) -> Self {
        Self { pending: Some((ledger, entry)) }
    }

    /// A receipt for something nobody waits for, such as a timer.
    pub fn none() -> Self {
        Self { pending: None }
    }

    /// So many readings are in the message.
    pub fn weigh(&self, readings: usize) {
        if let Some((ledger, entry)) = &self.pending {
            ledger.weigh(*entry, readings);
        }
    }

    /// The reading waits for its turn: its message is no work under way from now on.
    pub fn wait(&self) {
        if let Some((ledger, entry)) = &self.pending {
            ledger.wait(*entry);
        }
    }

    /// The message waits no longer: it is work under way from now on.
    pub fn go_on(&self) {
        if let Some((ledger, entry)) = &self.pending {
            ledger.go_on(*entry);
        }
    }

    /// The reading that waited has its turn: it is under way until all that is pending for it by itself is settled.
    pub fn counted(mut self, under_way: &TurnCount) -> Self {
        let Some((ledger, entry)) = self.pending.take() else { return Self::none() };
        under_way.0.fetch_add(1, Ordering::Relaxed);
        let turn = TurnLedger { ledger, pending: AtomicUsize::new(1), under_way: under_way.clone() };
        Self { pending: Some((Arc::new(turn), entry)) }
    }

    /// Where it is counted.
    pub fn ledger(&self) -> Option<&Arc<dyn Ledger>> {
        self.pending.as_ref().map(|(ledger, _)| ledger)
    }

    /// Says that this party has done its part.
    pub fn settle(mut self) {
        if let Some((ledger, entry)) = self.pending.take() {
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

/// One reading of a message that had its turn, counted by itself: a message of a thousand is done long after its
/// first reading is.
struct TurnLedger {
    /// Where the message itself is counted.
    ledger: Arc<dyn Ledger>,
    pending: AtomicUsize,
    under_way: TurnCount,
}

impl Ledger for TurnLedger {
    fn add_pending(&self, _: u64) {
        self.pending.fetch_add(1, Ordering::SeqCst);
    }

    fn settle(&self, entry: u64) {
        if self.pending.fetch_sub(1, Ordering::SeqCst) == 1 {
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
        if let Some((ledger, entry)) = &self.pending {
            ledger.add_pending(*entry);
        }
        Self { pending: self.pending.clone() }
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        if let Some((ledger, entry)) = self.pending.take() {
            ledger.abandon(entry);
        }
    }
}

impl fmt::Debug for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.pending {
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
    struct PendingCount(AtomicI64);

    impl Ledger for PendingCount {
        fn add_pending(&self, _: u64) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }

        fn settle(&self, _: u64) {
            self.0.fetch_sub(1, Ordering::SeqCst);
        }

        fn abandon(&self, _: u64) {}
    }

    #[test]
    fn a_reading_that_had_its_turn_is_under_way_until_all_that_is_pending_for_it_is_settled() {
        let (pending, under_way) = (Arc::new(PendingCount(AtomicI64::new(1))), TurnCount::default());
        let message = Receipt::new(Arc::clone(&pending) as Arc<dyn Ledger>, 7);
        let turn = message.clone().counted(&under_way);
        let other = turn.clone();
        assert_eq!((pending.0.load(Ordering::SeqCst), under_way.count()), (2, 1));
        turn.settle();
        assert_eq!((pending.0.load(Ordering::SeqCst), under_way.count()), (2, 1));
        other.settle();
        assert_eq!(
            (pending.0.load(Ordering::SeqCst), under_way.count()),
            (1, 0),
            "the message is still pending"
        );
        message.settle();
        assert_eq!(pending.0.load(Ordering::SeqCst), 0);
        Receipt::none().counted(&under_way).settle();
        assert_eq!(under_way.count(), 0);
    }
}
