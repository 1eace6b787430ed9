//! Recordings of real patients run through `assess`: what each raises, as counts with a sentence why.
//!
//! The tables are in `tests/recordings/`. The recordings themselves are not ours to give away: a test whose recording
//! is not there says so and passes.

#[path = "support/assessed.rs"]
mod assessed;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::time::Duration;

use assessed::{Published, assessed, config, data};

const TABLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recordings");

/// The columns of a table, then the condition and why.
const EVENTS: [&str; 5] = ["raised", "escalated", "deescalated", "updated", "cleared"];

#[test]
fn a_zero_that_is_no_measurement_raises_no_low_heart_rate() {
    if let Some(published) = matches_its_table("mimic_s00001_zero_is_missing") {
        let lows = published.iter().filter(|m| m.is_change() && m.text("condition") == "heart_rate.low");
        let values: Vec<_> = lows.filter_map(|m| m.payload["value"].as_f64()).collect();
        assert!(!values.is_empty() && values.iter().all(|value| *value > 0.0), "{values:?}");
    }
}

#[test]
fn a_stay_of_32_hours_raises_what_its_table_says() {
    matches_its_table("mimic_s00001_minute");
}

#[test]
fn a_noisy_hour_of_someone_who_gets_worse_raises_what_its_table_says() {
    matches_its_table("mimic_s25047_minute");
}

#[test]
fn fifty_stays_with_a_value_an_hour_raise_what_their_table_says() {
    matches_its_table("physionet2019_hourly_50_patients");
}

#[test]
fn twelve_stays_with_pressures_as_they_come_raise_what_their_table_says() {
    matches_its_table("eicu_demo_12_patients");
}

/// What a table says.
#[derive(Default)]
struct Table {
    recording: String,
    settings: String,
    /// How often each event of a condition comes.
    changes: BTreeMap<String, [usize; 5]>,
    /// How many values of a field are rejected.
    rejected: BTreeMap<String, u64>,
}

impl Table {
    fn read(text: &str) -> Self {
        let mut table = Self::default();
        for line in text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()) {
            let mut words = line.split_whitespace();
            match words.next().unwrap() {
                "recording" => table.recording = words.next().unwrap().to_owned(),
                "setting" => {
                    table.settings.push_str(line.strip_prefix("setting ").unwrap());
                    table.settings.push('\n');
                }
                "raised" => assert_eq!(words.collect::<Vec<_>>(), EVENTS[1..]),
                "rejected" => {
                    let count = words.next().unwrap().parse().unwrap();
                    table.rejected.insert(words.next().unwrap().to_owned(), count);
                    assert!(words.next().is_some(), "`{line}` does not say why");
                }
                first => {
                    let count =
                        |word: &str| word.parse().unwrap_or_else(|_| panic!("`{line}` has no counts"));
                    let mut counts = [count(first); 5];
                    counts[1..].fill_with(|| count(words.next().unwrap_or_default()));
                    table.changes.insert(words.next().unwrap_or_default().to_owned(), counts);
                    assert!(words.next().is_some(), "`{line}` does not say why");
                }
            }
        }
        table
    }

    fn of(published: &[Published]) -> Self {
        let mut table = Self::default();
        for message in published {
            if message.is_change() {
                let event = EVENTS.iter().position(|event| *event == message.text("event")).unwrap();
                table.changes.entry(message.text("condition").to_owned()).or_default()[event] += 1;
            } else if message.topic == "rejected" {
                let field = message.payload["field"].as_str().unwrap_or("message").to_owned();
                *table.rejected.entry(field).or_default() += message.payload["count"].as_u64().unwrap();
            }
        }
        table
    }

    fn rows(&self) -> String {
        let mut rows = format!("{}\n", EVENTS.join(" "));
        for (condition, [raised, escalated, deescalated, updated, cleared]) in &self.changes {
            let row = format!("{raised:>6} {escalated:>9} {deescalated:>11} {updated:>7} {cleared:>7}");
            writeln!(rows, "{row}  {condition}").unwrap();
        }
        for (field, count) in &self.rejected {
            writeln!(rows, "rejected {count} {field}").unwrap();
        }
        rows
    }
}

/// Runs a table's recording and compares; what was published, or none where the recording is not there.
fn matches_its_table(name: &str) -> Option<Vec<Published>> {
    let text = std::fs::read_to_string(Path::new(TABLES).join(format!("{name}.txt"))).unwrap();
    let expected = Table::read(&text);
    let recording = File::open(data("recordings")?.join(&expected.recording)).unwrap();
    let config = config(&format!("recording-{name}"), &expected.settings);
    let (published, summary) = assessed(&config, BufReader::new(recording), Duration::ZERO);
    assert!(summary.lines > 0);
    let happened = Table::of(&published);
    let same = happened.changes == expected.changes && happened.rejected == expected.rejected;
    assert!(same, "{name}: expected\n{}\nbut came\n{}", expected.rows(), happened.rows());
    Some(published)
}
