//! The sources of both crates, as the walls read them.

use std::path::{Path, PathBuf};

pub const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// One source file below the root.
pub struct Source {
    /// From the root, as `actors/src/clock.rs`.
    pub path: String,
    pub text: String,
}

impl Source {
    /// Its lines with their numbers, without comments, and without the tests at its end.
    pub fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let tests = ["mod ", "pub(crate) mod "].map(|item| format!("\n#[cfg(test)]\n{item}"));
        let tests = tests.iter().filter_map(|begin| self.text.find(begin)).min().unwrap_or(self.text.len());
        let lines = self.text[..tests].lines().enumerate();
        let code = lines.map(|(number, line)| (number + 1, line.split("//").next().unwrap_or_default()));
        code.filter(|(_, line)| !line.trim().is_empty())
    }

    /// Where its code has one of these.
    pub fn places<'a>(&'a self, words: &'a [&'a str]) -> impl Iterator<Item = String> + 'a {
        let with = move |line: &str| words.iter().find(|word| line.contains(**word)).copied();
        let found = self.code().filter_map(move |(number, line)| Some((number, with(line)?)));
        found.map(|(number, word)| format!("{}:{number}: {word}", self.path))
    }

    pub fn is_below(&self, folder: &str) -> bool {
        self.path.starts_with(folder)
    }
}

/// Every source of the two crates, without their tests.
pub fn sources() -> Vec<Source> {
    let mut sources: Vec<_> =
        ["src", "actors/src"].into_iter().flat_map(|folder| below(&Path::new(ROOT).join(folder))).collect();
    let is_test =
        |path: &str| path.ends_with("_tests.rs") || path.contains("/tests/") || path.ends_with("/tests.rs");
    sources.retain(|source| !is_test(&source.path));
    assert!(sources.len() > 50);
    sources
}

/// Every Rust file of the two crates.
pub fn all() -> Vec<Source> {
    let folders = ["src", "actors/src", "tests", "actors/tests", "benches"];
    folders.into_iter().flat_map(|folder| below(&Path::new(ROOT).join(folder))).collect()
}

/// Every test of the two crates that is a file of its own.
pub fn tests() -> Vec<Source> {
    ["tests", "actors/tests"].into_iter().flat_map(|folder| below(&Path::new(ROOT).join(folder))).collect()
}

fn below(folder: &Path) -> Vec<Source> {
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let read = |path: &PathBuf| Source {
        path: path.strip_prefix(ROOT).unwrap().to_string_lossy().into_owned(),
        text: std::fs::read_to_string(path).unwrap(),
    };
    let (folders, files): (Vec<_>, Vec<_>) = paths.into_iter().partition(|path| path.is_dir());
    let rust = files.iter().filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    rust.map(read).chain(folders.iter().flat_map(|folder| below(folder))).collect()
}

/// Every place in the code of these files that has one of these words.
pub fn places(sources: &[Source], files: impl Fn(&Source) -> bool, words: &[&str]) -> Vec<String> {
    sources.iter().filter(|source| files(source)).flat_map(|source| source.places(words)).collect()
}

#[track_caller]
pub fn nowhere(places: Vec<String>, why: &str) {
    assert!(places.is_empty(), "{why}:\n{}", places.join("\n"));
}

/// Fails on what is found where it may not be, and on an exception that nothing needs any more.
///
/// Each of `found` begins with what it is about, as a file, up to the first `: `.
#[track_caller]
pub fn only_where_excepted(found: &[String], exceptions: &[(&str, &str)], why: &str) {
    let about = |found: &str| found.split(": ").next().unwrap_or_default().to_owned();
    let excepted = |name: &str| exceptions.iter().any(|(exception, _)| *exception == name);
    let unexcused = found.iter().filter(|found| !excepted(&about(found))).cloned().collect();
    nowhere(unexcused, why);
    let stale = exceptions.iter().filter(|(name, _)| !found.iter().any(|found| about(found) == *name));
    let stale = stale.map(|(name, reason)| format!("{name}: {reason}")).collect();
    nowhere(stale, "these need no exception any more");
}
