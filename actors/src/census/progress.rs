//! Up to when everything has been heard, and so up to when timers may run out.

use crate::clock::{Span, Uptime};

/// After how many connections in a row devices have had time enough to come back.
const MOST_CONNECTIONS: u32 = 3;

/// How far the ingest has come, as far as timers depend on it.
#[derive(Debug)]
pub struct Progress {
    /// All that was said before has been heard; none where nothing is ever on its way.
    caught_up_to: Option<Uptime>,
    /// Until then devices may be on their way back to the broker, with what they kept.
    devices_back_by: Uptime,
    /// How many connections began since a timer last could run out.
    connections: u32,
}

impl Default for Progress {
    fn default() -> Self {
        Self { caught_up_to: None, devices_back_by: Uptime::START, connections: 0 }
    }
}

impl Progress {
    /// A connection to the broker began: devices have `within` to come back too.
    ///
    /// A link that breaks again and again must not hold up every timer for ever.
    pub fn connected(&mut self, now: Uptime, within: Span) {
        self.connections += 1;
        if self.connections <= MOST_CONNECTIONS {
            self.devices_back_by = now + within;
        }
    }

    /// All that was said before `upto` has been heard.
    pub fn caught_up_to(&mut self, upto: Uptime) {
        self.caught_up_to = self.caught_up_to.max(Some(upto));
    }

    /// Up to when timers may run out now; none while devices may be on their way back.
    pub fn timers_may_run_to(&mut self, now: Uptime) -> Option<Uptime> {
        if now < self.devices_back_by {
            return None;
        }
        self.connections = 0;
        Some(self.caught_up_to.map_or(now, |upto| upto.min(now)))
    }

    /// When to look again for a timer that runs out at `deadline`; none where what is heard next brings it up.
    pub fn look_again_at(&self, deadline: Uptime, now: Uptime) -> Option<Uptime> {
        let at = deadline.max(self.devices_back_by);
        let brought_up_later = at <= now && self.caught_up_to.is_some_and(|upto| upto < at);
        (!brought_up_later).then_some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(second: i64) -> Uptime {
        Uptime::from_ms(second * 1000)
    }

    #[test]
    fn timers_run_up_to_what_has_been_heard_and_to_now_where_nothing_is_on_its_way() {
        let mut progress = Progress::default();
        assert_eq!(progress.timers_may_run_to(second(10)), Some(second(10)));
        progress.caught_up_to(second(7));
        progress.caught_up_to(second(6)); // of an earlier probe
        assert_eq!(progress.timers_may_run_to(second(10)), Some(second(7)));
        assert_eq!(progress.look_again_at(second(9), second(10)), None);
        assert_eq!(progress.look_again_at(second(12), second(10)), Some(second(12)));
    }

    #[test]
    fn no_timer_runs_while_devices_may_be_on_their_way_back_but_not_for_ever() {
        let mut progress = Progress::default();
        for connection in 0..3 {
            progress.connected(second(connection * 5), Span::from_secs(5));
            assert_eq!(progress.timers_may_run_to(second(connection * 5 + 4)), None);
        }
        progress.connected(second(15), Span::from_secs(5));
        assert_eq!(progress.timers_may_run_to(second(15)), Some(second(15)));
        progress.connected(second(16), Span::from_secs(5));
        assert_eq!(progress.look_again_at(second(3), second(17)), Some(second(21)));
    }
}
