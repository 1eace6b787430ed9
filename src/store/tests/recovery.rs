//! What a run leaves, the next one finds.

use super::*;
use wardwatch_actors::patient::snapshot::Memory;

/// The messages of changes, in order.
fn messages<'a>(changes: impl IntoIterator<Item = &'a AlertChange>) -> Vec<&'a str> {
    changes.into_iter().map(|change| change.message.as_str()).collect()
}

/// A bench with a patient whose alert of second 1 ended and whose alert of second 2 is open.
fn bench_with_a_patient() -> Bench {
    let bench = Bench::new();
    let (store, _) = bench.open();
    store.take(alarming(&bench, 1));
    let changes = vec![cleared(1), raised(2)];
    store.take(Entry { changes, saved: memory(2), ..entry(&bench, 2) });
    (3..=4).for_each(|second| store.take(entry(&bench, second)));
    assert!(store.close(DEADLINE));
    bench
}

/// Seen to fail with the marks of what was published taken out.
#[test]
fn a_crash_loses_nothing_that_was_settled_and_what_the_broker_may_not_have_comes_first_in_order() {
    let bench = Bench::new();
    let (store, _) = bench.open();
    (1..=5).for_each(|second| store.take(alarming(&bench, second)));
    bench.wait_for(&[Told::Settled(5)]);
    let rows: Vec<_> = bench
        .other()
        .prepare("SELECT number FROM changes ORDER BY number")
        .unwrap()
        .query_map([], |row| row.get::<_, i64>(0))
        .unwrap()
        .map(|row| row.unwrap().cast_unsigned())
        .collect();
    store.done(rows[0]);
    store.done(rows[2]);
    store.take(entry(&bench, 6));
    bench.wait_for(&[Told::Settled(6)]);
    store.done(rows[1]); // written down with the next commit, which never comes
    drop(store);
    let restored = bench.reopened();
    let pending: Vec<_> = restored.pending.iter().map(|c| (c.number, &*c.change.message)).collect();
    assert_eq!(pending, [(rows[1], "second 2"), (rows[3], "second 4"), (rows[4], "second 5")]);
    assert_eq!(bench.count("SELECT count(*) FROM readings"), 6);
}

/// Runs that are killed one after the other must not fill the disk with it.
/// Seen to fail with the copying of the log at the start taken out.
#[test]
fn the_log_of_sqlite_does_not_grow_with_runs_that_are_killed() {
    let bench = Bench::new();
    let log = bench.path().with_extension("db-wal");
    let mut lengths = Vec::new();
    let mut others = Vec::new();
    for run in 0..8 {
        let (store, _) = bench.open();
        store.take(alarming(&bench, run));
        bench.wait_for(&[Told::Settled(run)]);
        let other = bench.other(); // while it is there, SQLite leaves the log alone when the store ends
        other.query_row("SELECT count(*) FROM changes", [], |_| Ok(())).unwrap();
        others.push(other);
        drop(store);
        lengths.push(std::fs::metadata(&log).unwrap().len());
    }
    assert_eq!(lengths[1..], [lengths[1]; 7], "{lengths:?}");
}

#[test]
fn a_crash_before_the_commit_settles_nothing_and_publishes_nothing() {
    let bench = Bench::new();
    let (store, _) = bench.open();
    let locked = bench.other();
    locked.execute_batch("BEGIN IMMEDIATE").unwrap();
    store.take(alarming(&bench, 1));
    drop(store);
    bench.wait_for(&[Told::Abandoned(1)]);
    locked.execute_batch("ROLLBACK").unwrap();
    assert!(bench.told().iter().all(|told| *told == Told::Abandoned(1)), "{:?}", bench.told());
    assert!(bench.reopened().pending.is_empty());
    assert_eq!(bench.count("SELECT count(*) FROM readings"), 0);
}

