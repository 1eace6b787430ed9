//! What of a life cycle is published: the difference between what is so and what was published, as an event.

use std::cmp::Ordering;
use std::sync::Arc;

use uuid::Uuid;

use super::{Caption, LifeCycle, Open, Publication};
use crate::alerts::attention::Attention;
use crate::alerts::change::{AlertChange, Event};
use crate::alerts::finding::{Cause, Presence};
use crate::alerts::inactivations::Author;
use crate::alerts::signal::Signal;
use crate::alerts::wording::Said;
use crate::clock::{Span, Timestamp};
use crate::conditions::Priority;

impl LifeCycle {
    /// Publishes what has not been published yet.
    pub fn publish(&mut self, of: &Publication<'_>, changes: &mut Vec<AlertChange>) {
        let Some(event) = self.event(of) else { return };
        let change = self.change(event, of);
        changes.push(change.clone());
        (self.attending.stepped, self.attending.reminder) = (None, false);
        if event != Event::Cleared {
            self.published = Some(Arc::new(change));
            return;
        }
        self.published = None;
        self.publish(of, changes); // another occurrence that began unheard
    }

    /// The event that makes what was published what is so: every case of the life cycle.
    fn event(&self, of: &Publication<'_>) -> Option<Event> {
        let (published, open) = match (&self.published, &self.open) {
            (None, None) => return None,
            (None, Some(_)) => return Some(Event::Raised),
            (Some(_), None) => return Some(Event::Cleared),
            (Some(published), Some(open)) => (published, open),
        };
        if published.id != open.id {
            return Some(Event::Cleared);
        }
        let latched = self.attending.state.is_latched();
        match open.priority.cmp(&published.priority) {
            Ordering::Greater => return Some(Event::Escalated),
            Ordering::Less => return Some(Event::Deescalated),
            Ordering::Equal if latched && published.presence != Presence::Absent => {
                return Some(Event::Latched);
            }
            Ordering::Equal => {}
        }
        let heard = published.signal.event_to(self.signal(of.inactivations));
        let until = self.covered(of.inactivations).and_then(|covered| covered.until);
        let route = self.route().flatten();
        heard
            .or_else(|| (until.is_some() && until != published.until).then_some(Event::Paused))
            .or_else(|| (route.is_some() && route != published.route.as_deref()).then_some(Event::Escalated))
            .or_else(|| (!latched && self.is_updated(published, open)).then_some(Event::Updated))
            .or_else(|| self.attending.reminder.then_some(Event::Reminder))
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

    fn change(&self, event: Event, of: &Publication<'_>) -> AlertChange {
        let caption = of.caption;
        let ended = event == Event::Cleared;
        let published =
            self.published.as_ref().map(|published| (published.id, published.priority, published.onset));
        let open = self.open.as_ref().filter(|_| !ended).map(|open| (open.id, open.priority, open.onset));
        let (id, priority, onset) = open.or(published).unwrap_or((Uuid::nil(), Priority::Low, self.time));
        let previous = published.map(|(_, priority, _)| priority);
        let (heard, reason) = (self.heard(event, of), self.reason_of(event));
        let said = self.said(event, priority, heard.by_itself);
        let (presence, cause) = (said.presence, said.cause);
        let time = if heard.by_itself { of.now.wall } else { self.time };
        let message = self.message(&said, reason.as_deref(), &heard, caption);
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
            time: self.published.as_ref().map_or(time, |published| published.time.max(time)),
            reading: self.by.clone().filter(|_| !heard.by_itself),
            presence,
            signal: heard.signal,
            backlog: of.backlog || (self.backlog && matches!(event, Event::Raised | Event::Escalated)),
            simulated: self.simulated,
            reason,
            author: heard.author,
            until: heard.until,
            route: heard.route,
            test: false,
        }
    }

