//! Where one priority of a condition stands: a small automaton, with one table of every finding and state.

use serde::{Deserialize, Serialize};

use crate::alerts::finding::{Finding, Presence};
use crate::alerts::life_cycle::Moment;
use crate::clock::{Timestamp, Uptime};
use crate::conditions::Priority;
use crate::vitals::ReadingRef;

/// Since when a priority has been reached, or has not been held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Since {
    /// When, as it is published.
    pub at: Timestamp,
    /// When on the uptime clock: delays count from here.
    pub measured: Uptime,
    pub reading: Option<ReadingRef>,
    /// When a timer ends the delay if no reading does.
    pub deadline: Uptime,
    /// Whether it began with a kept reading, and was taken over.
    #[serde(default)]
    pub backlog: bool,
}

/// Where one priority of a condition stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Place {
    /// Not so.
    #[default]
    Out,
    /// Reached since then; its delay runs.
    Rising(Since),
    /// So, and reached since then without a break.
    In(Since),
    /// So, but not held any more since the second; its clear delay runs.
    Falling(Since, Since),
}

/// What a finding says of one priority.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The value is beyond its limit.
    Reached,
    /// The value is within the limit, but not by the hysteresis.
    Held,
    /// The value is within the limit.
    Neither,
    /// The value is too old or came no more; it was beyond the limit.
    Lapsed,
    /// Nothing can be said: the next measured value decides.
    Unknown,
}

impl Verdict {
    pub fn of(finding: Option<&Finding>, priority: Priority, moment: &Moment) -> Self {
        let Some(found) = finding else { return Self::Neither };
        let decides = found.reading.is_some() && found.reading == moment.reading;
        let known = found.presence != Presence::Unknown || decides;
        match (found.reached >= Some(priority), found.kept >= Some(priority), known) {
            (true, _, true) => Self::Reached,
            (true, _, false) => Self::Lapsed,
            (false, true, true) => Self::Held,
            (false, true, false) => Self::Unknown,
            (false, false, _) => Self::Neither,
        }
    }
}

impl Place {
    /// What a verdict makes of it: every case.
    pub fn after(
        self,
        verdict: Verdict,
        begins: impl FnOnce() -> Since,
        ends: impl FnOnce() -> Since,
    ) -> Self {
        use Verdict::{Held, Lapsed, Neither, Reached, Unknown};
        match (self, verdict) {
            (Self::Out, Reached) => Self::Rising(begins()),
            (Self::Out, Held | Neither | Lapsed | Unknown) => Self::Out,
            (Self::Rising(since), Reached | Lapsed | Unknown) => Self::Rising(since),
            (Self::Rising(_), Held | Neither) => Self::Out,
            (Self::In(since), Reached | Held | Lapsed | Unknown) => Self::In(since),
            (Self::In(since), Neither) => Self::Falling(since, ends()),
            (Self::Falling(since, _), Reached | Held | Lapsed) => Self::In(since),
            (Self::Falling(since, end), Neither | Unknown) => Self::Falling(since, end),
        }
    }

    /// Since when it has been reached, if it is.
    pub fn since(&self) -> Option<&Since> {
        match self {
            Self::Out => None,
            Self::Rising(since) | Self::In(since) | Self::Falling(since, _) => Some(since),
        }
    }

    /// Whether it is so: its delay is over, and its clear delay is not.
    pub const fn is_so(&self) -> bool {
        matches!(self, Self::In(_) | Self::Falling(..))
    }

    /// The delay, or the clear delay, that runs.
    pub const fn running(&self) -> Option<&Since> {
        match self {
            Self::Rising(since) | Self::Falling(_, since) => Some(since),
            Self::Out | Self::In(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn since(ms: i64) -> Since {
        let at = Timestamp::from_unix_ms(ms);
        Since {
            at,
            measured: Uptime::from_ms(ms),
            reading: None,
            deadline: Uptime::from_ms(ms),
            backlog: false,
        }
    }

    #[test]
    fn every_verdict_moves_every_place_as_this_table_says() {
        use Verdict::{Held, Lapsed, Neither, Reached, Unknown};
        let (begins, ends) = (since(1), since(2));
        let out = || Place::Out;
        let rising = || Place::Rising(since(0));
        let so = || Place::In(since(0));
        let falling = || Place::Falling(since(0), since(0));
        let (begun, fell) = (Place::Rising(begins.clone()), Place::Falling(since(0), ends.clone()));
        let table = [
            (out(), [begun, out(), out(), out(), out()]),
            (rising(), [rising(), out(), out(), rising(), rising()]),
            (so(), [so(), so(), fell, so(), so()]),
            (falling(), [so(), so(), falling(), so(), falling()]),
        ];
        for (place, after) in table {
            for (verdict, expected) in [Reached, Held, Neither, Lapsed, Unknown].into_iter().zip(after) {
                let found = place.clone().after(verdict, || begins.clone(), || ends.clone());
                assert_eq!(found, expected, "{place:?} {verdict:?}");
            }
        }
    }
}
