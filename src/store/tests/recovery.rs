//! What a run leaves, the next one finds.

use super::*;
use wardwatch_actors::patient::snapshot::Memory;

/// The messages of changes, in order.
fn messages<'a>(changes: impl IntoIterator<Item = &'a AlertChange>) -> Vec<&'a str> {
    changes.into_iter().map(|change| change.message.as_str()).collect()
}

/// A trial with a patient whose alert of second 1 ended and whose alert of second 2 is open.
fn bench_with_a_patient() -> StoreTrial {
    let trial = StoreTrial::new();
    let (store, _) = trial.open();
    store.take(alerting(&trial, 1));
    let changes = vec![cleared(1), raised(2)];
    store.take(StoreInput { changes, saved: memory(2), ..entry(&trial, 2) });
    (3..=4).for_each(|second| store.take(entry(&trial, second)));
    assert!(store.close(DEADLINE));
    trial
}

/// Seen to fail where nothing notes what was published.
#[test]
fn a_crash_loses_nothing_that_was_settled_and_what_the_broker_may_not_have_comes_first_in_order() {
    let trial = StoreTrial::new();
    let (store, _) = trial.open();
    (1..=5).for_each(|second| store.take(alerting(&trial, second)));
    trial.wait_for(&[Seen::Settled(5)]);
    let rows: Vec<_> = trial
        .other()
        .prepare("SELECT number FROM changes ORDER BY number")
        .unwrap()
        .query_map([], |row| row.get::<_, i64>(0))
        .unwrap()
        .map(|row| row.unwrap().cast_unsigned())
        .collect();
    store.done(rows[0]);
    store.done(rows[2]);
    store.take(entry(&trial, 6));
    trial.wait_for(&[Seen::Settled(6)]);
    store.done(rows[1]); // written down with the next commit, which never comes
    drop(store);
    let restored = trial.reopened();
    let pending: Vec<_> = restored.pending.iter().map(|c| (c.number, &*c.change.message)).collect();
    assert_eq!(pending, [(rows[1], "second 2"), (rows[3], "second 4"), (rows[4], "second 5")]);
    assert_eq!(trial.count("SELECT count(*) FROM readings"), 6);
}

/// Runs that are killed one after the other must not fill the disk with it.
/// Seen to fail with the copying of the log at the start taken out.
#[test]
fn the_log_of_sqlite_does_not_grow_with_runs_that_are_killed() {
    let trial = StoreTrial::new();
    let log = trial.path().with_extension("db-wal");
    let mut lengths = Vec::new();
    let mut others = Vec::new();
    for run in 0..8 {
        let (store, _) = trial.open();
        store.take(alerting(&trial, run));
        trial.wait_for(&[Seen::Settled(run)]);
        let other = trial.other(); // while it is there, SQLite leaves the log alone when the store ends
        other.query_row("SELECT count(*) FROM changes", [], |_| Ok(())).unwrap();
        others.push(other);
        drop(store);
        lengths.push(std::fs::metadata(&log).unwrap().len());
    }
    assert_eq!(lengths[1..], [lengths[1]; 7], "{lengths:?}");
}

#[test]
fn a_crash_before_the_commit_settles_nothing_and_publishes_nothing() {
    let trial = StoreTrial::new();
    let (store, _) = trial.open();
    let locked = trial.other();
    locked.execute_batch("BEGIN IMMEDIATE").unwrap();
    store.take(alerting(&trial, 1));
    drop(store);
    trial.wait_for(&[Seen::Abandoned(1)]);
    locked.execute_batch("ROLLBACK").unwrap();
    assert!(trial.seen().iter().all(|seen| *seen == Seen::Abandoned(1)), "{:?}", trial.seen());
    assert!(trial.reopened().pending.is_empty());
    assert_eq!(trial.count("SELECT count(*) FROM readings"), 0);
}