    /// What there is to say of a change that is so, or that is only `heard`.
    fn said(&self, event: Event, priority: Priority, heard: bool) -> Said<'_> {
        let over = event == Event::Cleared || self.attending.state.is_latched();
        let presence = if over { Presence::Absent } else { self.presence };
        let delay = match event {
            Event::Raised => self.timing.delay_of(priority),
            Event::Escalated if !heard => self.timing.delay_of(priority),
            _ => Span::ZERO,
        };
        let (condition, cause) = (&self.condition, self.cause_of(event));
        Said { condition, event, priority, presence, cause, delay }
    }

    /// What is heard from this change on.
    fn heard(&self, event: Event, of: &Publication<'_>) -> Sounding {
        if event == Event::Cleared {
            let (author, until, route) = (of.author.cloned(), None, None);
            return Sounding { signal: Signal::Off, author, until, route, by_itself: false };
        }
        let covered =
            self.covered(of.inactivations).filter(|_| self.attending.state != Attention::Acknowledged);
        let stepped = self.attending.stepped.is_some();
        let by_itself = match event {
            Event::Raised | Event::Deescalated | Event::Latched | Event::Cleared => false,
            Event::Escalated => stepped,
            // What a reading changed beside it stands at the reading's time.
            Event::Updated => {
                self.published.as_ref().is_some_and(|published| published.signal == Signal::Off)
            }
            Event::Acknowledged
            | Event::Unacknowledged
            | Event::Paused
            | Event::Resumed
            | Event::Reminder => true,
        };
        Sounding {
            signal: self.signal(of.inactivations),
            author: of.author.cloned(),
            until: covered.and_then(|covered| covered.until),
            route: self.route().flatten().map(str::to_owned),
            by_itself,
        }
    }

    fn reason_of(&self, event: Event) -> Option<String> {
        match event {
            Event::Cleared => self.reason.clone(),
            Event::Escalated => self.attending.stepped.map(|step| step.reason().to_owned()),
            _ => None,
        }
    }

    /// Why: where another occurrence began already, the one that ends keeps the cause that was published.
    fn cause_of(&self, event: Event) -> &Cause {
        let another_began = event == Event::Cleared && self.open.is_some();
        self.published.as_ref().filter(|_| another_began).map_or(&self.cause, |published| &published.cause)
    }

    /// The rule's words, and for whoever it may be what else there is to say.
    fn message(
        &self,
        said: &Said<'_>,
        reason: Option<&str>,
        heard: &Sounding,
        caption: &Caption<'_>,
    ) -> String {
        let words = (caption.words_of)(&self.rule);
        let by = || heard.author.as_ref().map_or(String::new(), |author| format!(" by {}", author.by));
        match (said.event, reason) {
            (Event::Cleared, Some(reason)) => {
                let was = words(&Said { event: Event::Updated, presence: Presence::Present, ..*said });
                format!("{was}; ended: {reason}")
            }
            (Event::Escalated, Some(reason)) => {
                let called = heard.route.as_deref().unwrap_or("nobody");
                format!("{}; {reason}, now called: {called}", words(said))
            }
            (Event::Acknowledged, _) => format!("{}; acknowledged{}", words(said), by()),
            (Event::Unacknowledged, _) => format!("{}; no longer acknowledged", words(said)),
            (Event::Paused, _) => {
                let until = heard.until.map_or(String::new(), |until| format!(" until {until}"));
                format!("{}; {}{until}{}", words(said), heard.signal.name(), by())
            }
            (Event::Resumed, _) => format!("{}; signalled again", words(said)),
            (Event::Reminder, _) => format!("{}; still so, {}", words(said), heard.signal.name()),
            (Event::Latched, _) => format!("{}; stays until it is reset", words(said)),
            (Event::Raised | Event::Updated | Event::Escalated | Event::Deescalated | Event::Cleared, _) => {
                words(said)
            }
        }
    }
}

/// What is heard from a change on, and whether that alone is the change.
struct Sounding {
    signal: Signal,
    author: Option<Author>,
    until: Option<Timestamp>,
    route: Option<String>,
    by_itself: bool,
}
