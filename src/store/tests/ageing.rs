//! The audit over time: what ages out, what was there before it, what a crash and a damaged store leave of it.

use super::*;
use crate::feed::archive::Period;
use crate::store::{AuditReport, StoreReader, schema};

fn verified(trial: &StoreTrial) -> AuditReport {
    StoreReader::open(&trial.path()).unwrap().verify(None).unwrap()
}

/// Fails with everything that is wrong, unless the chain is whole.
fn assert_whole(trial: &StoreTrial) -> AuditReport {
    let report = verified(trial);
    assert!(report.faults.is_empty(), "{:?}", report.faults);
    report
}

/// The kinds of the rows from this one on.
fn kinds(trial: &StoreTrial, from: u64) -> Vec<String> {
    let all = Period { from: at(-1_000_000_000), to: at(1_000_000_000) };
    let rows = StoreReader::open(&trial.path()).unwrap().audit(all, from - 1, 1000).unwrap();
    rows.into_iter().map(|row| format!("{} {}", row.row, row.kind)).collect()
}

/// A run that sets a milestone for what is there by then, and after that takes these changes.
fn run(trial: &StoreTrial, second: i64, changes: Vec<AlertChange>) {
    let (store, _) = trial.open();
    store.take(entry(trial, second));
    trial.wait_for(&[Seen::Settled(second)]);
    if !changes.is_empty() {
        store.take(StoreInput { changes, ..entry(trial, second + 1) });
        trial.wait_for(&[Seen::Settled(second + 1)]);
    }
    trial.close(&store);
    trial.other().execute("UPDATE changes SET published = 1", []).unwrap();
}

/// A run to which all is old that was there at an earlier milestone, until that has aged out.
fn later(trial: &StoreTrial, second: i64) {
    trial.other().execute("UPDATE covered SET running = running + 400", []).unwrap();
    let aged = || {
        trial.count("SELECT count(*) FROM audit WHERE kind = 'aged_out' AND position = (SELECT max(position) FROM audit)")
    };
    let first = || trial.count("SELECT min(position) FROM audit");
    let (store, begun, before) = (trial.open().0, Instant::now(), first());
    let mut next = second;
    while first() == before || aged() == 0 {
        assert!(begun.elapsed() < DEADLINE, "waited for rows to age out");
        store.take(entry(trial, next));
        trial.wait_for(&[Seen::Settled(next)]);
        next += 1;
    }
    trial.close(&store);
}

#[test]
fn what_ages_out_leaves_its_last_hash_and_what_is_open_is_chained_anew() {
    let mut trial = StoreTrial::new();
    trial.writer_terms.keep_changes = Some(Duration::from_millis(300));
    run(&trial, 0, vec![raised(1), cleared(1), raised(2)]);
    run(&trial, 10, Vec::new());
    assert_eq!(kinds(&trial, 1), ["1 begin", "2 change", "3 change", "4 change"]);
    later(&trial, 1000);
    assert_eq!(kinds(&trial, 1), ["5 kept", "6 aged_out"]);
    assert_eq!(assert_whole(&trial).head.row, 6);
    assert_eq!(trial.count("SELECT count(*) FROM changes"), 1);

    // It ends, and its end is not old enough when its beginning is.
    run(&trial, 20, vec![cleared(2)]);
    let kept: Vec<_> = (2..=5)
        .map(|run| {
            later(&trial, run * 1000);
            assert_whole(&trial);
            let open = "SELECT count(*) FROM changes AS of WHERE event = 'raised' AND NOT EXISTS \
                        (SELECT 1 FROM changes WHERE id = of.id AND event = 'cleared')";
            assert_eq!(trial.count(open), 0, "an alert that ended must not seem open");
            trial.count("SELECT count(*) FROM changes")
        })
        .collect();
    assert_eq!(kept, [2, 2, 1, 0]);

    // More of the beginning than aged out is missing.
    run(&trial, 30, (31..34).map(raised).collect());
    let first = assert_whole(&trial).first.unwrap().row;
    trial.other().execute("DELETE FROM audit WHERE position <= ?1", [first.cast_signed()]).unwrap();
    let report = verified(&trial);
    assert!(
        report.faults[0].to_string().starts_with(&format!("row {first} is missing before row")),
        "{report:?}"
    );
}

