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
    /// Its lines with their numbers, without comments, and without the tests that stand in it at its end.
    pub fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        without_comments(&self.text[..self.begin_of_tests()])
    }

    /// The same, with those tests.
    pub fn code_and_tests(&self) -> impl Iterator<Item = (usize, &str)> {
        without_comments(&self.text)
    }

    /// Where a test module stands in the file itself; a mere `mod tests;` names a file that is read by itself.
    fn begin_of_tests(&self) -> usize {
        const ATTRIBUTE: &str = "\n#[cfg(test)]\n";
        let is_inline = |(at, _): &(usize, &str)| {
            let item = self.text[at + ATTRIBUTE.len()..].lines().next().unwrap_or_default();
            let visible = ["mod ", "pub(crate) mod "].iter().any(|start| item.starts_with(start));
            visible && item.ends_with('{')
        };
        self.text.match_indices(ATTRIBUTE).find(is_inline).map_or(self.text.len(), |(at, _)| at)
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

fn without_comments(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().enumerate();
    let code = lines.map(|(number, line)| (number + 1, line.split("//").next().unwrap_or_default()));
    code.filter(|(_, line)| !line.trim().is_empty())
}

/// Every source of the two crates, without the files that are their tests.
pub fn sources() -> Vec<Source> {
    let mut sources = sources_and_unit_tests();
    let is_test =
        |path: &str| path.ends_with("_tests.rs") || path.contains("/tests/") || path.ends_with("/tests.rs");
    sources.retain(|source| !is_test(&source.path));
    assert!(sources.len() > 50);
    sources
}

/// Every source of the two crates with the tests that stand among them.
pub fn sources_and_unit_tests() -> Vec<Source> {
    ["src", "actors/src"].into_iter().flat_map(|folder| below(&Path::new(ROOT).join(folder))).collect()
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

#[test]
fn only_a_test_module_that_stands_in_the_file_ends_its_code() {
    let code = |text: &str| {
        let source = Source { path: "a.rs".to_owned(), text: text.to_owned() };
        source.code().map(|(_, line)| line.to_owned()).collect::<Vec<_>>()
    };
    let after = "\nfn after() {}\n";
    let named = "fn a() {}\n#[cfg(test)]\nmod tests;\n";
    assert_eq!(code(&format!("{named}{after}")).last().map(String::as_str), Some("fn after() {}"));
    let inline = "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\n";
    assert_eq!(code(&format!("{named}{inline}{after}")).last().map(String::as_str), Some("fn a() {}"));
}
