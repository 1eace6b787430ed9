//! A store that cannot be opened at the start: the ward is watched, nothing is touched, and all is kept on its return.

use std::fs;
use std::path::Path;

use super::faults::{back, impatient, lost};
use super::*;

/// The cause with which the store was lost.
fn cause(bench: &Bench) -> String {
    let cause = |told| match told {
        Told::Event(StoreEvent::Lost { cause, .. }) => cause,
        _ => None,
    };
    bench.told().into_iter().find_map(cause).expect("a store that is lost, and why")
}

/// Opens a store that cannot be, has it take an alert, mends what was wrong, and waits until all is kept.
fn opens_all_the_same(bench: &Bench, why: &str, mend: impl FnOnce(&Path)) -> Store {
    let (store, recovered) = bench.open();
    assert!(recovered.patients.is_empty());
    assert!(store.status().lost);
    assert!(cause(bench).contains(why), "{}", cause(bench));
    assert!(cause(bench).contains("store.db"), "{}", cause(bench));
    store.take(alarming(bench, 1));
    bench.wait_for(&[Told::Settled(1)]);
    mend(&bench.path());
    back(bench);
    assert_eq!(bench.count("SELECT count(*) FROM changes WHERE published = 0"), 1);
    store
}

#[test]
fn a_folder_that_is_not_there_yet_is_waited_for_and_what_came_meanwhile_is_kept() {
    let mut bench = impatient();
    let folder = bench.folder.clone();
    bench.folder = folder.join("not-mounted");
    let path = bench.folder.clone();
    let store = opens_all_the_same(&bench, "No such file", |_| fs::create_dir(&path).unwrap());
    assert!(store.close(DEADLINE));
    // Nobody numbers from where those who could not read it do.
    assert_eq!(bench.count("SELECT max(number) FROM changes"), 1);
    bench.folder = folder;
}

#[test]
fn a_folder_in_the_place_of_the_store_is_left_alone() {
    let bench = impatient();
    fs::create_dir(bench.path()).unwrap();
    fs::write(bench.path().join("own"), "somebody's").unwrap();
    opens_all_the_same(&bench, "directory", |path| {
        assert_eq!(fs::read_to_string(path.join("own")).unwrap(), "somebody's");
        fs::remove_dir_all(path).unwrap();
    });
}

#[test]
fn what_a_run_left_that_could_not_be_read_is_published_on_return_and_numbers_go_on() {
    let bench = impatient();
    let (store, _) = bench.open();
    (11..=13).for_each(|second| store.take(alarming(&bench, second)));
    bench.close(&store);
    let aside = bench.folder.join("unmounted");
    fs::rename(bench.path(), &aside).unwrap();
    fs::create_dir(bench.path()).unwrap();
    let (store, recovered) = bench.open();
    assert!(recovered.pending.is_empty());
    store.take(alarming(&bench, 1));
    bench.wait_for(&[Told::Settled(1)]);
    store.done(crate::store::numbering::UNREAD); // the broker has it before it is committed
    fs::remove_dir(bench.path()).unwrap();
    fs::rename(&aside, bench.path()).unwrap();
    back(&bench);
    bench.wait_for(&[Told::Found(3)]);
    assert!(store.close(DEADLINE));
    assert_eq!(bench.count("SELECT count(*) FROM changes"), 4);
    assert_eq!(bench.count("SELECT max(number) FROM changes WHERE published = 0"), 5);
    let order: Vec<_> = bench.reopened().pending.iter().map(|c| c.change.message.clone()).collect();
    assert_eq!(order, ["second 11", "second 12", "second 13"]);
}

#[test]
fn a_store_that_can_only_be_read_gives_back_what_is_remembered() {
    let bench = impatient();
    let (store, _) = bench.open();
    store.take(Entry { saved: memory(1), ..alarming(&bench, 1) });
    bench.close(&store);
    bench.refuses.store(true, Ordering::Relaxed);
    let (store, recovered) = bench.open();
    assert!(store.status().lost);
    assert_eq!((recovered.patients.len(), recovered.pending.len()), (1, 1));
    store.take(alarming(&bench, 2));
    bench.wait_for(&[Told::Settled(2)]);
    bench.refuses.store(false, Ordering::Relaxed);
    back(&bench);
    assert!(store.close(DEADLINE));
    assert_eq!(bench.reopened().pending.len(), 2);
}

/// What keeps a start from its store in earnest; whoever runs the tests as root can mount what has no room.
#[test]
fn a_start_without_room_or_on_a_read_only_disk_reads_what_is_there() {
    if !mount(&["-V"]) || !is_root() {
        return;
    }
    for remount in ["remount,ro", "remount,size=300k"] {
        let mut bench = impatient();
        let folder = bench.folder.clone();
        bench.folder = folder.join("disk");
        fs::create_dir(&bench.folder).unwrap();
        let disk = bench.folder.to_str().unwrap().to_owned();
        if !mount(&["-t", "tmpfs", "-o", "size=8m", "none", &disk]) {
            bench.folder = folder;
            return;
        }
        let (store, _) = bench.open();
        store.take(Entry { saved: memory(1), ..alarming(&bench, 1) });
        bench.close(&store);
        wait_until("nobody writes there", || mount(&["-o", remount, &disk]));
        if remount.ends_with('k') {
            let _ = fs::write(bench.folder.join("full"), vec![0; 8 << 20]);
        }
        let (store, recovered) = bench.open();
        assert_eq!((recovered.patients.len(), recovered.pending.len()), (1, 1), "{remount}");
        (2..200).for_each(|second| store.take(alarming(&bench, second)));
        lost(&bench);
        bench.wait_for(&[Told::Settled(199)]);
        assert!(mount(&["-o", "remount,rw,size=8m", &disk]));
        let _ = fs::remove_file(bench.folder.join("full"));
        back(&bench);
        bench.close(&store);
        assert_eq!(bench.count("SELECT count(*) FROM changes"), 199, "{remount}");
        assert!(std::process::Command::new("umount").arg(&disk).status().unwrap().success());
        bench.folder = folder;
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
    let bench = Bench::new();
    let (store, _) = bench.open();
    store.take(alarming(&bench, 1));
    bench.wait_for(&[Told::Settled(1)]);
    let mut seen = 0;
    for file in fs::read_dir(&bench.folder).unwrap().map(Result::unwrap) {
        let mode = file.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{:?}", file.path());
        seen += 1;
    }
    assert_eq!(seen, 4, "database, log, index, lock");
    drop(store);
}
