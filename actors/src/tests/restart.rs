//! What a restart makes of the whole shard: patients, and what concerns units and the installation.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Ward, on_paused_time};
use crate::alerts::{AlertChange, Event, RuleName};
use crate::analyzers::{Analysis, Analyzer, View};
use crate::census_actor::{IngestProgress, Restore};
use crate::clock::Span;
use crate::conditions::Condition;
use crate::installation_actor::{DeviceFlooded, Fact};
use crate::patient::snapshot::{Memory, Restored};
use crate::people::Subject;
use crate::settings::Settings;
use crate::vitals::Reading;

/// Another shard that finds what this one left.
pub(super) fn restart(ward: &Ward, settings: Arc<Settings>) -> Ward {
    let again = Ward::begin(ward.clock.clone(), settings, Vec::new());
    again.census.do_send(left_by(ward));
    again.census.do_send(IngestProgress::RecordsRead);
    again.census.do_send(IngestProgress::Live);
    again
}

/// What a store would give back of this shard.
pub(super) fn left_by(ward: &Ward) -> Restore {
    let saved = ward.memory.saved.borrow();
    let patients = saved.iter().map(|(patient, snapshot)| Restored {
        patient: patient.clone(),
        memory: Memory::Whole(snapshot.clone()),
        readings: Vec::new(),
    });
    let open = open_elsewhere(&ward.memory.changes.borrow());
    Restore { patients: patients.collect(), departed: Vec::new(), open }
}

/// What is open of units and the installation.
fn open_elsewhere(changes: &[AlertChange]) -> Vec<AlertChange> {
    let last = |of: &&AlertChange| !changes.iter().any(|c| c.id == of.id && c.sequence > of.sequence);
    let elsewhere = changes.iter().filter(|change| !matches!(change.subject, Subject::Patient(_)));
    elsewhere.filter(last).filter(|change| change.event != Event::Cleared).cloned().collect()
}

/// Four devices, each an hour ahead, read each second until `until`.
async fn all_an_hour_ahead(ward: &Ward, seconds: std::ops::Range<u64>) {
    for second in seconds {
        for bed in ["icu-1/a", "icu-1/b", "icu-1/c", "icu-1/d"] {
            ward.send_of(bed, second, 72, Span::from_secs(-3600));
        }
        ward.wait(1).await;
    }
}

/// Seen to fail with the clock skews of restored devices taken out: each of them is blamed.
#[test]
fn a_clock_of_our_own_that_was_found_wrong_stays_so_and_no_device_is_blamed() {
    on_paused_time(|| async {
        let ward = Ward::open();
        all_an_hour_ahead(&ward, 1..30).await;
        let raised = ("_/_".to_owned(), "clock.wrong".to_owned(), Event::Raised);
        assert_eq!(ward.published(), [raised]);

        let again = restart(&ward, Arc::default());
        all_an_hour_ahead(&again, 30..60).await;
        assert_eq!(again.published(), []);
    });
}

/// Seen to fail with the verdict of each second published: 60 changes a minute.
#[test]
fn one_device_with_two_clocks_makes_nothing_of_our_own_and_saves_no_other_from_blame() {
    on_paused_time(|| async {
        let ward = Ward::open();
        for second in 1..60 {
            let old = [3600, 0, if second % 2 == 0 { 3600 } else { 0 }];
            for (bed, old) in ["icu-1/a", "icu-1/b", "icu-1/c"].iter().zip(old) {
                ward.send_of(bed, second, 72, Span::from_secs(-old));
            }
            ward.wait(1).await;
        }
        let blamed = ("icu-1/a".to_owned(), "clock.wrong".to_owned(), Event::Raised);
        assert_eq!(ward.published(), [blamed]);
    });
}

/// Seen to fail with the end of a suspicion published at once, and with a device blamed that is right again.
#[test]
fn a_clock_of_our_own_that_is_right_for_a_minute_is_published_as_right_and_no_device_is_blamed() {
    on_paused_time(|| async {
        let ward = Ward::open();
        all_an_hour_ahead(&ward, 1..20).await;
        let own = |event| ("_/_".to_owned(), "clock.wrong".to_owned(), event);
        for second in 20..120 {
            // One is heard later than the others to be right.
            let last = Span::from_secs(if second < 25 { -3600 } else { 0 });
            for bed in ["icu-1/a", "icu-1/b", "icu-1/c"] {
                ward.send_of(bed, second, 72, Span::ZERO);
            }
            ward.send_of("icu-1/d", second, 72, last);
            ward.wait(1).await;
            if second == 80 {
                assert_eq!(ward.published(), [own(Event::Raised)]);
            }
        }
        assert_eq!(ward.published(), [own(Event::Raised), own(Event::Cleared)]);
    });
}

