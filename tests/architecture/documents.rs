//! What the documents name is there: each test, each scenario, each file.

use std::collections::HashSet;
use std::path::Path;

use super::sources::{ROOT, all, nowhere};

/// Documents that name tests and files.
const DOCUMENTS: [&str; 3] = ["README.md", "actors/README.md", "deploy/README.md"];
/// Long names that are no tests of ours.
const NOT_OURS: [(&str, &str); 1] = [("use_username_as_clientid", "a setting of Mosquitto")];
/// From so many words on a name with underscores is a test's or a scenario's, not a field's or a setting's.
const WORDS_OF_A_TEST: usize = 4;

/// What stands between backticks, by line.
fn quoted(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .flat_map(|(number, line)| line.split('`').skip(1).step_by(2).map(move |words| (number + 1, words)))
}

fn is_test_name(words: &str) -> bool {
    let plain = words.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    plain && words.split('_').filter(|word| !word.is_empty()).count() >= WORDS_OF_A_TEST
}

/// A source file or a folder of them, from the root or from where the sentence stands.
fn is_path(words: &str) -> bool {
    let plain = words.chars().all(|c| c.is_ascii_alphanumeric() || "_-./".contains(c));
    plain && (words.ends_with(".rs") || words.starts_with("src/") || words.starts_with("actors/"))
}

#[test]
fn every_test_that_a_document_names_is_there() {
    let sources = all();
    let mut known: HashSet<&str> = HashSet::new();
    for line in sources.iter().flat_map(|source| source.text.lines()) {
        let Some((_, rest)) = line.split_once("fn ") else { continue };
        known.extend(rest.split('(').next());
    }
    let scenario = |name: &str| Path::new(ROOT).join(format!("tests/scenarios/{name}.txt")).exists();
    let mut missing = Vec::new();
    for document in DOCUMENTS {
        let text = std::fs::read_to_string(Path::new(ROOT).join(document)).unwrap();
        for (line, name) in quoted(&text).filter(|(_, words)| is_test_name(words)) {
            let not_ours = NOT_OURS.iter().any(|(other, _)| *other == name);
            if !known.contains(name) && !scenario(name) && !not_ours {
                missing.push(format!("{document}:{line}: {name}"));
            }
        }
    }
    nowhere(missing, "a promise is kept by a test that is there");
}

#[test]
fn every_file_that_a_document_names_is_there() {
    let paths: Vec<String> = all().into_iter().map(|source| source.path).collect();
    let is_there = |named: &str| {
        let below = format!("/{named}");
        Path::new(ROOT).join(named).exists() || paths.iter().any(|path| path.ends_with(&below))
    };
    let mut missing = Vec::new();
    for document in DOCUMENTS {
        let text = std::fs::read_to_string(Path::new(ROOT).join(document)).unwrap();
        let named = quoted(&text).filter(|(_, words)| is_path(words) && !is_there(words));
        missing.extend(named.map(|(line, path)| format!("{document}:{line}: {path}")));
    }
    nowhere(missing, "a reader looks for it in vain");
}

#[test]
fn every_field_of_the_heartbeat_is_explained() {
    let read = |path: &str| std::fs::read_to_string(Path::new(ROOT).join(path)).unwrap();
    let (payload, readme) = (read("src/contract/payload/system.rs"), read("README.md"));
    let (_, message) = payload.split_once("pub struct SystemMessage").unwrap();
    let fields = message.lines().filter_map(|line| line.trim().strip_prefix("pub ")?.split(':').next());
    let (_, section) = readme.split_once("\n## Heartbeat").unwrap();
    let (table, _) = section.split_once("\n## ").unwrap();
    let explained: HashSet<&str> = quoted(table).map(|(_, words)| words).collect();
    let missing: Vec<_> = fields.filter(|field| !explained.contains(field)).map(str::to_owned).collect();
    nowhere(missing, "whoever watches the heartbeat looks it up in README.md");
}

#[test]
fn a_test_is_known_from_a_setting_by_its_length() {
    let text = "a `row` of `a_full_ring_stops_the_reading` and\n`alerts.live_within`, `src/mqtt/ring.rs`";
    let found: Vec<_> = quoted(text).collect();
    assert_eq!(found.len(), 4);
    assert!(is_test_name(found[1].1) && !is_test_name("max_unacknowledged") && !is_test_name("cargo bench"));
    assert!(is_path(found[3].1) && found[3].0 == 2 && !is_path("wardwatch.db") && !is_path("and/or"));
}
