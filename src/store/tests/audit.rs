//! The audit: whatever is changed in it afterwards is found and named.

use wardwatch_actors::alerts::{AlertOrder, Author};
use wardwatch_actors::commands::{AskedFor, Instruction, Reply, ReplyOutcome, ReplyTo};
use wardwatch_actors::people::Departure;

use super::*;
use crate::config::given::GivenWords;
use crate::feed::archive::Period;
use crate::store::{AuditNote, AuditReport, NotedHead, StoreReader, back_up};

/// The answer to a command of this second about an alert.
fn answer(second: i64, rejection: Option<&str>) -> Reply {
    let order = Instruction::Alerts(AlertOrder::Acknowledge(raised(second).id));
    let author = Author {
        sender: "nurse-call".to_owned(),
        by: "anna".to_owned(),
        reason: Some("at the bed".to_owned()),
    };
    let (ok, reason) = (rejection.is_none(), rejection.map(str::to_owned));
    Reply {
        to: ReplyTo { sender: "nurse-call".to_owned(), ..ReplyTo::default() },
        command_id: Some(format!("c-{second}")),
        outcome: ReplyOutcome { ok, reason, alert: None, sequence: ok.then_some(2) },
        difference: None,
        asked: AskedFor::Command(Box::new((order, author))),
    }
}

/// Has the store take an answer about the patient.
fn answered(trial: &StoreTrial, store: &Store, second: i64, reply: Reply) {
    let (mut kept, time) = StoreInput::about(subject(), at(second), trial.receipt(second)).into_kept();
    kept.outcome.replies = vec![reply];
    store.keep(kept, time);
    trial.wait_for(&[Seen::Settled(second)]);
}

/// A trial whose audit has a beginning and six alerts: rows 1, and 2 to 7.
fn with_six_alerts() -> (StoreTrial, Store) {
    let trial = StoreTrial::new();
    let (store, _) = trial.open();
    for second in 2..=7 {
        store.take(alerting(&trial, second));
        trial.wait_for(&[Seen::Settled(second)]);
    }
    (trial, store)
}

fn verified(trial: &StoreTrial, noted: Option<&str>) -> AuditReport {
    let noted: Option<NotedHead> = noted.map(|head| head.parse().unwrap());
    StoreReader::open(&trial.path()).unwrap().verify(noted.as_ref()).unwrap()
}

/// Everything that is wrong, in words; times are left out.
fn faults(trial: &StoreTrial, noted: Option<&str>) -> Vec<String> {
    let words = |fault: &crate::store::AuditFault| fault.to_string();
    let without_date = |words: String| {
        let mut parts = words.split("2027-01-15T08:00:");
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |text, part| text + part.split_once(": ").map_or(part, |(_, rest)| rest))
    };
    verified(trial, noted).faults.iter().map(words).map(without_date).collect()
}

/// What each row of the audit says, in order.
fn rows(trial: &StoreTrial) -> Vec<String> {
    let all = Period { from: at(-1_000_000_000), to: at(1_000_000_000) };
    let rows = StoreReader::open(&trial.path()).unwrap().audit(all, 0, 1000).unwrap();
    rows.iter().map(|row| format!("{} {} {}: {}", row.row, row.kind, row.subject, row.what)).collect()
}

const WHOLE: [&str; 0] = [];

/// What a site gives of one key.
fn given(high: &str) -> GivenWords {
    let values = [("limits.adult.heart_rate.high".to_owned(), high.to_owned())].into();
    GivenWords { file: Some("site.toml".to_owned()), values }
}

/// A trial in which there was one of everything, and another start.
fn eventful() -> StoreTrial {
    let trial = StoreTrial::new();
    let (store, _) = trial.open();
    let (instance, user) = ("wardwatch".to_owned(), "uid 7".to_owned());
    let start = AuditNote::Start { instance, user: user.clone(), given: Some(given("120")) };
    store.note(start.clone(), at(0));
    let record = AdmissionRecord { from: Some("icu-2".parse().unwrap()), ..AdmissionRecord::default() };
    store.take(StoreInput { record: Some(Arc::new(record)), ..entry(&trial, 1) });
    store.take(alerting(&trial, 2));
    trial.wait_for(&[Seen::Settled(2)]);
    answered(&trial, &store, 3, answer(2, None));
    answered(&trial, &store, 4, Reply { asked: AskedFor::Again, ..answer(2, None) });
    answered(&trial, &store, 5, answer(2, Some("no such alert is open for this patient")));
    let malformed = Reply { asked: AskedFor::Malformed, ..answer(2, Some("payload is no command")) };
    answered(&trial, &store, 6, malformed);
    store.take(StoreInput { saved: Some(Saved::Gone(Departure::Discharged)), ..entry(&trial, 7) });
    store.note(AuditNote::Reload { user: user.clone(), given: given("110") }, at(8));
    store.note(AuditNote::Stop { user }, at(9));
    assert!(store.close(DEADLINE));
    let (store, _) = trial.open();
    store.note(start, at(10));
    assert!(store.close(DEADLINE));
    trial
}

