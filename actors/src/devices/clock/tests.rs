//! The rules of a device's clock as tables: what arrives when, stamped how, and what of it is live.

use super::*;
use crate::vitals::{Reading, Vital};

const WALL_MS: i64 = 1_800_000_000_000;

/// One device, its seconds counted by our wall clock, which says 0 as the process starts.
struct ClockTrial {
    clock: DeviceClock,
    rules: AlertSettings,
    /// By how much our wall clock was stepped.
    step_ms: i64,
}

fn now(ms: i64, step_ms: i64) -> Now {
    Now { uptime: Uptime::from_ms(ms), wall: Timestamp::from_unix_ms(WALL_MS + ms + step_ms) }
}

fn parts(vitals: &[Vital]) -> Parts {
    let mut reading = Reading::empty(Timestamp::from_unix_ms(0));
    vitals.iter().for_each(|vital| reading.not_measured.insert(*vital));
    Parts::of(&reading)
}

impl ClockTrial {
    fn new() -> Self {
        Self { clock: DeviceClock::default(), rules: AlertSettings::default(), step_ms: 0 }
    }

    /// A heart rate that arrives at this second with this stamp; answers when it was measured, if it is live.
    fn arrives(&mut self, arrival: f64, stamp: f64) -> Option<f64> {
        let judged = self.judge(arrival, stamp, &[Vital::HeartRate]);
        (judged.kept == KeptParts::Nothing).then(|| judged.measured.as_ms() as f64 / 1000.0)
    }

    fn judge(&mut self, arrival: f64, stamp: f64, vitals: &[Vital]) -> Judged {
        let time = Timestamp::from_unix_ms(WALL_MS + (stamp * 1000.0) as i64);
        let arrival = now((arrival * 1000.0) as i64, self.step_ms);
        self.clock.judge(Some(time), None, parts(vitals), arrival, &self.rules)
    }

    fn each_second(&mut self, seconds: std::ops::Range<i64>, behind: i64) {
        for at in seconds {
            assert_eq!(self.arrives(at as f64, (at - behind) as f64), Some(at as f64), "{at}");
        }
    }

    /// What the end of the catch-up at this second is; what could be heard before `hearing_since` does not count.
    fn runs_out(&mut self, due: i64, hearing_since: i64) -> Option<CatchUpEnd> {
        let (due, hearing) = (Uptime::from_ms(due * 1000), Uptime::from_ms(hearing_since * 1000));
        let now = now(due.as_ms(), self.step_ms);
        self.clock.run_out(due, hearing, now, &self.rules, FormerStay::default())
    }

    fn deadline(&self) -> Option<i64> {
        self.clock.deadline(&self.rules).map(|deadline| deadline.as_ms() / 1000)
    }
}

#[test]
fn a_constant_error_needs_no_verdict_unless_it_is_behind_from_the_first_reading() {
    for behind in [0, 20, 30, -60, -3600, -500_000] {
        ClockTrial::new().each_second(0..40, behind);
    }
}

#[test]
fn an_age_counts_from_the_fastest() {
    let mut trial = ClockTrial::new();
    trial.each_second(0..5, 2);
    assert_eq!(trial.arrives(40.0, 8.0), Some(10.0), "30 s later than the fastest");
    assert_eq!(trial.arrives(42.0, 9.0), None, "31 s later");
}

#[test]
fn a_first_reading_hours_behind_is_live_after_ten_seconds() {
    let mut trial = ClockTrial::new();
    assert_eq!(trial.arrives(5.0, -7200.0), None);
    assert_eq!((trial.deadline(), trial.runs_out(14, 0)), (Some(15), None));
    let by = Span::from_secs(7205);
    assert_eq!(trial.runs_out(15, 0), Some(CatchUpEnd::SetBack { readings: 1, by, lone: true }));
    assert_eq!(trial.arrives(65.0, -7140.0), Some(65.0));
}

