//! The SQLite file: how it is opened, and how a batch is written to it.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{CachedStatement, Connection, ErrorCode, Transaction, TransactionBehavior, params};
use thiserror::Error;
use tracing::warn;
use wardwatch_actors::alerts::change::Event;
use wardwatch_actors::clock::Span;
use wardwatch_actors::patient::snapshot::Snapshot;
use wardwatch_actors::people::{Departure, PatientId, Subject};
use wardwatch_actors::vitals::Reading;

use super::batch::{Batch, Row, Stay};
use super::packing;
use super::schema::{self, MigrationFault};
use crate::config::Synchronous;
use crate::contract::payload::rejected::RejectedMessage;
use crate::feed::NumberedChange;

/// How many refused messages stay.
const REJECTED_KEPT: i64 = 10_000;
/// How long another process may hold the database before an attempt has failed.
const BUSY_FOR: Duration = Duration::from_millis(250);
/// After about how many pages the log of SQLite is copied into the database: 48 MB. Nothing is committed meanwhile,
/// for some milliseconds; the seldomer, the fewer alerts wait for it, and a page written often is copied once.
const CHECKPOINT_PAGES: usize = 12_000;
/// Where SQLite does so by itself, within a commit, should our estimate be wrong.
const CHECKPOINT_PAGES_AT_MOST: u32 = 48_000;
/// How many old readings go at once, at least.
const DELETION_STEP: usize = 500;

/// Why the store cannot be opened.
#[derive(Debug, Error)]
pub enum StoreFault {
    #[error("the store {path} cannot be opened (store.url); its folder must exist and be writable")]
    Open {
        path: PathBuf,
        #[source]
        source: rusqlite::Error,
    },
    #[error(
        "the store {path} was written by a newer WardWatch (form {form}); start that one, or give another store.url"
    )]
    Newer { path: PathBuf, form: usize },
    #[error("the tables of the store {path} cannot be brought up to date")]
    Migrate {
        path: PathBuf,
        #[source]
        source: rusqlite::Error,
    },
    #[error("what the store {path} holds cannot be read")]
    Read {
        path: PathBuf,
        #[source]
        source: rusqlite::Error,
    },
    #[error(
        "another WardWatch writes to the store {path}; end that one, or give one of them another store.url"
    )]
    Taken { path: PathBuf },
    #[error("the store {path} cannot be opened (store.url); its folder must exist and be writable")]
    Lock {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("a thread of the store cannot be started")]
    Thread(#[source] std::io::Error),
}

/// Keeps every other process from this store, as long as its value lives: two that number their rows alike
/// would each leave out what the other wrote. Whoever only reads may do so.
pub fn lock(path: &Path) -> Result<File, StoreFault> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let cannot = |source| StoreFault::Lock { path: path.to_owned(), source };
    let file = File::create(PathBuf::from(name)).map_err(cannot)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreFault::Taken { path: path.to_owned() }),
        Err(TryLockError::Error(source)) => Err(cannot(source)),
    }
}

/// Opens the file and brings its tables up to date.
pub fn connect(path: &Path, synchronous: Synchronous) -> Result<Connection, StoreFault> {
    let mut connection =
        configured(path, synchronous).map_err(|source| StoreFault::Open { path: path.to_owned(), source })?;
    schema::migrate(&mut connection).map_err(|fault| match fault {
        MigrationFault::Newer(form) => StoreFault::Newer { path: path.to_owned(), form },
        MigrationFault::Sqlite(source) => StoreFault::Migrate { path: path.to_owned(), source },
    })?;
    Ok(connection)
}

fn configured(path: &Path, synchronous: Synchronous) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_FOR)?;
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    let synchronous = match synchronous {
        Synchronous::Full => "full",
        Synchronous::Normal => "normal",
    };
    connection.pragma_update(None, "synchronous", synchronous)?;
    connection.pragma_update_and_check(None, "wal_autocheckpoint", CHECKPOINT_PAGES_AT_MOST, |_| Ok(()))?;
    connection.pragma_update(None, "cache_size", -16_000)?; // kibibytes
    Ok(connection)
}

/// How the recorder gets a connection: at the start, and anew after each failed commit.
pub type Connect = Box<dyn FnMut() -> Result<Connection, StoreFault> + Send>;

