//! The commit comes first, then the bus, then the receipt.

use wardwatch_actors::admission::AdmissionRecord;
use wardwatch_actors::patient::outcome::StateChange;
use wardwatch_actors::people::Departure;

use super::*;
use crate::contract::payload::rejected::RejectedMessage;

fn published(second: i64, committed: bool) -> Told {
    Told::Published { message: format!("second {second}"), committed }
}

/// Seen to fail with the commit before the publication, and receipts waiting for the commit, taken out.
#[test]
fn a_change_is_committed_before_it_is_published_and_published_before_its_receipt_is_settled() {
    let bench = Bench::new();
    let (store, _) = bench.open();
    store.take(alarming(&bench, 1));
    bench.wait_for(&[Told::Settled(1)]);
    assert_eq!(bench.told(), [published(1, true), Told::Settled(1)]);
}

/// Seen to fail with changes being urgent taken out.
#[test]
fn a_change_does_not_wait_for_readings_that_linger() {
    let mut bench = Bench::new();
    bench.terms.linger = 10 * DEADLINE;
    let (store, _) = bench.open();
    (1..=3).for_each(|second| store.take(entry(&bench, second)));
    store.take(alarming(&bench, 4));
    bench.wait_for(&[Told::Settled(4)]);
    let settled = [1, 2, 3].map(Told::Settled).into_iter();
    let all: Vec<_> = settled.chain([published(4, true), Told::Settled(4)]).collect();
    assert_eq!(bench.told(), all);
    assert_eq!(bench.count("SELECT count(*) FROM readings"), 4);
}

/// Seen to fail with receipts waiting for the commit taken out.
#[test]
fn readings_that_linger_are_committed_when_the_store_is_closed() {
    let mut bench = Bench::new();
    bench.terms.linger = 10 * DEADLINE;
    let (store, _) = bench.open();
    (1..=3).for_each(|second| store.take(entry(&bench, second)));
    assert_eq!(bench.told(), []);
    assert!(store.close(DEADLINE));
    assert_eq!(bench.told(), [1, 2, 3].map(Told::Settled));
    assert_eq!(bench.count("SELECT count(*) FROM readings"), 3);
}

/// Seen to fail with the commit before the publication taken out.
#[test]
fn what_comes_during_a_commit_is_published_in_the_order_in_which_it_came() {
    let bench = Bench::new();
    let (store, _) = bench.open();
    (0..500).for_each(|second| store.take(alarming(&bench, second)));
    assert!(store.close(DEADLINE));
    let in_order: Vec<_> = (0..500).map(|second| format!("second {second}")).collect();
    assert_eq!(bench.publications(), in_order);
    assert!(!bench.told().contains(&published(250, false)));
    assert_eq!(bench.count("SELECT count(*) FROM changes"), 500);
}

/// Seen to fail with `publish_within` taken out.
#[test]
fn a_change_that_waits_too_long_goes_out_before_its_commit_once_and_its_state_and_receipt_still_wait() {
    let mut bench = Bench::new();
    bench.terms.publish_within = Duration::from_millis(20);
    let (store, _) = bench.open();
    let locked = bench.other();
    locked.execute_batch("BEGIN IMMEDIATE").unwrap();
    store.take(Entry { state: Some(StateChange::Emptied), ..alarming(&bench, 1) });
    bench.wait_for(&[published(1, false)]);
    assert_eq!(bench.told(), [published(1, false)]);
    assert_eq!(store.status().counts.published_before_commit, 1);
    locked.execute_batch("ROLLBACK").unwrap();
    bench.wait_for(&[Told::Settled(1)]);
    assert_eq!(bench.told(), [published(1, false), Told::State, Told::Settled(1)]);
    assert_eq!(bench.count("SELECT count(*) FROM changes"), 1);
}

/// Seen to fail with the marks of what was published taken out.
#[test]
fn a_change_that_the_broker_had_before_its_commit_is_not_published_by_the_next_start() {
    let mut bench = Bench::new();
    bench.terms.publish_within = Duration::from_millis(20);
    let (store, _) = bench.open();
    let locked = bench.other();
    locked.execute_batch("BEGIN IMMEDIATE").unwrap();
    store.take(alarming(&bench, 1));
    bench.wait_for(&[published(1, false)]);
    store.done(1);
    locked.execute_batch("ROLLBACK").unwrap();
    assert!(store.close(DEADLINE));
    assert!(bench.reopened().pending.is_empty());
}

