//! The SQLite file: how it is opened, and how its log is copied into it.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};
use tracing::warn;

use super::faults::StoreFault;
use super::files;
use super::schema::{self, MigrationFault};
use crate::config::Synchronous;

/// How long another process may hold the database before an attempt has failed.
const BUSY_FOR: Duration = Duration::from_millis(250);
/// Where SQLite copies its log into the database by itself, within a commit, should our estimate be wrong.
const CHECKPOINT_PAGES_AT_MOST: u32 = 48_000;

/// How the recorder gets a connection to the database at a path: at the start, and anew after each failed commit.
pub type Connect = Box<dyn FnMut(&Path) -> Result<Connection, StoreFault> + Send>;

/// Opens the file, which nobody else may read where it is new, and brings its tables up to date.
pub fn connect(path: &Path, synchronous: Synchronous) -> Result<Connection, StoreFault> {
    files::create_private(path).map_err(|source| StoreFault::File { path: path.to_owned(), source })?;
    let mut connection = configured(path, synchronous).map_err(|source| why_closed(path, source))?;
    if connection.is_readonly("main").unwrap_or(false) {
        return Err(StoreFault::ReadOnly { path: path.to_owned() });
    }
    schema::migrate(&mut connection).map_err(|fault| match fault {
        MigrationFault::Newer(form) => StoreFault::Newer { path: path.to_owned(), form },
        MigrationFault::Sqlite(source) => StoreFault::Migrate { path: path.to_owned(), source },
    })?;
    Ok(connection)
}

fn configured(path: &Path, synchronous: Synchronous) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
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

/// SQLite says that it cannot open a file, the system why.
fn why_closed(path: &Path, source: rusqlite::Error) -> StoreFault {
    let path = path.to_owned();
    if source.sqlite_error_code() == Some(ErrorCode::CannotOpen)
        && let Err(source) = std::fs::File::options().read(true).write(true).open(&path)
    {
        return StoreFault::File { path, source };
    }
    StoreFault::Open { path, source }
}

/// Copies the log of SQLite into the database; whether all of it is there now. The file stays as long as it is, to be
/// written from its beginning: to lengthen a file costs a commit more than to write over it.
pub fn copy_log(connection: &Connection) -> bool {
    checkpoint(connection, "PRAGMA wal_checkpoint(PASSIVE)")
}

/// Leaves a database without a log; whether it could.
pub fn empty_log(connection: &Connection) -> bool {
    checkpoint(connection, "PRAGMA wal_checkpoint(TRUNCATE)")
}

/// SQLite says whether somebody was in its way, how long the log is and how much of that is copied. Whoever reads an
/// older state of the database keeps the rest from being copied, and SQLite calls that no fault.
fn checkpoint(connection: &Connection, pragma: &str) -> bool {
    let done = connection.query_row(pragma, [], |row| {
        let (busy, long, copied): (bool, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(!busy && copied >= long)
    });
    done.unwrap_or_else(|error| {
        warn!(%error, "the store's write-ahead log cannot be merged; trying again");
        false
    })
}

/// The highest number that a row has.
pub fn last_number(connection: &Connection) -> rusqlite::Result<u64> {
    let last: i64 = connection.query_row(
        "SELECT max(ifnull((SELECT max(number) FROM readings), 0), ifnull((SELECT max(number) FROM changes), 0), \
         ifnull((SELECT max(number) FROM snapshots), 0))",
        [],
        |row| row.get(0),
    )?;
    Ok(last.max(0).cast_unsigned())
}