#[test]
fn a_crash_at_any_commit_leaves_a_whole_chain() {
    let trial = StoreTrial::new();
    let mut second = 0;
    for run in 0..6 {
        let (store, _) = trial.open();
        for _ in 0..40 {
            second += 1;
            store.take(StoreInput { saved: memory(second), ..alerting(&trial, second) });
        }
        trial.wait_for(&[Seen::Settled(second - run * 5)]);
        drop(store);
        wait_until("it has ended", || StoreReader::open(&trial.path()).is_ok());
        assert_whole(&trial);
    }
    let committed = trial.count("SELECT count(*) FROM changes");
    assert_eq!(assert_whole(&trial).rows, 1 + committed.unsigned_abs());
}

#[test]
fn a_damaged_store_begins_anew_behind_its_last_row() {
    let trial = faults::impatient();
    let (store, _) = trial.open();
    (0..200).for_each(|second| store.take(alerting(&trial, second)));
    trial.close(&store);
    let head = assert_whole(&trial).head;
    let file = std::fs::File::options().write(true).open(trial.path()).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, &[0xa5; 100], 0).unwrap();
    let (store, _) = trial.open();
    store.take(alerting(&trial, 300));
    trial.wait_for(&[Seen::Settled(300)]);
    wait_until("what was rescued is taken in", || {
        store.take(entry(&trial, 400));
        verified(&trial).untaken == 0
    });
    assert!(store.close(DEADLINE));
    let report = assert_whole(&trial);
    assert_eq!(report.first.unwrap().row, head.row + 1);
    assert_eq!(report.rows, 1 + 1 + 200);
    let noted = head.to_string().parse().unwrap();
    let noted = StoreReader::open(&trial.path()).unwrap().verify(Some(&noted)).unwrap();
    assert!(noted.faults.is_empty(), "{:?}", noted.faults);
}

#[test]
fn a_store_of_before_the_audit_is_taken_into_it() {
    let trial = StoreTrial::new();
    let mut earlier = connection(&trial.path());
    schema::migrate_to(&mut earlier, 2).unwrap();
    let insert = "INSERT INTO changes (number, id, sequence, subject, event, time, change) VALUES (?1, ?2, 1, ?3, 'raised', ?4, ?5)";
    for number in 1..=1200 {
        let change = raised(number);
        let json = serde_json::to_string(&change).unwrap();
        let columns = rusqlite::params![number, change.id.as_bytes(), subject().to_string(), number, json];
        earlier.execute(insert, columns).unwrap();
    }
    drop(earlier);
    assert!(matches!(StoreReader::open(&trial.path()), Err(crate::store::ReadFault::Earlier(_))));
    let (store, recovered) = trial.open();
    assert_eq!(recovered.pending.len(), 1200);
    store.take(alerting(&trial, 5000));
    trial.wait_for(&[Seen::Settled(5000)]);
    assert_whole(&trial);
    wait_until("all is taken in", || {
        store.take(entry(&trial, 6000));
        verified(&trial).untaken == 0
    });
    assert!(store.close(DEADLINE));
    let report = assert_whole(&trial);
    assert_eq!(report.rows, 1 + 1 + 1200);
    assert_eq!(kinds(&trial, 1)[..2], ["1 begin", "2 change"]);
    trial.other().execute("DELETE FROM changes WHERE number = 700", []).unwrap();
    let fault = verified(&trial).faults[0].to_string();
    assert!(fault.contains("raised heart_rate.high") && fault.contains("missing in the log"), "{fault}");
}
