//! Delays, priorities and presence.

use wardwatch_actors::conditions::Priority;
use wardwatch_actors::vitals::Quantity;

use super::bedside::*;

// Delays.

#[test]
fn without_a_delay_the_first_value_beyond_the_limit_raises_and_the_next_normal_one_clears() {
    let at_once = timing(0, 0, 0);
    published(
        at_once,
        &[(0, Rate(80)), (1, Rate(130)), (2, Rate(80))],
        &["1 raised medium", "2 cleared medium"],
    );
}

#[test]
fn a_rate_at_the_limit_raises_nothing() {
    published_later(timing(0, 0, 0), &[(0, Rate(120))], &[]);
    published_later(DELAYED, &[(0, Rate(120)), (20, Rate(120))], &[]);
}

#[test]
fn a_delay_ends_with_the_first_reading_at_or_after_its_end() {
    published(DELAYED, &[(0, Rate(130)), (9, Rate(130))], &[]);
    published(DELAYED, &[(0, Rate(130)), (9, Rate(130)), (10, Rate(130))], &["10 raised medium"]);
}

#[test]
fn one_normal_reading_restarts_the_delay() {
    let readings = [(0, Rate(130)), (5, Rate(110)), (6, Rate(130)), (15, Rate(130)), (16, Rate(130))];
    published(DELAYED, &readings, &["16 raised medium"]);
}

#[test]
fn a_value_in_the_band_keeps_an_alert_but_never_a_delay() {
    published_later(DELAYED, &[(0, Rate(130)), (5, Rate(118)), (10, Rate(118))], &[]);
    let kept = [(0, Rate(130)), (10, Rate(130)), (11, Rate(118)), (12, Rate(118)), (13, Rate(117))];
    published(DELAYED, &kept, &["10 raised medium", "13 cleared medium"]);
}

#[test]
fn without_another_reading_the_timer_ends_the_delay_1_s_later_with_the_end_as_its_time() {
    let mut bedside = Bedside::new(DELAYED);
    bedside.reads(0, Rate(130));
    bedside.timers(10_999);
    assert_eq!(bedside.lines(), [""; 0]);
    bedside.timers(11_000);
    assert_eq!(bedside.lines(), ["10 raised medium"]);
    let raised = &bedside.published[0];
    assert_eq!((raised.reading.clone(), raised.onset), (None, second(0)));
    assert_eq!(raised.value(), Some(Quantity::whole(130)), "the last value is the evidence");
}

#[test]
fn the_timer_counts_from_the_arrival_so_that_a_device_that_lags_is_waited_for() {
    let mut bedside = Bedside::new(DELAYED);
    bedside.comes(3, 0, Rate(130));
    bedside.comes(12, 9, Rate(130));
    bedside.timers(13_999);
    assert_eq!(bedside.lines(), [""; 0]);
    bedside.timers(14_000);
    assert_eq!(bedside.lines(), ["10 raised medium"]);
}

#[test]
fn not_measured_neither_breaks_a_delay_nor_ends_it_and_the_next_measured_value_decides() {
    published_later(DELAYED, &[(0, Rate(130)), (5, Unknown)], &[]);
    published_later(DELAYED, &[(0, Rate(130)), (9, Unknown), (11, Unknown), (60, Unknown)], &[]);
    published(DELAYED, &[(0, Rate(130)), (5, Unknown), (10, Rate(130))], &["10 raised medium"]);
    published(DELAYED, &[(0, Rate(130)), (5, Unknown), (20, Rate(130))], &["20 raised medium"]);
    published_later(DELAYED, &[(0, Rate(130)), (5, Unknown), (20, Rate(118))], &[]);
    published_later(DELAYED, &[(0, Rate(130)), (5, Unknown), (6, Rate(130))], &["10 raised medium"]);
}

#[test]
fn a_value_after_which_nothing_comes_any_more_ends_its_delay_and_begins_none() {
    published_later(DELAYED, &[(0, Rate(130)), (5, Lapsed)], &["10 raised medium unknown"]);
    published_later(DELAYED, &[(0, Rate(130)), (5, Lapsed), (8, Rate(110)), (9, Lapsed)], &[]);
}

#[test]
fn not_measured_holds_a_clear_delay_and_the_next_measured_value_decides() {
    let begun = [(0, Rate(130)), (1, Rate(80)), (5, Unknown), (60, Unknown)];
    let lines = ["0 raised medium", "5 updated medium unknown"];
    published_later(timing(0, 0, 10), &begun, &lines);
    let inside = [&begun[..], &[(61, Rate(80))]].concat();
    published(
        timing(0, 0, 10),
        &inside,
        &["0 raised medium", "5 updated medium unknown", "61 cleared medium"],
    );
    let beyond = [&begun[..], &[(61, Rate(130))]].concat();
    published_later(
        timing(0, 0, 10),
        &beyond,
        &["0 raised medium", "5 updated medium unknown", "61 updated medium"],
    );
}

