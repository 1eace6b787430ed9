//! What is kept for how long, what a reader can do to the log, and a copy of the store.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use wardwatch_actors::people::Departure;

use super::faults::impatient;
use super::*;
use crate::store::{BackupFault, back_up};

/// A trial that keeps readings and changes this long.
fn keeping(readings: Duration, changes: Option<Duration>) -> StoreTrial {
    let mut trial = StoreTrial::new();
    trial.writer_terms.keep_readings = readings;
    trial.writer_terms.keep_changes = changes;
    trial
}

/// Lets time pass, with a reading now and then, until it is so.
fn until_with_readings(trial: &StoreTrial, store: &Store, what: &str, is_so: impl Fn() -> bool) {
    let (begun, mut second) = (Instant::now(), 100_000);
    while !is_so() {
        assert!(begun.elapsed() < DEADLINE, "waited for {what}");
        store.take(entry(trial, second));
        trial.wait_for(&[Seen::Settled(second)]);
        second += 1;
    }
}

#[test]
fn old_readings_are_deleted_in_steps_and_alert_changes_stay() {
    let trial = keeping(Duration::from_millis(400), None);
    let (store, _) = trial.open();
    store.take(alerting(&trial, 0));
    (1..1200).for_each(|second| store.take(entry(&trial, second)));
    trial.wait_for(&[Seen::Settled(1199)]);
    let left = || trial.count("SELECT count(*) FROM readings WHERE received_at < 1800001200000");
    assert_eq!(left(), 1200);
    let steps = Mutex::new(vec![1200]);
    until_with_readings(&trial, &store, "old readings go", || {
        steps.lock().unwrap().push(left());
        left() == 0
    });
    assert!(steps.into_inner().unwrap().windows(2).all(|pair| pair[0] - pair[1] <= 500));
    assert_eq!(trial.count("SELECT count(*) FROM changes"), 1);
    assert!(trial.count("SELECT count(*) FROM readings") > 0, "the newest stay");
    drop(store);
}

/// Neither one device, nor our own clock, for a moment or for long.
#[test]
fn a_clock_that_is_a_year_ahead_or_behind_deletes_nothing_and_keeps_nothing_from_going() {
    const YEAR: i64 = 366 * 24 * 3600;
    let trial = StoreTrial::new();
    let (store, _) = trial.open();
    for second in [1, 2, YEAR + 3, 4, 5 - YEAR, 6] {
        store.take(entry(&trial, second));
        trial.wait_for(&[Seen::Settled(second)]);
    }
    (YEAR + 10..YEAR + 1010).for_each(|second| store.take(entry(&trial, second)));
    assert!(store.close(DEADLINE));
    assert_eq!(trial.count("SELECT count(*) FROM readings"), 1006);
    drop(store);

    let trial = keeping(Duration::from_millis(300), None);
    let (store, _) = trial.open();
    (YEAR..YEAR + 1000).for_each(|second| store.take(entry(&trial, second)));
    trial.wait_for(&[Seen::Settled(YEAR + 999)]);
    until_with_readings(&trial, &store, "those of a year ahead go like all others", || {
        trial.count("SELECT count(*) FROM readings WHERE received_at > 1831000000000") == 0
    });
    drop(store);
}

#[test]
fn changes_go_where_the_site_wants_it_but_open_and_pending_ones_stay() {
    let trial = keeping(Duration::from_secs(3600), Some(Duration::from_millis(300)));
    let (store, _) = trial.open();
    let ended = vec![raised(1), cleared(1)];
    store.take(StoreInput { changes: ended, ..entry(&trial, 1) });
    store.take(alerting(&trial, 2)); // open
    let pending = vec![raised(3), cleared(3)];
    store.take(StoreInput { changes: pending, ..entry(&trial, 3) });
    let summary = AlertChange { condition: Condition::BacklogSummary, ..raised(4) };
    store.take(StoreInput { changes: vec![summary], ..entry(&trial, 4) });
    trial.wait_for(&[Seen::Settled(4)]);
    trial.other().execute("UPDATE changes SET published = 1 WHERE change NOT LIKE '%second 3%'", []).unwrap();
    // Each start sets a milestone for what is there by then.
    assert!(store.close(DEADLINE));
    let (store, _) = trial.open();
    store.take(entry(&trial, 5));
    assert!(store.close(DEADLINE));
    trial.other().execute("UPDATE covered SET running = running + 400", []).unwrap();
    let (store, _) = trial.open();
    until_with_readings(&trial, &store, "what ended goes", || {
        trial.count("SELECT count(*) FROM changes") == 3
    });
    let left: String = trial
        .other()
        .query_row("SELECT group_concat(change ->> '$.message', ', ') FROM changes", [], |row| row.get(0))
        .unwrap();
    assert_eq!(left, "second 2, second 3, second 3");
    drop(store);
}

