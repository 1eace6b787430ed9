//! One word for each thing: those that were given up for another do not come back.

use std::path::Path;

use super::sources::{ROOT, Source, all, nowhere};

/// Words that were given up, with the one to say instead.
const GIVEN_UP: &[(&[&str], &str)] = &[
    (
        &["alarm", "alarms", "alarming", "notification", "notifications"],
        "alert; an alarm is a bedside device's",
    ),
    (&["severity"], "priority"),
    (&["threshold", "thresholds"], "limit"),
    (&["debounce", "debounced"], "delay"),
    (&["sticky"], "latched"),
    (&["mute", "muted", "snooze"], "the four inactivations"),
    (&["inhibit", "inhibited"], "suppress"),
    (&["mark", "marks", "marked"], "probe"),
    (&["tell", "tells", "told", "telling"], "publish, report, show"),
    (&["owe", "owes", "owed", "owing", "debt", "debts"], "pending"),
    (&["refuse", "refuses", "refused", "refusal", "refusals", "declined"], "reject"),
    (&["ears", "hearsay"], "inbound router, ingest status"),
    (&["herald", "courier"], "bus publisher, publish confirmations"),
    (&["unbacked", "unhurried", "weighty"], "published before commit, deferrable, drop order"),
    (&["wakings", "tending", "rival", "leaning"], "wakeups, housekeeping, duplicate instance, skew"),
];

/// Where one of them stands all the same: the beginning of the path, the word, and why.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    ("tests/architecture/words.rs", "", "this list"),
    ("actors/src/devices/clock/", "mark", "the contract's word for where a catch-up begins"),
    ("tests/devices/oracle/statements.rs", "mark", "the same"),
    ("actors/README.md", "mark", "the same"),
    ("src/store/", "mark", "a column of the store's first version"),
    ("src/store/", "marks", "a table of the store's"),
    ("src/store/schema.rs", "owed", "an index of the store's first version"),
    ("actors/README.md", "owed", "a type of before, in the count of the envelopes"),
    ("actors/src/patient/version_1.rs", "told", "a field of the first version's memory"),
    ("actors/src/patient/version_1.rs", "leaning", "the same"),
    ("actors/src/alerts/life_cycle/saved.rs", "told", "a field of earlier versions' memory"),
    ("actors/src/analyzers/limits.rs", "tell", "too old to tell, as one says to a person"),
    ("actors/src/settings/limits.rs", "alarms", "what bedside devices raised in a study"),
    ("tests/command_line/", "refused", "the system's own words for a port that nobody listens on"),
    ("README.md", "alarm", "a system in the standard's words, and what nobody may rely on"),
    ("README.md", "tell", "what a network cannot show"),
    ("README.md", "told", "whom nobody can call meanwhile"),
    ("README.md", "unbacked", "the changelog names what a field was called"),
    ("README.md", "refused", "the same"),
    ("deploy/README.md", "tells", "what an address shows"),
];

/// The words of a line, with those of `snake_case` and `CamelCase` names one by one, in lower case.
fn words(line: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut before = ' ';
    for letter in line.chars() {
        let begins =
            !before.is_ascii_alphabetic() || before.is_ascii_lowercase() && letter.is_ascii_uppercase();
        if letter.is_ascii_alphabetic() {
            if begins {
                words.push(String::new());
            }
            words.last_mut().unwrap().push(letter.to_ascii_lowercase());
        }
        before = letter;
    }
    words
}

fn given_up(word: &str) -> Option<&'static str> {
    GIVEN_UP.iter().find(|(old, _)| old.contains(&word)).map(|(_, say)| *say)
}

fn documents() -> impl Iterator<Item = Source> {
    let read = |path: &str| {
        let text = std::fs::read_to_string(Path::new(ROOT).join(path)).unwrap();
        Source { path: path.to_owned(), text }
    };
    ["README.md", "actors/README.md", "deploy/README.md"].into_iter().map(read)
}

#[test]
fn words_that_were_given_up_stay_away() {
    let mut found = Vec::new();
    let mut used = vec![false; EXCEPTIONS.len()];
    for source in all().into_iter().chain(documents()) {
        let exception = |word: &str| {
            EXCEPTIONS
                .iter()
                .position(|(path, of, _)| source.path.starts_with(path) && (of.is_empty() || *of == word))
        };
        for (number, line) in source.text.lines().enumerate() {
            for word in words(line) {
                let Some(say) = given_up(&word) else { continue };
                match exception(&word) {
                    Some(place) => used[place] = true,
                    None => found.push(format!("{}:{}: {word}; say {say}", source.path, number + 1)),
                }
            }
        }
    }
    nowhere(found, "whoever looks for a thing by its name finds all of it");
    let unused = EXCEPTIONS.iter().zip(used).filter(|(_, used)| !used);
    nowhere(
        unused.map(|((path, word, _), _)| format!("{path}: {word}")).collect(),
        "these need no exception any more",
    );
}

#[test]
fn names_are_read_word_by_word() {
    assert_eq!(
        words("fn take_told(x: RefusedKey) // HTTPMark"),
        ["fn", "take", "told", "x", "refused", "key", "httpmark"]
    );
    assert!(given_up("told").is_some() && given_up("published").is_none());
}