/// Seen to fail with the snapshots of a batch taken out.
#[test]
fn a_patient_comes_back_with_its_memory_and_the_readings_after_it() {
    let trial = bench_with_a_patient();
    let restored = trial.reopened();
    let [saved] = &restored.patients[..] else { panic!("{:?}", restored.patients) };
    let Memory::Whole(snapshot) = &saved.memory else { panic!("{:?}", saved.memory) };
    assert_eq!((snapshot.taken.wall, snapshot.taken.uptime), (at(2), Uptime::from_ms(2000)));
    assert_eq!((&saved.patient, snapshot.patient.id()), (&patient(), &patient()));
    assert_eq!(saved.readings, [*reading(3), *reading(4)]);
    assert_eq!((restored.pending.len(), restored.unreadable), (3, 0));
}

#[test]
fn a_change_that_is_judged_again_after_a_crash_stands_in_the_log_once() {
    let trial = bench_with_a_patient();
    let (store, _) = trial.open();
    store.take(alerting(&trial, 2));
    assert!(store.close(DEADLINE));
    assert_eq!(trial.count("SELECT count(*) FROM changes"), 3);
}

#[test]
fn a_snapshot_of_an_older_form_is_read() {
    let trial = bench_with_a_patient();
    let older = r#"UPDATE snapshots SET version = 0, memory = json_set(memory, '$.given_up', 'long ago')"#;
    trial.other().execute_batch(older).unwrap();
    let restored = trial.reopened();
    assert!(matches!(&restored.patients[0].memory, Memory::Whole(_)), "{restored:?}");
    assert_eq!(restored.unreadable, 0);
}

#[test]
fn a_snapshot_that_cannot_be_read_leaves_the_open_alerts_of_the_log() {
    let trial = bench_with_a_patient();
    let damages = ["memory = '{\"id\":'", "version = 99", "memory = x'ff00'"];
    for damage in damages {
        trial.other().execute_batch(&format!("UPDATE snapshots SET {damage}")).unwrap();
        let restored = trial.reopened();
        let [saved] = &restored.patients[..] else { panic!("{:?}", restored.patients) };
        let Memory::Alerts { open, since } = &saved.memory else { panic!("{damage}: {:?}", saved.memory) };
        assert_eq!((messages(open), *since), (vec!["second 2"], at(2)));
        assert_eq!((saved.readings.len(), restored.unreadable), (2, 1));
    }
}

#[test]
fn a_row_that_cannot_be_read_is_passed_over_and_counted() {
    let trial = bench_with_a_patient();
    trial.other().execute_batch("UPDATE changes SET change = '[]' WHERE sequence = 2").unwrap();
    trial.other().execute_batch("UPDATE readings SET body = x'63' WHERE seq = 3").unwrap();
    let restored = trial.reopened();
    assert_eq!(restored.unreadable, 2);
    assert_eq!(restored.pending.len(), 2);
    assert_eq!(restored.patients[0].readings, [*reading(4)]);
}

#[test]
fn open_alerts_of_the_installation_come_back() {
    let trial = StoreTrial::new();
    let (store, _) = trial.open();
    let about = |change: AlertChange| AlertChange { subject: Subject::Installation, ..change };
    let mut entry = StoreInput::about(Subject::Installation, at(1), trial.receipt(1));
    entry.changes = vec![about(raised(1)), about(raised(2)), about(cleared(1))];
    store.take(entry);
    store.take(alerting(&trial, 3));
    assert!(store.close(DEADLINE));
    assert_eq!(messages(&trial.reopened().open), ["second 2"]);
}

#[test]
fn numbers_go_on_where_the_last_run_ended() {
    let trial = bench_with_a_patient();
    let last = trial.count("SELECT max(number) FROM readings");
    let (store, _) = trial.open();
    store.take(entry(&trial, 5));
    assert!(store.close(DEADLINE));
    assert_eq!(trial.count("SELECT max(number) FROM readings"), last + 1);
}

#[test]
fn readings_that_count_as_covered_are_not_read_again() {
    let trial = bench_with_a_patient();
    trial
        .other()
        .execute_batch("UPDATE covered SET number = (SELECT max(number) - 1 FROM readings)")
        .unwrap();
    assert_eq!(trial.reopened().patients[0].readings, [*reading(4)]);
}