#[test]
fn a_clock_set_forward_is_followed_at_once() {
    let mut trial = ClockTrial::new();
    trial.each_second(0..20, 0);
    trial.each_second(20..40, -3600);
}

#[test]
fn a_clock_set_back_is_followed_after_ten_seconds() {
    for behind in [12, 40, 3600, 1_790_000_000] {
        let mut trial = ClockTrial::new();
        trial.each_second(0..20, 0);
        for at in 20..=30 {
            assert_eq!(trial.arrives(at as f64, (at - behind) as f64), None, "{at}, {behind} s");
        }
        let by = Span::from_secs(behind);
        assert_eq!(
            trial.runs_out(30, 0),
            Some(CatchUpEnd::SetBack { readings: 11, by, lone: false }),
            "{behind}"
        );
        trial.each_second(31..50, behind);
    }
}

#[test]
fn a_step_of_a_few_seconds_back_is_over_when_the_stamps_are_newer_again() {
    let mut trial = ClockTrial::new();
    trial.each_second(0..20, 0);
    let live = (20..30).map(|at| trial.arrives(at as f64, (at - 3) as f64).is_some());
    assert_eq!(live.collect::<Vec<_>>(), [vec![false; 2], vec![true; 8]].concat());
}

/// Seen to fail with the lag of before forgotten where a stamp is ahead: what follows then waits for ten seconds.
#[test]
fn after_a_glitch_an_hour_ahead_what_follows_is_live_at_once() {
    let mut trial = ClockTrial::new();
    trial.each_second(0..20, 0);
    for glitch in [20, 30] {
        assert_eq!(trial.arrives(glitch as f64, (glitch + 3600) as f64), Some(glitch as f64));
        trial.each_second(glitch + 1..glitch + 10, 0);
    }
    trial.each_second(40..60, -3600);
    assert!(!trial.clock.is_catching_up());
}

/// A clock that was set back to 1970 goes on while the device sends what it kept before, three of those a reading.
/// Seen to fail with one mark alone, which each reading of the other clock set anew: nothing was live for a minute.
#[test]
fn a_clock_that_was_set_back_is_found_though_a_backlog_comes_in_between() {
    let mut trial = ClockTrial::new();
    trial.each_second(0..20, 0);
    for n in 0..10 {
        assert_eq!(trial.arrives((300 + n) as f64, (n - 1_000_000) as f64), None);
        (0..3).for_each(|kept| {
            assert_eq!(trial.arrives((300 + n) as f64 + 0.2, (20 + 3 * n + kept) as f64), None)
        });
    }
    assert_eq!(trial.deadline(), Some(310));
    assert!(matches!(trial.runs_out(310, 0), Some(CatchUpEnd::SetBack { lone: false, .. })));
    assert_eq!(trial.arrives(311.0, (11 - 1_000_000) as f64), Some(311.0));
    assert_eq!(trial.arrives(311.2, 60.0), None);
}

/// Seen to fail with a reading that is older than the last taken for a clock's.
#[test]
fn what_comes_newest_first_turns_no_clock() {
    let mut trial = ClockTrial::new();
    trial.each_second(0..20, 0);
    (0..4).for_each(|n| assert_eq!(trial.arrives((600 + 3 * n) as f64, (400 - n) as f64), None));
    assert_eq!(trial.runs_out(610, 0), Some(CatchUpEnd::FellSilent));
    assert_eq!(trial.arrives(640.0, 380.0), None);
    assert_eq!(trial.runs_out(650, 0), Some(CatchUpEnd::FellSilent), "nor does another after a pause");
    assert_eq!(trial.arrives(700.0, 440.0), None);
    assert!(matches!(trial.runs_out(710, 0), Some(CatchUpEnd::SetBack { .. })), "what goes on is a clock");
}

