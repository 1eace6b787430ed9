//! Alerts as a list: one row each, from its beginning to its end, beside the log of their changes.

use rusqlite::{CachedStatement, Transaction, params};
use wardwatch_actors::alerts::{AlertChange, Event};
use wardwatch_actors::conditions::{Condition, Priority};

/// How many changes of before there was a list are looked at with one batch.
const AT_ONCE: i64 = 500;

/// Keeps the list, within one transaction.
pub struct AlertList<'a> {
    insert: CachedStatement<'a>,
    update: CachedStatement<'a>,
}

impl<'a> AlertList<'a> {
    pub fn open(transaction: &'a Transaction<'a>) -> rusqlite::Result<Self> {
        Ok(Self {
            insert: transaction.prepare_cached(
                "INSERT INTO alerts (number, id, subject, bed, condition, priority, message, onset, raised, \
                 test, simulated, by_itself) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, 0) \
                 ON CONFLICT (id) DO UPDATE SET number = excluded.number, raised = excluded.raised, \
                 onset = excluded.onset WHERE excluded.number < number",
            )?,
            update: transaction.prepare_cached(
                "UPDATE alerts SET priority = max(priority, ?2), message = ifnull(?3, message), \
                 acknowledged_by = iif(acknowledged IS NULL, ?5, acknowledged_by), \
                 acknowledged = ifnull(acknowledged, ?4), ended = ifnull(?6, ended), \
                 by_itself = max(by_itself, ?7) WHERE id = ?1",
            )?,
        })
    }

    /// Enters a change, in the log under this number.
    pub fn note(&mut self, number: i64, change: &AlertChange) -> rusqlite::Result<()> {
        // A summary is no alert: it never ends.
        if change.condition == Condition::BacklogSummary {
            return Ok(());
        }
        if change.event == Event::Raised || self.update(change)? == 0 {
            self.insert(number, change)?;
            // Where the log begins in the middle of an alert.
            if change.event != Event::Raised {
                self.update(change)?;
            }
        }
        Ok(())
    }

    fn insert(&mut self, number: i64, change: &AlertChange) -> rusqlite::Result<usize> {
        self.insert.execute(params![
            number,
            change.id.as_bytes(),
            change.subject.to_string(),
            change.bed,
            change.condition.to_string(),
            rank(change.priority),
            change.message,
            change.onset.unix_ms(),
            change.time.unix_ms(),
            change.test,
            change.simulated,
        ])
    }

    fn update(&mut self, change: &AlertChange) -> rusqlite::Result<usize> {
        let at = |event: Event| (change.event == event).then(|| change.time.unix_ms());
        let message = (change.event == Event::Escalated).then_some(&change.message);
        let acknowledged = at(Event::Acknowledged);
        let by = change.author.as_ref().filter(|_| acknowledged.is_some()).map(|author| &author.by);
        let ended = at(Event::Cleared);
        let by_itself = ended.is_some() && change.author.is_none() && change.reason.is_none();
        let priority = rank(change.priority);
        let id = change.id.as_bytes();
        self.update.execute(params![id, priority, message, acknowledged, by, ended, by_itself])
    }
}

/// Enters some of the changes that were in the log before there was a list; whether there are more.
pub fn take_in_earlier(transaction: &Transaction<'_>) -> rusqlite::Result<bool> {
    let between = "SELECT listed, to_list FROM covered";
    let (listed, last): (i64, i64) =
        transaction.prepare_cached(between)?.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    if listed >= last {
        return Ok(false);
    }
    let mut list = AlertList::open(transaction)?;
    let next =
        "SELECT number, change FROM changes WHERE number > ?1 AND number <= ?2 ORDER BY number LIMIT ?3";
    let mut next = transaction.prepare_cached(next)?;
    let mut rows = next.query(params![listed, last, AT_ONCE])?;
    let mut done = None;
    while let Some(row) = rows.next()? {
        let number = row.get(0)?;
        if let Ok(change) = serde_json::from_slice(row.get_ref(1)?.as_bytes().unwrap_or_default()) {
            list.note(number, &change)?;
        }
        done = Some(number);
    }
    let done = done.unwrap_or(last);
    transaction.prepare_cached("UPDATE covered SET listed = ?1")?.execute([done])?;
    Ok(done < last)
}

/// Deletes what the log keeps no longer.
pub fn delete_old(transaction: &Transaction<'_>, changes_upto: i64) -> rusqlite::Result<()> {
    let gone =
        "DELETE FROM alerts WHERE number <= ?1 AND NOT EXISTS (SELECT 1 FROM changes WHERE id = alerts.id)";
    transaction.prepare_cached(gone)?.execute([changes_upto])?;
    Ok(())
}

/// A priority as a number that can be compared.
pub const fn rank(priority: Priority) -> i64 {
    match priority {
        Priority::Info => 0,
        Priority::Low => 1,
        Priority::Medium => 2,
        Priority::High => 3,
    }
}

/// The priority of this rank.
pub const fn priority_of(rank: i64) -> Priority {
    match rank {
        3 => Priority::High,
        2 => Priority::Medium,
        1 => Priority::Low,
        _ => Priority::Info,
    }
}
