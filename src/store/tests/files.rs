//! Files that are removed or replaced while the store is in use.

use std::fs;

use super::faults::{back, impatient, lost};
use super::*;

/// A bench with an alert in its store, which is open.
fn running() -> (Bench, Store) {
    let bench = impatient();
    let (store, _) = bench.open();
    store.take(Entry { saved: memory(1), ..alarming(&bench, 1) });
    bench.wait_for(&[Told::Settled(1)]);
    (bench, store)
}

/// What was committed before and what comes after stand in the store at its path again.
fn goes_on(bench: &Bench, store: &Store, told: &str) {
    lost(bench);
    bench.wait_until("it is told", |all| {
        all.iter().any(|one| {
            matches!(one, Told::Event(StoreEvent::Lost { cause: Some(cause), .. }) if cause.contains(told))
        })
    });
    store.take(alarming(bench, 2));
    back(bench);
    assert!(store.close(DEADLINE));
    let left = bench.reopened();
    assert_eq!((left.patients.len(), left.pending.len()), (1, 2));
    assert_eq!(bench.count("SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'"), 1);
}

#[test]
fn a_database_that_is_removed_is_written_again() {
    let (bench, store) = running();
    fs::remove_file(bench.path()).unwrap();
    goes_on(&bench, &store, "store.db was removed");
}

#[test]
fn all_files_of_a_store_that_are_removed_are_written_again() {
    let (bench, store) = running();
    for extension in ["db", "db-wal", "db-shm"] {
        fs::remove_file(bench.path().with_extension(extension)).unwrap();
    }
    goes_on(&bench, &store, "store.db was removed");
}

#[test]
fn a_log_that_is_removed_is_written_again() {
    let (bench, store) = running();
    fs::remove_file(bench.path().with_extension("db-wal")).unwrap();
    goes_on(&bench, &store, "store.db-wal was removed");
}

#[test]
fn a_log_that_is_replaced_is_not_taken_for_ours() {
    let (bench, store) = running();
    fs::rename(bench.path().with_extension("db-wal"), bench.folder.join("elsewhere")).unwrap();
    fs::write(bench.path().with_extension("db-wal"), vec![7; 100_000]).unwrap();
    goes_on(&bench, &store, "store.db-wal was replaced");
}

/// What lies there instead is somebody's, and stays.
#[test]
fn a_database_that_is_replaced_is_set_aside() {
    let (bench, store) = running();
    let other = bench.folder.join("other");
    let theirs = connection(&other);
    theirs.execute_batch("CREATE TABLE theirs (one); INSERT INTO theirs VALUES (1)").unwrap();
    drop(theirs);
    fs::rename(&other, bench.path()).unwrap();
    goes_on(&bench, &store, "store.db was replaced");
    let theirs = connection(&bench.folder.join("store.db.replaced-1"));
    assert_eq!(theirs.query_row("SELECT count(*) FROM theirs", [], |row| row.get::<_, i64>(0)), Ok(1));
}

#[test]
fn a_folder_that_is_gone_is_waited_for() {
    let (bench, store) = running();
    let gone = bench.folder.with_extension("gone");
    fs::rename(&bench.folder, &gone).unwrap();
    lost(&bench);
    store.take(alarming(&bench, 3));
    bench.wait_for(&[Told::Settled(3)]);
    fs::create_dir(&bench.folder).unwrap();
    store.take(alarming(&bench, 2));
    back(&bench);
    assert!(store.close(DEADLINE));
    assert_eq!(bench.reopened().pending.len(), 3);
    fs::remove_dir_all(gone).unwrap();
}

#[test]
fn a_store_that_is_written_again_is_still_locked() {
    let (bench, store) = running();
    for file in fs::read_dir(&bench.folder).unwrap().map(Result::unwrap) {
        fs::remove_file(file.path()).unwrap();
    }
    lost(&bench);
    store.take(alarming(&bench, 2));
    back(&bench);
    let locks = fs::read_dir(&bench.folder).unwrap().map(|file| file.unwrap().path());
    let lock = locks.into_iter().find(|path| path.to_string_lossy().ends_with(".lock")).unwrap();
    let files = StoreFiles { database: bench.path(), lock };
    assert!(matches!(files.lock(), Err(StoreFault::Taken { .. })));
    drop(store);
}
