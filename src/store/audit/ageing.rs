//! What happens to old rows: those that age out leave their last hash, those of before the audit are taken into it.

use rusqlite::{Params, Transaction, params};
use serde_json::json;
use wardwatch_actors::alerts::AlertChange;

use super::chain::hex;
use super::log::{AGED_OUT, AuditLog, EARLIER, INSTALLATION, KEPT, change_at, hash_at};
use super::note::NoteWords;

/// Up to where something is old enough; 0 is nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct OldEnough {
    /// Rows of the audit.
    pub rows: i64,
    /// Changes in the log, by their numbers.
    pub changes: i64,
}

/// The changes that rows about to age out are about.
const OF_OLD_ROWS: &str =
    "FROM audit JOIN changes AS old ON old.number = audit.change WHERE audit.position <= ?1";

/// Lets the oldest rows age out, at most so many; how many did.
///
/// Of changes only those of alerts that have ended and of which the broker has everything; a summary never ends. The
/// end goes last: without it the alert would seem open. What stays is chained anew, behind everything.
pub fn age_out(
    transaction: &Transaction<'_>,
    log: &mut AuditLog<'_>,
    old: OldEnough,
    (time, most): (i64, i64),
) -> rusqlite::Result<i64> {
    let oldest = "SELECT max(position), count(*) FROM \
                  (SELECT position FROM audit WHERE position <= ?1 ORDER BY position LIMIT ?2)";
    let (upto, count): (Option<i64>, i64) = transaction
        .prepare_cached(oldest)?
        .query_row(params![old.rows, most], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let Some(upto) = upto else { return Ok(0) };
    let hash =
        transaction.query_row("SELECT hash FROM audit WHERE position = ?1", [upto], |row| hash_at(row, 0))?;
    let over = "EXISTS (SELECT 1 FROM changes WHERE id = old.id AND event = 'cleared' AND number <= ?2)";
    for which in [
        format!(
            "old.event <> 'cleared' AND (json_extract(old.change, '$.condition') = 'backlog_summary' OR {over})"
        ),
        "old.event = 'cleared' AND old.number <= ?2 \
         AND NOT EXISTS (SELECT 1 FROM changes WHERE id = old.id AND number <> old.number)"
            .to_owned(),
    ] {
        let delete = format!(
            "DELETE FROM changes WHERE number IN (SELECT old.number {OF_OLD_ROWS} AND old.published <> 0 AND {which})"
        );
        transaction.prepare_cached(&delete)?.execute(params![upto, old.changes])?;
    }
    let kept = format!("SELECT {COLUMNS} {OF_OLD_ROWS} ORDER BY audit.position");
    chain(transaction, log, (KEPT, time), (&kept, [upto]))?;
    transaction.prepare_cached("DELETE FROM audit WHERE position <= ?1")?.execute([upto])?;
    let what = format!("rows up to {upto} are kept no longer");
    let body = json!({ "row": upto, "hash": hex(&hash) });
    log.note(time, INSTALLATION, &NoteWords::new(AGED_OUT, what, &body))?;
    Ok(count)
}

/// The columns of a change that is chained once more.
const COLUMNS: &str = "old.number, old.id, old.sequence, old.subject, old.event, old.time, old.change";

/// Takes some of the changes into the audit that the store held before it had one; whether there are more.
pub fn take_in_earlier(
    transaction: &Transaction<'_>,
    log: &mut AuditLog<'_>,
    (time, most): (i64, i64),
) -> rusqlite::Result<bool> {
    let between = "SELECT chained, to_chain FROM covered";
    let (chained, last): (i64, i64) =
        transaction.prepare_cached(between)?.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    if chained >= last {
        return Ok(false);
    }
    let next = format!(
        "SELECT {COLUMNS} FROM changes AS old WHERE number > ?1 AND number <= ?2 ORDER BY number LIMIT ?3"
    );
    let taken = chain(transaction, log, (EARLIER, time), (&next, params![chained, last, most]))?;
    let done = taken.unwrap_or(last);
    transaction.prepare_cached("UPDATE covered SET chained = ?1")?.execute([done])?;
    Ok(done < last)
}

/// Chains every change that a query finds; the number of the last.
fn chain(
    transaction: &Transaction<'_>,
    log: &mut AuditLog<'_>,
    (kind, time): (&str, i64),
    (sql, of): (&str, impl Params),
) -> rusqlite::Result<Option<i64>> {
    let mut statement = transaction.prepare_cached(sql)?;
    let mut rows = statement.query(of)?;
    let mut last = None;
    while let Some(row) = rows.next()? {
        let change = change_at(row, 0)?;
        let condition = serde_json::from_str::<AlertChange>(change.change);
        let condition = condition.map_or_else(|_| "alert".to_owned(), |change| change.condition.to_string());
        let what = format!("{} {condition}", change.event);
        log.change(kind, time, change, &what)?;
        last = Some(change.number);
    }
    Ok(last)
}
