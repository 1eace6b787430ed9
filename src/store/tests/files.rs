//! Files that are removed or replaced while the store is in use.

use std::fs;

use super::faults::{back, impatient, lost};
use super::*;

/// A trial with an alert in its store, which is open.
fn running() -> (StoreTrial, Store) {
    let trial = impatient();
    let (store, _) = trial.open();
    store.take(StoreInput { saved: memory(1), ..alerting(&trial, 1) });
    trial.wait_for(&[Seen::Settled(1)]);
    (trial, store)
}

/// What was committed before and what comes after stand in the store at its path again.
fn goes_on(trial: &StoreTrial, store: &Store, seen: &str) {
    lost(trial);
    trial.wait_until("it is seen", |all| {
        all.iter().any(|one| {
            matches!(one, Seen::Event(StoreEvent::Lost { cause: Some(cause), .. }) if cause.contains(seen))
        })
    });
    store.take(alerting(trial, 2));
    back(trial);
    assert!(store.close(DEADLINE));
    let left = trial.reopened();
    assert_eq!((left.patients.len(), left.pending.len()), (1, 2));
    assert_eq!(trial.count("SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'"), 1);
}

#[test]
fn a_database_that_is_removed_is_written_again() {
    let (trial, store) = running();
    fs::remove_file(trial.path()).unwrap();
    goes_on(&trial, &store, "store.db was removed");
}

#[test]
fn all_files_of_a_store_that_are_removed_are_written_again() {
    let (trial, store) = running();
    for extension in ["db", "db-wal", "db-shm"] {
        fs::remove_file(trial.path().with_extension(extension)).unwrap();
    }
    goes_on(&trial, &store, "store.db was removed");
}

#[test]
fn a_log_that_is_removed_is_written_again() {
    let (trial, store) = running();
    fs::remove_file(trial.path().with_extension("db-wal")).unwrap();
    goes_on(&trial, &store, "store.db-wal was removed");
}

#[test]
fn a_log_that_is_replaced_is_not_taken_for_ours() {
    let (trial, store) = running();
    fs::rename(trial.path().with_extension("db-wal"), trial.folder.join("elsewhere")).unwrap();
    fs::write(trial.path().with_extension("db-wal"), vec![7; 100_000]).unwrap();
    goes_on(&trial, &store, "store.db-wal was replaced");
}

/// What lies there instead is somebody's, and stays.
#[test]
fn a_database_that_is_replaced_is_set_aside() {
    let (trial, store) = running();
    let other = trial.folder.join("other");
    let theirs = connection(&other);
    theirs.execute_batch("CREATE TABLE theirs (one); INSERT INTO theirs VALUES (1)").unwrap();
    drop(theirs);
    fs::rename(&other, trial.path()).unwrap();
    goes_on(&trial, &store, "store.db was replaced");
    let theirs = connection(&trial.folder.join("store.db.replaced-1"));
    assert_eq!(theirs.query_row("SELECT count(*) FROM theirs", [], |row| row.get::<_, i64>(0)), Ok(1));
}

#[test]
fn a_folder_that_is_gone_is_waited_for() {
    let (trial, store) = running();
    let gone = trial.folder.with_extension("gone");
    fs::rename(&trial.folder, &gone).unwrap();
    lost(&trial);
    store.take(alerting(&trial, 3));
    trial.wait_for(&[Seen::Settled(3)]);
    fs::create_dir(&trial.folder).unwrap();
    store.take(alerting(&trial, 2));
    back(&trial);
    assert!(store.close(DEADLINE));
    assert_eq!(trial.reopened().pending.len(), 3);
    fs::remove_dir_all(gone).unwrap();
}

#[test]
fn a_store_that_is_written_again_is_still_locked() {
    let (trial, store) = running();
    for file in fs::read_dir(&trial.folder).unwrap().map(Result::unwrap) {
        fs::remove_file(file.path()).unwrap();
    }
    lost(&trial);
    store.take(alerting(&trial, 2));
    back(&trial);
    let locks = fs::read_dir(&trial.folder).unwrap().map(|file| file.unwrap().path());
    let lock = locks.into_iter().find(|path| path.to_string_lossy().ends_with(".lock")).unwrap();
    let files = StoreFiles { database: trial.path(), lock };
    assert!(matches!(files.lock(), Err(StoreFault::Taken { .. })));
    drop(store);
}
