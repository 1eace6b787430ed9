//! Whatever is found, what is published is well-formed.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use uuid::Uuid;
use wardwatch_actors::alerts::{AlertChange, Event};

use super::bedside::*;

/// One thing that happens, so many seconds after the one before.
#[derive(Debug, Clone, Copy)]
enum Step {
    Live(Found),
    /// A reading this many seconds old decides.
    Late(Found, i64),
    /// What a kept track found so many seconds ago is still so.
    Kept(Found, i64),
    Recheck(Found),
    Limit(i32),
}

fn found() -> impl Strategy<Value = Found> {
    prop_oneof![
        6 => (100..170).prop_map(Rate),
        1 => Just(Again),
        1 => Just(Lapsed),
        1 => Just(Unknown),
        3 => (0u8..10, 0u8..6).prop_map(|(floor, open)| Score(floor, floor + open)),
        1 => Just(Nothing),
    ]
}

fn step() -> impl Strategy<Value = (i64, Step)> {
    let step = prop_oneof![
        8 => found().prop_map(Step::Live),
        4 => (found(), 30..60i64).prop_map(|(found, old)| Step::Late(found, old)),
        2 => (found(), 30..60i64).prop_map(|(found, old)| Step::Kept(found, old)),
        1 => found().prop_map(Step::Recheck),
        1 => (110..130).prop_map(Step::Limit),
    ];
    (0..8i64, step)
}

fn run(delays: (i64, i64, i64), steps: &[(i64, Step)]) -> Vec<AlertChange> {
    let mut bedside = Bedside::new(timing(delays.0, delays.1, delays.2));
    let mut clock = 100;
    for (after, step) in steps {
        clock += after;
        match *step {
            Step::Live(found) => bedside.reads(clock, found),
            Step::Late(found, old) => bedside.comes(clock, clock - old, found),
            Step::Kept(found, old) => {
                let mut kept = Bedside::new(bedside.timing);
                kept.reads_unpublished(clock - old, found);
                bedside.alerts.take_over(kept.alerts.standing(), Bedside::now(clock));
            }
            Step::Recheck(found) => bedside.rechecks(clock, found),
            Step::Limit(limit) => bedside.limit = limit,
        }
    }
    bedside.timers(i64::MAX / 4);
    let changes =
        bedside.alerts.end("discharged", Bedside::now(100_000), &Bedside::caption(&bedside.subject));
    bedside.published.extend(changes);
    bedside.published
}

/// Holds every change against the one before it of the same alert.
fn check(published: &[AlertChange]) -> Result<(), TestCaseError> {
    let mut open = BTreeMap::new();
    let mut over: BTreeSet<Uuid> = BTreeSet::new();
    for change in published {
        prop_assert!(!over.contains(&change.id), "nothing is published of an alert that is over: {change:?}");
        let Some(before) = open.insert(change.condition.clone(), change.clone()) else {
            prop_assert_eq!((change.event, change.sequence), (Event::Raised, 1), "{:?}", change);
            continue;
        };
        prop_assert_eq!(change.id, before.id, "one open alert of a condition at a time");
        prop_assert_eq!(change.sequence, before.sequence + 1);
        prop_assert_eq!(change.onset, before.onset);
        prop_assert!(change.time >= before.time, "{:?} is earlier than {:?}", change, before);
        match change.event {
            Event::Raised => prop_assert!(false, "raised twice: {:?}", change),
            Event::Escalated => prop_assert!(change.priority > before.priority),
            Event::Deescalated => prop_assert!(change.priority < before.priority),
            Event::Updated
            | Event::Acknowledged
            | Event::Unacknowledged
            | Event::Paused
            | Event::Resumed
            | Event::Reminder
            | Event::Latched
            | Event::Cleared => prop_assert_eq!(change.priority, before.priority),
        }
        let previous = (change.priority != before.priority).then_some(before.priority);
        prop_assert_eq!(change.previous_priority, previous);
        if change.event == Event::Cleared {
            open.remove(&change.condition);
            over.insert(change.id);
        }
    }
    prop_assert!(open.is_empty(), "a discharge clears everything: {open:?}");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn whatever_is_found_what_is_published_is_well_formed(
        delays in (0..20i64, 0..20i64, 0..20i64),
        steps in prop::collection::vec(step(), 0..60),
    ) {
        check(&run(delays, &steps))?;
    }

    #[test]
    fn the_same_findings_give_the_same(
        delays in (0..20i64, 0..20i64, 0..20i64),
        steps in prop::collection::vec(step(), 0..30),
    ) {
        prop_assert_eq!(run(delays, &steps), run(delays, &steps));
    }
}