#[test]
fn everything_is_in_the_audit_with_who_and_why() {
    let trial = eventful();
    let version = env!("CARGO_PKG_VERSION");
    let started = format!("start _/_: WardWatch {version} started as wardwatch by uid 7");
    assert_eq!(
        rows(&trial),
        [
            "1 begin _/_: a new store",
            &format!("2 {started}"),
            "3 configuration _/_: the configuration after a start: limits.adult.heart_rate.high",
            "4 admission icu-1/p-17: record, transferred from icu-2",
            "5 change icu-1/p-17: raised heart_rate.high",
            "6 command icu-1/p-17: acknowledge by anna (nurse-call): done",
            "7 command icu-1/p-17: acknowledge by anna (nurse-call): rejected: no such alert is open for this patient",
            "8 command icu-1/p-17: a command that is none (nurse-call): rejected: payload is no command",
            "9 admission icu-1/p-17: discharged",
            "10 configuration _/_: the configuration after SIGHUP: limits.adult.heart_rate.high",
            "11 stop _/_: ended since it was asked to",
            &format!("12 {started}"),
            "13 configuration _/_: the configuration after a start: limits.adult.heart_rate.high",
        ]
    );
    assert_eq!(faults(&trial, None), WHOLE);
    let all = Period { from: at(8), to: at(8) };
    let reloaded = StoreReader::open(&trial.path()).unwrap().audit(all, 0, 10).unwrap();
    let change = &reloaded[0].content["changes"][0];
    assert_eq!((&change["is"], &change["was"]), (&"110".into(), &"120".into()));
    assert_eq!(reloaded[0].content["by"], "uid 7");
}

#[test]
fn a_row_that_is_edited_is_named() {
    let edits = [
        (
            "UPDATE changes SET change = replace(change, 'high', 'info') WHERE sequence = 1 AND time = 1800000004000",
            4,
        ),
        ("UPDATE changes SET time = time + 1 WHERE time = 1800000004000", 4),
        ("UPDATE changes SET event = 'cleared' WHERE time = 1800000004000", 4),
        ("UPDATE changes SET id = x'00' WHERE time = 1800000004000", 4),
        ("UPDATE audit SET time = time + 1 WHERE position = 3", 3),
        ("UPDATE audit SET kind = 'kept' WHERE position = 3", 3),
        ("UPDATE audit SET hash = zeroblob(32) WHERE position = 3", 3),
        ("UPDATE audit SET hash = 'no hash' WHERE position = 7", 7),
        ("UPDATE audit SET body = '{}' WHERE position = 8", 8),
        ("UPDATE audit SET what = NULL || '', body = 5 WHERE position = 8 AND 0", 0),
        ("UPDATE changes SET published = 1", 0),
    ];
    for (edit, row) in edits {
        let (trial, store) = with_six_alerts();
        answered(&trial, &store, 8, answer(2, None));
        assert!(store.close(DEADLINE));
        assert_eq!(faults(&trial, None), WHOLE);
        trial.other().execute(edit, []).unwrap();
        let what = if row == 8 { "acknowledge by anna (nurse-call): done" } else { "raised heart_rate.high" };
        let named = format!("row {row} ({what}, icu-1/p-17) was edited");
        let expected = if row == 0 { Vec::new() } else { vec![named] };
        assert_eq!(faults(&trial, None), expected, "{edit}");
    }
}

