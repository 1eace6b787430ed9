//! What a panic costs: one reading, or one rule's word on it, and nothing else.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, Addr, System};
use bytes::Bytes;

use crate::alerts::{AlertChange, Condition, Event, RuleName};
use crate::analyzers::{self, Analysis, Analyzer, View};
use crate::census_actor::{Arrived, CensusActor, Hearing, Parts};
use crate::clock::{Clock, Span, Timestamp};
use crate::counters::Counters;
use crate::outlet::{Kept, Outlet};
use crate::people::PatientId;
use crate::people::outcome::{Refusal, Refused};
use crate::people::patient::{FAILING_SEQ, FAILING_TIMER_SEQ};
use crate::receipt::Receipt;
use crate::vitals::{Quantity, Reading, Vital};

/// Remembers everything that leaves the shard.
#[derive(Default)]
struct Memory {
    changes: RefCell<Vec<AlertChange>>,
    readings: RefCell<Vec<u64>>,
    refused: RefCell<Vec<Refused>>,
    died: RefCell<Vec<&'static str>>,
}

impl Outlet for Memory {
    fn keep(&self, kept: Kept) {
        self.changes.borrow_mut().extend(kept.outcome.changes);
        self.readings.borrow_mut().extend(kept.reading.and_then(|reading| reading.seq));
        kept.receipt.settle();
    }

    fn saves(&self) -> bool {
        true
    }

    fn refuse(&self, refused: Refused) {
        self.refused.borrow_mut().push(refused);
    }

    fn follow(&self, _: &PatientId) {}

    fn unfollow(&self, _: &PatientId) {}

    fn empty_record(&self, _: &PatientId) {}

    fn died(&self, actor: &'static str) {
        self.died.borrow_mut().push(actor);
    }
}

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

struct Ward {
    census: Addr<CensusActor>,
    memory: Rc<Memory>,
    clock: Clock,
}

impl Ward {
    fn open() -> Self {
        let clock = Clock::simulated(Timestamp::from_unix_ms(1_800_000_000_000));
        let memory = Rc::new(Memory::default());
        let settings = Arc::default();
        let mut rules = analyzers::all(&settings);
        rules.push(Box::new(Brittle));
        let counters = Arc::new(Counters::default());
        let outlet: Rc<dyn Outlet> = memory.clone();
        let census =
            CensusActor::new(Parts { settings, clock: clock.clone(), outlet, counters, rules }).start();
        census.do_send(Hearing::Records);
        census.do_send(Hearing::Everything);
        Self { census, memory, clock }
    }

    /// A reading of this patient now.
    fn send(&self, patient: &str, seq: u64, heart_rate: i32) {
        let now = self.clock.now().wall;
        let mut reading = Reading::empty(now);
        (reading.observed_at, reading.seq) = (Some(now + Span::from_ms(seq as i64)), Some(seq));
        reading.values.set(Vital::HeartRate, Quantity::whole(heart_rate));
        let (patient, reading) = (patient.into(), Box::new(reading));
        self.census.do_send(Arrived {
            patient,
            reading,
            payload: Bytes::from_static(b"{}"),
            receipt: Receipt::none(),
        });
    }

    /// Lets time go on by so many seconds; all that is due happens.
    async fn wait(&self, seconds: u64) {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }

    fn told(&self) -> Vec<(String, String, Event)> {
        let changes = self.memory.changes.borrow();
        let told =
            |change: &AlertChange| (change.subject.to_string(), change.condition.to_string(), change.event);
        changes.iter().map(told).collect()
    }
}

fn on_paused_time<F: Future>(test: impl FnOnce() -> F) -> F::Output {
    let runtime =
        || tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    System::with_tokio_rt(runtime).block_on(async { test().await })
}

#[test]
fn a_rule_that_panics_is_left_out_and_named_and_the_others_judge_on() {
    on_paused_time(|| async {
        let ward = Ward::open();
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
        let told = ward.told();
        assert_eq!(told[1], ("icu-1/a".into(), "analysis.failed".into(), Event::Cleared));
        assert_eq!(told[2], ("icu-1/a".into(), "heart_rate.high".into(), Event::Raised));
        assert!(ward.memory.died.borrow().is_empty());
    });
}

#[test]
fn a_core_that_panics_costs_that_reading_and_nothing_else() {
    on_paused_time(|| async {
        let ward = Ward::open();
        ward.send("icu-1/a", 1, 180);
        ward.wait(10).await;
        assert_eq!(ward.told(), [("icu-1/a".into(), "heart_rate.high".into(), Event::Raised)]);
        // The failing reading, ten queued behind it, and somebody else's.
        ward.send("icu-1/a", FAILING_SEQ, 180);
        for seq in 2..=11 {
            ward.send("icu-1/a", seq, 181);
        }
        ward.send("icu-1/b", 1, 72);
        ward.wait(1).await;
        let refused: Vec<_> = ward.memory.refused.borrow().iter().map(|r| r.refusal.clone()).collect();
        assert_eq!(refused, [Refusal::Failed]);
        let mut kept = ward.memory.readings.borrow().clone();
        kept.sort_unstable();
        assert_eq!(kept, [1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], "of both patients");
        let failed = |event| ("icu-1/a".to_owned(), "analysis.failed".to_owned(), event);
        assert_eq!(ward.told()[1..], [failed(Event::Raised), failed(Event::Cleared)]);
        // The alert from before goes on under the same id.
        ward.send("icu-1/a", 12, 72);
        ward.wait(1).await;
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
        let ward = Ward::open();
        ward.send("icu-1/a", FAILING_TIMER_SEQ, 72);
        ward.wait(20 * 60).await; // until the value is too old for the score
        let failed = ("icu-1/a".to_owned(), "analysis.failed".to_owned(), Event::Raised);
        assert_eq!(ward.told(), [failed]);
        ward.send("icu-1/a", 2, 72);
        ward.wait(1).await;
        assert_eq!(ward.told().last().unwrap().2, Event::Cleared);
        assert!(ward.memory.died.borrow().is_empty());
    });
}
