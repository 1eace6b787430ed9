//! A copy of the store while the service runs: complete, of one moment, and named only once it is.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use thiserror::Error;

use super::files::{beside, create_private, folder, remove_if_there};
use super::replacement;

/// How long another process may hold the database.
const BUSY_FOR: Duration = Duration::from_secs(10);

/// Why there is no backup.
#[derive(Debug, Error)]
pub enum BackupFault {
    #[error("there is no store at {0}")]
    NoStore(PathBuf),
    #[error("the store {path} cannot be read")]
    Source {
        path: PathBuf,
        #[source]
        source: rusqlite::Error,
    },
    #[error("{0} is there already; a backup overwrites nothing")]
    Exists(PathBuf),
    #[error("the backup {path} cannot be written")]
    Target {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the store cannot be copied to {path}")]
    Copy {
        path: PathBuf,
        #[source]
        source: rusqlite::Error,
    },
    #[error("the copy of the store is not sound, and was not kept: {0}")]
    Unsound(String),
}

/// Copies the store at `store` into a new file that nobody else may read; how many bytes that is.
///
/// The service writes on meanwhile. What is there under the name already is left alone.
pub fn back_up(store: &Path, into: &Path) -> Result<u64, BackupFault> {
    let target = |source| BackupFault::Target { path: into.to_owned(), source };
    if !store.exists() {
        return Err(BackupFault::NoStore(store.to_owned()));
    }
    if fs::symlink_metadata(into).is_ok() {
        return Err(BackupFault::Exists(into.to_owned()));
    }
    let source = |source| BackupFault::Source { path: store.to_owned(), source };
    let connection = Connection::open_with_flags(store, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(source)?;
    connection.busy_timeout(BUSY_FOR).map_err(source)?;
    connection.query_row("SELECT count(*) FROM changes WHERE number < 0", [], |_| Ok(())).map_err(source)?;
    let partial = beside(into, &format!(".partial-{}", std::process::id()));
    create_private(&partial).map_err(target)?;
    let size = copy(&connection, &partial, into);
    for left in ["", "-journal", "-wal", "-shm"] {
        let _ = remove_if_there(&beside(&partial, left));
    }
    size
}

fn copy(connection: &Connection, partial: &Path, into: &Path) -> Result<u64, BackupFault> {
    let target = |source| BackupFault::Target { path: into.to_owned(), source };
    let copied = |source| BackupFault::Copy { path: into.to_owned(), source };
    replacement::copy(connection, partial).map_err(copied)?;
    let file = File::open(partial).map_err(target)?;
    file.sync_all().map_err(target)?;
    let size = file.metadata().map_err(target)?.len();
    drop(file);
    check(partial).map_err(copied)?.map_or(Ok(()), |fault| Err(BackupFault::Unsound(fault)))?;
    // Unlike a new name, a link never takes the place of what came there meanwhile.
    fs::hard_link(partial, into).or_else(|fault| match fault.kind() {
        io::ErrorKind::AlreadyExists => Err(BackupFault::Exists(into.to_owned())),
        _ => fs::rename(partial, into).map_err(target),
    })?;
    File::open(folder(into)).and_then(|folder| folder.sync_all()).map_err(target)?;
    Ok(size)
}

/// What SQLite finds wrong with the copy.
fn check(copy: &Path) -> rusqlite::Result<Option<String>> {
    let copy = Connection::open_with_flags(copy, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let words: String = copy.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    Ok((words != "ok").then_some(words))
}
