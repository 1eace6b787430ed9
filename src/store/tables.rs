//! How a batch is written to the database.

use rusqlite::{CachedStatement, ErrorCode, OptionalExtension, Transaction, params};
use tracing::{error, warn};
use wardwatch_actors::alerts::AlertChange;
use wardwatch_actors::clock::Timestamp;
use wardwatch_actors::patient::snapshot::Snapshot;
use wardwatch_actors::people::{Departure, PatientId, Subject};
use wardwatch_actors::vitals::Reading;

use super::alert_list::AlertList;
use super::audit::{self, AuditChain, AuditLog, ChangeColumns, NoteWords};
use super::batch::{Batch, Row, Stay};
use super::minutes::WrittenReading;
use super::numbering::Numbering;
use super::packing;
use crate::contract::payload::rejected::RejectedMessage;
use crate::feed::NumberedChange;

/// How many rejected messages stay.
const REJECTED_KEPT: i64 = 10_000;

/// What of a batch the database did not take.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct RejectedRows {
    /// Changes that are missing in the log: another one with the same id and sequence stands there.
    pub changes: u64,
}

/// What came of writing a batch, once it is committed.
pub struct WrittenBatch {
    pub rejections: RejectedRows,
    /// How far the audit is.
    pub chain: AuditChain,
    /// The readings that were not there before.
    pub readings: Vec<WrittenReading>,
}

/// Writes all of the batch, numbered as the database numbers.
pub fn write(
    transaction: &Transaction<'_>,
    batch: &Batch,
    numbering: &Numbering,
    chain: AuditChain,
) -> rusqlite::Result<WrittenBatch> {
    let mut tables = Tables::prepare(transaction, numbering, chain)?;
    for row in &batch.rows {
        tables.write(row)?;
    }
    for (patient, number, snapshot) in &batch.snapshots {
        tables.snapshot(patient, *number, snapshot)?;
    }
    for number in &batch.published {
        tables.published.execute([numbering.row(*number)])?;
    }
    let Tables { rejections, audit, readings_written: readings, .. } = tables;
    let chain = audit.chain();
    drop(audit);
    write_rejected(transaction, &batch.rejected)?;
    if let Some(number) = batch.covered {
        transaction.prepare_cached("UPDATE covered SET number = ?1")?.execute([numbering.row(number)])?;
    }
    Ok(WrittenBatch { rejections, chain, readings })
}

/// The statements of a batch, prepared once.
struct Tables<'a> {
    transaction: &'a Transaction<'a>,
    readings: CachedStatement<'a>,
    changes: CachedStatement<'a>,
    snapshots: CachedStatement<'a>,
    published: CachedStatement<'a>,
    numbering: &'a Numbering,
    rejections: RejectedRows,
    body: Vec<u8>,
    audit: AuditLog<'a>,
    alerts: AlertList<'a>,
    readings_written: Vec<WrittenReading>,
}

