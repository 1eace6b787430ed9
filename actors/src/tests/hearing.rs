//! Timers and what is still on its way: a reading that was said in time decides, however late it is heard.

use super::{Ward, on_paused_time};
use crate::alerts::Event;
use crate::census_actor::IngestProgress;
use crate::clock::Span;

/// Seen to fail with the bound on who is woken taken out of `wake`.
#[test]
fn no_delay_runs_out_before_what_was_said_until_then_has_been_heard() {
    on_paused_time(|| async {
        let ward = Ward::open();
        let everything = || ward.census.do_send(IngestProgress::CaughtUpTo(ward.clock.uptime()));
        everything();
        ward.send("icu-1/decided", 1, 140);
        ward.send("icu-1/undecided", 1, 140);
        // The process stands still, or the broker does: the delays of 5 s are over, and nothing is heard.
        ward.wait(60).await;
        assert_eq!(ward.published(), []);
        // A normal reading was on its way all the time; of the other patient there is none.
        ward.send_of("icu-1/decided", 2, 72, Span::from_secs(58));
        everything();
        ward.wait(1).await;
        assert_eq!(ward.published(), [("icu-1/undecided".into(), "heart_rate.high".into(), Event::Raised)]);
        let raised = ward.memory.changes.borrow()[0].clone();
        assert_eq!(raised.time.since(raised.onset), Span::from_secs(5), "as of the end of the delay");
    });
}

/// Seen to fail with the time for devices to come back taken out of `wake`.
#[test]
fn after_a_connection_devices_have_five_seconds_to_come_back_before_a_delay_runs_out() {
    on_paused_time(|| async {
        let ward = Ward::open();
        ward.send("icu-1/back", 1, 140);
        ward.send("icu-1/gone", 1, 140);
        ward.wait(3).await;
        ward.census.do_send(IngestProgress::Interrupted);
        ward.wait(10).await;
        ward.census.do_send(IngestProgress::Connected);
        ward.census.do_send(IngestProgress::Live); // that the broker had; it was gone itself
        ward.wait(4).await;
        assert_eq!(ward.published(), []);
        ward.send_of("icu-1/back", 2, 72, Span::from_secs(13));
        ward.wait(2).await;
        assert_eq!(ward.published(), [("icu-1/gone".into(), "heart_rate.high".into(), Event::Raised)]);
    });
}

/// Seen to fail where each connection gives devices their time anew.
#[test]
fn a_link_that_breaks_again_and_again_holds_up_no_timer_for_ever() {
    on_paused_time(|| async {
        let ward = Ward::open();
        ward.send("icu-1/a", 1, 140);
        for _ in 0..5 {
            ward.census.do_send(IngestProgress::Connected);
            ward.census.do_send(IngestProgress::Live);
            ward.wait(4).await;
            ward.census.do_send(IngestProgress::Interrupted);
        }
        assert_eq!(ward.published(), [("icu-1/a".into(), "heart_rate.high".into(), Event::Raised)]);
    });
}

#[test]
fn what_has_been_heard_wakes_whoever_waited_for_it_without_any_further_message() {
    on_paused_time(|| async {
        let ward = Ward::open();
        let now = ward.clock.uptime();
        ward.census.do_send(IngestProgress::CaughtUpTo(now + Span::from_secs(30)));
        ward.send("icu-1/a", 1, 140);
        ward.wait(7).await;
        assert_eq!(ward.published(), [("icu-1/a".into(), "heart_rate.high".into(), Event::Raised)]);
    });
}
