//! The order of the rooms: each knows only what stands below it.

use super::sources::{Source, nowhere, sources};

/// The rooms of `src`, from the top; rooms of one row do not know each other.
const WORLD: &[&[&str]] = &[
    &["main", "lib"],
    &["cli"],
    &["run"],
    // What ends the process names every part that may die.
    &["fatal"],
    &["bench", "assess", "check", "health", "client"],
    &["mqtt", "store", "web", "interop", "simulator", "broker"],
    &["feed", "link", "door"],
    &["contract"],
    &["config"],
    // What every room may use.
    &["causes", "log_queue"],
];

/// The rooms of `actors/src`, from the top.
const DECISIONS: &[&[&str]] = &[
    &["lib"],
    &[ACTORS],
    // What a shard brings out, and the numbers it counts.
    &["outlet"],
    &["census"],
    &["installation"],
    &["patient"],
    &["commands"],
    &["receivers"],
    &["analyzers"],
    &["alerts"],
    &["chart"],
    &["devices"],
    &["admission"],
    &["settings"],
    &["conditions"],
    &["vitals"],
    &["people"],
    &["counters", "receipt", "clock"],
];

/// The actors and what they share: they are one room, each with a file or a folder of its own.
const ACTORS: &str = "*_actor";

/// Arrows that are still to be turned, as `room -> room`.
const TO_TURN: [&str; 0] = [];

/// Which room a file belongs to.
fn room<'a>(path: &'a str, crate_folder: &str) -> Option<&'a str> {
    let below = path.strip_prefix(crate_folder)?;
    let name = below.split('/').next()?;
    Some(of_actors(name.strip_suffix(".rs").unwrap_or(name)))
}

fn of_actors(name: &str) -> &str {
    if name.ends_with("_actor") || name == "shard" { ACTORS } else { name }
}

/// The rooms of its own crate that a file names: behind `crate::`, or behind as many `super::` as lead there.
fn named(source: &Source, crate_folder: &str, crate_names: &[&str]) -> Vec<(usize, String)> {
    let below = source.path.strip_prefix(crate_folder).unwrap_or_default();
    let folders = below.matches('/').count() - usize::from(below.ends_with("/mod.rs"));
    let supers = "super::".repeat(1 + folders);
    let roots: Vec<_> = crate_names.iter().map(|name| format!("{name}::")).chain([supers]).collect();
    let mut named = Vec::new();
    for (number, line) in source.code() {
        for root in &roots {
            for (at, _) in line.match_indices(root.as_str()) {
                if !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':') {
                    let rooms = rooms_at(&line[at + root.len()..]).into_iter();
                    named.extend(rooms.map(|room| (number, of_actors(room).to_owned())));
                }
            }
        }
    }
    named
}

/// The rooms in `mqtt::ring::Ring`, or in `{check, mqtt::ring::Ring};`; no functions, types or macros.
fn rooms_at(path: &str) -> Vec<&str> {
    let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let Some(list) = path.strip_prefix('{') else {
        let (name, rest) = path.split_at(path.find(|c| !word(c)).unwrap_or(path.len()));
        let is_room = !name.is_empty() && rest.starts_with([':', ';', ',', '}']);
        return is_room.then_some(name).into_iter().collect();
    };
    let mut depth = 0;
    let parts = list.split_inclusive(|c: char| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        depth == 0 && c == ',' || depth < 0
    });
    parts.flat_map(|part| rooms_at(part.trim_start())).collect()
}

/// Every arrow that turns back, and every room without a place.
fn against_the_order(crate_folder: &str, crate_names: &[&str], order: &[&[&str]]) -> Vec<String> {
    let row = |name: &str| order.iter().position(|row| row.contains(&name));
    let mut found = Vec::new();
    for source in sources() {
        let Some(from) = room(&source.path, crate_folder) else { continue };
        let Some(above) = row(from) else {
            found.push(format!("{}: the room {from} has no place in the order", source.path));
            continue;
        };
        for (number, to) in named(&source, crate_folder, crate_names) {
            let Some(below) = row(&to) else {
                found.push(format!("{}:{number}: {to} has no place in the order", source.path));
                continue;
            };
            let arrow = format!("{from} -> {to}");
            if from != to && below <= above && !TO_TURN.contains(&&*arrow) {
                found.push(format!("{}:{number}: {arrow}", source.path));
            }
        }
    }
    found
}

#[test]
fn arrows_between_the_rooms_of_the_world_never_turn_back() {
    let found = against_the_order("src/", &["crate", "wardwatch"], WORLD);
    nowhere(
        found,
        "a room knows only those below it, and the edges not each other: they meet where they are wired",
    );
}

#[test]
fn arrows_between_the_rooms_of_the_decisions_never_turn_back() {
    let found = against_the_order("actors/src/", &["crate"], DECISIONS);
    nowhere(found, "a room knows only those below it");
}

#[test]
fn an_arrow_is_seen_in_a_path_and_behind_super() {
    let source = |path: &str, text: &str| Source { path: path.to_owned(), text: text.to_owned() };
    let rooms = |source: &Source| -> Vec<_> {
        named(source, "src/", &["crate"]).into_iter().map(|(_, room)| room).collect()
    };
    let deep = source("src/mqtt/ring.rs", "use crate::store::Store;\nlet x = super::super::run::start();\n");
    assert_eq!(rooms(&deep), ["store", "run"]);
    let folder = source("src/mqtt/mod.rs", "use super::store;\nuse super::config::Config;\n");
    assert_eq!(rooms(&folder), ["store", "config"]);
    let both = source("src/mqtt/mod.rs", "use crate::{check, link::{Link, LinkFault}};\n");
    assert_eq!(rooms(&both), ["check", "link"]);
    let sibling = source("src/mqtt/ring.rs", "use super::probes::Probes; // crate::run\n");
    assert_eq!(rooms(&sibling), [""; 0]);
}
