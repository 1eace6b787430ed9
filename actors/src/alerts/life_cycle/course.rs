//! How an alert follows its level: it begins, rises, falls and ends, or stays until it is reset.

use uuid::Uuid;

use super::{LifeCycle, Open};
use crate::alerts::attending::Attending;
use crate::alerts::level::Level;
use crate::clock::{Now, Timestamp, Uptime};
use crate::conditions::Priority;
use crate::settings::SignalPolicy;
use crate::vitals::ReadingRef;

impl LifeCycle {
    /// Makes the level the priority of the alert, which begins or ends where there was or is none.
    pub(super) fn follow_level(
        &mut self,
        (time, measured): (Timestamp, Uptime),
        by: Option<&ReadingRef>,
        policy: Option<&SignalPolicy>,
        now: Now,
    ) -> Option<Open> {
        let level = self.level.priority();
        let changes = self.open.as_ref().map(|open| open.priority) != level;
        (self.time, self.by) = (time, by.cloned());
        if changes {
            let since = level.and_then(|priority| self.level.since(priority));
            self.backlog = since.is_some_and(|since| since.backlog);
        }
        let ended = match (self.open.is_some(), level) {
            (true, Some(level)) => {
                self.go_on(level, policy, now);
                None
            }
            (false, Some(priority)) => {
                self.begin(priority, (time, measured), policy, now);
                None
            }
            (true, None) => self.come_to_an_end(policy),
            (false, None) => None,
        };
        if let (Some(policy), Some(_)) = (policy, &self.open) {
            self.attending.heed(&self.cause, policy, now.uptime);
        }
        ended
    }

    /// The condition exists.
    fn begin(
        &mut self,
        priority: Priority,
        (time, measured): (Timestamp, Uptime),
        policy: Option<&SignalPolicy>,
        now: Now,
    ) {
        let first = self.level.onset();
        let onset = first.map_or(time, |since| since.at);
        let onset_reading = first.and_then(|since| since.reading.clone());
        self.attending = Attending::default();
        self.attending.open(priority, policy, now);
        self.open = Some(Open { id: Uuid::nil(), priority, onset, raised: Some(measured), onset_reading });
    }

    /// The condition exists at this priority, as before, or again where its alert was only latched.
    fn go_on(&mut self, level: Priority, policy: Option<&SignalPolicy>, now: Now) {
        let Some(open) = &mut self.open else { return };
        let priority = self.attending.raised_to.map_or(level, |raised| raised.max(level));
        if self.attending.state.is_latched() {
            self.attending.open(priority, policy, now);
        }
        if priority > open.priority {
            self.attending.rise(priority, policy, now);
        }
        open.priority = priority;
    }

    /// The condition is over; answers the alert where that ended with it.
    fn come_to_an_end(&mut self, policy: Option<&SignalPolicy>) -> Option<Open> {
        if self.attending.state.is_latched() {
            return None; // what comes next has delays of its own
        }
        self.level = Level::default(); // what comes next is another occurrence
        let latches = policy.is_some_and(|policy| policy.latches(&self.condition));
        if self.attending.end(latches) { None } else { self.open.take() }
    }

    /// The first delay ends by itself, with the last value as its evidence.
    pub fn run_out(&mut self, policy: Option<&SignalPolicy>, now: Now) -> Option<Open> {
        let end = self.level.run_out(&self.timing)?;
        self.follow_level(end, None, policy, now)
    }
}
