//! The walls of the code, read from its sources: who may say what, and where.

use std::path::{Path, PathBuf};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// No file may be longer, in lines.
const LONGEST: usize = 500;

/// Files that show a person what to type, and so spell a topic.
const EXAMPLES: [&str; 2] = ["src/assess.rs", "src/cli/demo.rs"];

/// One source file below the root.
struct Source {
    /// From the root, as `actors/src/clock.rs`.
    path: String,
    text: String,
}

impl Source {
    /// Its lines with their numbers, without comments, and without the tests at its end.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let tests = ["mod ", "pub(crate) mod "].map(|item| format!("\n#[cfg(test)]\n{item}"));
        let tests = tests.iter().filter_map(|begin| self.text.find(begin)).min().unwrap_or(self.text.len());
        let lines = self.text[..tests].lines().enumerate();
        let code = lines.map(|(number, line)| (number + 1, line.split("//").next().unwrap_or_default()));
        code.filter(|(_, line)| !line.trim().is_empty())
    }

    /// Where its code has one of these.
    fn places<'a>(&'a self, words: &'a [&'a str]) -> impl Iterator<Item = String> + 'a {
        let with = move |line: &str| words.iter().find(|word| line.contains(**word)).copied();
        let found = self.code().filter_map(move |(number, line)| Some((number, with(line)?)));
        found.map(|(number, word)| format!("{}:{number}: {word}", self.path))
    }

    fn is_below(&self, folder: &str) -> bool {
        self.path.starts_with(folder)
    }
}