#[test]
fn a_value_that_comes_no_more_ends_no_alert_though_it_was_inside_at_last() {
    let lines = ["0 raised medium", "5 updated medium unknown"];
    published_later(timing(0, 0, 10), &[(0, Rate(130)), (1, Rate(80)), (5, Lapsed)], &lines);
}

#[test]
fn a_timer_is_never_pushed_back_by_later_readings() {
    let mut bedside = Bedside::new(DELAYED);
    // The stamps of the device stand still: no reading comes to the end of the delay.
    (0..11).for_each(|arrival| bedside.comes(arrival, 0, Rate(130)));
    bedside.timers(10_999);
    assert_eq!(bedside.lines(), [""; 0]);
    bedside.timers(11_000);
    assert_eq!(bedside.lines(), ["10 raised medium"]);
    let mut bedside = Bedside::new(timing(0, 0, 10));
    bedside.reads(0, Rate(130));
    (1..12).for_each(|arrival| bedside.comes(arrival, 1, Rate(80)));
    bedside.timers(12_000);
    assert_eq!(bedside.lines(), ["0 raised medium", "11 cleared medium"]);
}

#[test]
fn another_delay_holds_from_the_next_judgement_on() {
    let mut shorter = Bedside::new(timing(60, 60, 0));
    shorter.reads(0, Rate(130));
    shorter.timing = DELAYED;
    shorter.reads(5, Rate(130));
    shorter.timers(60_000);
    assert_eq!(shorter.lines(), ["10 raised medium"]);
    let mut longer = Bedside::new(DELAYED);
    longer.reads(0, Rate(130));
    longer.timing = timing(60, 60, 0);
    longer.rechecks(5, Again);
    longer.timers(60_999);
    assert_eq!(longer.lines(), [""; 0]);
    longer.timers(61_000);
    assert_eq!(longer.lines(), ["60 raised medium"]);
}

/// The bounds of a value that plays about its limit for ten minutes, a reading a second.
fn playing(low: i32, high: i32) -> Vec<(i64, Found)> {
    let mut state = 7u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        low + (state >> 16) as i32 % (high - low + 1)
    };
    (0..600).map(|at| (at, Rate(next()))).collect()
}

#[test]
fn a_value_that_plays_about_limit_or_extreme_is_a_handful_of_changes() {
    for (low, high) in [(116, 124), (146, 154), (110, 160)] {
        let mut bedside = Bedside::new(timing(0, 0, 10));
        playing(low, high).into_iter().for_each(|(at, rate)| bedside.reads(at, rate));
        assert!(bedside.lines().len() <= 5, "{low} to {high}: {:?}", bedside.lines());
    }
}

#[test]
fn the_extreme_has_its_own_delay() {
    published(DELAYED, &[(0, Rate(160)), (4, Rate(160)), (5, Rate(160))], &["5 raised high"]);
    published(timing(15, 0, 0), &[(0, Rate(160))], &["0 raised high"]);
}

#[test]
fn a_value_that_moves_between_limit_and_extreme_has_been_beyond_the_limit_all_the_time() {
    let readings = [(0, Rate(160)), (4, Rate(130)), (8, Rate(160)), (10, Rate(160)), (13, Rate(160))];
    published(DELAYED, &readings, &["10 raised medium", "13 escalated high"]);
}

// Priority.