/// Why a batch could not be committed.
#[derive(Debug, Error)]
pub enum CommitFault {
    #[error("the store cannot be opened again")]
    Connect(#[source] StoreFault),
    #[error("a batch cannot be committed")]
    Write(#[from] rusqlite::Error),
}

/// Writes batches.
pub struct Writer {
    connect: Connect,
    connection: Option<Connection>,
    keep_readings: Span,
    /// About how many pages were written since the last checkpoint.
    pages: usize,
}

impl Writer {
    /// A writer on this connection, which opens the next one by `connect` if this one fails.
    pub fn new(connection: Connection, connect: Connect, keep_readings: Span) -> Self {
        Self { connect, connection: Some(connection), keep_readings, pages: 0 }
    }

    /// Writes all of the batch in one transaction. What fails leaves nothing behind, and is to be tried
    /// again: on a new connection, since this one may hang on to a file that is gone.
    pub fn commit(&mut self, batch: &Batch) -> Result<(), CommitFault> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => (self.connect)().map_err(CommitFault::Connect)?,
        };
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        write(&transaction, batch)?;
        if !batch.is_urgent() {
            delete_old(&transaction, batch, self.keep_readings)?;
        }
        transaction.commit()?;
        self.pages += batch.pages();
        self.connection = Some(connection);
        Ok(())
    }

    /// Between batches: copies the log of SQLite into the database where it has become long.
    pub fn tidy(&mut self) {
        if self.pages > CHECKPOINT_PAGES
            && let Some(connection) = &self.connection
            && copy_log(connection)
        {
            self.pages = 0;
        }
    }

    /// Leaves a database without a log.
    pub fn finish(&mut self) {
        if let Some(connection) = &self.connection {
            checkpoint(connection, "PRAGMA wal_checkpoint(TRUNCATE)");
        }
    }
}

/// Copies the log of SQLite into the database; whether it could. The file stays as long as it is, to be written
/// from its beginning: to lengthen a file costs a commit more than to write over it.
pub fn copy_log(connection: &Connection) -> bool {
    checkpoint(connection, "PRAGMA wal_checkpoint(PASSIVE)")
}

/// SQLite says in the first column whether somebody was in its way.
fn checkpoint(connection: &Connection, pragma: &str) -> bool {
    match connection.query_row(pragma, [], |row| row.get::<_, bool>(0)) {
        Ok(false) => true,
        Ok(true) => {
            warn!("somebody reads the store: its log could not be copied into it, and is tried again");
            false
        }
        Err(error) => {
            warn!(%error, "the log of the store could not be copied into it; it is tried again");
            false
        }
    }
}

fn write(transaction: &Transaction<'_>, batch: &Batch) -> rusqlite::Result<()> {
    let mut tables = Tables::prepare(transaction)?;
    for row in &batch.rows {
        tables.write(row)?;
    }
    for (patient, number, snapshot) in &batch.snapshots {
        tables.snapshot(patient, *number, snapshot)?;
    }
    for number in &batch.published {
        tables.published.execute([number.cast_signed()])?;
    }
    drop(tables);
    write_rejected(transaction, &batch.rejected)?;
    if let Some(number) = batch.covered {
        transaction.prepare_cached("UPDATE covered SET number = ?1")?.execute([number.cast_signed()])?;
    }
    Ok(())
}

/// The statements of a batch, prepared once.
struct Tables<'a> {
    transaction: &'a Transaction<'a>,
    readings: CachedStatement<'a>,
    changes: CachedStatement<'a>,
    snapshots: CachedStatement<'a>,
    published: CachedStatement<'a>,
    body: Vec<u8>,
}

