//! The store as whoever only reads it sees it, beside the service that writes to it: nothing of it is changed.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, params};
use serde_json::Value;
use thiserror::Error;
use wardwatch_actors::alerts::AlertChange;
use wardwatch_actors::clock::{Span, Timestamp};
use wardwatch_actors::people::{PatientId, Subject};
use wardwatch_actors::vitals::Reading;

use super::audit::{self, AuditReport, NotedHead};
use super::{recovery, schema};
use crate::feed::archive::Period;

/// How long another process may hold the database.
const BUSY_FOR: Duration = Duration::from_secs(10);

/// By how much our clock may have been set while readings came, for them to be found by their time.
const CLOCK_SET_BY: Span = Span::from_mins(5);

/// Why the store cannot be read.
#[derive(Debug, Error)]
pub enum ReadFault {
    #[error("there is no store at {0}")]
    NoStore(PathBuf),
    #[error(
        "the store {0} was written by an earlier WardWatch; the next start of the service brings it up to date"
    )]
    Earlier(PathBuf),
    #[error("the store {0} was written by a newer WardWatch")]
    Newer(PathBuf),
    #[error("the store {path} cannot be read")]
    Query {
        path: PathBuf,
        #[source]
        source: rusqlite::Error,
    },
}

/// A row of the audit, for export.
#[derive(Debug, Clone)]
pub struct AuditEntry {
    pub row: u64,
    pub time: Timestamp,
    pub kind: String,
    pub subject: String,
    /// In a few words.
    pub what: String,
    /// The alert change, or what else the row says.
    pub content: Value,
    /// In digits of base 16.
    pub hash: String,
}

/// Something that happened to a patient, beside alerts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditWords {
    pub time: Timestamp,
    pub kind: String,
    pub what: String,
}

/// What is known of one patient in a period.
#[derive(Debug, Default)]
pub struct PatientHistory {
    /// In the order in which they came.
    pub readings: Vec<Reading>,
    pub changes: Vec<AlertChange>,
    pub audit: Vec<AuditWords>,
    /// Rows that cannot be read.
    pub unreadable: usize,
}

/// A store that is read.
pub struct StoreReader {
    connection: Connection,
    path: PathBuf,
}

impl StoreReader {
    /// Opens the store at this path.
    pub fn open(path: &Path) -> Result<Self, ReadFault> {
        if !path.exists() {
            return Err(ReadFault::NoStore(path.to_owned()));
        }
        let fault = |source| ReadFault::Query { path: path.to_owned(), source };
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(fault)?;
        connection.busy_timeout(BUSY_FOR).map_err(fault)?;
        let form: u32 =
            connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(fault)?;
        match (form as usize).cmp(&schema::FORM) {
            std::cmp::Ordering::Less => Err(ReadFault::Earlier(path.to_owned())),
            std::cmp::Ordering::Greater => Err(ReadFault::Newer(path.to_owned())),
            std::cmp::Ordering::Equal => Ok(Self { connection, path: path.to_owned() }),
        }
    }

    /// Asks something of the database.
    pub fn read<T>(&self, query: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, ReadFault> {
        query(&self.connection).map_err(|source| ReadFault::Query { path: self.path.clone(), source })
    }

    /// Checks the audit, all of one moment, and whether a head that was noted is in it.
    pub fn verify(&self, noted: Option<&NotedHead>) -> Result<AuditReport, ReadFault> {
        self.read(|connection| {
            connection.execute_batch("BEGIN")?;
            let report = audit::verify(connection, noted);
            connection.execute_batch("COMMIT")?;
            report
        })
    }

    /// At most so many rows of the audit in a period, after this one.
    pub fn audit(&self, period: Period, after: u64, most: u32) -> Result<Vec<AuditEntry>, ReadFault> {
        let sql = "SELECT audit.position, audit.time, kind, audit.subject, what, \
                   ifnull(changes.change, body), hex(hash) FROM audit \
                   LEFT JOIN changes ON changes.number = audit.change \
                   WHERE position > ?1 AND audit.time >= ?2 AND audit.time <= ?3 ORDER BY position LIMIT ?4";
        let entry = |row: &rusqlite::Row<'_>| {
            let content = row.get_ref(5)?.as_str_or_null().unwrap_or_default();
            let content =
                content.map(|json| serde_json::from_str(json).unwrap_or(Value::String(json.to_owned())));
            Ok(AuditEntry {
                row: row.get::<_, i64>(0)?.max(0).cast_unsigned(),
                time: Timestamp::from_unix_ms(row.get(1)?),
                kind: row.get(2)?,
                subject: row.get(3)?,
                what: row.get(4)?,
                content: content.unwrap_or_default(),
                hash: row.get::<_, String>(6)?.to_lowercase(),
            })
        };
        self.read(|connection| {
            let (from, to) = (period.from.unix_ms(), period.to.unix_ms());
            let of = params![after.cast_signed(), from, to, most];
            connection.prepare_cached(sql)?.query_map(of, entry)?.collect()
        })
    }

