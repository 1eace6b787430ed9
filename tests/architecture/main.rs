//! The walls of the code, read from its sources: who may say what, and where.

mod arrows;
mod documents;
mod names;
mod packages;
mod sizes;
mod sources;
mod words;

use std::path::Path;

use sources::{ROOT, Source, nowhere, places, sources, tests};

/// Files that show a person what to type, and so spell a topic.
const EXAMPLES: [&str; 2] = ["src/assess.rs", "src/cli/demo.rs"];

#[test]
fn decisions_know_no_actors() {
    let shell = |source: &Source| {
        let path = &source.path;
        path.ends_with("_actor.rs") || path.contains("_actor/") || path.ends_with("/clock.rs")
    };
    let found = places(&sources(), |source| source.is_below("actors/") && !shell(source), &["actix"]);
    nowhere(found, "only *_actor.rs, the folders of those names and clock.rs say actix");
}

#[test]
fn one_file_asks_the_machine_for_the_time() {
    let asking = ["SystemTime::now", "std::time::Instant", "Timestamp::now", "Zoned::now"];
    let found = places(&sources(), |source| source.path != "actors/src/clock.rs", &asking);
    nowhere(found, "time comes from the clock that is handed in");
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
        "installation",
        "census",
        "commands",
        "settings",
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
fn every_file_begins_by_saying_what_it_is_for() {
    let silent = sources().into_iter().chain(tests()).filter(|source| {
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
