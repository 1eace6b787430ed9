//! The feed: one numbered stream of changes, which each consumer gets in the same order from one place.
//!
//! What a message or timer caused enters it after its commit, or at `publish_within` without. A consumer queues what
//! it cannot do at once, and keeps a cursor of its own: how far it has come is its affair, and a slow one holds up
//! nobody. Numbers rise for ever, across restarts too, so that a cursor can be kept in the store ([`Cursor`]).

pub mod archive;
mod uncommitted;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wardwatch_actors::alerts::AlertChange;
use wardwatch_actors::analyzers::Score;
use wardwatch_actors::clock::Timestamp;
use wardwatch_actors::commands::Reply;
use wardwatch_actors::patient::outcome::StateChange;
use wardwatch_actors::people::Subject;
use wardwatch_actors::receipt::Receipt;

pub use uncommitted::Uncommitted;

/// An alert change with its number in the feed.
#[derive(Debug, Clone)]
pub struct NumberedChange {
    pub number: u64,
    pub change: Arc<AlertChange>,
}

/// What one message or timer caused, as consumers get it.
#[derive(Debug)]
pub struct Emission {
    pub subject: Subject,
    /// When it was so, by our wall clock.
    pub at: Timestamp,
    pub changes: Vec<NumberedChange>,
    /// Scores that changed; only the newest matters.
    pub scores: Vec<Score>,
    /// The retained state; it says what the changes say, so it comes only after their commit.
    pub state: Option<StateChange>,
    /// Answers to commands, after the commit of what they say.
    pub replies: Vec<Reply>,
    /// A consumer that has not finished with it keeps a clone.
    pub receipt: Receipt,
}

impl Emission {
    /// Whether it is a receipt alone.
    pub fn says_nothing(&self) -> bool {
        self.changes.is_empty() && self.scores.is_empty() && self.state.is_none() && self.replies.is_empty()
    }
}

/// Who gets every change: the bus publisher, a live view, a webhook.
///
/// Calls come one at a time, in order, from the store's threads or a shard's. They must not block.
pub trait Consumer: Send + Sync + 'static {
    /// Takes what comes next.
    fn take(&self, emission: &Emission);
}

impl<C: Consumer> Consumer for Arc<C> {
    fn take(&self, emission: &Emission) {
        C::take(self, emission);
    }
}

/// Where a consumer has got to, kept so that a restart goes on from there.
pub trait Cursor: Send + Sync {
    /// Nothing more has to be done for the change of this number.
    fn done(&self, number: u64);
}

/// All consumers, and whose turn it is.
pub struct Feed {
    consumers: Vec<Box<dyn Consumer>>,
    order: Mutex<()>,
}

impl Feed {
    /// A feed to these, each of which gets everything.
    pub fn new(consumers: Vec<Box<dyn Consumer>>) -> Self {
        Self { consumers, order: Mutex::new(()) }
    }

    /// Waits for everybody who emits now. What is taken from a queue within the turn goes out in the queue's order.
    pub fn turn(&self) -> Turn<'_> {
        let order = self.order.lock().unwrap_or_else(PoisonError::into_inner);
        Turn { consumers: &self.consumers, _order: order }
    }
}

/// The right to emit, as long as it lives.
pub struct Turn<'a> {
    consumers: &'a [Box<dyn Consumer>],
    _order: MutexGuard<'a, ()>,
}

impl Turn<'_> {
    /// Hands it to each consumer, then settles its receipt.
    pub fn emit(&self, emission: Emission) {
        if !emission.says_nothing() {
            self.consumers.iter().for_each(|consumer| consumer.take(&emission));
        }
        emission.receipt.settle();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Noting(Arc<Mutex<Vec<i64>>>);

    impl Consumer for Noting {
        fn take(&self, emission: &Emission) {
            self.0.lock().unwrap().push(emission.at.unix_ms());
        }
    }

    fn emission(ms: i64, state: Option<StateChange>) -> Emission {
        Emission {
            subject: Subject::Installation,
            at: Timestamp::from_unix_ms(ms),
            changes: Vec::new(),
            scores: Vec::new(),
            state,
            replies: Vec::new(),
            receipt: Receipt::none(),
        }
    }

    #[test]
    fn each_consumer_gets_everything_that_says_something_in_the_same_order() {
        let noted: [Arc<Mutex<Vec<i64>>>; 2] = Default::default();
        let consumer = |noted: &Arc<_>| Box::new(Noting(Arc::clone(noted))) as Box<dyn Consumer>;
        let feed = Feed::new(noted.iter().map(consumer).collect());
        let turn = feed.turn();
        turn.emit(emission(1, Some(StateChange::Emptied)));
        turn.emit(emission(2, None));
        turn.emit(emission(3, Some(StateChange::Emptied)));
        for noted in noted {
            assert_eq!(*noted.lock().unwrap(), [1, 3]);
        }
    }
}
