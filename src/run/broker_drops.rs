//! Messages that the broker has dropped, as an alert: somebody's readings or alerts may be among them.

use std::time::Duration;

use actix::Addr;
use tokio::time::Instant;
use tracing::{error, info, warn};
use wardwatch_actors::clock::Clock;
use wardwatch_actors::conditions::Condition;
use wardwatch_actors::installation_actor::{Fact, InstallationActor};

/// For how long the broker must have dropped nothing before the alert ends.
const QUIET_FOR: Duration = Duration::from_secs(300);

/// What the alert says: the same words each time, so that a broker that goes on dropping is one change.
const WORDS: &str = "Broker drops messages: readings or alerts may be lost. Set max_queued_messages 0 in its configuration, and look for a client that does not keep up";

/// What the broker says of dropped messages: how many since its start, whenever that changes.
#[derive(Debug, Default)]
struct DropCount {
    last: Option<u64>,
    /// When it last grew, while that is an alert.
    grew_at: Option<Instant>,
}

impl DropCount {
    /// The broker says how many; answers how many of them are new. What was dropped before we first heard is not.
    fn note(&mut self, count: u64, now: Instant) -> u64 {
        let new = match self.last.replace(count) {
            None => 0,
            Some(last) if count >= last => count - last,
            Some(_) => count, // it has been started anew
        };
        if new > 0 {
            self.grew_at = Some(now);
        }
        new
    }

    /// Whether the alert is over now.
    fn is_over(&mut self, now: Instant) -> bool {
        self.grew_at.take_if(|grew_at| now.duration_since(*grew_at) >= QUIET_FOR).is_some()
    }
}

/// Raises `broker.dropping` while the broker drops messages, where its access list lets us hear of it.
pub struct DropWatch {
    installation: Addr<InstallationActor>,
    clock: Clock,
    count: DropCount,
}

impl DropWatch {
    /// Watches from now on; `raised` where the alert is open from before a restart.
    pub fn new(installation: Addr<InstallationActor>, clock: Clock, raised: bool) -> Self {
        let count = DropCount { last: None, grew_at: raised.then(Instant::now) };
        Self { installation, clock, count }
    }

    /// The broker says how many it has dropped.
    pub fn note(&mut self, count: u64) {
        if self.count.last.is_none() && count > 0 {
            warn!(count, "the broker had dropped messages before it was watched");
        }
        let new = self.count.note(count, Instant::now());
        if new > 0 {
            error!(new, count, "the broker drops messages");
            self.report(Some(WORDS.to_owned()));
        }
    }

    /// A second went by.
    pub fn second(&mut self) {
        if self.count.is_over(Instant::now()) {
            info!("the broker has dropped nothing for {} s", QUIET_FOR.as_secs());
            self.report(None);
        }
    }

    fn report(&self, words: Option<String>) {
        let at = self.clock.now().wall;
        self.installation.do_send(Fact { condition: Condition::BrokerDropping, words, at });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_dropped_while_it_is_watched_is_new_across_a_restart_of_the_broker_too() {
        let (mut count, start) = (DropCount::default(), Instant::now());
        let counts = [7, 7, 9, 0, 0, 3, 4];
        assert_eq!(counts.map(|now| count.note(now, start)), [0, 0, 2, 0, 0, 3, 1]);
    }

    #[test]
    fn the_alert_ends_after_five_minutes_without_another() {
        let (mut count, start) = (DropCount::default(), Instant::now());
        count.note(0, start);
        assert!(!count.is_over(start + QUIET_FOR), "nothing was dropped");
        count.note(1, start);
        count.note(2, start + QUIET_FOR / 2);
        assert!(!count.is_over(start + QUIET_FOR));
        assert!(count.is_over(start + QUIET_FOR + QUIET_FOR / 2));
        assert!(!count.is_over(start + 3 * QUIET_FOR), "it is over once");
    }
}