/// Seen to fail with the cuff taken for a buffer's order: a clock that was set back was never found.
#[test]
fn a_cuff_stamped_before_the_monitor_does_not_hide_a_clock_that_was_set_back() {
    let mut trial = ClockTrial::new();
    trial.each_second(0..20, 0);
    let monitor = [Vital::HeartRate, Vital::SystolicPressure];
    assert_eq!(trial.judge(1200.0, -9600.0, &monitor).kept, KeptParts::All);
    assert_eq!(trial.judge(1200.2, -9620.0, &[Vital::SystolicPressure]).kept, KeptParts::All);
    assert!(matches!(trial.runs_out(1210, 0), Some(CatchUpEnd::SetBack { .. })));
}

/// Seen to fail with every live reading taken for a proof: each cuff made the wait begin anew.
#[test]
fn what_was_stamped_before_a_clock_was_set_back_proves_nothing_of_it() {
    let mut trial = ClockTrial::new();
    trial.each_second(0..20, 0);
    for at in 20..30 {
        assert_eq!(trial.arrives(at as f64, (at - 40) as f64), None, "{at}");
        let cuff = trial.judge(at as f64, (at - 20) as f64, &[Vital::SystolicPressure]);
        assert_eq!(cuff.kept, KeptParts::Nothing, "{at}");
    }
    assert!(matches!(trial.runs_out(30, 0), Some(CatchUpEnd::SetBack { .. })));
}

/// Seen to fail with any jump taken for a buffer's: the reading was never published.
#[test]
fn no_buffer_reaches_back_to_1970() {
    let mut trial = ClockTrial::new();
    trial.each_second(0..20, 0);
    assert_eq!(trial.arrives(100.0, 30.0), None);
    assert_eq!(trial.arrives(105.0, -1_790_000_000.0), None);
    assert!(matches!(trial.runs_out(115, 0), Some(CatchUpEnd::SetBack { lone: true, .. })));
}

/// Seen to fail with the clock of before taken back: what came next was judged as a backlog, and never published.
#[test]
fn a_clock_that_restarted_and_runs_ahead_of_its_lag_goes_on() {
    let mut trial = ClockTrial::new();
    trial.each_second(0..20, 0);
    assert_eq!(trial.arrives(100.0, -1_790_000_000.0), None);
    assert!(matches!(trial.runs_out(110, 0), Some(CatchUpEnd::SetBack { lone: true, .. })));
    assert_eq!(trial.arrives(120.0, -1_789_999_900.0), Some(120.0));
}

/// Seen to fail without doubt: the one kept reading between two live ones turned the clock each time.
#[test]
fn kept_readings_between_live_ones_turn_a_clock_once_and_not_again() {
    let mut trial = ClockTrial::new();
    trial.each_second(0..20, 0);
    let mut ends = Vec::new();
    for minute in 1..8_i64 {
        assert_eq!(trial.arrives((60 * minute) as f64, (60 * minute) as f64), Some((60 * minute) as f64));
        assert_eq!(trial.arrives((60 * minute + 30) as f64, (30 * minute - 1000) as f64), None);
        ends.push(trial.runs_out(60 * minute + 40, 0));
    }
    assert!(matches!(ends[0], Some(CatchUpEnd::SetBack { lone: true, .. })), "{ends:?}");
    assert!(ends[1..].iter().all(|end| *end == Some(CatchUpEnd::FellSilent)), "{ends:?}");
}

#[test]
fn what_drains_faster_than_it_was_measured_is_no_wrong_clock() {
    for per_second in [2, 4, 100] {
        let mut trial = ClockTrial::new();
        trial.each_second(0..20, 0);
        for n in 0.. {
            let (arrival, stamp) = (600.0 + n as f64 / per_second as f64, 20.0 + n as f64);
            if arrival - stamp <= 30.0 {
                assert_eq!(trial.arrives(arrival, stamp), Some(stamp), "the first that is live ends it");
                assert!(!trial.clock.is_catching_up());
                break;
            }
            assert_eq!(trial.runs_out(arrival as i64, 0), None);
            assert_eq!(trial.arrives(arrival, stamp), None);
        }
    }
}

