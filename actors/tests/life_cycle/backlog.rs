//! What is held back while a backlog is drained, and what is told at its end.

use wardwatch_actors::alerts::Event;
use wardwatch_actors::vitals::Quantity;

use super::bedside::*;

/// Seen to fail with withholding what a backlog says taken out.
#[test]
fn a_backlog_is_told_once_at_its_end_with_the_true_onset() {
    let mut bedside = Bedside::new(timing(0, 5, 0));
    for (at, rate) in [(0, 80), (10, 130), (20, 160), (25, 160), (30, 130), (40, 135)] {
        bedside.comes(100, at, Rate(rate), Some("mon-1"));
    }
    assert_eq!(bedside.lines(), [""; 0]);
    assert_eq!(bedside.drained("mon-1"), []);
    assert_eq!(bedside.lines(), ["30 raised medium backlog"]);
    assert_eq!(bedside.told[0].onset, second(10));
}

#[test]
fn the_first_live_reading_tells_what_is_left_of_the_backlog_and_that_it_was_held_back() {
    let mut bedside = Bedside::new(timing(0, 0, 0));
    bedside.comes(100, 10, Rate(130), Some("mon-1"));
    bedside.comes(100, 100, Rate(130), None);
    bedside.drained("mon-1");
    assert_eq!(bedside.lines(), ["10 raised medium backlog"]);
    assert_eq!(bedside.told[0].onset, second(10));
}

#[test]
fn what_begins_with_the_first_live_reading_was_not_held_back() {
    let mut bedside = Bedside::new(timing(0, 0, 0));
    bedside.comes(100, 10, Rate(80), Some("mon-1"));
    bedside.comes(100, 100, Rate(130), None);
    bedside.drained("mon-1");
    assert_eq!(bedside.lines(), ["100 raised medium"]);
}

#[test]
fn what_was_told_before_and_ended_in_the_backlog_is_cleared_when_it_ended() {
    let mut bedside = Bedside::new(timing(0, 0, 0));
    bedside.reads(0, Rate(130));
    for at in [10, 20, 30] {
        bedside.comes(100, at, Rate(80), Some("mon-1"));
    }
    assert_eq!(bedside.drained("mon-1"), [], "it did not come in the backlog");
    assert_eq!(bedside.lines(), ["0 raised medium", "10 cleared medium backlog"]);
    assert_eq!(bedside.told[1].reading.as_ref().and_then(|reading| reading.seq), Some(2));
}

/// Seen to fail with withholding what a backlog says taken out.
#[test]
fn what_came_and_went_in_the_backlog_is_only_summed_up() {
    let mut bedside = Bedside::new(timing(0, 0, 0));
    for (at, rate) in [(10, 130), (15, 80), (20, 160), (30, 80), (40, 80)] {
        bedside.comes(100, at, Rate(rate), Some("mon-1"));
    }
    assert_eq!(bedside.drained("mon-1"), [(10, 15), (20, 30)]);
    assert_eq!(bedside.lines(), [""; 0]);
    assert_eq!(bedside.drained("mon-1"), [], "and that once");
}

#[test]
fn another_occurrence_in_the_backlog_is_cleared_and_raised() {
    let mut bedside = Bedside::new(timing(0, 0, 0));
    bedside.reads(0, Rate(130));
    for (at, rate) in [(10, 80), (20, 160)] {
        bedside.comes(100, at, Rate(rate), Some("mon-1"));
    }
    assert_eq!(bedside.drained("mon-1"), []);
    let [raised, cleared, again] = &bedside.told[..] else { panic!("{:?}", bedside.lines()) };
    assert_eq!((cleared.event, cleared.id, cleared.sequence), (Event::Cleared, raised.id, 2));
    assert_eq!(cleared.value(), Some(Quantity::whole(130)), "of the one that is over");
    assert_eq!((again.event, again.sequence, again.onset), (Event::Raised, 1, second(20)));
    assert_ne!(again.id, raised.id);
}

#[test]
fn a_delay_that_runs_out_in_a_backlog_tells_nothing_before_it_is_drained() {
    let mut bedside = Bedside::new(DELAYED);
    bedside.comes(100, 40, Rate(130), Some("mon-1"));
    bedside.timers(200_000);
    assert_eq!(bedside.lines(), [""; 0]);
    bedside.drained("mon-1");
    assert_eq!(bedside.lines(), ["50 raised medium backlog"]);
}

#[test]
fn the_backlog_of_another_device_releases_nothing() {
    let mut bedside = Bedside::new(timing(0, 0, 0));
    bedside.comes(100, 10, Rate(130), Some("mon-1"));
    bedside.drained("mon-2");
    assert_eq!(bedside.lines(), [""; 0]);
    bedside.drained("mon-1");
    assert_eq!(bedside.lines(), ["10 raised medium backlog"]);
}
