//! How a life cycle is read from a saved memory, also from one of version 1.

use std::sync::Arc;

use serde::Deserialize;

use super::{LifeCycle, Open, RuleName};
use crate::alerts::attending::Attending;
use crate::alerts::change::AlertChange;
use crate::alerts::finding::{Cause, Presence, Timing};
use crate::alerts::level::{GRACE, Level};
use crate::alerts::place::{Place, Since};
use crate::clock::{Span, Timestamp, Uptime};
use crate::conditions::{Condition, Priority};
use crate::vitals::ReadingRef;

/// A life cycle as it was saved. Version 1 saved `rising` and `falling` in place of the level.
#[derive(Deserialize)]
pub(in crate::alerts) struct SavedLifeCycle {
    condition: Condition,
    rule: RuleName,
    timing: Timing,
    cause: Cause,
    presence: Presence,
    #[serde(default)]
    known_again: Option<Uptime>,
    reason: Option<String>,
    simulated: Option<bool>,
    level: Option<Level>,
    #[serde(default)]
    rising: [Option<SinceV1>; 3],
    #[serde(default)]
    falling: [Option<SinceV1>; 3],
    open: Option<Open>,
    attending: Option<Attending>,
    #[serde(alias = "told")]
    published: Option<Arc<AlertChange>>,
    time: Timestamp,
    by: Option<ReadingRef>,
    #[serde(default)]
    backlog: bool,
}

impl From<SavedLifeCycle> for LifeCycle {
    fn from(saved: SavedLifeCycle) -> Self {
        let SavedLifeCycle {
            condition,
            rule,
            timing,
            cause,
            presence,
            reason,
            open,
            published,
            known_again,
            ..
        } = saved;
        let of_published = || published.as_ref().is_some_and(|change| change.simulated);
        let simulated = saved.simulated.unwrap_or_else(of_published);
        let attending = saved.attending.unwrap_or_else(|| Attending::of_open(open.is_some()));
        let level =
            saved.level.unwrap_or_else(|| counted(open.as_ref(), &saved.rising, &saved.falling, &timing));
        let (time, by, backlog) = (saved.time, saved.by, saved.backlog);
        Self {
            condition,
            rule,
            timing,
            cause,
            presence,
            known_again,
            reason,
            simulated,
            level,
            attending,
            open,
            published,
            time,
            by,
            backlog,
        }
    }
}

/// The level of what version 1 saved.
fn counted(
    open: Option<&Open>,
    rising: &[Option<SinceV1>; 3],
    falling: &[Option<SinceV1>; 3],
    timing: &Timing,
) -> Level {
    let rising =
        std::array::from_fn(|index| rising[index].as_ref().map(|since| since.counted(timing.delay[index])));
    let falling =
        falling.each_ref().map(|since| since.as_ref().map(|since| since.counted(timing.clear_delay)));
    level_of(open, rising, falling)
}

/// Since when, as version 1 saved it.
#[derive(Deserialize)]
struct SinceV1 {
    at: Timestamp,
    reading: Option<ReadingRef>,
    deadline: Uptime,
}

impl SinceV1 {
    /// When it began on the uptime clock follows from when its `delay` ends there.
    fn counted(&self, delay: Span) -> Since {
        let measured = self.deadline - GRACE - delay;
        Since {
            at: self.at,
            measured,
            reading: self.reading.clone(),
            deadline: self.deadline,
            backlog: false,
        }
    }
}

/// The level of an alert of which only the priority is known, and what is rising and falling.
pub(super) fn level_of(
    open: Option<&Open>,
    mut rising: [Option<Since>; 3],
    mut falling: [Option<Since>; 3],
) -> Level {
    let mut place = |index: usize| {
        let so = open.filter(|open| open.priority >= Priority::ALERTING[index]);
        match (so, rising[index].take(), falling[index].take()) {
            (None, None, _) => Place::Out,
            (None, Some(since), _) => Place::Rising(since),
            (Some(_), Some(since), None) => Place::In(since),
            (Some(open), None, None) => Place::In(since_of(open)),
            (Some(_), Some(since), Some(end)) => Place::Falling(since, end),
            (Some(open), None, Some(end)) => Place::Falling(since_of(open), end),
        }
    };
    Level::new(std::array::from_fn(&mut place))
}

/// Since when an open alert has been so.
fn since_of(open: &Open) -> Since {
    let (at, measured, deadline) = (open.onset, Uptime::START, Uptime::START);
    Since { at, measured, reading: open.onset_reading.clone(), deadline, backlog: false }
}
