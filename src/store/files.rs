//! The files of a store: its database with SQLite's log and index, and the lock; who may read them, and whose they are.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::faults::StoreFault;

/// Readings are confidential: nobody but the owner reads what is created here.
const PRIVATE: u32 = 0o600;
/// How many stores are set aside for one reason before somebody has to look.
const MOST_SET_ASIDE: usize = 10;

/// Where a store lies.
#[derive(Debug, Clone)]
pub struct StoreFiles {
    pub database: PathBuf,
    pub lock: PathBuf,
}

impl StoreFiles {
    /// The files of the store at this path.
    pub fn at(path: &Path) -> Self {
        Self { database: path.to_owned(), lock: beside(path, ".lock") }
    }

    /// A database that is complete and about to take the place of this one.
    pub fn next(&self) -> PathBuf {
        beside(&self.database, ".next")
    }

    /// The same while it is being written.
    pub fn next_partial(&self) -> PathBuf {
        beside(&self.database, ".next-partial")
    }

    /// Keeps every other process from this store, as long as its value lives: two that number their rows alike
    /// would each leave out what the other wrote. Whoever only reads may do so.
    pub fn lock(&self) -> Result<File, StoreFault> {
        let path = || self.database.clone();
        let cannot = |source| StoreFault::File { path: path(), source };
        let options = OpenOptions::new().write(true).create(true).truncate(false).mode(PRIVATE).clone();
        let file = options.open(&self.lock).map_err(cannot)?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(StoreFault::Taken { path: path() }),
            Err(TryLockError::Error(source)) => Err(cannot(source)),
        }
    }

    /// Which files these are now, whatever their names.
    pub fn identity(&self) -> FileIdentity {
        let [wal, shm] = ["-wal", "-shm"].map(|suffix| inode(&beside(&self.database, suffix)));
        FileIdentity { database: inode(&self.database), wal, shm, lock: inode(&self.lock) }
    }

    /// A name under which what lies there can be set aside.
    pub fn free_name(&self, why: &str) -> Result<PathBuf, StoreFault> {
        let name = |number| beside(&self.database, &format!(".{why}-{number}"));
        let free = (1..=MOST_SET_ASIDE).map(name).find(|name| !name.exists());
        let full = || StoreFault::SetAsideTooOften { path: self.database.clone(), count: MOST_SET_ASIDE };
        free.ok_or_else(full)
    }

    /// Gives what lies there another name, with SQLite's log, which belongs to it. Says which, if anything lay there.
    pub fn set_aside(&self, why: &str) -> Result<Option<PathBuf>, StoreFault> {
        let fault = |source| StoreFault::File { path: self.database.clone(), source };
        let aside = self.free_name(why)?;
        // The log first: beside another database it would be taken for that one's.
        rename_if_there(&beside(&self.database, "-wal"), &beside(&aside, "-wal")).map_err(fault)?;
        remove_if_there(&beside(&self.database, "-shm")).map_err(fault)?;
        let moved = rename_if_there(&self.database, &aside).map_err(fault)?;
        Ok(moved.then_some(aside))
    }

    /// Gives a log that is not the one of the database another name, lest SQLite takes it for that.
    pub fn set_log_aside(&self) -> Result<(), StoreFault> {
        let fault = |source| StoreFault::File { path: self.database.clone(), source };
        rename_if_there(&beside(&self.database, "-wal"), &beside(&self.database, ".replaced-wal"))
            .map_err(fault)?;
        remove_if_there(&beside(&self.database, "-shm")).map_err(fault)
    }

    /// Makes sure that what was named or renamed in the folder outlives a power cut.
    pub fn sync_folder(&self) -> Result<(), StoreFault> {
        let synced = File::open(folder(&self.database)).and_then(|folder| folder.sync_all());
        synced.map_err(|source| StoreFault::File { path: self.database.clone(), source })
    }
}

/// The folder in which a file lies.
pub fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."))
}

/// Creates an empty file for its owner alone, where there is none; SQLite gives its other files the same mode.
pub fn create_private(path: &Path) -> io::Result<()> {
    match OpenOptions::new().write(true).create_new(true).mode(PRIVATE).open(path) {
        Err(fault) if fault.kind() != io::ErrorKind::AlreadyExists => Err(fault),
        _ => Ok(()),
    }
}

/// The file whose name has this behind it.
pub fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Removes a file, if it is there.
pub fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(fault) if fault.kind() != io::ErrorKind::NotFound => Err(fault),
        _ => Ok(()),
    }
}

fn rename_if_there(from: &Path, to: &Path) -> io::Result<bool> {
    match fs::rename(from, to) {
        Ok(()) => Ok(true),
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(fault) => Err(fault),
    }
}

/// Device and number of a file; none where there is none.
pub fn inode(path: &Path) -> Option<(u64, u64)> {
    fs::metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino()))
}

/// Which files a store consists of, whatever their names: device and number of each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileIdentity {
    pub database: Option<(u64, u64)>,
    pub wal: Option<(u64, u64)>,
    shm: Option<(u64, u64)>,
    pub lock: Option<(u64, u64)>,
}

impl FileIdentity {
    /// What became of the files, in words; none where they are the same.
    pub fn became(&self, now: &Self, files: &StoreFiles) -> Option<String> {
        let parts =
            [(self.database, now.database, ""), (self.wal, now.wal, "-wal"), (self.shm, now.shm, "-shm")];
        let (_, is, suffix) = parts.into_iter().find(|(was, is, _)| was.is_some() && was != is)?;
        let what = if is.is_some() { "replaced" } else { "removed" };
        Some(format!("{} was {what} while WardWatch ran", beside(&files.database, suffix).display()))
    }
}
