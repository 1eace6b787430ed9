//! A disk that can be full, where this machine lets us have one.

#![allow(dead_code, reason = "each test uses its own part")]

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

static MOUNTED: AtomicU32 = AtomicU32::new(0);

/// A file system of 160 MB in memory, more than a log of SQLite becomes.
pub struct SmallDisk {
    directory: PathBuf,
}

impl SmallDisk {
    /// None where mounting is not permitted.
    pub fn mount() -> Option<Self> {
        let number = MOUNTED.fetch_add(1, Ordering::Relaxed);
        let name = format!("disk-{}-{number}", std::process::id());
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&directory).expect("a directory to mount on");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=160m", "tmpfs"]).arg(&directory).stderr(Stdio::null());
        if mount.status().is_ok_and(|status| status.success()) {
            return Some(Self { directory });
        }
        let _ = fs::remove_dir(&directory);
        None
    }

    pub fn path(&self) -> &Path {
        &self.directory
    }

    /// Leaves no byte free.
    pub fn fill(&self) {
        let mut file = File::create(self.directory.join("full")).expect("a file to fill the disk with");
        for size in [1 << 16, 1 << 12, 1] {
            while file.write_all(&vec![b'x'; size]).is_ok() {}
        }
    }

    /// Frees it again.
    pub fn free(&self) {
        fs::remove_file(self.directory.join("full")).expect("the file that fills the disk");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.directory).status();
        let _ = fs::remove_dir(&self.directory);
    }
}