/// Every source of the two crates, without their tests.
fn sources() -> Vec<Source> {
    let mut sources: Vec<_> =
        ["src", "actors/src"].into_iter().flat_map(|folder| below(&Path::new(ROOT).join(folder))).collect();
    let is_test =
        |path: &str| path.ends_with("_tests.rs") || path.contains("/tests/") || path.ends_with("/tests.rs");
    sources.retain(|source| !is_test(&source.path));
    assert!(sources.len() > 50);
    sources
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
fn places(sources: &[Source], files: impl Fn(&Source) -> bool, words: &[&str]) -> Vec<String> {
    sources.iter().filter(|source| files(source)).flat_map(|source| source.places(words)).collect()
}

#[track_caller]
fn nowhere(places: Vec<String>, why: &str) {
    assert!(places.is_empty(), "{why}:\n{}", places.join("\n"));
}

#[test]
fn decisions_know_no_actors() {
    let shells = |source: &Source| {
        source.path.ends_with("_actor.rs")
            || source.path.contains("_actor/")
            || source.path.ends_with("/clock.rs")
    };
    let found = places(&sources(), |source| source.is_below("actors/") && !shells(source), &["actix"]);
    nowhere(found, "only *_actor.rs, the folders of those names and clock.rs say actix");
}

#[test]
fn rules_know_no_clock_and_no_waiting() {
    let pure = [
        "analyzers",
        "alerts",
        "vitals",
        "people",
        "conditions",
        "admission",
        "devices",
        "chart",
        "patient",
        "census",
    ]
    .map(|folder| format!("actors/src/{folder}/"));
    let found = places(
        &sources(),
        |source| pure.iter().any(|folder| source.is_below(folder)),
        &[
            "async ",
            ".await",
            "tokio",
            "Clock::system",
            "Clock::simulated",
            "std::fs",
            "std::net",
            "std::thread",
            "Mutex",
            "RefCell",
        ],
    );
    nowhere(found, "a rule is a value and a function");
}

#[test]
fn the_deciding_crate_names_no_way_to_the_world() {
    let manifest = std::fs::read_to_string(Path::new(ROOT).join("actors/Cargo.toml")).unwrap();
    let named = manifest.lines().filter_map(|line| line.split(['.', ' ', '=']).next());
    let ways = [
        "rumqtt",
        "mqtt",
        "rmqtt",
        "http",
        "hyper",
        "reqwest",
        "axum",
        "actix-web",
        "sql",
        "rusqlite",
        "postgres",
    ];
    let found: Vec<_> = named.filter(|name| ways.iter().any(|way| name.contains(way))).collect();
    assert!(found.is_empty(), "actors/Cargo.toml names {found:?}");
}

#[test]
fn one_file_spells_the_topics() {
    let topics = [
        "vitals", "patients", "devices", "alerts", "state", "scores", "system", "probe", "commands",
        "replies",
    ];
    let spelled: Vec<_> =
        topics.iter().flat_map(|topic| [format!("\"{topic}/"), format!("/{topic}/")]).collect();
    let spelled: Vec<_> = spelled.iter().map(String::as_str).collect();
    let found = places(
        &sources(),
        |source| source.path != "src/contract/topics.rs" && !EXAMPLES.contains(&&*source.path),
        &spelled,
    );
    nowhere(found, "only src/contract/topics.rs spells a topic");
}

#[test]
fn one_file_asks_the_machine_for_the_time() {
    let asking = ["SystemTime::now", "std::time::Instant", "Timestamp::now", "Zoned::now"];
    let found = places(&sources(), |source| source.path != "actors/src/clock.rs", &asking);
    nowhere(found, "time comes from the clock that is handed in");
}

#[test]
fn every_file_begins_by_saying_what_it_is_for() {
    let tests = below(&Path::new(ROOT).join("tests"));
    let silent = sources().into_iter().chain(tests).filter(|source| {
        let first = source.text.lines().next().unwrap_or_default();
        !(first.starts_with("//! ") && first.len() > 20)
    });
    nowhere(silent.map(|source| source.path).collect(), "these begin with no `//!` sentence");
}

#[test]
fn nothing_gives_up_where_it_could_answer() {
    let giving_up = [".unwrap()", ".expect(", "panic!(", "todo!(", "unimplemented!(", "unreachable!("];
    let mut found = Vec::new();
    for source in sources() {
        let lines: Vec<_> = source.text.lines().collect();
        for place in source.places(&giving_up) {
            let number: usize = place.split(':').nth(1).unwrap().parse().unwrap();
            let above = lines[number.saturating_sub(12)..number].join("\n");
            let allowed = above.contains("clippy::expect_used") || above.contains("clippy::panic");
            // A constant that could not be made would not compile.
            let constant = lines[number - 1].trim_start_matches("pub ").starts_with("const ");
            let excused = allowed && above.contains("reason =");
            if !constant && !excused {
                found.push(place);
            }
        }
    }
    nowhere(found, "outside tests an error is a value; an exception is allowed by name and with its reason");
}

#[test]
fn only_commands_print() {
    let silent = [
        "actors/",
        "src/contract/",
        "src/link/",
        "src/mqtt/",
        "src/store/",
        "src/web/",
        "src/simulator/",
        "src/config/",
    ];
    let found = places(
        &sources(),
        |source| silent.iter().any(|folder| source.is_below(folder)),
        &["println!(", "eprintln!(", "print!(", "dbg!("],
    );
    nowhere(found, "what happens is logged, not printed");
}

#[test]
fn a_file_is_short_enough_to_read() {
    let tests = below(&Path::new(ROOT).join("tests"));
    let long = sources().into_iter().chain(tests).filter_map(|source| {
        let lines = source.text.lines().count();
        (lines > LONGEST).then(|| format!("{}: {lines} lines", source.path))
    });
    nowhere(long.collect(), "a file is one thing, read at a sitting; what grows longer is two");
}

#[test]
fn the_edges_do_not_know_each_other() {
    let edges = ["mqtt", "store", "web"];
    let sources = sources();
    let mut found = Vec::new();
    for edge in edges {
        let others: Vec<_> =
            edges.iter().filter(|other| **other != edge).map(|other| format!("crate::{other}")).collect();
        let others: Vec<_> = others.iter().map(String::as_str).collect();
        let folder = format!("src/{edge}");
        found.extend(places(&sources, |source| source.is_below(&folder), &others));
    }
    nowhere(found, "edges meet where run wires them");
}