#[test]
fn an_extreme_escalates_the_same_alert() {
    let mut bedside = Bedside::new(timing(0, 5, 0));
    for (at, rate) in [(0, 130), (1, 160), (6, 160), (7, 148), (8, 147), (9, 117)] {
        bedside.reads(at, Rate(rate));
    }
    let lines = ["0 raised medium", "6 escalated high", "8 deescalated medium", "9 cleared medium"];
    assert_eq!(bedside.lines(), lines);
    assert!(bedside.published.iter().all(|change| change.id == bedside.published[0].id));
    assert_eq!(bedside.published.iter().map(|c| c.sequence).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert_eq!(bedside.published[1].previous_priority, Some(Priority::Medium));
    assert!(bedside.published.iter().all(|change| change.onset == second(0)));
}

#[test]
fn without_another_reading_the_timer_escalates_too() {
    let published = ["0 raised medium", "6 escalated high"];
    published_later(timing(0, 5, 0), &[(0, Rate(130)), (1, Rate(160))], &published);
}

#[test]
fn an_alert_whose_value_is_not_measured_does_not_escalate() {
    let published = ["0 raised medium", "2 updated medium unknown"];
    published_later(timing(0, 5, 0), &[(0, Rate(130)), (1, Rate(160)), (2, Unknown)], &published);
}

#[test]
fn a_score_that_flips_between_6_and_7_each_second_is_one_alert() {
    let flips: Vec<_> = (0..600).map(|at| (at, Score(6 + (at % 2) as u8, 6 + (at % 2) as u8))).collect();
    published(timing(0, 0, 300), &flips, &["0 raised medium", "1 escalated high"]);
}

#[test]
fn a_clear_delay_holds_back_fall_and_end() {
    let score = |at, points| (at, Score(points, points));
    let readings = [score(0, 7), score(100, 5), score(399, 5), score(400, 5), score(500, 0), score(800, 0)];
    let lines = ["0 raised high", "400 deescalated medium", "800 cleared medium"];
    published(timing(0, 0, 300), &readings, &lines);
}

#[test]
fn a_clear_delay_starts_anew_when_the_score_rises_in_between() {
    let score = |at, points| (at, Score(points, points));
    let readings = [score(0, 7), score(100, 0), score(300, 7), score(400, 0), score(699, 0), score(700, 0)];
    published(timing(0, 0, 300), &readings, &["0 raised high", "700 cleared high"]);
}

#[test]
fn each_priority_of_a_falling_score_has_its_own_clear_delay() {
    let score = |at, points| (at, Score(points, points));
    let readings = [score(0, 7), score(10, 5), score(100, 0)];
    let lines = ["0 raised high", "310 deescalated medium", "400 cleared medium"];
    published_later(timing(0, 0, 300), &readings, &lines);
}

#[test]
fn a_late_reading_does_not_hold_up_the_fall_of_a_score() {
    let mut bedside = Bedside::new(timing(0, 0, 300));
    bedside.reads(100, Score(7, 7));
    bedside.reads(200, Score(5, 5));
    bedside.comes(201, 150, Score(0, 0));
    bedside.timers(3_600_000);
    assert_eq!(bedside.lines(), ["100 raised high", "450 cleared high"]);
}

// Presence.

#[test]
fn a_value_that_is_missing_keeps_the_alert_says_so_and_never_clears() {
    let readings = [(0, Rate(160)), (30, Unknown), (60, Unknown), (4000, Unknown), (4001, Rate(160))];
    let lines = ["0 raised high", "30 updated high unknown", "4001 updated high"];
    published(timing(0, 0, 0), &readings, &lines);
    let decides = [(0, Rate(160)), (30, Unknown), (60, Rate(80))];
    published(timing(0, 0, 0), &decides, &["0 raised high", "30 updated high unknown", "60 cleared high"]);
}

#[test]
fn an_incomplete_score_keeps_its_alert_by_what_may_be() {
    let readings = [(0, Score(7, 7)), (10, Score(4, 10)), (400, Score(4, 10)), (500, Score(4, 6))];
    let lines = ["0 raised high", "10 updated high unknown", "800 deescalated medium unknown"];
    published_later(timing(0, 0, 300), &readings, &lines);
}

#[test]
fn a_score_that_no_longer_reaches_breaks_its_delay_though_it_is_incomplete() {
    published_later(timing(60, 60, 0), &[(0, Score(6, 9)), (30, Score(1, 9))], &[]);
    let again =
        [(0, Score(6, 9)), (30, Score(1, 9)), (40, Score(6, 9)), (99, Score(6, 9)), (100, Score(6, 9))];
    published(timing(60, 60, 0), &again, &["100 raised medium"]);
}

#[test]
fn an_input_that_expires_neither_breaks_the_delay_of_a_score_nor_ends_it() {
    let mut bedside = Bedside::new(timing(60, 60, 0));
    bedside.reads(0, Score(6, 9));
    bedside.rechecks(30, Score(3, 9));
    bedside.timers(120_000);
    assert_eq!(bedside.lines(), [""; 0]);
    bedside.reads(121, Score(6, 9));
    assert_eq!(bedside.lines(), ["121 raised medium"]);
}

#[test]
fn a_score_that_ended_because_its_inputs_expired_begins_anew_with_its_next_reading() {
    let mut bedside = Bedside::new(timing(0, 0, 0));
    bedside.reads(0, Score(5, 5));
    bedside.rechecks(10, Score(0, 1));
    bedside.reads(20, Score(5, 5));
    assert_eq!(bedside.lines(), ["0 raised medium", "10 cleared medium", "20 raised medium"]);
    assert_ne!(bedside.published[2].id, bedside.published[0].id);
    assert_eq!(bedside.published[2].onset, second(20));
}

#[test]
fn a_condition_that_the_rule_no_longer_names_ends() {
    published(timing(0, 0, 0), &[(0, Rate(130)), (1, Nothing)], &["0 raised medium", "1 cleared medium"]);
    published_later(DELAYED, &[(0, Rate(130)), (5, Nothing)], &[]);
}

#[test]
fn a_new_value_alone_is_no_change() {
    published(timing(0, 0, 0), &[(0, Rate(130)), (1, Rate(135)), (2, Rate(149))], &["0 raised medium"]);
    let scores = [(0, Score(5, 5)), (1, Score(6, 6)), (2, Score(5, 5))];
    published(timing(0, 0, 0), &scores, &["0 raised medium"]);
}

#[test]
fn a_new_limit_is_an_update() {
    let mut bedside = Bedside::new(timing(0, 0, 0));
    bedside.reads(0, Rate(130));
    bedside.limit = 125;
    bedside.rechecks(5, Again);
    bedside.rechecks(6, Again);
    assert_eq!(bedside.lines(), ["0 raised medium", "5 updated medium"]);
    assert_eq!(bedside.published[1].limit(), Some(Quantity::whole(125)));
    assert_eq!(bedside.published[1].reading, None);
}