impl<'a> Tables<'a> {
    fn prepare(transaction: &'a Transaction<'a>) -> rusqlite::Result<Self> {
        let of = |sql| transaction.prepare_cached(sql);
        Ok(Self {
            transaction,
            readings: of("INSERT OR IGNORE INTO readings VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?,
            changes: of(
                "INSERT OR IGNORE INTO changes (number, id, sequence, subject, event, time, change) \
                         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?,
            // In its old place, where it has one: to take it out and put it in anew touches twice as many pages.
            snapshots: of(
                "INSERT INTO snapshots VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (patient) DO UPDATE SET \
                         number = excluded.number, taken_at = excluded.taken_at, uptime = excluded.uptime, \
                         version = excluded.version, memory = excluded.memory",
            )?,
            published: of("UPDATE changes SET published = 1 WHERE number = ?1")?,
            body: Vec::new(),
        })
    }

    fn write(&mut self, row: &Row) -> rusqlite::Result<()> {
        if let (Some(reading), Subject::Patient(patient)) = (&row.reading, &row.subject) {
            self.reading(row.number, patient, reading)?;
        }
        for numbered in &row.changes {
            self.change(numbered)?;
        }
        match (&row.stay, &row.subject) {
            (Some(stay), Subject::Patient(patient)) => self.stay(patient, stay, row.at.unix_ms()),
            _ => Ok(()),
        }
    }

    fn reading(&mut self, number: u64, patient: &PatientId, reading: &Reading) -> rusqlite::Result<()> {
        packing::packed(reading, &mut self.body);
        let done = self.readings.execute(params![
            number.cast_signed(),
            patient.as_str(),
            reading.observed_at.map(|at| at.unix_ms()),
            reading.received_at.unix_ms(),
            reading.device.as_ref().map(|device| device.as_str()),
            reading.seq.map(u64::cast_signed),
            packing::mark(patient, reading, &self.body),
            self.body,
        ]);
        tolerate(done, "a reading", patient)
    }

    fn change(&mut self, NumberedChange { number, change }: &NumberedChange) -> rusqlite::Result<()> {
        let json = match serde_json::to_string(&**change) {
            Ok(json) => json,
            Err(error) => {
                warn!(%error, alert = %change.id, "an alert change cannot be written down, and is missing in the log");
                return Ok(());
            }
        };
        let done = self.changes.execute(params![
            number.cast_signed(),
            change.id.as_bytes(),
            change.sequence,
            change.subject.to_string(),
            event_name(change.event),
            change.time.unix_ms(),
            json,
        ]);
        tolerate(done, "an alert change", &change.subject)
    }

    fn snapshot(&mut self, patient: &PatientId, number: u64, snapshot: &Snapshot) -> rusqlite::Result<()> {
        let Snapshot { version, taken, .. } = snapshot;
        let json = match serde_json::to_string(snapshot) {
            Ok(json) => json,
            Err(error) => {
                warn!(%error, %patient, "the memory of a patient cannot be written down; an older one stays");
                return Ok(());
            }
        };
        let (taken_at, uptime) = (taken.wall.unix_ms(), taken.uptime.as_ms());
        let done = self.snapshots.execute(params![
            patient.as_str(),
            number.cast_signed(),
            taken_at,
            uptime,
            version,
            json
        ]);
        tolerate(done, "a snapshot", patient)
    }

    fn stay(&mut self, patient: &PatientId, stay: &Stay, at: i64) -> rusqlite::Result<()> {
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
                of("INSERT OR REPLACE INTO admissions VALUES (?1, ?2, ?3)")?.execute(params![id, record, at])
            }
        };
        tolerate(done, "an admission", patient)
    }
}

/// As it stands in the log's own column.
fn event_name(event: Event) -> &'static str {
    match event {
        Event::Raised => "raised",
        Event::Updated => "updated",
        Event::Escalated => "escalated",
        Event::Deescalated => "deescalated",
        Event::Cleared => "cleared",
    }
}

/// What the database will never take is left out: one row must not hold up all others for ever.
fn tolerate(done: rusqlite::Result<usize>, what: &str, of: &impl std::fmt::Display) -> rusqlite::Result<()> {
    use ErrorCode::{ConstraintViolation, ParameterOutOfRange, TooBig, TypeMismatch};
    match done {
        Ok(_) => Ok(()),
        Err(error) => match error.sqlite_error_code() {
            Some(ConstraintViolation | ParameterOutOfRange | TooBig | TypeMismatch) => {
                warn!(%error, %of, "the store does not take {what}; it goes on without");
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

/// Deletes the oldest readings that are kept no longer: more than came with this batch, but few at once.
///
/// Readings lie in the order of their arrival, so the first that is young enough ends it.
fn delete_old(transaction: &Transaction<'_>, batch: &Batch, keep: Span) -> rusqlite::Result<()> {
    let Some(newest) = batch.rows.last() else { return Ok(()) };
    let before = (newest.at - keep).unix_ms();
    let step = i64::try_from(DELETION_STEP.max(2 * batch.rows.len())).unwrap_or(i64::MAX);
    transaction
        .prepare_cached(
            "DELETE FROM readings WHERE (SELECT received_at FROM readings ORDER BY number LIMIT 1) < ?1 \
             AND number <= (SELECT max(number) FROM \
             (SELECT number, received_at FROM readings ORDER BY number LIMIT ?2) WHERE received_at < ?1)",
        )?
        .execute(params![before, step])?;
    if batch.rows.iter().any(|row| row.stay.is_some()) {
        let departed = "DELETE FROM admissions WHERE record IS NULL AND changed_at < ?1";
        transaction.prepare_cached(departed)?.execute([before])?;
    }
    Ok(())
}