/// Seen to fail with the snapshots of a batch taken out.
#[test]
fn a_patient_comes_back_with_its_memory_and_the_readings_after_it() {
    let bench = bench_with_a_patient();
    let restored = bench.reopened();
    let [saved] = &restored.patients[..] else { panic!("{:?}", restored.patients) };
    let Memory::Whole(snapshot) = &saved.memory else { panic!("{:?}", saved.memory) };
    assert_eq!((snapshot.taken.wall, snapshot.taken.uptime), (at(2), Uptime::from_ms(2000)));
    assert_eq!((&saved.patient, snapshot.patient.id()), (&patient(), &patient()));
    assert_eq!(saved.readings, [*reading(3), *reading(4)]);
    assert_eq!((restored.pending.len(), restored.unreadable), (3, 0));
}

#[test]
fn a_change_that_is_judged_again_after_a_crash_stands_in_the_log_once() {
    let bench = bench_with_a_patient();
    let (store, _) = bench.open();
    store.take(alarming(&bench, 2));
    assert!(store.close(DEADLINE));
    assert_eq!(bench.count("SELECT count(*) FROM changes"), 3);
}

#[test]
fn a_snapshot_of_an_older_form_is_read() {
    let bench = bench_with_a_patient();
    let older = r#"UPDATE snapshots SET version = 0, memory = json_set(memory, '$.given_up', 'long ago')"#;
    bench.other().execute_batch(older).unwrap();
    let restored = bench.reopened();
    assert!(matches!(&restored.patients[0].memory, Memory::Whole(_)), "{restored:?}");
    assert_eq!(restored.unreadable, 0);
}

#[test]
fn a_snapshot_that_cannot_be_read_leaves_the_open_alerts_of_the_log() {
    let bench = bench_with_a_patient();
    let damages = ["memory = '{\"id\":'", "version = 99", "memory = x'ff00'"];
    for damage in damages {
        bench.other().execute_batch(&format!("UPDATE snapshots SET {damage}")).unwrap();
        let restored = bench.reopened();
        let [saved] = &restored.patients[..] else { panic!("{:?}", restored.patients) };
        let Memory::Alerts { open, since } = &saved.memory else { panic!("{damage}: {:?}", saved.memory) };
        assert_eq!((messages(open), *since), (vec!["second 2"], at(2)));
        assert_eq!((saved.readings.len(), restored.unreadable), (2, 1));
    }
}

#[test]
fn a_row_that_cannot_be_read_is_passed_over_and_counted() {
    let bench = bench_with_a_patient();
    bench.other().execute_batch("UPDATE changes SET change = '[]' WHERE sequence = 2").unwrap();
    bench.other().execute_batch("UPDATE readings SET body = x'63' WHERE seq = 3").unwrap();
    let restored = bench.reopened();
    assert_eq!(restored.unreadable, 2);
    assert_eq!(restored.pending.len(), 2);
    assert_eq!(restored.patients[0].readings, [*reading(4)]);
}

#[test]
fn open_alerts_of_the_installation_come_back() {
    let bench = Bench::new();
    let (store, _) = bench.open();
    let about = |change: AlertChange| AlertChange { subject: Subject::Installation, ..change };
    let mut entry = Entry::about(Subject::Installation, at(1), bench.receipt(1));
    entry.changes = vec![about(raised(1)), about(raised(2)), about(cleared(1))];
    store.take(entry);
    store.take(alarming(&bench, 3));
    assert!(store.close(DEADLINE));
    assert_eq!(messages(&bench.reopened().open), ["second 2"]);
}

#[test]
fn numbers_go_on_where_the_last_run_ended() {
    let bench = bench_with_a_patient();
    let last = bench.count("SELECT max(number) FROM readings");
    let (store, _) = bench.open();
    store.take(entry(&bench, 5));
    assert!(store.close(DEADLINE));
    assert_eq!(bench.count("SELECT max(number) FROM readings"), last + 1);
}

#[test]
fn readings_that_count_as_covered_are_not_read_again() {
    let bench = bench_with_a_patient();
    bench
        .other()
        .execute_batch("UPDATE covered SET number = (SELECT max(number) - 1 FROM readings)")
        .unwrap();
    assert_eq!(bench.reopened().patients[0].readings, [*reading(4)]);
}
