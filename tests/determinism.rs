//! The same recording gives the same bytes: in two processes, each with its own hash seeds and its own time of day.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use wardwatch::simulator::{Fleet, FleetSettings, Schedule, recording};

const PATIENTS: usize = 1000;

/// Of what is recorded; long enough for delays to run out, short enough for a build without optimization.
const RECORDED: Duration = Duration::from_secs(12);

#[test]
fn a_thousand_patients_give_the_same_bytes_in_two_processes() {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("determinism.jsonl");
    let settings = FleetSettings {
        patients: PATIENTS,
        seed: 7,
        units: ["sim-1", "sim-2", "sim-3"].map(str::to_owned).to_vec(),
        records: true,
        children: true,
        schedule: Schedule::Demo,
        ..FleetSettings::default()
    };
    let fleet = Fleet::new(settings, "2026-11-22T06:00:00Z".parse().unwrap()).unwrap();
    let mut paper = BufWriter::new(File::create(&file).unwrap());
    let lines = recording::record(fleet, RECORDED, &mut paper).unwrap();
    drop(paper);
    assert!(lines > 10_000, "{lines}");

    let [first, second] = [assess(&file), assess(&file)].map(|child| child.wait_with_output().unwrap());
    assert!(first.status.success(), "{}", String::from_utf8_lossy(&first.stderr));
    assert!(
        first.stdout == second.stdout,
        "two processes differ at {}",
        first_difference(&first.stdout, &second.stdout)
    );
    let text = String::from_utf8(first.stdout).unwrap();
    let alerts = text.lines().filter(|line| line.contains("\"event\":\"raised\"")).count();
    assert!(alerts > 100, "only {alerts} alerts were compared");
}

/// Starts `wardwatch assess` with time enough after the last line for every silence to be published.
fn assess(recording: &Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_wardwatch"))
        .args(["assess", "--linger", "40s"])
        .arg(recording)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The first line in which two results differ.
fn first_difference(first: &[u8], second: &[u8]) -> String {
    let lines = |bytes: &[u8]| String::from_utf8_lossy(bytes).lines().map(str::to_owned).collect::<Vec<_>>();
    let (first, second) = (lines(first), lines(second));
    let differs = first.iter().zip(&second).position(|(first, second)| first != second);
    let line = differs.unwrap_or(first.len().min(second.len()));
    format!("line {}:\n{:?}\n{:?}", line + 1, first.get(line), second.get(line))
}
