//! A store that cannot be opened at the start: the ward is watched, nothing is touched, and all is kept on its return.

use std::fs;
use std::path::Path;

use super::faults::{back, impatient, lost};
use super::*;

/// The cause with which the store was lost.
fn cause(trial: &StoreTrial) -> String {
    let cause = |seen| match seen {
        Seen::Event(StoreEvent::Lost { cause, .. }) => cause,
        _ => None,
    };
    trial.seen().into_iter().find_map(cause).expect("a store that is lost, and why")
}

/// Opens a store that cannot be, has it take an alert, mends what was wrong, and waits until all is kept.
fn opens_all_the_same(trial: &StoreTrial, why: &str, mend: impl FnOnce(&Path)) -> Store {
    let (store, recovered) = trial.open();
    assert!(recovered.patients.is_empty());
    assert!(store.status().lost);
    assert!(cause(trial).contains(why), "{}", cause(trial));
    assert!(cause(trial).contains("store.db"), "{}", cause(trial));
    store.take(alerting(trial, 1));
    trial.wait_for(&[Seen::Settled(1)]);
    mend(&trial.path());
    back(trial);
    assert_eq!(trial.count("SELECT count(*) FROM changes WHERE published = 0"), 1);
    store
}

#[test]
fn a_folder_that_is_not_there_yet_is_waited_for_and_what_came_meanwhile_is_kept() {
    let mut trial = impatient();
    let folder = trial.folder.clone();
    trial.folder = folder.join("not-mounted");
    let path = trial.folder.clone();
    let store = opens_all_the_same(&trial, "No such file", |_| fs::create_dir(&path).unwrap());
    assert!(store.close(DEADLINE));
    // Nobody numbers from where those who could not read it do.
    assert_eq!(trial.count("SELECT max(number) FROM changes"), 1);
    trial.folder = folder;
}

#[test]
fn a_folder_in_the_place_of_the_store_is_left_alone() {
    let trial = impatient();
    fs::create_dir(trial.path()).unwrap();
    fs::write(trial.path().join("own"), "somebody's").unwrap();
    opens_all_the_same(&trial, "directory", |path| {
        assert_eq!(fs::read_to_string(path.join("own")).unwrap(), "somebody's");
        fs::remove_dir_all(path).unwrap();
    });
}

#[test]
fn what_a_run_left_that_could_not_be_read_is_published_on_return_and_numbers_go_on() {
    let trial = impatient();
    let (store, _) = trial.open();
    (11..=13).for_each(|second| store.take(alerting(&trial, second)));
    trial.close(&store);
    let aside = trial.folder.join("unmounted");
    fs::rename(trial.path(), &aside).unwrap();
    // Into a folder that is not there: what stood here replaces it in one step, with no moment for a new store.
    std::os::unix::fs::symlink(trial.folder.join("missing/store.db"), trial.path()).unwrap();
    let (store, recovered) = trial.open();
    assert!(recovered.pending.is_empty());
    store.take(alerting(&trial, 1));
    trial.wait_for(&[Seen::Settled(1)]);
    store.done(crate::store::numbering::UNREAD); // the broker has it before it is committed
    fs::rename(&aside, trial.path()).unwrap();
    back(&trial);
    trial.wait_for(&[Seen::Found(3)]);
    assert!(store.close(DEADLINE));
    assert_eq!(trial.count("SELECT count(*) FROM changes"), 4);
    assert_eq!(trial.count("SELECT max(number) FROM changes WHERE published = 0"), 5);
    let order: Vec<_> = trial.reopened().pending.iter().map(|c| c.change.message.clone()).collect();
    assert_eq!(order, ["second 11", "second 12", "second 13"]);
}

#[test]
fn a_store_that_can_only_be_read_gives_back_what_is_remembered() {
    let trial = impatient();
    let (store, _) = trial.open();
    store.take(StoreInput { saved: memory(1), ..alerting(&trial, 1) });
    trial.close(&store);
    trial.rejects.store(true, Ordering::Relaxed);
    let (store, recovered) = trial.open();
    assert!(store.status().lost);
    assert_eq!((recovered.patients.len(), recovered.pending.len()), (1, 1));
    store.take(alerting(&trial, 2));
    trial.wait_for(&[Seen::Settled(2)]);
    trial.rejects.store(false, Ordering::Relaxed);
    back(&trial);
    assert!(store.close(DEADLINE));
    assert_eq!(trial.reopened().pending.len(), 2);
}

/// What keeps a start from its store in earnest; whoever runs the tests as root can mount what has no room.
#[test]
fn a_start_without_room_or_on_a_read_only_disk_reads_what_is_there() {
    if !mount(&["-V"]) || !is_root() {
        return;
    }
    for remount in ["remount,ro", "remount,size=300k"] {
        let mut trial = impatient();
        let folder = trial.folder.clone();
        trial.folder = folder.join("disk");
        fs::create_dir(&trial.folder).unwrap();
        let disk = trial.folder.to_str().unwrap().to_owned();
        if !mount(&["-t", "tmpfs", "-o", "size=8m", "none", &disk]) {
            trial.folder = folder;
            return;
        }
        let (store, _) = trial.open();
        store.take(StoreInput { saved: memory(1), ..alerting(&trial, 1) });
        trial.close(&store);
        wait_until("nobody writes there", || mount(&["-o", remount, &disk]));
        if remount.ends_with('k') {
            let _ = fs::write(trial.folder.join("full"), vec![0; 8 << 20]);
        }
        let (store, recovered) = trial.open();
        assert_eq!((recovered.patients.len(), recovered.pending.len()), (1, 1), "{remount}");
        (2..200).for_each(|second| store.take(alerting(&trial, second)));
        lost(&trial);
        trial.wait_for(&[Seen::Settled(199)]);
        assert!(mount(&["-o", "remount,rw,size=8m", &disk]));
        let _ = fs::remove_file(trial.folder.join("full"));
        back(&trial);
        trial.close(&store);
        assert_eq!(trial.count("SELECT count(*) FROM changes"), 199, "{remount}");
        assert!(std::process::Command::new("umount").arg(&disk).status().unwrap().success());
        trial.folder = folder;
    }
}

fn mount(arguments: &[&str]) -> bool {
    let mounted = std::process::Command::new("mount").args(arguments).output();
    mounted.is_ok_and(|mounted| mounted.status.success())
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0)
}

#[test]
fn nobody_else_can_read_what_is_created() {
    use std::os::unix::fs::PermissionsExt;
    let trial = StoreTrial::new();
    let (store, _) = trial.open();
    store.take(alerting(&trial, 1));
    trial.wait_for(&[Seen::Settled(1)]);
    let mut seen = 0;
    for file in fs::read_dir(&trial.folder).unwrap().map(Result::unwrap) {
        let mode = file.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{:?}", file.path());
        seen += 1;
    }
    assert_eq!(seen, 4, "database, log, index, lock");
    drop(store);
}