#[test]
fn who_left_long_ago_is_forgotten() {
    let trial = keeping(Duration::from_millis(300), None);
    let (store, _) = trial.open();
    store.take(StoreInput { saved: Some(Saved::Gone(Departure::Discharged)), ..entry(&trial, 1) });
    trial.wait_for(&[Seen::Settled(1)]);
    assert_eq!(trial.count("SELECT count(*) FROM admissions"), 1);
    until_with_readings(&trial, &store, "it is forgotten", || {
        trial.count("SELECT count(*) FROM admissions") == 0
    });
    drop(store);
}

#[test]
fn a_reader_that_holds_a_transaction_does_not_let_the_log_grow_without_bound() {
    let mut trial = impatient();
    trial.terms.lost_after = DEADLINE;
    trial.writer_terms.longest_log = 4 << 20;
    let (store, _) = trial.open();
    store.take(alerting(&trial, 0));
    trial.wait_for(&[Seen::Settled(0)]);
    let reader = trial.other();
    reader.execute_batch("BEGIN; SELECT count(*) FROM changes").unwrap();
    let log = || fs::metadata(trial.path().with_extension("db-wal")).map_or(0, |log| log.len());
    let (mut longest, mut second) = (0, 0);
    for _ in 0..400 {
        (second + 1..second + 100).for_each(|second| store.take(alerting(&trial, second)));
        second += 100;
        longest = longest.max(log());
    }
    trial.wait_for(&[Seen::Settled(second - 1)]);
    longest = longest.max(log());
    assert!(longest < 64 << 20, "{longest}");
    assert_eq!(reader.query_row("SELECT count(*) FROM changes", [], |row| row.get::<_, i64>(0)), Ok(1));
    drop(reader);
    assert!(store.close(DEADLINE));
    assert_eq!(trial.count("SELECT count(*) FROM changes"), 1 + 400 * 99);
}

#[test]
fn a_backup_is_taken_beside_a_running_store_and_overwrites_nothing() {
    let trial = StoreTrial::new();
    let (store, _) = trial.open();
    (0..300).for_each(|second| store.take(alerting(&trial, second)));
    trial.wait_for(&[Seen::Settled(299)]);
    let copy = trial.folder.join("copy.db");
    assert!(back_up(&trial.path(), &copy).unwrap() > 4096);
    store.take(alerting(&trial, 300));
    trial.wait_for(&[Seen::Settled(300)]);
    let changes = |path: &Path| -> i64 {
        connection(path).query_row("SELECT count(*) FROM changes", [], |row| row.get(0)).unwrap()
    };
    assert_eq!((changes(&copy), changes(&trial.path())), (300, 301));
    assert_eq!(fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(matches!(back_up(&trial.path(), &copy), Err(BackupFault::Exists(_))));
    let nowhere = trial.folder.join("nowhere").join("copy.db");
    assert!(matches!(back_up(&trial.path(), &nowhere), Err(BackupFault::Target { .. })));
    let none = trial.folder.join("none.db");
    assert!(matches!(back_up(&none, &trial.folder.join("c")), Err(BackupFault::NoStore(_))));
    assert!(!none.exists());
    fs::write(&none, "no database at all").unwrap();
    assert!(matches!(back_up(&none, &trial.folder.join("c")), Err(BackupFault::Source { .. })));
    let left = fs::read_dir(&trial.folder).unwrap().map(|file| file.unwrap().file_name());
    assert!(left.into_iter().all(|name| !name.to_string_lossy().contains("partial")));
    drop(store);
}