#[test]
fn a_backlog_that_falls_silent_leaves_the_lag_alone() {
    let mut trial = ClockTrial::new();
    trial.each_second(0..20, 0);
    (0..100).for_each(|n| assert_eq!(trial.arrives(600.0 + n as f64 / 50.0, 20.0 + n as f64), None));
    assert_eq!((trial.deadline(), trial.runs_out(612, 0)), (Some(611), Some(CatchUpEnd::FellSilent)));
    trial.each_second(620..630, 0);
}

#[test]
fn what_turns_out_to_have_been_a_backlog_is_judged_by_the_lag_before() {
    let mut trial = ClockTrial::new();
    trial.each_second(0..20, 0);
    (0..=10).for_each(|n| assert_eq!(trial.arrives(600.0 + n as f64, 20.0 + n as f64), None));
    assert!(matches!(trial.runs_out(610, 0), Some(CatchUpEnd::SetBack { .. })));
    assert_eq!(trial.arrives(611.0, 31.0), Some(611.0), "a drain as slow as this is judged as live");
    assert_eq!(trial.arrives(612.0, 100.0), None, "and found out where it goes on faster");
    assert_eq!(trial.arrives(613.0, 613.0), Some(613.0));
    assert_eq!(trial.clock.started_anew(), None);
}

#[test]
fn a_jump_further_into_the_past_is_another_clock() {
    let mut trial = ClockTrial::new();
    trial.each_second(0..20, 0);
    (0..5).for_each(|n| assert_eq!(trial.arrives(100.0, 20.0 + n as f64), None));
    (0..=10).for_each(|n| assert_eq!(trial.arrives(101.0 + n as f64, n as f64 - 5000.0), None));
    let by = Span::from_secs(5101);
    assert_eq!(trial.runs_out(111, 0), Some(CatchUpEnd::SetBack { readings: 11, by, lone: false }));
}

#[test]
fn what_we_could_not_hear_does_not_count() {
    let mut trial = ClockTrial::new();
    trial.each_second(0..20, 0);
    assert_eq!(trial.arrives(70.0, 20.0), None);
    assert_eq!(trial.runs_out(80, 75), None);
    assert_eq!(trial.deadline(), Some(85));
    assert!(trial.runs_out(85, 75).is_some());
}

#[test]
fn stamps_that_stand_still_are_judged_by_what_passed() {
    let mut frozen = ClockTrial::new();
    frozen.each_second(0..5, 0);
    (5..400).for_each(|at| assert_eq!(frozen.arrives(at as f64, 4.0), Some(at as f64)));
    let mut minutes = ClockTrial::new();
    for at in (0..600).step_by(5) {
        assert_eq!(minutes.arrives((at + 3) as f64, (at / 60 * 60) as f64), Some((at + 3) as f64), "{at}");
    }
}

#[test]
fn a_device_that_repeats_stamps_may_be_a_stamp_later() {
    let mut trial = ClockTrial::new();
    trial.arrives(0.0, 0.0);
    trial.arrives(40.0, 0.0);
    assert_eq!(trial.arrives(119.0, 60.0), Some(60.0), "59 s, of 30 s and the 40 s that one stamp lasted");
    assert_eq!(trial.arrives(200.0, 120.0), None, "80 s");
}

#[test]
fn a_cuff_stamped_before_the_monitor_is_live_and_a_heart_rate_out_of_order_is_kept() {
    let mut trial = ClockTrial::new();
    trial.each_second(0..60, 0);
    let cuff = trial.judge(60.0, 40.0, &[Vital::SystolicPressure]);
    assert_eq!((cuff.kept, cuff.measured), (KeptParts::Nothing, Uptime::from_ms(40_000)));
    let both = trial.judge(61.0, 45.0, &[Vital::SystolicPressure, Vital::HeartRate]);
    assert_eq!(both.kept, KeptParts::Some(parts(&[Vital::HeartRate])));
    assert_eq!(trial.judge(62.0, 45.0, &[Vital::HeartRate]).kept, KeptParts::Overtaken);
    assert!(trial.clock.is_catching_up());
    assert_eq!(trial.judge(63.0, 63.0, &[Vital::HeartRate]).kept, KeptParts::Nothing);
    assert!(!trial.clock.is_catching_up());
}

