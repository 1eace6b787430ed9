//! What can still be read of a damaged store, copied into one that begins anew.
//!
//! Whatever page is broken: memories, admissions, open and pending changes and the last readings are each read from
//! both ends, by every way that leads to them, until SQLite reads no further. History beyond that stays in the
//! damaged file, and the audit goes on from its last row: what of it is not copied must not look as if it never was.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, Transaction, params_from_iter};
use tokio::time::Instant;

use super::audit::{self, AuditChain, AuditHead};
use super::faults::{StoreFault, is_damage};
use super::files::{StoreFiles, beside, remove_if_there};

/// For how long is read at most: meanwhile nobody is watched, or nothing is committed.
const READ_WITHIN: Duration = Duration::from_secs(5);
/// How many of the newest rows of a long table are taken.
const NEWEST: usize = 100_000;
/// How large a file may be that is copied to mend its header.
const LARGEST_MENDED: u64 = 4 << 30;
/// How long the header of a database is.
const HEADER: usize = 100;

const SNAPSHOTS: RescuedTable = RescuedTable {
    name: "snapshots",
    columns: "patient, number, taken_at, uptime, version, memory",
    places: "?1, ?2, ?3, ?4, ?5, ?6",
};
const ADMISSIONS: RescuedTable =
    RescuedTable { name: "admissions", columns: "patient, record, changed_at", places: "?1, ?2, ?3" };
const CHANGES: RescuedTable = RescuedTable {
    name: "changes",
    columns: "number, id, sequence, subject, event, time, change, published",
    places: "?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8",
};
const READINGS: RescuedTable = RescuedTable {
    name: "readings",
    columns: "number, patient, observed_at, received_at, device, seq, mark, body",
    places: "?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8",
};

struct RescuedTable {
    name: &'static str,
    columns: &'static str,
    places: &'static str,
}

/// What was read.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Rescued {
    pub memories: usize,
    pub changes: usize,
    pub readings: usize,
}

/// Copies what can be read of the damaged database into this new one. What cannot be read is no fault; what cannot
/// be written is. The audit goes on from its last row, or from the one that is `known` where that is later.
pub fn copy(files: &StoreFiles, into: &mut Connection, known: AuditHead) -> Result<Rescued, StoreFault> {
    let mended = beside(&files.database, ".mended");
    let from = open(&files.database).or_else(|| {
        mend_header(&files.database, into, &mended)?;
        open(&mended)
    });
    let fault = |source| StoreFault::Read { path: files.database.clone(), source };
    let rescued = match &from {
        Some(from) => Rescue::of(from, into).map_err(fault)?,
        None => Rescued::default(),
    };
    let read = from.as_ref().and_then(|from| AuditChain::of(from).ok()).map(|chain| chain.head);
    let last = read.filter(|read| read.row > known.row).unwrap_or(known);
    audit::go_on(into, last).map_err(fault)?;
    drop(from);
    for leftover in ["", "-wal", "-shm"].map(|suffix| beside(&mended, suffix)) {
        let _ = remove_if_there(&leftover);
    }
    Ok(rescued)
}

/// Opens a damaged database for reading, if it can be.
fn open(path: &Path) -> Option<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).ok()?;
    // What is damaged stays as it is, with its log.
    let leave = rusqlite::config::DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
    connection.set_db_config(leave, true).ok()?;
    connection.query_row("SELECT count(*) FROM sqlite_master", [], |_| Ok(())).ok()?;
    Some(connection)
}

/// A header that says nothing any more is that of every store: a copy of the file gets one of a new store.
fn mend_header(damaged: &Path, new: &Connection, mended: &PathBuf) -> Option<()> {
    if fs::metadata(damaged).ok()?.len() > LARGEST_MENDED {
        return None;
    }
    let header = fs::read(new.path()?).ok()?;
    let mut header = header.get(..HEADER)?.to_vec();
    // How many pages there are is unknown: SQLite looks at the file where these two do not agree.
    header[24..28].copy_from_slice(&[0, 0, 0, 1]);
    header[92..96].copy_from_slice(&[0, 0, 0, 2]);
    // Nor which pages are free.
    header[32..40].fill(0);
    fs::copy(damaged, mended).ok()?;
    let _ = fs::copy(beside(damaged, "-wal"), beside(mended, "-wal"));
    let file = fs::OpenOptions::new().write(true).open(mended).ok()?;
    std::os::unix::fs::FileExt::write_all_at(&file, &header, 0).ok()
}

