//! Where the service keeps its SQLite files while it is measured, and how long this disk takes for a commit.

use std::fs::{self, File};
use std::io::{self, Seek, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tokio::time::Instant;

/// The store of one service: a folder that goes with its value.
pub struct Folder(PathBuf);

impl Folder {
    /// Makes a folder that must not be there yet.
    pub fn make(path: PathBuf) -> Result<Self> {
        fs::create_dir(&path).with_context(|| {
            format!("cannot make {} for a store; name another directory with --store-in", path.display())
        })?;
        Ok(Self(path))
    }

    /// Its store, as in `store.url`.
    pub fn url(&self) -> String {
        format!("sqlite://{}", self.0.join("ward.db").display())
    }

    /// Removes it.
    pub fn remove(self) -> Result<()> {
        fs::remove_dir_all(&self.0).with_context(|| format!("cannot remove {}", self.0.display()))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Where the run failed or was stopped, that is what is reported.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// How often a write is forced to the disk.
const TRIES: usize = 300;

/// What one of them writes: about as much as the commit of one alert change.
static WRITTEN: [u8; 32 * 1024] = [0; 32 * 1024];

/// How many of them go into the file before it begins anew, as the log of SQLite does.
const LONG: usize = 64;

/// Forces writes to a file in this directory, which is removed: how long each took in milliseconds, in their order.
pub fn force_writes(directory: &Path, name: &str) -> Result<Vec<f64>> {
    let folder = Folder::make(directory.join(name))?;
    let path = folder.0.join("forced");
    let force = || {
        let mut file = File::create(&path)?;
        for _ in 0..LONG {
            file.write_all(&WRITTEN)?;
        }
        file.sync_all()?;
        let mut took = Vec::with_capacity(TRIES);
        for number in 0..TRIES {
            if number % LONG == 0 {
                file.rewind()?;
            }
            file.write_all(&WRITTEN)?;
            let begun = Instant::now();
            file.sync_data()?;
            took.push(begun.elapsed().as_secs_f64() * 1e3);
        }
        Ok(took)
    };
    let took: io::Result<_> = force();
    let mut took = took.with_context(|| format!("cannot write {}", path.display()))?;
    folder.remove()?;
    took.sort_by(f64::total_cmp);
    Ok(took)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_is_not_wanted_any_more_is_gone() {
        let path = std::env::temp_dir().join(format!("wardwatch-folder-{}", std::process::id()));
        let folder = Folder::make(path.clone()).unwrap();
        fs::write(path.join("ward.db"), "…").unwrap();
        assert!(Folder::make(path.clone()).is_err(), "a folder of somebody else is left alone");
        drop(folder);
        assert!(!path.exists());
    }
}
