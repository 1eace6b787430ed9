//! What is kept for how long, counted while the service runs: no clock that is wrong deletes anything.
//!
//! From time to time a milestone (a row of `marks`) says which rows are there by now. What an old enough one has goes, a few rows at
//! a time.

use std::time::Duration;

use rusqlite::{Connection, Transaction, params};

use super::alert_list;
use super::audit::{self, AuditChain, AuditLog, OldEnough};
use super::batch::Batch;
use super::minutes::Minutes;
use super::numbering::Numbering;
use super::writer::WriterTerms;

/// How many rows go at once, at least.
const DELETION_STEP: usize = 500;
/// How often something may go, in running time.
const DELETE_EVERY: Duration = Duration::from_millis(50);
/// How many milestones there are while something is kept.
const MILESTONES: u32 = 48;
/// How far milestones lie apart at most.
const LONGEST_STEP: Duration = Duration::from_secs(3600);

/// What goes when.
#[derive(Debug)]
pub struct Retention {
    keep_readings: Duration,
    /// None is for ever.
    keep_changes: Option<Duration>,
    keep_minutes: Duration,
    /// For how long the service had run before this process.
    before: Duration,
    last_milestone: Option<Duration>,
    deleted: Duration,
    /// Up to these rows nothing is to be kept.
    readings_upto: i64,
    minutes_upto: i64,
    changes_upto: OldEnough,
    /// Whether there may be rows of the audit that age out, and changes of before it to be taken in.
    changes_left: bool,
    earlier_left: bool,
    unlisted_left: bool,
}

impl Retention {
    /// Nothing is known yet of the store.
    pub fn new(terms: &WriterTerms) -> Self {
        let WriterTerms { keep_readings, keep_changes, keep_minutes, .. } = *terms;
        Self {
            keep_readings,
            keep_changes,
            keep_minutes,
            before: Duration::ZERO,
            last_milestone: None,
            deleted: Duration::ZERO,
            readings_upto: 0,
            minutes_upto: 0,
            changes_upto: OldEnough::default(),
            changes_left: true,
            earlier_left: true,
            unlisted_left: true,
        }
    }

    /// Takes up what earlier runs counted.
    pub fn take_up(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let ms: i64 = connection.query_row("SELECT running FROM covered", [], |row| row.get(0))?;
        self.before = Duration::from_millis(ms.max(0).cast_unsigned());
        self.find_bounds(connection, self.before)
    }

    /// Sets a milestone for what is there by now, and deletes some of what is kept no longer; how far the audit is then.
    pub fn step(
        &mut self,
        transaction: &Transaction<'_>,
        batch: &Batch,
        numbering: &Numbering,
        audit: AuditChain,
    ) -> rusqlite::Result<AuditChain> {
        let total = self.before + batch.running;
        let step = (self.keep_readings / MILESTONES).min(LONGEST_STEP);
        if batch.covered.is_some() || self.last_milestone.is_none_or(|last| batch.running >= last + step) {
            let running = "UPDATE covered SET running = ?1";
            transaction.prepare_cached(running)?.execute([ms(total)])?;
        }
        if self.last_milestone.is_none_or(|last| batch.running >= last + step) {
            let insert = "INSERT OR IGNORE INTO marks (number, running, audit) VALUES (?1, ?2, ?3)";
            let row = audit.head.row.cast_signed();
            transaction.prepare_cached(insert)?.execute([numbering.row(batch.upto), ms(total), row])?;
            self.find_bounds(transaction, total)?;
            self.delete_milestones(transaction)?;
            (self.last_milestone, self.changes_left) = (Some(batch.running), true);
        }
        if batch.running < self.deleted + DELETE_EVERY {
            return Ok(audit);
        }
        self.deleted = batch.running;
        let most = i64::try_from(DELETION_STEP.max(2 * batch.rows.len())).unwrap_or(i64::MAX);
        self.delete_readings(transaction, most)?;
        if self.minutes_upto > 0 {
            Minutes::delete_old(transaction, self.minutes_upto, most)?;
        }
        self.tend_audit(transaction, batch, most, audit)
    }

    fn find_bounds(&mut self, connection: &Connection, total: Duration) -> rusqlite::Result<()> {
        let bound = |keep: Duration| -> rusqlite::Result<OldEnough> {
            let Some(before) = total.checked_sub(keep) else { return Ok(OldEnough::default()) };
            let bound = "SELECT ifnull(max(number), 0), ifnull(max(audit), 0) FROM marks WHERE running <= ?1";
            connection.query_row(bound, [ms(before)], |row| {
                Ok(OldEnough { changes: row.get(0)?, rows: row.get(1)? })
            })
        };
        self.readings_upto = bound(self.keep_readings)?.changes;
        self.minutes_upto = bound(self.keep_minutes)?.changes;
        self.changes_upto = self.keep_changes.map_or(Ok(OldEnough::default()), bound)?;
        Ok(())
    }

    /// Milestones that say nothing more than the newest of those that are old enough.
    fn delete_milestones(&self, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        let oldest = match self.keep_changes {
            Some(_) => self.readings_upto.min(self.changes_upto.changes),
            None => self.readings_upto,
        };
        let oldest = oldest.min(self.minutes_upto);
        transaction.prepare_cached("DELETE FROM marks WHERE number < ?1")?.execute([oldest])?;
        // Who left so long ago is nobody any more who must not come back by a mere reading.
        let departed = "DELETE FROM admissions WHERE record IS NULL AND number <= ?1 AND ?1 > 0";
        transaction.prepare_cached(departed)?.execute([self.readings_upto])?;
        Ok(())
    }

    fn delete_readings(&self, transaction: &Transaction<'_>, most: i64) -> rusqlite::Result<()> {
        let delete = "DELETE FROM readings WHERE number <= (SELECT max(number) FROM \
                      (SELECT number FROM readings WHERE number <= ?1 ORDER BY number LIMIT ?2))";
        transaction.prepare_cached(delete)?.execute(params![self.readings_upto, most])?;
        Ok(())
    }

    /// Takes changes of before the audit into it, and lets its oldest rows age out with the changes they are about.
    fn tend_audit(
        &mut self,
        transaction: &Transaction<'_>,
        batch: &Batch,
        most: i64,
        audit: AuditChain,
    ) -> rusqlite::Result<AuditChain> {
        if self.unlisted_left {
            self.unlisted_left = alert_list::take_in_earlier(transaction)?;
        }
        let Some(last) = batch.rows.last() else { return Ok(audit) };
        let (time, ages) = (last.at.unix_ms(), self.changes_left && self.changes_upto.rows > 0);
        if !ages && !self.earlier_left {
            return Ok(audit);
        }
        let mut log = AuditLog::open(transaction, audit)?;
        if self.earlier_left {
            self.earlier_left = audit::take_in_earlier(transaction, &mut log, (time, most))?;
        }
        if ages {
            self.changes_left =
                audit::age_out(transaction, &mut log, self.changes_upto, (time, most))? >= most;
            alert_list::delete_old(transaction, self.changes_upto.changes)?;
        }
        Ok(log.chain())
    }
}

fn ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
