//! What of a life cycle is told: the difference between what is so and what was told, as an event.

use uuid::Uuid;

use super::{Caption, LifeCycle};
use crate::alerts::change::{AlertChange, Event, Signal, message};
use crate::alerts::finding::Presence;
use crate::clock::Span;
use crate::conditions::Priority;

impl LifeCycle {
    /// Says what has not been told yet; `backlog` marks what was held back.
    pub fn tell(&mut self, caption: &Caption<'_>, backlog: bool, changes: &mut Vec<AlertChange>) {
        let Some(event) = self.difference() else { return };
        let change = self.change(event, caption, backlog);
        changes.push(change.clone());
        if event != Event::Cleared {
            self.told = Some(Box::new(change));
            return;
        }
        self.told = None;
        self.tell(caption, backlog, changes); // another occurrence that began unheard
    }

    /// The event that makes what was told what is so: every case of the life cycle.
    fn difference(&self) -> Option<Event> {
        match (&self.told, &self.open) {
            (None, None) => None,
            (None, Some(_)) => Some(Event::Raised),
            (Some(_), None) => Some(Event::Cleared),
            (Some(told), Some(open)) if told.id != open.id => Some(Event::Cleared),
            (Some(told), Some(open)) if told.priority < open.priority => Some(Event::Escalated),
            (Some(told), Some(open)) if told.priority > open.priority => Some(Event::Deescalated),
            (Some(told), Some(_)) if told.presence != self.presence => Some(Event::Updated),
            // While a fall is held back the alert stands as it was told, however the score flips.
            (Some(told), Some(open))
                if self.falling.iter().all(Option::is_none)
                    && self.cause.differs(&told.cause, open.priority) =>
            {
                Some(Event::Updated)
            }
            (Some(_), Some(_)) => None,
        }
    }

    fn change(&self, event: Event, caption: &Caption<'_>, backlog: bool) -> AlertChange {
        let ended = event == Event::Cleared;
        let told = self.told.as_ref().map(|told| (told.id, told.priority, told.onset));
        let open = self.open.as_ref().filter(|_| !ended).map(|open| (open.id, open.priority, open.onset));
        let (id, priority, onset) = open.or(told).unwrap_or((Uuid::nil(), Priority::Low, self.time));
        let previous = told.map(|(_, priority, _)| priority);
        let presence = if ended { Presence::Absent } else { self.presence };
        let reason = self.reason.clone().filter(|_| ended);
        let another_began = ended && self.open.is_some();
        let cause = self.told.as_ref().filter(|_| another_began).map_or(&self.cause, |told| &told.cause);
        let message = match &reason {
            Some(reason) => {
                let was = message(Event::Updated, priority, Presence::Present, cause, Span::ZERO);
                format!("{was}; ended: {reason}")
            }
            None => message(event, priority, presence, cause, self.delay_of(priority)),
        };
        AlertChange {
            id,
            sequence: self.told.as_ref().map_or(1, |told| told.sequence + 1),
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
            time: self.told.as_ref().map_or(self.time, |told| told.time.max(self.time)),
            reading: self.by.clone(),
            presence,
            signal: if ended { Signal::Off } else { Signal::On },
            backlog,
            simulated: caption.simulated,
            reason,
        }
    }
}
