//! The commit comes first, then the bus, then the receipt.

use wardwatch_actors::admission::AdmissionRecord;
use wardwatch_actors::patient::outcome::StateChange;
use wardwatch_actors::people::Departure;

use super::*;
use crate::contract::payload::rejected::RejectedMessage;

fn published(second: i64, committed: bool) -> Seen {
    Seen::Published { message: format!("second {second}"), committed }
}

/// Seen to fail with the commit before the publication, and receipts waiting for the commit, taken out.
#[test]
fn a_change_is_committed_before_it_is_published_and_published_before_its_receipt_is_settled() {
    let trial = StoreTrial::new();
    let (store, _) = trial.open();
    store.take(alerting(&trial, 1));
    trial.wait_for(&[Seen::Settled(1)]);
    assert_eq!(trial.seen(), [published(1, true), Seen::Settled(1)]);
}

/// Seen to fail with changes being urgent taken out.
#[test]
fn a_change_does_not_wait_for_readings_that_linger() {
    let mut trial = StoreTrial::new();
    trial.terms.linger = 10 * DEADLINE;
    let (store, _) = trial.open();
    (1..=3).for_each(|second| store.take(entry(&trial, second)));
    store.take(alerting(&trial, 4));
    trial.wait_for(&[Seen::Settled(4)]);
    let settled = [1, 2, 3].map(Seen::Settled).into_iter();
    let all: Vec<_> = settled.chain([published(4, true), Seen::Settled(4)]).collect();
    assert_eq!(trial.seen(), all);
    assert_eq!(trial.count("SELECT count(*) FROM readings"), 4);
}

/// Seen to fail with receipts waiting for the commit taken out.
#[test]
fn readings_that_linger_are_committed_when_the_store_is_closed() {
    let mut trial = StoreTrial::new();
    trial.terms.linger = 10 * DEADLINE;
    let (store, _) = trial.open();
    (1..=3).for_each(|second| store.take(entry(&trial, second)));
    assert_eq!(trial.seen(), []);
    assert!(store.close(DEADLINE));
    assert_eq!(trial.seen(), [1, 2, 3].map(Seen::Settled));
    assert_eq!(trial.count("SELECT count(*) FROM readings"), 3);
}

/// Seen to fail with the commit before the publication taken out.
#[test]
fn what_comes_during_a_commit_is_published_in_the_order_in_which_it_came() {
    let trial = StoreTrial::new();
    let (store, _) = trial.open();
    (0..500).for_each(|second| store.take(alerting(&trial, second)));
    assert!(store.close(DEADLINE));
    let in_order: Vec<_> = (0..500).map(|second| format!("second {second}")).collect();
    assert_eq!(trial.publications(), in_order);
    assert!(!trial.seen().contains(&published(250, false)));
    assert_eq!(trial.count("SELECT count(*) FROM changes"), 500);
}

/// Seen to fail with `publish_within` taken out.
#[test]
fn a_change_that_waits_too_long_goes_out_before_its_commit_once_and_its_state_and_receipt_still_wait() {
    let mut trial = StoreTrial::new();
    trial.terms.publish_within = Duration::from_millis(20);
    let (store, _) = trial.open();
    let locked = trial.other();
    locked.execute_batch("BEGIN IMMEDIATE").unwrap();
    store.take(StoreInput { state: Some(StateChange::Emptied), ..alerting(&trial, 1) });
    trial.wait_for(&[published(1, false)]);
    assert_eq!(trial.seen(), [published(1, false)]);
    assert_eq!(store.status().counts.published_before_commit, 1);
    locked.execute_batch("ROLLBACK").unwrap();
    trial.wait_for(&[Seen::Settled(1)]);
    assert_eq!(trial.seen(), [published(1, false), Seen::State, Seen::Settled(1)]);
    assert_eq!(trial.count("SELECT count(*) FROM changes"), 1);
}

/// Seen to fail where nothing notes what was published.
#[test]
fn a_change_that_the_broker_had_before_its_commit_is_not_published_by_the_next_start() {
    let mut trial = StoreTrial::new();
    trial.terms.publish_within = Duration::from_millis(20);
    let (store, _) = trial.open();
    let locked = trial.other();
    locked.execute_batch("BEGIN IMMEDIATE").unwrap();
    store.take(alerting(&trial, 1));
    trial.wait_for(&[published(1, false)]);
    store.done(1);
    locked.execute_batch("ROLLBACK").unwrap();
    assert!(store.close(DEADLINE));
    assert!(trial.reopened().pending.is_empty());
}

