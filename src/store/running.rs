//! Running time: how long the process has run, without the time it was stopped or suspended.

use std::time::Duration;

use tokio::time::Instant;

/// The longest step between two looks that still counts in full. While anything waits, looks come at
/// least every [`LOOK_EVERY`]; what is later than this was stopped.
const LONGEST_STEP: Duration = Duration::from_millis(200);
/// How often to look at the clock while it matters.
pub const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A clock that stands still while the process does.
#[derive(Debug)]
pub struct Running {
    last: Instant,
    total: Duration,
}

impl Running {
    /// Starts to count.
    pub fn new(now: Instant) -> Self {
        Self { last: now, total: Duration::ZERO }
    }

    /// How long the process has run at `now`.
    pub fn at(&mut self, now: Instant) -> Duration {
        self.total += now.saturating_duration_since(self.last).min(LONGEST_STEP);
        self.last = self.last.max(now);
        self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stopped_process_does_not_run() {
        let start = Instant::now();
        let mut running = Running::new(start);
        for step in 1..=10 {
            assert_eq!(running.at(start + LOOK_EVERY * step), LOOK_EVERY * step);
        }
        let an_hour_later = start + Duration::from_secs(3600);
        assert_eq!(running.at(an_hour_later), Duration::from_millis(1200));
        assert_eq!(running.at(an_hour_later + Duration::from_millis(5)), Duration::from_millis(1205));
    }
}
