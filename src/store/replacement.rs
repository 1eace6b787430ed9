//! A database that takes the place of another: written beside it, complete before it is named, and put in its place
//! again by the next start where a crash came between.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use rusqlite::Connection;

use super::faults::StoreFault;
use super::files::{StoreFiles, beside, create_private, remove_if_there};

/// Writes the database that is to take the place: `fill` gets the path of an empty file.
pub fn prepare(
    files: &StoreFiles,
    fill: impl FnOnce(&Path) -> Result<(), StoreFault>,
) -> Result<(), StoreFault> {
    let partial = files.next_partial();
    let fault = |source| StoreFault::File { path: partial.clone(), source };
    remove_with_log(&partial).map_err(fault)?;
    create_private(&partial).map_err(fault)?;
    let filled = fill(&partial).and_then(|()| {
        File::open(&partial).and_then(|file| file.sync_all()).map_err(fault)?;
        remove_log(&partial).map_err(fault)?;
        fs::rename(&partial, files.next()).map_err(fault)?;
        files.sync_folder()
    });
    if filled.is_err() {
        // What is half written helps nobody, and may be what fills the disk.
        let _ = remove_with_log(&partial);
    }
    filled
}

/// Puts the database that was prepared in its place, if there is one; what lies there gets another name.
pub fn finish(files: &StoreFiles) -> Result<bool, StoreFault> {
    if !files.next().exists() {
        return Ok(false);
    }
    let aside = files.set_aside("replaced")?;
    if let Some(aside) = aside {
        tracing::warn!("what lay in the place of the store is set aside as {}", aside.display());
    }
    put_in_place(files)?;
    Ok(true)
}

/// Puts the database that was prepared in its place, where nothing lies any more that matters.
pub fn put_in_place(files: &StoreFiles) -> Result<(), StoreFault> {
    let fault = |source| StoreFault::File { path: files.database.clone(), source };
    remove_log(&files.database).map_err(fault)?;
    fs::rename(files.next(), &files.database).map_err(fault)?;
    files.sync_folder()
}

/// Copies a database, as this connection sees it, into an empty file.
pub fn copy(connection: &Connection, into: &Path) -> rusqlite::Result<()> {
    connection.execute("VACUUM INTO ?1", [into.to_string_lossy()])?;
    Ok(())
}

fn remove_log(path: &Path) -> io::Result<()> {
    remove_if_there(&beside(path, "-wal"))?;
    remove_if_there(&beside(path, "-shm"))
}

fn remove_with_log(path: &Path) -> io::Result<()> {
    remove_log(path)?;
    remove_if_there(path)
}
