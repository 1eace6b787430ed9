//! Who reads an older state of the store, and so keeps SQLite's log from being copied into it.

use std::fs;
use std::path::Path;

use super::files::inode;

/// The locks on the index of SQLite's log that readers hold.
const READERS: std::ops::RangeInclusive<u64> = 123..=127;

/// The readers of the store at this path, in words; as far as the system says.
pub fn of(database: &Path) -> String {
    let shm = super::files::beside(database, "-shm");
    let Some((_, inode)) = inode(&shm) else { return "a reader".to_owned() };
    let mut holders: Vec<_> = fs::read_to_string("/proc/locks")
        .unwrap_or_default()
        .lines()
        .filter_map(|line| holder(line, inode))
        .collect();
    holders.sort_unstable();
    holders.dedup();
    let words: Vec<_> = holders.into_iter().map(named).collect();
    if words.is_empty() { "a reader".to_owned() } else { words.join(", ") }
}

/// Who holds a lock of a reader on this file, from a line as `1: POSIX  ADVISORY  READ 4711 08:01:1234 124 124`.
fn holder(line: &str, inode: u64) -> Option<u32> {
    let mut words = line.split_whitespace().skip_while(|word| *word != "POSIX").skip(2);
    let (kind, process, file, first) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let is_it = file.rsplit(':').next()?.parse() == Ok(inode) && READERS.contains(&first.parse().ok()?);
    (kind == "READ" && is_it).then(|| process.parse().ok()).flatten()
}

fn named(process: u32) -> String {
    let name = fs::read_to_string(format!("/proc/{process}/comm")).unwrap_or_default();
    match name.trim() {
        "" => format!("process {process}"),
        name => format!("process {process} ({name})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_is_known_by_its_lock_on_the_index() {
        let line = "3: POSIX  ADVISORY  READ  4711 08:01:1234 124 124";
        assert_eq!(holder(line, 1234), Some(4711));
        assert_eq!(holder(line, 1235), None);
        assert_eq!(holder("3: POSIX  ADVISORY  READ  4711 08:01:1234 128 128", 1234), None);
        assert_eq!(holder("3: POSIX  ADVISORY  WRITE 4711 08:01:1234 124 124", 1234), None);
        assert_eq!(holder("3: FLOCK  ADVISORY  WRITE 4711 08:01:1234 0 EOF", 1234), None);
    }
}