#[test]
fn a_store_in_memory_publishes_and_settles_at_once() {
    let bench = Bench::new();
    let config = crate::config::StoreConfig { url: crate::config::StoreUrl::Memory, ..Default::default() };
    let broker = Broker { record: Arc::clone(&bench.record), path: bench.path() };
    let listener = Listener(Arc::clone(&bench.record));
    let (store, _) = Store::open(&config, Span::ZERO, Feed::new(vec![Box::new(broker)]), listener).unwrap();
    store.take(entry(&bench, 1));
    store.take(alarming(&bench, 2));
    assert_eq!(bench.told(), [Told::Settled(1), published(2, false), Told::Settled(2)]);
    assert!(store.close(Duration::ZERO));
}

#[test]
fn a_reading_that_is_delivered_again_is_kept_once() {
    let bench = Bench::new();
    for _ in 0..2 {
        let (store, _) = bench.open();
        for second in [1, 2, 1] {
            store.take(entry(&bench, second));
        }
        let mut counted = entry(&bench, 3);
        let of_counted = counted.reading.as_mut().unwrap();
        (of_counted.observed_at, of_counted.received_at) = (None, of_counted.received_at);
        store.take(counted);
        assert!(store.close(DEADLINE));
    }
    assert_eq!(bench.count("SELECT count(*) FROM readings"), 3);
}

#[test]
fn two_different_changes_with_one_id_and_sequence_are_told_and_the_same_one_twice_is_none() {
    let bench = Bench::new();
    let (store, _) = bench.open();
    store.take(alarming(&bench, 1));
    store.take(alarming(&bench, 1));
    bench.wait_for(&[Told::Settled(1)]);
    assert_eq!(store.status().counts.refused_changes, 0);
    let other = AlertChange { message: "another".to_owned(), ..raised(1) };
    store.take(Entry { changes: vec![other], ..entry(&bench, 2) });
    assert!(store.close(DEADLINE));
    assert_eq!(store.status().counts.refused_changes, 1);
    assert_eq!(bench.count("SELECT count(*) FROM changes"), 1);
}

#[test]
fn a_reading_with_neither_seq_nor_time_is_never_a_repeat() {
    let bench = Bench::new();
    let (store, _) = bench.open();
    for _ in 0..2 {
        let mut bare = entry(&bench, 1);
        let reading = bare.reading.as_mut().unwrap();
        (reading.seq, reading.observed_at) = (None, None);
        store.take(bare);
    }
    assert!(store.close(DEADLINE));
    assert_eq!(bench.count("SELECT count(*) FROM readings"), 2);
}

#[test]
fn the_last_ten_thousand_rejected_messages_stay() {
    let bench = Bench::new();
    let (store, _) = bench.open();
    let rejected = |number: i64| {
        let reason = "payload is not JSON".to_owned();
        RejectedMessage::new(at(number), "wardwatch/vitals/icu-1/p-17", reason, None, b"{")
    };
    for half in [0, 6000] {
        (half..half + 6000).for_each(|number| store.reject(rejected(number)));
        wait_until("rejected messages are written", || {
            bench.count("SELECT ifnull(max(number), 0) FROM rejected") == half + 6000
        });
    }
    assert!(store.close(DEADLINE));
    assert_eq!(bench.count("SELECT count(*) FROM rejected"), 10_000);
    assert_eq!(bench.count("SELECT min(time) FROM rejected"), at(2000).unix_ms());
}

#[test]
fn a_stay_that_ends_takes_the_memory_with_it() {
    for departure in [Departure::Discharged, Departure::Transferred, Departure::Left] {
        let bench = Bench::new();
        let (store, _) = bench.open();
        store.take(Entry { saved: memory(1), record: Some(Arc::default()), ..entry(&bench, 1) });
        bench.wait_for(&[Told::Settled(1)]);
        let here = bench.reopened();
        assert_eq!((here.patients.len(), here.departed.len()), (1, 0));
        store.take(Entry { saved: Some(Saved::Gone(departure)), ..entry(&bench, 2) });
        assert!(store.close(DEADLINE));
        let gone = bench.reopened();
        assert!(gone.patients.is_empty());
        assert_eq!(bench.count("SELECT count(*) FROM admissions WHERE record IS NOT NULL"), 0);
        let departed = if departure.bars_readmission() { vec![(patient(), at(2))] } else { vec![] };
        assert_eq!(gone.departed, departed);
    }
}

#[test]
fn the_last_record_of_a_stay_is_written_down() {
    let bench = Bench::new();
    let (store, _) = bench.open();
    let record = Arc::new(AdmissionRecord { bed: Some("B".to_owned()), ..AdmissionRecord::default() });
    store.take(Entry { record: Some(Arc::clone(&record)), ..entry(&bench, 1) });
    assert!(store.close(DEADLINE));
    let written: String =
        bench.other().query_row("SELECT record FROM admissions", [], |row| row.get(0)).unwrap();
    assert_eq!(serde_json::from_str::<AdmissionRecord>(&written).unwrap(), *record);
}
