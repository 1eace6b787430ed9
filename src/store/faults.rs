//! Why the store cannot be opened or written to, and what follows from it.

use std::io;
use std::path::PathBuf;

use rusqlite::ErrorCode;
use thiserror::Error;

/// Why the store cannot be opened.
#[derive(Debug, Error)]
pub enum StoreFault {
    #[error("the store {path} cannot be opened (store.url); its folder must exist and be writable")]
    Open {
        path: PathBuf,
        #[source]
        source: rusqlite::Error,
    },
    #[error("the store {path} cannot be opened (store.url); its folder must exist and be writable")]
    File {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the store {path} can only be read: its file, its folder or the disk is read-only")]
    ReadOnly { path: PathBuf },
    #[error(
        "the store {path} was written by a newer WardWatch (format {form}); start that one, or give another store.url"
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
    #[error("the store {path} cannot be put in its place again")]
    Replace {
        path: PathBuf,
        #[source]
        source: rusqlite::Error,
    },
    #[error(
        "{count} damaged or replaced stores are set aside beside {path} already; look at the disk, and remove them"
    )]
    SetAsideTooOften { path: PathBuf, count: usize },
    #[error(
        "another WardWatch writes to the store {path}; end that one, or give one of them another store.url"
    )]
    Taken { path: PathBuf },
    #[error("a thread of the store cannot be started")]
    Thread(#[source] io::Error),
}

impl StoreFault {
    /// Whether SQLite calls the file damaged, or no database: only such a file is ever set aside.
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Open { source, .. }
            | Self::Migrate { source, .. }
            | Self::Read { source, .. }
            | Self::Replace { source, .. } => is_damage(source),
            _ => false,
        }
    }

    /// Whether a start must end: somebody else is at work there, or a newer version was. For all else a ward is
    /// watched without its store.
    pub fn ends_the_start(&self) -> bool {
        matches!(self, Self::Taken { .. } | Self::Newer { .. } | Self::Thread(_))
    }
}

/// Whether SQLite calls the file damaged, or no database.
pub fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}

/// Why a batch could not be committed.
#[derive(Debug, Error)]
pub enum CommitFault {
    #[error("nothing can be written to the store")]
    Connect(#[from] StoreFault),
    #[error("nothing can be written to the store {path}")]
    Write {
        path: PathBuf,
        #[source]
        source: rusqlite::Error,
    },
    #[error(
        "{holders} reads the store {path} in one long transaction and keeps its log of {mib} MiB from being copied into it; end that"
    )]
    Log {
        path: PathBuf,
        holders: String,
        mib: u64,
        #[source]
        source: Box<StoreFault>,
    },
}