impl<'a> Tables<'a> {
    fn prepare(
        transaction: &'a Transaction<'a>,
        numbering: &'a Numbering,
        chain: AuditChain,
    ) -> rusqlite::Result<Self> {
        let of = |sql| transaction.prepare_cached(sql);
        Ok(Self {
            transaction,
            readings: of("INSERT OR IGNORE INTO readings VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?,
            changes: of("INSERT INTO changes (number, id, sequence, subject, event, time, change) \
                         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING")?,
            // In its old place, where it has one: to take it out and put it in anew touches twice as many pages.
            snapshots: of(
                "INSERT INTO snapshots VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (patient) DO UPDATE SET \
                         number = excluded.number, taken_at = excluded.taken_at, uptime = excluded.uptime, \
                         version = excluded.version, memory = excluded.memory",
            )?,
            published: of("UPDATE changes SET published = 1 WHERE number = ?1")?,
            numbering,
            rejections: RejectedRows::default(),
            body: Vec::new(),
            audit: AuditLog::open(transaction, chain)?,
            alerts: AlertList::open(transaction)?,
            readings_written: Vec::new(),
        })
    }

    fn write(&mut self, row: &Row) -> rusqlite::Result<()> {
        if let (Some(reading), Subject::Patient(patient)) = (&row.reading, &row.subject) {
            self.reading(row.number, patient, reading)?;
        }
        for numbered in &row.changes {
            self.change(numbered, row.at)?;
        }
        if let (Some(stay), Subject::Patient(patient)) = (&row.stay, &row.subject) {
            self.stay(patient, stay, row)?;
        }
        if row.notes.is_empty() {
            return Ok(());
        }
        let about = (row.at.unix_ms(), &*row.subject.to_string());
        row.notes.iter().try_for_each(|note| audit::write(self.transaction, &mut self.audit, note, about))
    }

    fn reading(&mut self, number: u64, patient: &PatientId, reading: &Reading) -> rusqlite::Result<()> {
        packing::packed(reading, &mut self.body);
        let done = self.readings.execute(params![
            self.numbering.row(number),
            patient.as_str(),
            reading.observed_at.map(|at| at.unix_ms()),
            reading.received_at.unix_ms(),
            reading.device.as_ref().map(|device| device.as_str()),
            reading.seq.map(u64::cast_signed),
            packing::fingerprint(patient, reading, &self.body),
            self.body,
        ]);
        if done == Ok(1) && !reading.values.is_empty() {
            let times = (reading.received_at, reading.judged_at);
            let written = WrittenReading::new(self.numbering.row(number), patient, times, reading.values);
            self.readings_written.push(written);
        }
        tolerate(done, "a reading", patient)
    }

    fn change(
        &mut self,
        NumberedChange { number, change }: &NumberedChange,
        at: Timestamp,
    ) -> rusqlite::Result<()> {
        let json = match serde_json::to_string(&**change) {
            Ok(json) => json,
            Err(error) => {
                warn!(%error, alert = %change.id, "an alert change cannot be saved, and is missing in the log");
                return Ok(());
            }
        };
        let columns = ChangeColumns {
            number: self.numbering.row(*number),
            id: change.id.as_bytes(),
            sequence: change.sequence.into(),
            subject: &change.subject.to_string(),
            event: change.event.name(),
            time: change.time.unix_ms(),
            change: &json,
        };
        let ChangeColumns { number, id, sequence, subject, event, time, .. } = columns;
        match self.changes.execute(params![number, id, sequence, subject, event, time, json]) {
            Ok(0) => self.known(change, &json),
            Ok(_) => {
                self.alerts.note(number, change)?;
                let what = format!("{event} {}", change.condition);
                self.audit.change(audit::CHANGE, at.unix_ms(), columns, &what)
            }
            failed => tolerate(failed, "an alert change", subject),
        }
    }

    /// A change whose place in the log is taken: one that was judged again after a crash is the same to the letter.
    /// Anything else would be lost in silence.
    fn known(&mut self, change: &AlertChange, json: &str) -> rusqlite::Result<()> {
        let same = "SELECT change FROM changes WHERE id = ?1 AND sequence = ?2";
        let mut same = self.transaction.prepare_cached(same)?;
        let known: Option<String> =
            same.query_row(params![change.id.as_bytes(), change.sequence], |row| row.get(0)).optional()?;
        if known.as_deref() != Some(json) {
            let (alert, sequence) = (&change.id, change.sequence);
            error!(%alert, sequence, subject = %change.subject, event = change.event.name(),
                "two different alert changes share their id and sequence, or their number; the later one was published and is missing in the log");
            self.rejections.changes += 1;
        }
        Ok(())
    }

    fn snapshot(&mut self, patient: &PatientId, number: u64, snapshot: &Snapshot) -> rusqlite::Result<()> {
        let Snapshot { version, taken, .. } = snapshot;
        let json = match serde_json::to_string(snapshot) {
            Ok(json) => json,
            Err(error) => {
                warn!(%error, %patient, "the memory of a patient cannot be saved; an older one stays");
                return Ok(());
            }
        };
        let (taken_at, uptime) = (taken.wall.unix_ms(), taken.uptime.as_ms());
        let done = self.snapshots.execute(params![
            patient.as_str(),
            self.numbering.row(number),
            taken_at,
            uptime,
            version,
            json
        ]);
        tolerate(done, "a snapshot", patient)
    }

    fn stay(&mut self, patient: &PatientId, stay: &Stay, row: &Row) -> rusqlite::Result<()> {
        let (at, number) = (row.at.unix_ms(), self.numbering.row(row.number));
        let (id, of) = (patient.as_str(), |sql| self.transaction.prepare_cached(sql));
        let record = match stay {
            Stay::Described(record) => serde_json::to_string(record).ok(),
            Stay::Over { .. } => {
                of("DELETE FROM snapshots WHERE patient = ?1")?.execute([id])?;
                None
            }
        };
        let done = match stay {
            Stay::Over { departure: Departure::Left } => {
                of("DELETE FROM admissions WHERE patient = ?1")?.execute([id])
            }
            _ => {
                of("INSERT OR REPLACE INTO admissions (patient, record, changed_at, number) VALUES (?1, ?2, ?3, ?4)")?.execute(params![id, record, at, number])
            }
        };
        tolerate(done, "an admission", patient)?;
        self.audit.note(at, id, &NoteWords::of_stay(stay))
    }
}

/// What the database will never take is left out: one row must not hold up all others for ever.
fn tolerate(done: rusqlite::Result<usize>, what: &str, of: impl std::fmt::Display) -> rusqlite::Result<()> {
    use ErrorCode::{ConstraintViolation, ParameterOutOfRange, TooBig, TypeMismatch};
    match done {
        Ok(_) => Ok(()),
        Err(error) => match error.sqlite_error_code() {
            Some(ConstraintViolation | ParameterOutOfRange | TooBig | TypeMismatch) => {
                warn!(%error, %of, "the store rejects {what}; it goes on without");
                Ok(())
            }
            _ => Err(error),
        },
    }
}

fn write_rejected(transaction: &Transaction<'_>, all: &[RejectedMessage]) -> rusqlite::Result<()> {
    if all.is_empty() {
        return Ok(());
    }
    let mut insert = transaction.prepare_cached(
        "INSERT INTO rejected (time, topic, reason, field, payload, count) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for RejectedMessage { time, topic, reason, field, payload, count } in all {
        insert.execute(params![time.unix_ms(), topic, reason, field, payload, count.cast_signed()])?;
    }
    let oldest = "DELETE FROM rejected WHERE number <= (SELECT max(number) FROM rejected) - ?1";
    transaction.prepare_cached(oldest)?.execute([REJECTED_KEPT])?;
    Ok(())
}