#[test]
fn a_store_in_memory_publishes_and_settles_at_once() {
    let trial = StoreTrial::new();
    let config = crate::config::StoreConfig { url: crate::config::StoreUrl::Memory, ..Default::default() };
    let broker = Broker { record: Arc::clone(&trial.record), path: trial.path() };
    let listener = RecordingListener(Arc::clone(&trial.record));
    let (store, _) = Store::open(&config, Span::ZERO, Feed::new(vec![Box::new(broker)]), listener).unwrap();
    store.take(entry(&trial, 1));
    store.take(alerting(&trial, 2));
    assert_eq!(trial.seen(), [Seen::Settled(1), published(2, false), Seen::Settled(2)]);
    assert!(store.close(Duration::ZERO));
}

#[test]
fn a_reading_that_is_delivered_again_is_kept_once() {
    let trial = StoreTrial::new();
    for _ in 0..2 {
        let (store, _) = trial.open();
        for second in [1, 2, 1] {
            store.take(entry(&trial, second));
        }
        let mut counted = entry(&trial, 3);
        let of_counted = counted.reading.as_mut().unwrap();
        (of_counted.observed_at, of_counted.received_at) = (None, of_counted.received_at);
        store.take(counted);
        assert!(store.close(DEADLINE));
    }
    assert_eq!(trial.count("SELECT count(*) FROM readings"), 3);
}

#[test]
fn two_different_changes_with_one_id_and_sequence_are_noticed_and_the_same_one_twice_is_none() {
    let trial = StoreTrial::new();
    let (store, _) = trial.open();
    store.take(alerting(&trial, 1));
    store.take(alerting(&trial, 1));
    trial.wait_for(&[Seen::Settled(1)]);
    assert_eq!(store.status().counts.rejected_changes, 0);
    let other = AlertChange { message: "another".to_owned(), ..raised(1) };
    store.take(StoreInput { changes: vec![other], ..entry(&trial, 2) });
    assert!(store.close(DEADLINE));
    assert_eq!(store.status().counts.rejected_changes, 1);
    assert_eq!(trial.count("SELECT count(*) FROM changes"), 1);
}

#[test]
fn a_reading_with_neither_seq_nor_time_is_never_a_repeat() {
    let trial = StoreTrial::new();
    let (store, _) = trial.open();
    for _ in 0..2 {
        let mut bare = entry(&trial, 1);
        let reading = bare.reading.as_mut().unwrap();
        (reading.seq, reading.observed_at) = (None, None);
        store.take(bare);
    }
    assert!(store.close(DEADLINE));
    assert_eq!(trial.count("SELECT count(*) FROM readings"), 2);
}

#[test]
fn the_last_ten_thousand_rejected_messages_stay() {
    let trial = StoreTrial::new();
    let (store, _) = trial.open();
    let rejected = |number: i64| {
        let reason = "payload is not JSON".to_owned();
        RejectedMessage::new(at(number), "wardwatch/vitals/icu-1/p-17", reason, None, b"{")
    };
    for half in [0, 6000] {
        (half..half + 6000).for_each(|number| store.reject(rejected(number)));
        wait_until("rejected messages are written", || {
            trial.count("SELECT ifnull(max(number), 0) FROM rejected") == half + 6000
        });
    }
    assert!(store.close(DEADLINE));
    assert_eq!(trial.count("SELECT count(*) FROM rejected"), 10_000);
    assert_eq!(trial.count("SELECT min(time) FROM rejected"), at(2000).unix_ms());
}

#[test]
fn a_stay_that_ends_takes_the_memory_with_it() {
    for departure in [Departure::Discharged, Departure::Transferred, Departure::Left] {
        let trial = StoreTrial::new();
        let (store, _) = trial.open();
        store.take(StoreInput { saved: memory(1), record: Some(Arc::default()), ..entry(&trial, 1) });
        trial.wait_for(&[Seen::Settled(1)]);
        let here = trial.reopened();
        assert_eq!((here.patients.len(), here.departed.len()), (1, 0));
        store.take(StoreInput { saved: Some(Saved::Gone(departure)), ..entry(&trial, 2) });
        assert!(store.close(DEADLINE));
        let gone = trial.reopened();
        assert!(gone.patients.is_empty());
        assert_eq!(trial.count("SELECT count(*) FROM admissions WHERE record IS NOT NULL"), 0);
        let departed = if departure.bars_readmission() { vec![(patient(), at(2))] } else { vec![] };
        assert_eq!(gone.departed, departed);
    }
}

#[test]
fn the_last_record_of_a_stay_is_written_down() {
    let trial = StoreTrial::new();
    let (store, _) = trial.open();
    let record = Arc::new(AdmissionRecord { bed: Some("B".to_owned()), ..AdmissionRecord::default() });
    store.take(StoreInput { record: Some(Arc::clone(&record)), ..entry(&trial, 1) });
    assert!(store.close(DEADLINE));
    let written: String =
        trial.other().query_row("SELECT record FROM admissions", [], |row| row.get(0)).unwrap();
    assert_eq!(serde_json::from_str::<AdmissionRecord>(&written).unwrap(), *record);
}
