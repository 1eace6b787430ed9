//! A damaged store: set aside, with all that can still be read of it carried over.

use std::fs;
use std::os::unix::fs::FileExt;

use super::faults::impatient;
use super::*;

const PATIENTS: i64 = 40;

/// A trial with so many patients that each has an open alert, and many readings; all of it in the database alone.
fn full() -> StoreTrial {
    let trial = impatient();
    let (store, _) = trial.open();
    for n in 0..PATIENTS {
        let id: PatientId = format!("icu-1/p-{n}").parse().unwrap();
        let of = Subject::Patient(id.clone());
        let taken = Now { uptime: Uptime::from_ms(1000), wall: at(1) };
        let snapshot =
            Snapshot { version: VERSION, taken, patient: Patient::new(id, &Arc::default(), at(1), taken) };
        let alert = AlertChange {
            id: alert_id(&of, &Condition::High(Vital::HeartRate), None, Some(at(n)), Again::First, None),
            subject: of.clone(),
            ..raised(n)
        };
        let mut entry = StoreInput::about(of, at(n), trial.receipt(n));
        (entry.reading, entry.changes) = (Some(reading(n)), vec![alert]);
        entry.saved = Some(Saved::Now(Box::new(snapshot)));
        store.take(entry);
    }
    (100..5000).for_each(|second| store.take(entry(&trial, second)));
    trial.close(&store);
    trial
}

fn overwrite(trial: &StoreTrial, offset: u64, length: usize) {
    let file = fs::File::options().write(true).open(trial.path()).unwrap();
    file.write_all_at(&vec![0xa5; length], offset).unwrap();
}

fn damaged_beside(trial: &StoreTrial) -> usize {
    let names = fs::read_dir(&trial.folder).unwrap().map(|file| file.unwrap().file_name());
    names.filter(|name| name.to_string_lossy().ends_with("damaged-1")).count()
}

/// Has the store take something, and waits until that is committed.
fn goes_on(trial: &StoreTrial, store: &Store) {
    for second in 9000..9003 {
        store.take(alerting(trial, second));
    }
    assert!(store.close(DEADLINE));
    assert_eq!(trial.count("SELECT count(*) FROM changes WHERE time >= 1800009000000"), 3);
}

#[test]
fn a_store_whose_header_is_overwritten_begins_anew_with_everything() {
    let trial = full();
    overwrite(&trial, 0, 100);
    let (store, recovered) = trial.open();
    assert_eq!(recovered.patients.len(), PATIENTS as usize);
    assert_eq!(recovered.pending.len(), PATIENTS as usize);
    assert_eq!(damaged_beside(&trial), 1);
    trial.wait_until("it is seen", |seen| {
        seen.iter().any(|seen| {
            matches!(seen, Seen::Event(StoreEvent::Lost { cause: Some(cause), .. }) if cause.contains("damaged-1"))
        })
    });
    goes_on(&trial, &store);
}

/// Whichever page is overwritten: the start does not fail, and every patient is there, by its memory or by its open
/// alert.
#[test]
fn whichever_page_is_overwritten_no_patient_with_an_alert_is_forgotten_by_more_than_that_page() {
    let pages = {
        let trial = full();
        fs::metadata(trial.path()).unwrap().len() / 4096
    };
    for page in (1..pages).step_by(usize::try_from(pages / 24).unwrap()) {
        let trial = full();
        overwrite(&trial, page * 4096, 4096);
        let (store, recovered) = trial.open();
        let known = recovered.patients.len();
        let alerts = recovered.pending.len();
        assert!(known as i64 >= PATIENTS - 8, "page {page}: {known} patients");
        assert!(alerts as i64 >= PATIENTS - 12, "page {page}: {alerts} changes");
        goes_on(&trial, &store);
    }
}

#[test]
fn a_file_that_is_no_database_is_set_aside_and_a_new_one_begins() {
    let trial = StoreTrial::new();
    let text = "not a database, but long enough to be taken for one".repeat(100);
    fs::write(trial.path(), &text).unwrap();
    let (store, recovered) = trial.open();
    assert!(recovered.patients.is_empty());
    goes_on(&trial, &store);
    assert_eq!(fs::read_to_string(trial.folder.join("store.db.damaged-1")).unwrap(), text);
}

#[test]
fn a_store_that_was_cut_off_keeps_what_is_left() {
    for left in [4096, 8192, 40_960, 200_000] {
        let trial = full();
        let file = fs::File::options().write(true).open(trial.path()).unwrap();
        file.set_len(left).unwrap();
        let (store, _) = trial.open();
        goes_on(&trial, &store);
    }
}

#[test]
fn damage_that_shows_while_it_runs_is_no_end() {
    let trial = full();
    let (store, _) = trial.open();
    store.take(entry(&trial, 6000));
    trial.close(&store);
    let (store, _) = trial.open();
    // The newest leaf of the readings' own tree, and their index, wherever they are: all but the first pages.
    let pages = fs::metadata(trial.path()).unwrap().len() / 4096;
    (20..pages).for_each(|page| overwrite(&trial, page * 4096, 4096));
    for second in 6001..6100 {
        store.take(alerting(&trial, second));
    }
    trial.wait_until("it is seen", |seen| {
        seen.iter().any(|seen| {
            matches!(seen, Seen::Event(StoreEvent::Lost { cause: Some(cause), .. }) if cause.contains("damaged-1"))
        })
    });
    goes_on(&trial, &store);
    assert_eq!(trial.count("SELECT count(*) FROM changes WHERE time > 1800006000000"), 102);
}

/// A disk that breaks again and again must not be filled with broken files.
#[test]
fn ten_damaged_stores_are_enough() {
    let trial = StoreTrial::new();
    for number in 1..=10 {
        fs::write(trial.folder.join(format!("store.db.damaged-{number}")), "").unwrap();
    }
    fs::write(trial.path(), "no database".repeat(1000)).unwrap();
    let (store, _) = trial.open();
    assert!(store.status().lost);
    assert!(store.status().fault.unwrap().contains("10 damaged or replaced stores"));
    store.take(alerting(&trial, 1));
    trial.wait_for(&[Seen::Settled(1)]);
    assert_eq!(fs::read_to_string(trial.path()).unwrap().len(), 11_000);
}

/// A crash while the new store takes the place of the damaged one loses neither.
#[test]
fn a_crash_between_the_new_store_and_its_name_is_made_good_by_the_next_start() {
    let trial = full();
    fs::rename(trial.path(), trial.folder.join("store.db.next")).unwrap();
    let recovered = trial.reopened();
    assert_eq!(recovered.patients.len(), PATIENTS as usize);
    assert!(!trial.folder.join("store.db.next").exists());
}
