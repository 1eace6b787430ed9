//! What a panic costs: one reading, or one rule's word on it, and nothing else.

use super::{Ward, on_paused_time};
use crate::alerts::{Event, RuleName};
use crate::analyzers::{Analysis, Analyzer, View};
use crate::clock::Span;
use crate::conditions::Condition;
use crate::patient::outcome::ArrivalRejection;
use crate::patient::{FAILING_SEQ, FAILING_TIMER_SEQ};
use crate::vitals::{Quantity, Vital};

/// A rule that fails on a heart rate of 99.
struct Brittle;

impl Analyzer for Brittle {
    fn name(&self) -> RuleName {
        RuleName::Borrowed("brittle")
    }

    fn analyze(&self, view: &View) -> Analysis {
        let rate = view.chart.latest(Vital::HeartRate).map(|latest| latest.value);
        assert_ne!(rate, Some(Quantity::whole(99)), "on purpose");
        Analysis::default()
    }
}

/// A ward with a rule that fails.
fn open() -> Ward {
    Ward::open_with(vec![Box::new(Brittle)])
}

#[test]
fn a_rule_that_panics_is_left_out_and_named_and_the_others_judge_on() {
    on_paused_time(|| async {
        let ward = open();
        ward.send("icu-1/a", 1, 99);
        ward.send("icu-1/b", 1, 72);
        ward.wait(1).await;
        let changes = ward.memory.changes.borrow().clone();
        assert_eq!(changes.len(), 1);
        assert_eq!(changes[0].condition, Condition::AnalysisFailed);
        assert!(changes[0].message.contains("brittle"), "{}", changes[0].message);
        assert_eq!(*ward.memory.readings.borrow(), [1, 1], "both readings are kept");
        // The limits judge the same reading all the same, and the alert ends with one judged whole.
        ward.send("icu-1/a", 2, 180);
        ward.wait(10).await;
        let published = ward.published();
        assert_eq!(published[1], ("icu-1/a".into(), "analysis.failed".into(), Event::Cleared));
        assert_eq!(published[2], ("icu-1/a".into(), "heart_rate.high".into(), Event::Raised));
        assert!(ward.memory.died.borrow().is_empty());
    });
}

#[test]
fn a_core_that_panics_costs_that_reading_and_nothing_else() {
    on_paused_time(|| async {
        let ward = open();
        ward.send("icu-1/a", 1, 180);
        ward.wait(10).await;
        assert_eq!(ward.published(), [("icu-1/a".into(), "heart_rate.high".into(), Event::Raised)]);
        // The failing reading, ten queued behind it, and somebody else's.
        ward.send("icu-1/a", FAILING_SEQ, 180);
        for seq in 2..=11 {
            ward.send("icu-1/a", seq, 181);
        }
        ward.send("icu-1/b", 1, 72);
        ward.wait(1).await;
        let rejected: Vec<_> = ward.memory.rejected.borrow().iter().map(|r| r.rejection.clone()).collect();
        assert_eq!(rejected, [ArrivalRejection::Failed]);
        let mut kept = ward.memory.readings.borrow().clone();
        kept.sort_unstable();
        assert_eq!(kept, [1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], "of both patients");
        let failed = |event| ("icu-1/a".to_owned(), "analysis.failed".to_owned(), event);
        assert_eq!(ward.published()[1..], [failed(Event::Raised), failed(Event::Cleared)]);
        // The alert from before goes on under the same id.
        ward.send("icu-1/a", 12, 72);
        ward.wait(12).await; // until the clear delay is over
        let changes = ward.memory.changes.borrow();
        let rate: Vec<_> =
            changes.iter().filter(|c| c.condition == Condition::High(Vital::HeartRate)).collect();
        assert_eq!((rate.len(), rate[1].event, rate[1].sequence), (2, Event::Cleared, 2));
        assert_eq!(rate[0].id, rate[1].id);
        assert!(ward.memory.died.borrow().is_empty());
    });
}

#[test]
fn a_timer_that_panics_twice_is_given_up_with_an_alert() {
    on_paused_time(|| async {
        let ward = open();
        ward.send_of("icu-1/a", FAILING_TIMER_SEQ, 72, Span::ZERO);
        ward.wait(20 * 60).await; // until the value is too old for the score
        let failed = ("icu-1/a".to_owned(), "analysis.failed".to_owned(), Event::Raised);
        assert_eq!(ward.published(), [failed]);
        ward.send("icu-1/a", 2, 72);
        ward.wait(1).await;
        assert_eq!(ward.published().last().unwrap().2, Event::Cleared);
        assert!(ward.memory.died.borrow().is_empty());
    });
}
