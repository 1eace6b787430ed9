//! A disk that is slow, full or gone: nobody waits for it, and what waits is kept when it returns.

use super::*;
use crate::config::{StoreConfig, StoreUrl};

pub fn lost(bench: &Bench) {
    bench.wait_until("the store is lost", |told| {
        told.iter().any(|told| matches!(told, Told::Event(StoreEvent::Lost { .. })))
    });
}

pub fn back(bench: &Bench) {
    bench.wait_until("the store is back", |told| {
        told.iter().any(|told| matches!(told, Told::Event(StoreEvent::Back { .. })))
    });
}

/// A bench whose store is soon lost.
pub fn impatient() -> Bench {
    let mut bench = Bench::new();
    bench.terms.publish_within = Duration::from_millis(20);
    bench.terms.lost_after = Duration::from_millis(150);
    bench
}

/// Seen to fail with the return of a lost store taken out.
#[test]
fn a_lost_store_holds_up_nobody_and_loses_nothing_when_it_is_back() {
    let bench = impatient();
    let (store, _) = bench.open();
    let locked = bench.other();
    locked.execute_batch("BEGIN IMMEDIATE").unwrap();
    store.take(entry(&bench, 1));
    lost(&bench);
    assert_eq!(
        bench.told(),
        [Told::Settled(1), Told::Event(StoreEvent::Lost { since: Some(at(1)), cause: None })]
    );
    for second in 2..100 {
        store.take(alarming(&bench, second));
    }
    bench.wait_for(&[Told::Settled(99)]);
    assert!(store.status().lost);
    wait_until("the fault is told", || store.status().fault.is_some_and(|fault| fault.contains("locked")));
    locked.execute_batch("ROLLBACK").unwrap();
    back(&bench);
    assert!(!store.status().lost);
    assert_eq!(store.status().fault, None);
    assert!(store.close(DEADLINE));
    assert_eq!(bench.publications().len(), 98);
    assert_eq!(bench.count("SELECT count(*) FROM readings"), 99);
    let restored = bench.reopened();
    let pending: Vec<_> = restored.pending.iter().map(|c| AlertChange::clone(&c.change)).collect();
    assert_eq!(pending, (2..100).map(raised).collect::<Vec<_>>());
}

/// Seen to fail with `store.lost`, and with its return, taken out.
#[test]
fn a_full_disk_is_lost_and_all_is_kept_once_there_is_room_again() {
    let bench = impatient();
    let (store, _) = bench.open();
    assert!(store.close(DEADLINE));
    bench.max_pages.store(u32::try_from(bench.count("PRAGMA page_count")).unwrap() + 3, Ordering::Relaxed);
    let (store, _) = bench.open();
    for second in 0..300 {
        store.take(alarming(&bench, second));
    }
    lost(&bench);
    bench.wait_for(&[Told::Settled(299)]);
    wait_until("the fault is told", || store.status().fault.is_some_and(|fault| fault.contains("full")));
    bench.max_pages.store(0, Ordering::Relaxed);
    back(&bench);
    assert!(store.close(DEADLINE));
    assert_eq!(bench.count("SELECT count(*) FROM readings"), 300);
    assert_eq!(bench.count("SELECT count(*) FROM changes"), 300);
    assert_eq!(bench.publications().len(), 300);
}

#[test]
fn a_store_that_is_closed_while_it_is_lost_gives_up_in_time() {
    let bench = impatient();
    let (store, _) = bench.open();
    let locked = bench.other();
    locked.execute_batch("BEGIN IMMEDIATE").unwrap();
    store.take(entry(&bench, 1));
    assert!(!store.close(Duration::from_millis(10)));
}

#[test]
fn a_row_that_the_database_refuses_does_not_hold_up_the_others() {
    let bench = Bench::new();
    let (store, _) = bench.open();
    let refuse = "CREATE TRIGGER refuse BEFORE INSERT ON readings WHEN NEW.seq = 2 \
                  BEGIN SELECT RAISE(ABORT, 'not this one'); END";
    bench.other().execute_batch(refuse).unwrap();
    (1..=3).for_each(|second| store.take(entry(&bench, second)));
    assert!(store.close(DEADLINE));
    assert_eq!(bench.told(), [1, 2, 3].map(Told::Settled));
    assert_eq!(bench.count("SELECT count(*) FROM readings"), 2);
}

/// What is open then goes on under its id, and ends once something could be written.
/// Seen to fail with `begin_lost` taken out: nobody tells that it is over.
#[test]
fn a_store_that_was_lost_when_its_run_ended_is_back_with_the_first_commit() {
    let bench = Bench::new();
    let (store, _) = bench.open();
    let (subject, condition) = (Subject::Installation, Condition::StoreLost);
    let lost = AlertChange { subject: subject.clone(), condition, ..raised(1) };
    store.take(Entry { changes: vec![lost], ..Entry::about(subject, at(1), bench.receipt(1)) });
    bench.wait_for(&[Told::Settled(1)]);
    drop(store);
    let (store, _) = bench.open();
    assert!(store.status().lost);
    store.take(entry(&bench, 2));
    back(&bench);
    assert!(!store.status().lost);
}

/// Seen to fail with the lock taken out.
#[test]
fn a_store_that_another_run_writes_to_is_left_alone_until_that_ends() {
    let bench = Bench::new();
    let config = StoreConfig { url: StoreUrl::Sqlite(bench.path()), ..StoreConfig::default() };
    let open = || {
        let broker = Broker { record: Arc::clone(&bench.record), path: bench.path() };
        Store::open(
            &config,
            Span::ZERO,
            Feed::new(vec![Box::new(broker)]),
            Listener(Arc::clone(&bench.record)),
        )
    };
    let (first, _) = open().unwrap();
    assert!(matches!(open().err().unwrap(), StoreFault::Taken { .. }));
    drop(first);
    wait_until("its threads have ended", || open().is_ok());
}

#[test]
fn a_store_of_a_newer_program_is_not_touched() {
    let bench = Bench::new();
    bench.reopened();
    bench.other().pragma_update(None, "user_version", 99).unwrap();
    let fault = bench.try_open().err().unwrap();
    assert!(matches!(fault, StoreFault::Newer { form: 99, .. }), "{fault:?}");
    assert_eq!(bench.count("PRAGMA user_version"), 99);
}
