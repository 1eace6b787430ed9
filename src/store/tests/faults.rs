//! A disk that is slow, full or gone: nobody waits for it, and what waits is kept when it returns.

use super::*;
use crate::config::{StoreConfig, StoreUrl};

pub fn lost(trial: &StoreTrial) {
    trial.wait_until("the store is lost", |seen| {
        seen.iter().any(|seen| matches!(seen, Seen::Event(StoreEvent::Lost { .. })))
    });
}

pub fn back(trial: &StoreTrial) {
    trial.wait_until("the store is back", |seen| {
        seen.iter().any(|seen| matches!(seen, Seen::Event(StoreEvent::Back { .. })))
    });
}

/// A trial whose store is soon lost.
pub fn impatient() -> StoreTrial {
    let mut trial = StoreTrial::new();
    trial.terms.publish_within = Duration::from_millis(20);
    trial.terms.lost_after = Duration::from_millis(150);
    trial
}

/// Seen to fail with the return of a lost store taken out.
#[test]
fn a_lost_store_holds_up_nobody_and_loses_nothing_when_it_is_back() {
    let trial = impatient();
    let (store, _) = trial.open();
    let locked = trial.other();
    locked.execute_batch("BEGIN IMMEDIATE").unwrap();
    store.take(entry(&trial, 1));
    lost(&trial);
    assert_eq!(
        trial.seen(),
        [Seen::Settled(1), Seen::Event(StoreEvent::Lost { since: Some(at(1)), cause: None })]
    );
    for second in 2..100 {
        store.take(alerting(&trial, second));
    }
    trial.wait_for(&[Seen::Settled(99)]);
    assert!(store.status().lost);
    wait_until("the fault is seen", || store.status().fault.is_some_and(|fault| fault.contains("locked")));
    locked.execute_batch("ROLLBACK").unwrap();
    back(&trial);
    assert!(!store.status().lost);
    assert_eq!(store.status().fault, None);
    assert!(store.close(DEADLINE));
    assert_eq!(trial.publications().len(), 98);
    assert_eq!(trial.count("SELECT count(*) FROM readings"), 99);
    let restored = trial.reopened();
    let pending: Vec<_> = restored.pending.iter().map(|c| AlertChange::clone(&c.change)).collect();
    assert_eq!(pending, (2..100).map(raised).collect::<Vec<_>>());
}

/// Seen to fail with `store.lost`, and with its return, taken out.
#[test]
fn a_full_disk_is_lost_and_all_is_kept_once_there_is_room_again() {
    let trial = impatient();
    let (store, _) = trial.open();
    assert!(store.close(DEADLINE));
    trial.max_pages.store(u32::try_from(trial.count("PRAGMA page_count")).unwrap() + 3, Ordering::Relaxed);
    let (store, _) = trial.open();
    for second in 0..300 {
        store.take(alerting(&trial, second));
    }
    lost(&trial);
    trial.wait_for(&[Seen::Settled(299)]);
    wait_until("the fault is seen", || store.status().fault.is_some_and(|fault| fault.contains("full")));
    trial.max_pages.store(0, Ordering::Relaxed);
    back(&trial);
    assert!(store.close(DEADLINE));
    assert_eq!(trial.count("SELECT count(*) FROM readings"), 300);
    assert_eq!(trial.count("SELECT count(*) FROM changes"), 300);
    assert_eq!(trial.publications().len(), 300);
}

#[test]
fn a_store_that_is_closed_while_it_is_lost_gives_up_in_time() {
    let trial = impatient();
    let (store, _) = trial.open();
    let locked = trial.other();
    locked.execute_batch("BEGIN IMMEDIATE").unwrap();
    store.take(entry(&trial, 1));
    assert!(!store.close(Duration::from_millis(10)));
}

#[test]
fn a_row_that_the_database_rejects_does_not_hold_up_the_others() {
    let trial = StoreTrial::new();
    let (store, _) = trial.open();
    let reject = "CREATE TRIGGER reject BEFORE INSERT ON readings WHEN NEW.seq = 2 \
                  BEGIN SELECT RAISE(ABORT, 'not this one'); END";
    trial.other().execute_batch(reject).unwrap();
    (1..=3).for_each(|second| store.take(entry(&trial, second)));
    assert!(store.close(DEADLINE));
    assert_eq!(trial.seen(), [1, 2, 3].map(Seen::Settled));
    assert_eq!(trial.count("SELECT count(*) FROM readings"), 2);
}

/// What is open then goes on under its id, and ends once something could be written.
/// Seen to fail with `begin_lost` taken out: nobody says that it is over.
#[test]
fn a_store_that_was_lost_when_its_run_ended_is_back_with_the_first_commit() {
    let trial = StoreTrial::new();
    let (store, _) = trial.open();
    let (subject, condition) = (Subject::Installation, Condition::StoreLost);
    let lost = AlertChange { subject: subject.clone(), condition, ..raised(1) };
    store.take(StoreInput { changes: vec![lost], ..StoreInput::about(subject, at(1), trial.receipt(1)) });
    trial.wait_for(&[Seen::Settled(1)]);
    drop(store);
    let (store, _) = trial.open();
    assert!(store.status().lost);
    store.take(entry(&trial, 2));
    back(&trial);
    assert!(!store.status().lost);
}

/// Seen to fail with the lock taken out.
#[test]
fn a_store_that_another_run_writes_to_is_left_alone_until_that_ends() {
    let trial = StoreTrial::new();
    let config = StoreConfig { url: StoreUrl::Sqlite(trial.path()), ..StoreConfig::default() };
    let open = || {
        let broker = Broker { record: Arc::clone(&trial.record), path: trial.path() };
        Store::open(
            &config,
            Span::ZERO,
            Feed::new(vec![Box::new(broker)]),
            RecordingListener(Arc::clone(&trial.record)),
        )
    };
    let (first, _) = open().unwrap();
    assert!(matches!(open().err().unwrap(), StoreFault::Taken { .. }));
    drop(first);
    wait_until("its threads have ended", || open().is_ok());
}

#[test]
fn a_store_of_a_newer_program_is_not_touched() {
    let trial = StoreTrial::new();
    trial.reopened();
    trial.other().pragma_update(None, "user_version", 99).unwrap();
    let fault = trial.try_open().err().unwrap();
    assert!(matches!(fault, StoreFault::Newer { form: 99, .. }), "{fault:?}");
    assert_eq!(trial.count("PRAGMA user_version"), 99);
}