/// A damaged database, being read.
struct Rescue<'a> {
    from: &'a Connection,
    into: &'a Transaction<'a>,
    until: Instant,
}

impl Rescue<'_> {
    fn of(from: &Connection, into: &mut Connection) -> rusqlite::Result<Rescued> {
        let transaction = into.transaction()?;
        let rescue = Rescue { from, into: &transaction, until: Instant::now() + READ_WITHIN };
        let memories = rescue.all(&SNAPSHOTS)?;
        rescue.all(&ADMISSIONS)?;
        let mut changes = rescue.rows(&CHANGES, "WHERE published = 0", &[], usize::MAX)?;
        changes += rescue.newest(&CHANGES)? + rescue.open_alerts()?;
        let readings = rescue.newest(&READINGS)?;
        let covered = rescue.from.query_row("SELECT number FROM covered", [], |row| row.get::<_, i64>(0));
        if let Ok(covered) = covered {
            transaction.execute("UPDATE covered SET number = ?1", [covered])?;
        }
        let list = "UPDATE covered SET to_list = ifnull((SELECT max(number) FROM changes), 0)";
        transaction.execute(list, [])?;
        transaction.commit()?;
        Ok(Rescued { memories, changes, readings })
    }

    /// A whole table, from both ends.
    fn all(&self, table: &RescuedTable) -> rusqlite::Result<usize> {
        let forwards = self.rows(table, "ORDER BY rowid", &[], usize::MAX)?;
        let by_name = self.rows(table, "ORDER BY patient", &[], usize::MAX)?;
        Ok(forwards + by_name + self.rows(table, "ORDER BY rowid DESC", &[], usize::MAX)?)
    }

    /// The newest rows of a table, and where those cannot be read the oldest.
    fn newest(&self, table: &RescuedTable) -> rusqlite::Result<usize> {
        let newest = self.rows(table, "ORDER BY number DESC", &[], NEWEST)?;
        Ok(newest + if newest < NEWEST { self.rows(table, "ORDER BY number", &[], NEWEST)? } else { 0 })
    }

    /// The changes of alerts that have not ended, subject after subject.
    fn open_alerts(&self) -> rusqlite::Result<usize> {
        let next = "SELECT min(subject) FROM changes WHERE subject > ?1";
        let (mut subject, mut changes) = (String::new(), 0);
        while let Ok(Some(found)) =
            self.from.query_row(next, [&subject], |row| row.get::<_, Option<String>>(0))
            && Instant::now() < self.until
        {
            subject = found;
            let of = Value::Text(subject.clone());
            let open = "AS last WHERE subject = ?1 AND event <> 'cleared' AND \
                        sequence = (SELECT max(sequence) FROM changes WHERE id = last.id)";
            changes += self.rows(&CHANGES, open, &[of], usize::MAX)?;
        }
        Ok(changes)
    }

    /// Copies rows until SQLite reads no further; how many were new.
    fn rows(&self, table: &RescuedTable, which: &str, of: &[Value], most: usize) -> rusqlite::Result<usize> {
        let RescuedTable { name, columns, places } = table;
        let mut insert = self
            .into
            .prepare_cached(&format!("INSERT OR IGNORE INTO {name} ({columns}) VALUES ({places})"))?;
        let Ok(mut select) = self.from.prepare(&format!("SELECT {columns} FROM {name} {which}")) else {
            return Ok(0);
        };
        let width = select.column_count();
        let Ok(mut rows) = select.query(params_from_iter(of)) else { return Ok(0) };
        let mut copied = 0;
        for _ in 0..most {
            let Ok(Some(row)) = rows.next() else { break };
            let values: rusqlite::Result<Vec<Value>> = (0..width).map(|column| row.get(column)).collect();
            // A text that is none any more is reported where it is read.
            copied += match values.map(|values| insert.execute(params_from_iter(values))) {
                Ok(Ok(inserted)) => inserted,
                Ok(Err(fault)) if writes_no_more(&fault) => return Err(fault),
                Ok(Err(_)) | Err(_) => 0,
            };
            if Instant::now() >= self.until {
                break;
            }
        }
        Ok(copied)
    }
}

/// Whether it is the new database that fails, and not just this row.
fn writes_no_more(fault: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{CannotOpen, DiskFull, ReadOnly, SystemIoFailure};
    let failed = fault.sqlite_error_code();
    is_damage(fault) || matches!(failed, Some(CannotOpen | DiskFull | ReadOnly | SystemIoFailure))
}
