//! `wardwatch history`: what happened to one patient, from the store, in words.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use clap::Args;
use wardwatch::check;
use wardwatch::config::{self, StoreUrl};
use wardwatch::feed::archive::Period;
use wardwatch::store::{PatientHistory, StoreReader};
use wardwatch_actors::alerts::AlertChange;
use wardwatch_actors::clock::{Clock, Span, Timestamp};
use wardwatch_actors::people::PatientId;
use wardwatch_actors::vitals::{Quantity, Reading, Vital};

use super::output;

/// Which store is read; the service may run meanwhile.
#[derive(Debug, Args)]
pub struct WhichStore {
    /// The configuration of the service; without it, the defaults
    #[arg(long)]
    config: Option<PathBuf>,
    /// A store by its file, as a backup or one that was set aside
    #[arg(long, conflicts_with = "config")]
    store: Option<PathBuf>,
}

impl WhichStore {
    /// Opens it for reading.
    pub fn open(&self) -> anyhow::Result<StoreReader> {
        if let Some(path) = &self.store {
            return Ok(StoreReader::open(path)?);
        }
        let config = super::usable(check::load(self.config.as_deref(), &config::environment(), &[]))?;
        let StoreUrl::Sqlite(path) = &config.store.url else {
            bail!("store.url is memory: nothing is kept");
        };
        Ok(StoreReader::open(path)?)
    }
}

/// Show what happened to a patient: readings a minute, alerts with why, commands and the stay, from the store
#[derive(Debug, Args)]
pub struct History {
    /// As icu-1/p-17
    patient: PatientId,
    /// From when, as 2026-11-22T06:35:00Z; without it, the last hour
    #[arg(long)]
    from: Option<Timestamp>,
    /// To when; without it, now
    #[arg(long)]
    to: Option<Timestamp>,
    /// Every reading by itself
    #[arg(long)]
    every_reading: bool,
    #[command(flatten)]
    store: WhichStore,
}

impl History {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let to = self.to.unwrap_or_else(|| Clock::system().now().wall);
        let period = Period { from: self.from.unwrap_or(to - Span::from_hours(1)), to };
        let history = self.store.open()?.history(&self.patient, period)?;
        let mut text = format!("{}, {} to {}\n", self.patient, period.from, period.to);
        let lines = lines(&history, self.every_reading);
        if lines.is_empty() {
            text += "nothing is known of that time\n";
        }
        for (time, words) in lines {
            text += &format!("{time}  {words}\n");
        }
        if history.unreadable > 0 {
            text += &format!("{} cannot be read\n", output::count(history.unreadable as u64, "row"));
        }
        output::print(text)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Everything in the order of its time.
fn lines(history: &PatientHistory, every_reading: bool) -> Vec<(Timestamp, String)> {
    let mut lines: Vec<_> = if every_reading {
        history.readings.iter().map(|reading| (reading.received_at, minute(&[reading]))).collect()
    } else {
        by_minute(&history.readings)
    };
    lines.extend(history.audit.iter().map(|row| (row.time, format!("{:<10} {}", row.kind, row.what))));
    lines.extend(history.changes.iter().map(|change| (change.time, alert(change))));
    lines.sort_by_key(|(time, _)| *time);
    lines
}

/// An alert change in a line: what happened, how urgent it is, why, and who did it.
fn alert(change: &AlertChange) -> String {
    let mut words = format!(
        "{:<10} {}, {}: {}",
        change.event.name(),
        change.condition,
        change.priority.name(),
        change.message
    );
    if let Some(author) = &change.author {
        words += &format!(", by {} ({})", author.by, author.sender);
        words += &author.reason.as_ref().map_or_else(String::new, |reason| format!(": {reason}"));
    }
    words += &change.until.map_or_else(String::new, |until| format!(", until {until}"));
    words += &change.route.as_ref().map_or_else(String::new, |route| format!(", calls {route}"));
    words += &change.reason.as_ref().map_or_else(String::new, |reason| format!(" ({reason})"));
    words
}

/// A line a minute, at its beginning.
fn by_minute(readings: &[Reading]) -> Vec<(Timestamp, String)> {
    const MINUTE_MS: i64 = 60_000;
    let mut minutes: BTreeMap<i64, Vec<&Reading>> = BTreeMap::new();
    for reading in readings {
        minutes.entry(reading.received_at.unix_ms().div_euclid(MINUTE_MS)).or_default().push(reading);
    }
    let line =
        |(at, readings): (i64, Vec<&Reading>)| (Timestamp::from_unix_ms(at * MINUTE_MS), minute(&readings));
    minutes.into_iter().map(line).collect()
}

/// From what to what each vital sign was in these readings.
fn minute(readings: &[&Reading]) -> String {
    let of = |vital: Vital| -> Option<String> {
        let values: Vec<Quantity> = readings.iter().filter_map(|reading| reading.values.get(vital)).collect();
        let (low, high) = (values.iter().min()?, values.iter().max()?);
        let range = if low == high { low.to_string() } else { format!("{low}–{high}") };
        let facts = vital.facts();
        Some(format!("{} {range} {}", facts.words, facts.symbol).trim_end().to_owned())
    };
    let mut values: Vec<_> = Vital::ALL.into_iter().filter_map(of).collect();
    let level = readings.iter().rev().find_map(|reading| reading.consciousness);
    values.extend(level.map(|level| format!("consciousness {}", level.letter())));
    if values.is_empty() {
        values.push("nothing measured".to_owned());
    }
    let mut devices: Vec<_> = readings.iter().filter_map(|reading| reading.device.as_ref()).collect();
    devices.sort();
    devices.dedup();
    let devices: Vec<_> = devices.iter().map(|device| format!(", {device}")).collect();
    let count = output::count(readings.len() as u64, "reading");
    format!("{:<10} {} ({count}{})", "measured", values.join(", "), devices.concat())
}
