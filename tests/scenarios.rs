//! Runs every timeline of `tests/scenarios/` on simulated time, and compares what is published with what it says.

#[path = "support/assessed.rs"]
mod assessed;
#[path = "support/timeline.rs"]
mod timeline;

use std::path::{Path, PathBuf};

use assessed::{assessed, config};
use timeline::Timeline;

const SCENARIOS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/scenarios");

/// How much of what happened instead is shown.
const LINES_AT_MOST: usize = 40;

#[test]
fn every_scenario_happens_as_it_is_written() {
    let only = std::env::var("SCENARIO").unwrap_or_default();
    let files = files().into_iter().filter(|file| name(file).contains(&only));
    let run = |file: &PathBuf| {
        let name = name(file);
        std::panic::catch_unwind(|| run(file)).unwrap_or_else(|_| Err(format!("{name}: panicked, see above")))
    };
    let wrong: Vec<_> = files.filter_map(|file| run(&file).err()).collect();
    assert!(wrong.is_empty(), "\n\n{}", wrong.join("\n\n"));
}

#[test]
fn every_scenario_has_a_title_of_its_own() {
    let titles: std::collections::BTreeSet<_> = files().iter().map(|file| read(file).title).collect();
    assert_eq!(titles.len(), files().len());
    assert!(titles.iter().all(|title| title.len() > 10));
}

fn files() -> Vec<PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(SCENARIOS).unwrap().map(|file| file.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "txt"));
    files.sort();
    files
}

fn name(file: &Path) -> String {
    file.file_stem().unwrap().to_string_lossy().into_owned()
}

fn read(file: &Path) -> Timeline {
    Timeline::read(&std::fs::read_to_string(file).unwrap())
        .unwrap_or_else(|fault| panic!("{}: {fault}", name(file)))
}

/// Runs one file; answers what came otherwise, with what really happened as the file would say it.
fn run(file: &Path) -> Result<(), String> {
    let mut timeline = read(file);
    let config = config(&format!("scenario-{}", name(file)), &timeline.settings);
    while let Some((recording, linger)) = timeline.unresolved() {
        let (published, _) = assessed(&config, recording.as_bytes(), linger);
        timeline.resolve(&published);
    }
    let (published, _) = assessed(&config, timeline.recording().as_bytes(), timeline.linger());
    let differences = timeline.differences(&published);
    if differences.is_empty() {
        return Ok(());
    }
    let happened = published.iter().filter_map(|message| timeline.in_words(message));
    let happened: Vec<_> = happened.take(LINES_AT_MOST).collect();
    Err(format!(
        "{}: {}\n{}\nwhat happened:\n{}",
        name(file),
        timeline.title,
        differences.join("\n"),
        happened.join("\n")
    ))
}