#[test]
fn live_values_of_other_vitals_prove_nothing_of_a_small_step_back() {
    let mut trial = ClockTrial::new();
    trial.each_second(0..20, 0);
    for at in 20..30 {
        assert_eq!(trial.arrives(at as f64, (at - 15) as f64), None, "{at}");
        let temperature = trial.judge(at as f64, (at - 15) as f64, &[Vital::Temperature]);
        assert_eq!(temperature.kept, KeptParts::Nothing);
    }
    assert!(trial.runs_out(30, 0).is_some());
}

#[test]
fn a_step_of_our_own_wall_clock_moves_nothing_but_what_is_published() {
    for step in [-3600, -20, 20, 3600] {
        let mut trial = ClockTrial::new();
        trial.each_second(0..20, 0);
        trial.step_ms = step * 1000;
        trial.each_second(20..40, 0);
        assert!(trial.clock.skew().is_some());
        let judged = trial.judge(40.0, 40.0, &[Vital::HeartRate]);
        assert_eq!(judged.at, now(40_000, trial.step_ms).wall);
    }
}

#[test]
fn what_is_published_is_the_stamp_where_the_clock_is_right_within_the_tolerance() {
    for (behind, corrected) in [(5, 0), (-5, 0), (6, 6), (-6, -6)] {
        let mut trial = ClockTrial::new();
        trial.each_second(0..3, behind);
        let judged = trial.judge(3.0, (3 - behind) as f64, &[Vital::HeartRate]);
        assert_eq!(judged.at.unix_ms(), WALL_MS + (3 - behind + corrected) * 1000, "{behind}");
        assert_eq!(judged.measured, Uptime::from_ms(3000));
    }
}

#[test]
fn of_readings_that_came_together_the_newest_gives_the_lag() {
    let mut trial = ClockTrial::new();
    let newest = Timestamp::from_unix_ms(WALL_MS + 9000);
    trial.clock.foresee(newest, now(10_000, 0), &trial.rules);
    assert_eq!([3.0, 4.0, 9.0].map(|stamp| trial.arrives(10.0, stamp)), [Some(4.0), Some(5.0), Some(10.0)]);
}

#[test]
fn without_a_stamp_the_arrival_counts() {
    let mut trial = ClockTrial::new();
    trial.each_second(0..5, 0);
    let judged = trial.clock.judge(None, None, Parts::NONE, now(9000, 0), &trial.rules);
    assert_eq!((judged.measured, judged.kept), (Uptime::from_ms(9000), KeptParts::Nothing));
    assert_eq!(trial.arrives(9.0, 6.0), Some(6.0));
}

#[test]
fn a_restart_of_ours_changes_nothing() {
    let mut trial = ClockTrial::new();
    trial.each_second(0..20, 7);
    (20..25).for_each(|at| assert_eq!(trial.arrives(at as f64, (at - 3600) as f64), None));
    let written = serde_json::to_string(&trial.clock).unwrap();
    let mut again: DeviceClock = serde_json::from_str(&written).unwrap();
    assert_eq!(again, trial.clock);
    again.shift(Span::from_secs(-20));
    assert_eq!(again.deadline(&trial.rules), Some(Uptime::from_ms(10_000)));
    let (due, now) = (Uptime::from_ms(10_000), now(10_000, 20_000));
    let end = again.run_out(due, Uptime::START, now, &trial.rules, FormerStay::default());
    assert_eq!(end, Some(CatchUpEnd::SetBack { readings: 5, by: Span::from_secs(3593), lone: false }));
}
