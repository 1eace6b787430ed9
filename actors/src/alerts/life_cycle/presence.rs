//! How often an open alert says that its value is known again.

use super::LifeCycle;
use crate::alerts::finding::Presence;
use crate::clock::{Span, Uptime};

/// A value that comes and goes, as under a probe that moves, is said to be known again no more often than this.
const KNOWN_AGAIN_EVERY: Span = Span::from_mins(1);

impl LifeCycle {
    /// That a value is unknown is said at once, that it is known again once a minute: until then it stays unknown, as
    /// it was published.
    pub(super) fn hold_presence(&mut self, now: Uptime) {
        let stands = |published: Presence| published == Presence::Unknown && !self.level.is_falling();
        let (Some(published), Some(open)) = (&self.published, &self.open) else { return };
        let same = published.id == open.id && published.priority == open.priority;
        if !same || !stands(published.presence) || self.presence == Presence::Unknown {
            return;
        }
        if self.known_again.is_some_and(|last| now.since(last) < KNOWN_AGAIN_EVERY) {
            self.presence = Presence::Unknown;
        } else {
            self.known_again = Some(now);
        }
    }
}
