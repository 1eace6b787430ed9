//! Readings a second of `assess`, on a recording of a simulated ward.

use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::Serialize;
use tokio::time::{Instant, sleep};

use super::BenchRun;
use super::process::OwnChild;
use super::spread::Spread;
use super::table::Table;
use crate::simulator::{Fleet, FleetSettings, recording};

/// How often it is looked whether it has ended; a thousandth of what it takes.
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// What assessing takes, with the start of the process and reading the file.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Assessed {
    pub readings: u64,
    pub patients: usize,
    pub readings_per_second: Spread,
}

/// Writes a recording, and assesses it several times.
pub async fn measure(bench: &BenchRun<'_>) -> Result<Assessed> {
    let settings = bench.settings;
    bench.report("assess: recording a ward");
    let recording = Recording::write(bench)?;
    let mut rates = Vec::new();
    for round in 1..=settings.rounds {
        bench.report(&format!("assess, round {round} of {}", settings.rounds));
        let begun = Instant::now();
        let assessed = assess(bench, &recording.path).await?;
        ensure!(assessed.success(), "assess ended with {assessed}");
        rates.push(recording.readings as f64 / begun.elapsed().as_secs_f64());
    }
    let (readings, patients) = (recording.readings, settings.patients);
    Ok(Assessed { readings, patients, readings_per_second: Spread::of(rates) })
}

async fn assess(bench: &BenchRun<'_>, recording: &Path) -> Result<ExitStatus> {
    let mut command = Command::new(&bench.settings.program);
    command.arg("assess").arg(recording).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = OwnChild::start(command)?;
    loop {
        if let Some(status) = child.ended()? {
            return Ok(status);
        }
        sleep(LOOK_EVERY).await;
    }
}

impl Assessed {
    /// Adds the figures.
    pub fn add_to(&self, table: &mut Table) {
        table.spread("assess, readings/s", self.readings_per_second, 0, "≥ 100,000");
    }
}

/// A recording that is there as long as its value.
struct Recording {
    path: PathBuf,
    readings: u64,
}

impl Recording {
    /// A ward in which things go wrong, for as long as it takes to make the readings of one round.
    fn write(bench: &BenchRun<'_>) -> Result<Self> {
        let settings = bench.settings;
        let fleet = FleetSettings { patients: settings.patients, ..FleetSettings::default() };
        let fleet = Fleet::new(fleet, (settings.wall)())?;
        let seconds = settings.readings.div_ceil(settings.patients as u64);
        let mut recording =
            Self { path: std::env::temp_dir().join(format!("{}.jsonl", bench.prefix)), readings: 0 };
        let cannot = |path: &Path| format!("cannot write {}", path.display());
        let file = File::create(&recording.path).with_context(|| cannot(&recording.path))?;
        let lines = recording::record(fleet, Duration::from_secs(seconds), &mut BufWriter::new(file))
            .with_context(|| cannot(&recording.path))?;
        recording.readings = lines - settings.patients as u64; // one status each
        Ok(recording)
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        // What is left in the temporary folder goes with it.
        let _ = fs::remove_file(&self.path);
    }
}
