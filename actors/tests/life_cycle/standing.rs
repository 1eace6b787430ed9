//! What a kept track found, and how the live track takes it over.

use super::bedside::*;

/// A kept track of these readings, and a live one that takes over at `now` what is still so.
fn taken_over(kept: &[(i64, Found)], live: &[(i64, Found)], now: i64) -> Bedside {
    let mut track = Bedside::new(DELAYED);
    for (at, found) in kept {
        track.reads_unpublished(*at, *found);
    }
    let mut bedside = Bedside::new(DELAYED);
    for (at, found) in live {
        bedside.reads(*at, *found);
    }
    bedside.timers(now * 1000);
    bedside.alerts.take_over(track.alerts.standing(), Bedside::now(now));
    bedside
}

#[test]
fn what_is_still_so_is_raised_by_the_next_live_reading_with_its_true_onset() {
    let mut bedside = taken_over(&[(10, Rate(80)), (20, Rate(130)), (50, Rate(130))], &[], 100);
    bedside.reads(100, Rate(130));
    assert_eq!(bedside.lines(), ["100 raised medium backlog"]);
    assert_eq!(bedside.published[0].onset, second(20));
    assert_eq!(bedside.published[0].reading.as_ref().map(|reading| reading.time), Some(second(100)));
}

#[test]
fn what_the_next_live_reading_does_not_reach_is_broken() {
    let mut bedside = taken_over(&[(20, Rate(130)), (50, Rate(130))], &[], 100);
    bedside.reads(100, Rate(118));
    bedside.timers(3_600_000);
    assert_eq!(bedside.lines(), [""; 0], "the band keeps an alert, never a delay");
}

#[test]
fn without_a_live_reading_a_timer_ends_what_is_left_of_the_delay() {
    let mut bedside = taken_over(&[(95, Rate(130))], &[], 100);
    bedside.timers(105_999);
    assert_eq!(bedside.lines(), [""; 0]);
    bedside.timers(106_000);
    assert_eq!(bedside.lines(), ["105 raised medium backlog"]);
    let mut over = taken_over(&[(20, Rate(130)), (50, Rate(130))], &[], 100);
    over.timers(101_000);
    assert_eq!(over.lines(), ["30 raised medium backlog"], "the delay was over long ago");
}

#[test]
fn each_priority_begins_where_it_began_on_the_kept_track() {
    let mut bedside = taken_over(&[(20, Rate(130)), (97, Rate(160))], &[], 100);
    bedside.reads(100, Rate(160));
    bedside.reads(102, Rate(160));
    assert_eq!(bedside.lines(), ["100 raised medium backlog", "102 escalated high backlog"]);
}

#[test]
fn an_alert_that_is_open_already_stays_as_it_is() {
    let live = [(0, Rate(130)), (10, Rate(130))];
    let mut bedside = taken_over(&[(5, Rate(130)), (20, Rate(130))], &live, 100);
    bedside.reads(100, Rate(130));
    assert_eq!(bedside.lines(), ["10 raised medium"]);
    bedside.reads(101, Rate(80));
    assert_eq!(bedside.lines(), ["10 raised medium", "101 cleared medium"]);
}

#[test]
fn a_live_delay_under_way_begins_where_the_kept_one_began_and_never_later() {
    let mut earlier = taken_over(&[(80, Rate(130))], &[(95, Rate(130))], 96);
    earlier.reads(96, Rate(130));
    assert_eq!(earlier.lines(), ["96 raised medium backlog"]);
    assert_eq!(earlier.published[0].onset, second(80));
    let mut later = taken_over(&[(95, Rate(130))], &[(90, Rate(130))], 96);
    later.reads(100, Rate(130));
    assert_eq!(later.lines(), ["100 raised medium"]);
    assert_eq!(later.published[0].onset, second(90));
}

#[test]
fn an_alert_of_the_kept_track_that_is_held_by_its_band_still_stands() {
    let mut bedside = taken_over(&[(20, Rate(130)), (30, Rate(130)), (50, Rate(118))], &[], 100);
    bedside.reads(100, Rate(130));
    assert_eq!(bedside.lines(), ["100 raised medium backlog"]);
    assert_eq!(bedside.published[0].onset, second(20));
}

#[test]
fn what_came_and_went_on_the_kept_track_has_passed_and_does_not_stand() {
    let mut track = Bedside::new(timing(0, 0, 0));
    for (at, rate) in [(10, 130), (15, 80), (20, 160), (30, 80), (40, 130)] {
        track.reads_unpublished(at, Rate(rate));
    }
    let (passed, in_all) = track.alerts.passed();
    let times: Vec<_> =
        passed.iter().map(|p| (seconds(p.onset), seconds(p.end), p.priority.name())).collect();
    assert_eq!(times, [(10.0, 15.0, "medium"), (20.0, 30.0, "high")]);
    assert_eq!(in_all, 2);
    let onsets: Vec<_> =
        track.alerts.standing().iter().flat_map(|s| s.onsets.clone()).flatten().map(|o| o.at).collect();
    assert_eq!(onsets, [second(40), second(40)], "of low and of medium priority");
}
