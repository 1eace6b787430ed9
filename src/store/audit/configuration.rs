//! Starts and configurations: what a site gives otherwise than the audit knows.

use std::collections::BTreeMap;

use rusqlite::{Transaction, params};
use serde_json::json;

use super::log::{AuditLog, INSTALLATION};
use super::note::{AuditNote, NoteWords};
use crate::config::given::GivenWords;

/// Writes what happened to the service as a whole, or in answer to a command about `subject`.
pub fn write(
    transaction: &Transaction<'_>,
    log: &mut AuditLog<'_>,
    note: &AuditNote,
    (time, subject): (i64, &str),
) -> rusqlite::Result<()> {
    match note {
        AuditNote::Command(reply) => {
            NoteWords::of_command(reply).map_or(Ok(()), |words| log.note(time, subject, &words))
        }
        AuditNote::Start { instance, user, given } => {
            let version = env!("CARGO_PKG_VERSION");
            let what = format!("WardWatch {version} started as {instance} by {user}");
            let body = json!({ "version": version, "instance": instance, "by": user });
            log.note(time, INSTALLATION, &NoteWords::new("start", what, &body))?;
            let Some(given) = given else { return Ok(()) };
            let changes = take(transaction, &given.values)?;
            if changes.is_empty() { Ok(()) } else { changed(log, time, (given, "a start"), user, &changes) }
        }
        AuditNote::Reload { user, given } => {
            let changes = take(transaction, &given.values)?;
            changed(log, time, (given, "SIGHUP"), user, &changes)
        }
        AuditNote::Stop { user } => {
            let what = "ended since it was asked to".to_owned();
            log.note(time, INSTALLATION, &NoteWords::new("stop", what, &json!({ "by": user })))
        }
    }
}

fn changed(
    log: &mut AuditLog<'_>,
    time: i64,
    (given, reason): (&GivenWords, &str),
    user: &str,
    changes: &[KeyGiven],
) -> rusqlite::Result<()> {
    let keys: Vec<_> = changes.iter().map(|change| change.key.as_str()).collect();
    let what = match keys.as_slice() {
        [] => format!("the configuration after {reason}: the same"),
        keys => format!("the configuration after {reason}: {}", keys.join(", ")),
    };
    let each = |change: &KeyGiven| json!({ "key": change.key, "is": change.is, "was": change.was });
    let changes: Vec<_> = changes.iter().map(each).collect();
    let body = json!({ "file": given.file, "by": user, "reason": reason, "changes": changes });
    log.note(time, INSTALLATION, &NoteWords::new("configuration", what, &body))
}

/// One key that is given otherwise; none is the default.
struct KeyGiven {
    key: String,
    is: Option<String>,
    was: Option<String>,
}

/// Notes what is given from now on; what of it is new.
fn take(transaction: &Transaction<'_>, given: &BTreeMap<String, String>) -> rusqlite::Result<Vec<KeyGiven>> {
    let mut known = transaction.prepare_cached("SELECT key, value FROM configuration")?;
    let known: BTreeMap<String, String> =
        known.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
    let mut changes = Vec::new();
    let gone = known.keys().filter(|key| !given.contains_key(*key));
    for key in given.keys().chain(gone) {
        let (is, was) = (given.get(key).cloned(), known.get(key).cloned());
        if is == was {
            continue;
        }
        match &is {
            Some(value) => transaction
                .execute("INSERT OR REPLACE INTO configuration VALUES (?1, ?2)", params![key, value])?,
            None => transaction.execute("DELETE FROM configuration WHERE key = ?1", [key])?,
        };
        changes.push(KeyGiven { key: key.clone(), is, was });
    }
    Ok(changes)
}
