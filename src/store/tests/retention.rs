//! What is kept for how long, what a reader can do to the log, and a copy of the store.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use wardwatch_actors::people::Departure;

use super::faults::impatient;
use super::*;
use crate::store::{BackupFault, back_up};

/// A bench that keeps readings and changes this long.
fn keeping(readings: Duration, changes: Option<Duration>) -> Bench {
    let mut bench = Bench::new();
    bench.writer_terms.keep_readings = readings;
    bench.writer_terms.keep_changes = changes;
    bench
}

/// Lets time pass, with a reading now and then, until it is so.
fn until_with_readings(bench: &Bench, store: &Store, what: &str, is_so: impl Fn() -> bool) {
    let (begun, mut second) = (Instant::now(), 100_000);
    while !is_so() {
        assert!(begun.elapsed() < DEADLINE, "waited for {what}");
        store.take(entry(bench, second));
        bench.wait_for(&[Told::Settled(second)]);
        second += 1;
    }
}

#[test]
fn old_readings_are_deleted_in_steps_and_alert_changes_stay() {
    let bench = keeping(Duration::from_millis(400), None);
    let (store, _) = bench.open();
    store.take(alarming(&bench, 0));
    (1..1200).for_each(|second| store.take(entry(&bench, second)));
    bench.wait_for(&[Told::Settled(1199)]);
    let left = || bench.count("SELECT count(*) FROM readings WHERE received_at < 1800001200000");
    assert_eq!(left(), 1200);
    let steps = Mutex::new(vec![1200]);
    until_with_readings(&bench, &store, "old readings go", || {
        steps.lock().unwrap().push(left());
        left() == 0
    });
    assert!(steps.into_inner().unwrap().windows(2).all(|pair| pair[0] - pair[1] <= 500));
    assert_eq!(bench.count("SELECT count(*) FROM changes"), 1);
    assert!(bench.count("SELECT count(*) FROM readings") > 0, "the newest stay");
    drop(store);
}

/// Neither one device, nor our own clock, for a moment or for long.
#[test]
fn a_clock_that_is_a_year_ahead_or_behind_deletes_nothing_and_keeps_nothing_from_going() {
    const YEAR: i64 = 366 * 24 * 3600;
    let bench = Bench::new();
    let (store, _) = bench.open();
    for second in [1, 2, YEAR + 3, 4, 5 - YEAR, 6] {
        store.take(entry(&bench, second));
        bench.wait_for(&[Told::Settled(second)]);
    }
    (YEAR + 10..YEAR + 1010).for_each(|second| store.take(entry(&bench, second)));
    assert!(store.close(DEADLINE));
    assert_eq!(bench.count("SELECT count(*) FROM readings"), 1006);
    drop(store);

    let bench = keeping(Duration::from_millis(300), None);
    let (store, _) = bench.open();
    (YEAR..YEAR + 1000).for_each(|second| store.take(entry(&bench, second)));
    bench.wait_for(&[Told::Settled(YEAR + 999)]);
    until_with_readings(&bench, &store, "those of a year ahead go like all others", || {
        bench.count("SELECT count(*) FROM readings WHERE received_at > 1831000000000") == 0
    });
    drop(store);
}

#[test]
fn changes_go_where_the_site_wants_it_but_open_and_owed_ones_stay() {
    let bench = keeping(Duration::from_secs(3600), Some(Duration::from_millis(300)));
    let (store, _) = bench.open();
    let ended = vec![raised(1), cleared(1)];
    store.take(Entry { changes: ended, ..entry(&bench, 1) });
    store.take(alarming(&bench, 2)); // open
    let owed = vec![raised(3), cleared(3)];
    store.take(Entry { changes: owed, ..entry(&bench, 3) });
    let summary = AlertChange { condition: Condition::BacklogSummary, ..raised(4) };
    store.take(Entry { changes: vec![summary], ..entry(&bench, 4) });
    bench.wait_for(&[Told::Settled(4)]);
    bench.other().execute("UPDATE changes SET published = 1 WHERE change NOT LIKE '%second 3%'", []).unwrap();
    // Each start marks what is there by then.
    assert!(store.close(DEADLINE));
    let (store, _) = bench.open();
    store.take(entry(&bench, 5));
    assert!(store.close(DEADLINE));
    bench.other().execute("UPDATE covered SET running = running + 400", []).unwrap();
    let (store, _) = bench.open();
    until_with_readings(&bench, &store, "what ended goes", || {
        bench.count("SELECT count(*) FROM changes") == 3
    });
    let left: String = bench
        .other()
        .query_row("SELECT group_concat(change ->> '$.message', ', ') FROM changes", [], |row| row.get(0))
        .unwrap();
    assert_eq!(left, "second 2, second 3, second 3");
    drop(store);
}

