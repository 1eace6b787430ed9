//! What of a life cycle is published: the difference between what is so and what was published, as an event.

use std::cmp::Ordering;
use std::sync::Arc;

use uuid::Uuid;

use super::{Caption, LifeCycle, Open};
use crate::alerts::change::{AlertChange, Event};
use crate::alerts::finding::{Cause, Presence};
use crate::alerts::signal::Move;
use crate::alerts::wording::Said;
use crate::clock::Span;
use crate::conditions::Priority;

impl LifeCycle {
    /// Publishes what has not been published yet; `backlog` marks what was held back.
    pub fn publish(&mut self, caption: &Caption<'_>, backlog: bool, changes: &mut Vec<AlertChange>) {
        let Some(event) = self.event() else { return };
        let change = self.change(event, caption, backlog);
        changes.push(change.clone());
        if event != Event::Cleared {
            self.published = Some(Arc::new(change));
            return;
        }
        self.published = None;
        self.publish(caption, backlog, changes); // another occurrence that began unheard
    }

    /// The event that makes what was published what is so: every case of the life cycle.
    fn event(&self) -> Option<Event> {
        let (published, open) = match (&self.published, &self.open) {
            (None, None) => return None,
            (None, Some(_)) => return Some(Event::Raised),
            (Some(_), None) => return Some(Event::Cleared),
            (Some(published), Some(open)) => (published, open),
        };
        if published.id != open.id {
            return Some(Event::Cleared);
        }
        match open.priority.cmp(&published.priority) {
            Ordering::Greater => Some(Event::Escalated),
            Ordering::Less => Some(Event::Deescalated),
            Ordering::Equal => self.is_updated(published, open).then_some(Event::Updated),
        }
    }

    /// Whether limit, cause or presence are others than was published.
    ///
    /// While a fall is held back the alert stands as it was published, until nothing is known any more.
    fn is_updated(&self, published: &AlertChange, open: &Open) -> bool {
        let unknown = self.presence == Presence::Unknown;
        let another =
            self.presence != published.presence || self.cause.differs(&published.cause, open.priority);
        another && (!self.level.is_falling() || (unknown && published.presence != Presence::Unknown))
    }

    fn change(&self, event: Event, caption: &Caption<'_>, backlog: bool) -> AlertChange {
        let ended = event == Event::Cleared;
        let published =
            self.published.as_ref().map(|published| (published.id, published.priority, published.onset));
        let open = self.open.as_ref().filter(|_| !ended).map(|open| (open.id, open.priority, open.onset));
        let (id, priority, onset) = open.or(published).unwrap_or((Uuid::nil(), Priority::Low, self.time));
        let previous = published.map(|(_, priority, _)| priority);
        let presence = if ended { Presence::Absent } else { self.presence };
        let reason = self.reason.clone().filter(|_| ended);
        let cause = self.cause_of(event);
        let delay = match event {
            Event::Raised | Event::Escalated => self.timing.delay_of(priority),
            Event::Updated | Event::Deescalated | Event::Cleared => Span::ZERO,
        };
        let said = Said { condition: &self.condition, event, priority, presence, cause, delay };
        let message = self.message(&said, reason.as_deref(), caption);
        AlertChange {
            id,
            sequence: self.published.as_ref().map_or(1, |published| published.sequence + 1),
            event,
            condition: self.condition.clone(),
            priority,
            previous_priority: previous.filter(|previous| *previous != priority),
            subject: caption.subject.clone(),
            bed: caption.bed.map(str::to_owned),
            message,
            cause: cause.clone(),
            onset,
            // A reading of a backlog may be older than what it ends.
            time: self.published.as_ref().map_or(self.time, |published| published.time.max(self.time)),
            reading: self.by.clone(),
            presence,
            signal: if ended { self.signal.after(Move::Ended) } else { self.signal },
            backlog: backlog || (self.backlog && matches!(event, Event::Raised | Event::Escalated)),
            simulated: self.simulated,
            reason,
        }
    }

    /// Why: where another occurrence began already, the one that ends keeps the cause that was published.
    fn cause_of(&self, event: Event) -> &Cause {
        let another_began = event == Event::Cleared && self.open.is_some();
        self.published.as_ref().filter(|_| another_began).map_or(&self.cause, |published| &published.cause)
    }

    /// The rule's words, and for whoever it may be why it ended otherwise.
    fn message(&self, said: &Said<'_>, reason: Option<&str>, caption: &Caption<'_>) -> String {
        let words = (caption.words_of)(&self.rule);
        match reason {
            Some(reason) => {
                let was = words(&Said { event: Event::Updated, presence: Presence::Present, ..*said });
                format!("{was}; ended: {reason}")
            }
            None => words(said),
        }
    }
}