/// Seen to fail with the open alerts of the installation taken out of what is restored.
#[test]
fn what_still_holds_is_not_raised_anew_and_what_does_not_ends() {
    on_paused_time(|| async {
        let mut settings = Settings::default();
        settings.admission.max_patients = 1;
        let settings = Arc::new(settings);
        let ward = Ward::begin(super::clock(), Arc::clone(&settings), Vec::new());
        ward.census.do_send(IngestProgress::RecordsRead);
        ward.census.do_send(IngestProgress::Live);
        ward.send("icu-1/a", 1, 72);
        ward.send("icu-1/b", 1, 72);
        ward.wait(1).await;
        let fact = |words: Option<&str>| Fact {
            condition: Condition::StoreLost,
            words: words.map(str::to_owned),
            at: ward.clock.now().wall,
        };
        ward.installation.do_send(fact(Some("Nothing can be written")));
        ward.wait(1).await;
        let published = |condition: &str, event| ("_/_".to_owned(), condition.to_owned(), event);
        let raised = ["admission.full", "store.lost"].map(|condition| published(condition, Event::Raised));
        assert_eq!(ward.published(), raised);

        // The place is still taken, and nothing has been written yet.
        let again = restart(&ward, Arc::clone(&settings));
        again.send("icu-1/b", 2, 72);
        again.wait(1).await;
        assert_eq!(again.published(), []);
        again.installation.do_send(fact(None));
        again.wait(1).await;
        assert_eq!(again.published(), [published("store.lost", Event::Cleared)]);
        assert_eq!(again.memory.changes.borrow()[0].sequence, 2);

        // With room for another the place is not taken any more.
        let mut roomy = Settings::default();
        roomy.admission.max_patients = 2;
        let roomy = restart(&ward, Arc::new(roomy));
        roomy.wait(1).await;
        assert_eq!(roomy.published(), [published("admission.full", Event::Cleared)]);
    });
}

/// Seen to fail with the floods of a restart taken out.
#[test]
fn a_device_that_flooded_goes_on_flooding_for_a_minute() {
    on_paused_time(|| async {
        let ward = Ward::open();
        let (unit, device) = ("icu-1".parse().unwrap(), "of-icu-1.a".parse().unwrap());
        ward.installation.do_send(DeviceFlooded { unit, device });
        ward.wait(1).await;
        let published = |event| ("icu-1/_".to_owned(), "device.flooding".to_owned(), event);
        assert_eq!(ward.published(), [published(Event::Raised)]);

        let again = restart(&ward, Arc::default());
        again.wait(59).await;
        assert_eq!(again.published(), []);
        again.wait(2).await;
        assert_eq!(again.published(), [published(Event::Cleared)]);
    });
}

/// A rule that finds nothing, and counts how often it is asked.
struct Counting(Arc<AtomicUsize>);

impl Analyzer for Counting {
    fn name(&self) -> RuleName {
        RuleName::Borrowed("counting")
    }

    fn analyze(&self, _: &View) -> Analysis {
        self.0.fetch_add(1, Ordering::Relaxed);
        Analysis::default()
    }
}

/// Seen to fail with the answer given as soon as everybody has a place.
#[test]
fn a_restart_is_answered_when_everybody_has_observed_again_what_the_memory_lacks() {
    on_paused_time(|| async {
        let ward = Ward::open();
        for bed in ["icu-1/a", "icu-1/b", "icu-1/c"] {
            ward.send(bed, 1, 180);
        }
        ward.wait(10).await;
        let mut left = left_by(&ward);
        let last = Reading::empty(ward.clock.now().wall);
        left.patients.iter_mut().for_each(|patient| patient.readings = vec![last.clone(); 20]);

        let asked = Arc::new(AtomicUsize::new(0));
        let again =
            Ward::begin(ward.clock.clone(), Arc::default(), vec![Box::new(Counting(Arc::clone(&asked)))]);
        again.census.send(left).await.unwrap();
        let counters = &again.counters;
        assert_eq!((counters.patients.get(), counters.open_alerts.get()), (3, 3));
        assert_eq!(asked.load(Ordering::Relaxed), 3 * 20);
    });
}