#[test]
fn who_left_long_ago_is_forgotten() {
    let bench = keeping(Duration::from_millis(300), None);
    let (store, _) = bench.open();
    store.take(Entry { saved: Some(Saved::Gone(Departure::Discharged)), ..entry(&bench, 1) });
    bench.wait_for(&[Told::Settled(1)]);
    assert_eq!(bench.count("SELECT count(*) FROM admissions"), 1);
    until_with_readings(&bench, &store, "it is forgotten", || {
        bench.count("SELECT count(*) FROM admissions") == 0
    });
    drop(store);
}

#[test]
fn a_reader_that_holds_a_transaction_does_not_let_the_log_grow_without_bound() {
    let mut bench = impatient();
    bench.terms.lost_after = DEADLINE;
    bench.writer_terms.longest_log = 4 << 20;
    let (store, _) = bench.open();
    store.take(alarming(&bench, 0));
    bench.wait_for(&[Told::Settled(0)]);
    let reader = bench.other();
    reader.execute_batch("BEGIN; SELECT count(*) FROM changes").unwrap();
    let log = || fs::metadata(bench.path().with_extension("db-wal")).map_or(0, |log| log.len());
    let (mut longest, mut second) = (0, 0);
    for _ in 0..400 {
        (second + 1..second + 100).for_each(|second| store.take(alarming(&bench, second)));
        second += 100;
        longest = longest.max(log());
    }
    bench.wait_for(&[Told::Settled(second - 1)]);
    longest = longest.max(log());
    assert!(longest < 64 << 20, "{longest}");
    assert_eq!(reader.query_row("SELECT count(*) FROM changes", [], |row| row.get::<_, i64>(0)), Ok(1));
    drop(reader);
    assert!(store.close(DEADLINE));
    assert_eq!(bench.count("SELECT count(*) FROM changes"), 1 + 400 * 99);
}

#[test]
fn a_backup_is_taken_beside_a_running_store_and_overwrites_nothing() {
    let bench = Bench::new();
    let (store, _) = bench.open();
    (0..300).for_each(|second| store.take(alarming(&bench, second)));
    bench.wait_for(&[Told::Settled(299)]);
    let copy = bench.folder.join("copy.db");
    assert!(back_up(&bench.path(), &copy).unwrap() > 4096);
    store.take(alarming(&bench, 300));
    bench.wait_for(&[Told::Settled(300)]);
    let changes = |path: &Path| -> i64 {
        connection(path).query_row("SELECT count(*) FROM changes", [], |row| row.get(0)).unwrap()
    };
    assert_eq!((changes(&copy), changes(&bench.path())), (300, 301));
    assert_eq!(fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(matches!(back_up(&bench.path(), &copy), Err(BackupFault::Exists(_))));
    let nowhere = bench.folder.join("nowhere").join("copy.db");
    assert!(matches!(back_up(&bench.path(), &nowhere), Err(BackupFault::Target { .. })));
    let none = bench.folder.join("none.db");
    assert!(matches!(back_up(&none, &bench.folder.join("c")), Err(BackupFault::NoStore(_))));
    assert!(!none.exists());
    fs::write(&none, "no database at all").unwrap();
    assert!(matches!(back_up(&none, &bench.folder.join("c")), Err(BackupFault::Source { .. })));
    let left = fs::read_dir(&bench.folder).unwrap().map(|file| file.unwrap().file_name());
    assert!(left.into_iter().all(|name| !name.to_string_lossy().contains("partial")));
    drop(store);
}
