//! What can be read of a store to which nothing can be written: nothing of it is touched.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use tracing::info;

use super::database::last_number;
use super::files::beside;
use super::recovery::{self, Recovered};

/// How long another process may hold the database.
const BUSY_FOR: Duration = Duration::from_millis(250);

/// What the last run left, and the last number in it; none where nothing can be read.
pub fn read(path: &Path) -> Option<(Recovered, u64)> {
    let has_log = std::fs::metadata(beside(path, "-wal")).is_ok_and(|log| log.len() > 0);
    let ways: [&dyn Fn() -> rusqlite::Result<Connection>; 3] = [
        &|| Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY),
        // SQLite needs no index of its log, for which there may be no room, where nobody else reads it.
        &|| alone(path),
        // Nor any where there is no log.
        &|| {
            if has_log { Err(rusqlite::Error::QueryReturnedNoRows) } else { unchanging(path) }
        },
    ];
    let read = ways.iter().find_map(|way| {
        let connection = way().ok()?;
        connection.busy_timeout(BUSY_FOR).ok()?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).ok()?;
        let recovered = recovery::recover(&connection).ok()?;
        Some((recovered, last_number(&connection).ok()?))
    });
    if read.is_some() {
        info!("the store can be read, though not written to: what the last run left is taken from it");
    }
    read
}

fn alone(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.pragma_update_and_check(None, "locking_mode", "exclusive", |_| Ok(()))?;
    Ok(connection)
}

fn unchanging(path: &Path) -> rusqlite::Result<Connection> {
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'_' | b'-' => {
                uri.push(char::from(*byte))
            }
            _ => uri.push_str(&format!("%{byte:02x}")),
        }
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    Connection::open_with_flags(uri + "?immutable=1", flags)
}
