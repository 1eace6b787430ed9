//! What came and went on kept tracks, in one summary once nothing kept comes any more.

use serde::{Deserialize, Serialize};

use super::drain::{Drain, Track};
use crate::alerts::{AlertChange, AlertSet, Caption, Moment, Passed};
use crate::conditions::{Condition, Priority};

/// What came and went while devices were sending what they kept.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct CameAndWent {
    passed: Vec<Passed>,
    in_all: u32,
}

impl CameAndWent {
    /// Adds what one device brought; what two devices saw is said once.
    pub fn add(&mut self, drain: &Drain, track: &Track) {
        let (passed, in_all) = drain.passed(track);
        self.in_all += in_all;
        for passed in passed {
            let seen = |known: &Passed| {
                known.condition == passed.condition && known.onset <= passed.end && passed.onset <= known.end
            };
            if self.passed.iter().any(seen) {
                self.in_all -= 1;
            } else {
                self.passed.push(passed.clone());
            }
        }
        self.passed.sort_by(|a, b| (a.onset, &a.condition).cmp(&(b.onset, &b.condition)));
    }

    /// Whether nothing did.
    pub fn is_empty(&self) -> bool {
        self.passed.is_empty()
    }
}

/// One advisory word; it is never open.
pub(super) fn summary(
    came_and_went: &CameAndWent,
    alerts: &mut AlertSet,
    moment: &Moment,
    caption: &Caption<'_>,
) -> AlertChange {
    let named: Vec<_> = came_and_went
        .passed
        .iter()
        .map(|p| format!("{} ({}) from {} to {}", p.condition, p.priority.name(), p.onset, p.end))
        .collect();
    let more = usize::try_from(came_and_went.in_all).unwrap_or(0).saturating_sub(came_and_went.passed.len());
    let onset = came_and_went.passed.first().map_or(moment.at, |first| first.onset);
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    let words = format!("Came and went during the backlog: {}{more}", named.join("; "));
    let condition = Condition::BacklogSummary;
    let id = alerts.summary_id(&condition, onset, caption);
    let of_now = AlertChange::word(id, (condition, Priority::Info), words, caption, moment.at);
    AlertChange { onset, reading: moment.reading.clone(), backlog: true, ..of_now }
}