    /// Readings, alerts and what else happened to a patient in a period.
    pub fn history(&self, patient: &PatientId, period: Period) -> Result<PatientHistory, ReadFault> {
        self.read(|connection| {
            let mut history = PatientHistory::default();
            readings(connection, patient, period, |reading| match reading {
                Some(reading) => history.readings.push(reading),
                None => history.unreadable += 1,
            })?;
            changes(connection, &Subject::Patient(patient.clone()), period, &mut history)?;
            let sql = "SELECT time, kind, what FROM audit WHERE change IS NULL AND subject = ?1 \
                       AND time >= ?2 AND time <= ?3 ORDER BY position";
            let words = |row: &rusqlite::Row<'_>| {
                Ok(AuditWords {
                    time: Timestamp::from_unix_ms(row.get(0)?),
                    kind: row.get(1)?,
                    what: row.get(2)?,
                })
            };
            let of = params![patient.as_str(), period.from.unix_ms(), period.to.unix_ms()];
            history.audit = connection.prepare(sql)?.query_map(of, words)?.collect::<Result<_, _>>()?;
            Ok(history)
        })
    }
}

fn changes(
    connection: &Connection,
    subject: &Subject,
    period: Period,
    history: &mut PatientHistory,
) -> rusqlite::Result<()> {
    let sql = "SELECT change FROM changes WHERE subject = ?1 AND time >= ?2 AND time <= ?3 ORDER BY number";
    let mut statement = connection.prepare(sql)?;
    let mut rows =
        statement.query(params![subject.to_string(), period.from.unix_ms(), period.to.unix_ms()])?;
    while let Some(row) = rows.next()? {
        match serde_json::from_slice(row.get_ref(0)?.as_bytes().unwrap_or_default()) {
            Ok(change) => history.changes.push(change),
            Err(_) => history.unreadable += 1,
        }
    }
    Ok(())
}

/// The readings of a patient in a period; none for each that cannot be read. They lie in the order in which they came, and nothing else leads to those of one patient.
pub fn readings(
    connection: &Connection,
    patient: &PatientId,
    period: Period,
    mut each: impl FnMut(Option<Reading>),
) -> rusqlite::Result<()> {
    let first = number_at(connection, period.from - CLOCK_SET_BY)?;
    let last = number_at(connection, period.to + CLOCK_SET_BY)?;
    let sql = "SELECT number, patient, observed_at, received_at, device, seq, body FROM readings \
               WHERE number >= ?1 AND number <= ?2 AND patient = ?3 AND received_at >= ?4 AND received_at <= ?5 \
               ORDER BY number";
    let mut statement = connection.prepare(sql)?;
    let (from, to) = (period.from.unix_ms(), period.to.unix_ms());
    let mut rows = statement.query(params![first, last, patient.as_str(), from, to])?;
    while let Some(row) = rows.next()? {
        each(recovery::reading(row)?);
    }
    Ok(())
}

/// The number of the first reading that came at this time or later, or one behind the last.
fn number_at(connection: &Connection, at: Timestamp) -> rusqlite::Result<i64> {
    let ends = "SELECT ifnull(min(number), 0), ifnull(max(number), 0) + 1 FROM readings";
    let (mut low, mut high): (i64, i64) =
        connection.query_row(ends, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let mut next = connection
        .prepare("SELECT number, received_at FROM readings WHERE number >= ?1 ORDER BY number LIMIT 1")?;
    while low < high {
        let middle = low + (high - low) / 2;
        let (number, came): (i64, i64) = next.query_row([middle], |row| Ok((row.get(0)?, row.get(1)?)))?;
        if came < at.unix_ms() {
            low = number + 1;
        } else {
            high = middle;
        }
    }
    Ok(low)
}