#[test]
fn a_row_that_is_taken_out_or_put_in_is_named() {
    let of = "raised heart_rate.high, icu-1/p-17";
    for (edit, named) in [
        ("DELETE FROM audit WHERE position = 4", format!("row 4 is missing before row 5 ({of})")),
        (
            "DELETE FROM audit WHERE position IN (3, 4)",
            format!("rows 3 to 4 are missing before row 5 ({of})"),
        ),
        (
            "DELETE FROM audit WHERE position < 4",
            format!("nothing says what became of the rows before row 4 ({of})"),
        ),
        (
            "DELETE FROM changes WHERE time = 1800000004000",
            format!("row 4 ({of}): the alert change that it is about is missing in the log"),
        ),
        (
            "INSERT INTO changes SELECT number + 1000, x'00', 1, subject, event, time, change, 1 FROM changes WHERE time = 1800000004000",
            "of icu-1/p-17 stands in the log, and no row is about it: it was added".to_owned(),
        ),
    ] {
        let (trial, store) = with_six_alerts();
        assert!(store.close(DEADLINE));
        trial.other().execute(edit, []).unwrap();
        let found = faults(&trial, None);
        assert!(found[0].ends_with(&named), "{found:?}");
        let gone = edit.starts_with("DELETE FROM audit");
        assert!(
            found.len() == 1 || gone && found[1..].iter().all(|fault| fault.contains("added")),
            "{found:?}"
        );
    }
}

/// Nothing in a file can say what stood at its end: that is what a head is noted for.
#[test]
fn rows_that_are_cut_off_show_by_a_head_that_was_noted() {
    let (trial, store) = with_six_alerts();
    let head = store.status().audit.unwrap().to_string();
    assert!(head.starts_with("7-"), "{head}");
    assert!(store.close(DEADLINE));
    assert_eq!(faults(&trial, Some(&head)), WHOLE);
    trial
        .other()
        .execute_batch("DELETE FROM audit WHERE position > 5; DELETE FROM changes WHERE time > 1800000005000")
        .unwrap();
    assert_eq!(faults(&trial, None), WHOLE);
    let last = "row 5 (raised heart_rate.high, icu-1/p-17)";
    assert_eq!(faults(&trial, Some(&head)), [format!("rows 6 to 7 are cut off behind {last}")]);
    let (_, hash) = head.split_once('-').unwrap();
    let unknown =
        format!("no row has the noted hash: rows are cut off behind {last}, or the chain was written anew");
    assert_eq!(faults(&trial, Some(hash)), [unknown]);
    // What is written in the place of what was cut off has another hash.
    let (store, _) = trial.open();
    (16..=17).for_each(|second| store.take(alerting(&trial, second)));
    assert!(store.close(DEADLINE));
    let other = faults(&trial, Some(&head));
    assert!(other[0].starts_with("row 7 (") && other[0].contains("another hash than was noted"), "{other:?}");
}

/// Who edits the store of a running service edits under its eyes: it knows the last hash, and goes on from that.
#[test]
fn rows_that_are_cut_off_while_it_runs_are_missing_from_then_on() {
    let (trial, store) = with_six_alerts();
    trial
        .other()
        .execute_batch("DELETE FROM audit WHERE position > 5; DELETE FROM changes WHERE time > 1800000005000")
        .unwrap();
    store.take(alerting(&trial, 8));
    assert!(store.close(DEADLINE));
    assert_eq!(
        faults(&trial, None),
        ["rows 6 to 7 are missing before row 8 (raised heart_rate.high, icu-1/p-17)"]
    );
}

#[test]
fn a_store_that_is_restored_from_a_backup_lacks_what_came_after_it() {
    let (trial, store) = with_six_alerts();
    let copy = trial.folder.join("copy.db");
    back_up(&trial.path(), &copy).unwrap();
    let backed_up = store.status().audit.unwrap().to_string();
    store.take(alerting(&trial, 8));
    trial.wait_for(&[Seen::Settled(8)]);
    let later = store.status().audit.unwrap().to_string();
    trial.close(&store);
    drop(store);
    std::fs::rename(&copy, trial.path()).unwrap();
    assert_eq!(faults(&trial, Some(&backed_up)), WHOLE);
    let cut = "row 8 is cut off behind row 7 (raised heart_rate.high, icu-1/p-17)";
    assert_eq!(faults(&trial, Some(&later)), [cut]);
    let (store, _) = trial.open();
    store.take(alerting(&trial, 9));
    assert!(store.close(DEADLINE));
    assert_eq!(faults(&trial, Some(&backed_up)), WHOLE);
    assert_eq!(faults(&trial, Some(&later)).len(), 1);
}
