//! A store that cannot be opened, is damaged, or is taken away: alerts go on, and are kept once it is there again.

use std::fs;
use std::os::unix::fs::FileExt;

use super::*;

/// The changes of `store.lost`, as `raised` and `cleared`.
fn of_store(ward: &Ward) -> Vec<Value> {
    ward.alerts().into_iter().filter(|alert| alert["condition"] == "store.lost").collect()
}

async fn until_store(ward: &Ward, event: &str) -> Value {
    let published = |alerts: &[Value]| {
        alerts.iter().any(|alert| alert["condition"] == "store.lost" && alert["event"] == event)
    };
    ward.bus.until(&format!("store.lost {event}"), "alerts/", published).await;
    of_store(ward).into_iter().rfind(|alert| alert["event"] == event).expect("it was published")
}

/// Alerts of the patient, without those of the store.
fn of_patient(ward: &Ward) -> Vec<Value> {
    ward.alerts().into_iter().filter(|alert| alert["patient"] == "p-17").collect()
}

#[tokio::test]
async fn a_disk_that_is_mounted_late_costs_no_alert_and_is_written_to_then() {
    let folder = scratch("mount");
    let broker = Mosquitto::start();
    let mut ward = Ward::begin(broker, AT_ONCE, folder.join("store.db"), "degraded").await;
    let lost = until_store(&ward, "raised").await;
    let words = lost["message"].as_str().expect("words");
    assert!(words.contains("mount/store.db") || words.contains(folder.to_str().expect("UTF-8")), "{words}");
    assert!(words.contains("No such file"), "{words}");
    let listens = |beats: &[Value]| beats.last().is_some_and(|beat| beat["ingest"] == "listening");
    ward.bus.until("that it listens", "system/", listens).await;
    let onset = now();
    ward.read(&reading(1, onset, 170)).await;
    ward.bus.until_judged("lost").await;
    assert_eq!(lines(&of_patient(&ward)), ["raised heart_rate.high 1"]);
    fs::create_dir(&folder).expect("a folder");
    until_store(&ward, "cleared").await;
    ward.bus.until_status("online").await;
    // What came while it was lost is in it: nobody hears of it again, and it ends under its own id.
    ward.restart().await;
    ward.read(&reading(2, now(), 72)).await;
    ward.bus.until_judged("after").await;
    let alerts = of_patient(&ward);
    assert_eq!(lines(&alerts), ["raised heart_rate.high 1", "cleared heart_rate.high 2"]);
    assert!(alerts.iter().all(|alert| alert["id"] == id_of(1, onset)), "{alerts:?}");
    ward.program.signal("KILL");
    let _ = fs::remove_dir_all(folder);
}

#[tokio::test]
async fn a_store_that_was_damaged_while_it_was_down_begins_anew_with_the_open_alerts() {
    for offset in [0, 4096 + 1] {
        let mut ward = Ward::open(AT_ONCE).await;
        let onset = now();
        ward.read(&reading(1, onset, 170)).await;
        ward.kill().await;
        // All of it into the database, then a page of it gone.
        ward.database().execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").expect("a checkpoint");
        let file = fs::File::options().write(true).open(&ward.store).expect("the store");
        file.write_all_at(&[0x5a; 90], offset).expect("damage");
        ward.start().await;
        let published = until_store(&ward, "raised").await;
        let words = published["message"].as_str().expect("words").to_owned();
        assert!(words.contains(".damaged-1"), "{words}");
        until_store(&ward, "cleared").await;
        ward.read(&reading(2, now(), 72)).await;
        ward.bus.until_judged("after").await;
        let alerts = of_patient(&ward);
        assert_eq!(lines(&alerts), ["raised heart_rate.high 1", "cleared heart_rate.high 2"], "{offset}");
        assert_eq!((&alerts[0]["id"], &alerts[1]["id"]), (&id_of(1, onset).into(), &id_of(1, onset).into()));
        let aside = format!("{}.damaged-1", ward.store.display());
        fs::remove_file(aside).expect("the damaged store is still there");
    }
}

#[tokio::test]
async fn a_store_that_somebody_removes_is_an_alert_and_written_again() {
    let mut ward = Ward::open(AT_ONCE).await;
    let onset = now();
    ward.read(&reading(1, onset, 170)).await;
    ward.bus.until_judged("before-removal").await;
    for extension in ["db", "db-wal", "db-shm"] {
        fs::remove_file(ward.store.with_extension(extension)).expect("a file of the store");
    }
    let published = until_store(&ward, "raised").await;
    assert!(published["message"].as_str().expect("words").contains("was removed"), "{published}");
    until_store(&ward, "cleared").await;
    ward.restart().await;
    ward.read(&reading(2, now(), 72)).await;
    ward.bus.until_judged("after").await;
    assert_eq!(lines(&of_patient(&ward)), ["raised heart_rate.high 1", "cleared heart_rate.high 2"]);
}

/// Whoever listens has heard of them: nobody else would ever say that they are over.
#[tokio::test]
async fn open_alerts_of_a_run_of_which_nothing_can_be_read_are_taken_from_the_brokers_states_and_end() {
    let mut ward = Ward::open(AT_ONCE).await;
    let onset = now();
    ward.read(&reading(1, onset, 170)).await;
    let says_so = |states: &[Value]| states.iter().any(|state| state["alerts"][0]["patient"] == "p-17");
    ward.bus.until("a state with the alert", "state/", says_so).await;
    ward.kill().await;
    for extension in ["db-wal", "db-shm"] {
        let _ = fs::remove_file(ward.store.with_extension(extension));
    }
    fs::write(&ward.store, [0x5a; 50_000]).expect("nothing that could be read");
    ward.start().await;
    ward.read(&reading(2, now(), 72)).await;
    ward.bus.until_judged("after").await;
    let alerts = of_patient(&ward);
    assert_eq!(lines(&alerts), ["raised heart_rate.high 1", "cleared heart_rate.high 2"]);
    assert!(alerts.iter().all(|alert| alert["id"] == id_of(1, onset)), "{alerts:?}");
    fs::remove_file(format!("{}.damaged-1", ward.store.display())).expect("what was set aside");
}

/// The drill: a backup of the running service, the machine lost, the backup put in place of the store.
#[tokio::test]
async fn a_backup_of_the_running_service_restores_the_same_alerts() {
    let mut ward = Ward::open(AT_ONCE).await;
    let onset = now();
    ward.read(&reading(1, onset, 170)).await;
    ward.bus.until_judged("backed-up").await;
    let copy = scratch("backup");
    let file = ward::config_file(ward.broker.port(), &ward.settings);
    let arguments = ["backup", "--config", file.to_str().expect("UTF-8"), copy.to_str().expect("UTF-8")];
    let status = ward::Program::start(&arguments).ended().await;
    assert_eq!(status.code(), Some(0));
    let again = ward::Program::start(&arguments).ended().await;
    assert_eq!(again.code(), Some(1), "a backup overwrites nothing");
    ward.kill().await;
    for extension in ["db", "db-wal", "db-shm"] {
        let _ = fs::remove_file(ward.store.with_extension(extension));
    }
    fs::rename(&copy, &ward.store).expect("the backup in its place");
    ward.start().await;
    ward.read(&reading(2, now(), 72)).await;
    ward.bus.until_judged("after").await;
    let alerts = of_patient(&ward);
    assert_eq!(lines(&alerts), ["raised heart_rate.high 1", "cleared heart_rate.high 2"]);
    assert!(alerts.iter().all(|alert| alert["id"] == id_of(1, onset)), "{alerts:?}");
    let _ = fs::remove_file(file);
}
