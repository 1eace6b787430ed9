//! `wardwatch bench`: what a reading costs, beside a client that only acknowledges.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use wardwatch::bench::{self, BenchSettings, Part};
use wardwatch::config::BrokerUrl;

/// Measure latency, readings/s, CPU and memory on any broker
///
/// Beside a client that only acknowledges, which does what a straightforward program would. Everything runs
/// under a prefix and client ids of its own, and nothing of it is left at the broker. The figures are
/// printed with what they should be; none of them fails the run.
#[derive(Debug, Args)]
pub struct Bench {
    /// The broker; its delays are measured with ours, so it should have TCP_NODELAY set
    #[arg(long, default_value = "mqtt://127.0.0.1:1883")]
    url: BrokerUrl,
    /// Readings of one round
    #[arg(long, default_value_t = 300_000)]
    readings: u64,
    /// How often the service and the client that only acknowledges take turns
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Patients of the ward, with five vitals each
    #[arg(long, default_value_t = 1000)]
    patients: usize,
    /// Patients for memory and CPU at scale
    #[arg(long, default_value_t = 100_000)]
    many_patients: usize,
    /// Alerts for the latency
    #[arg(long, default_value_t = 2000)]
    alerts: usize,
    /// Readings a second for the latency
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rate: u32,
    /// Keep everything in a SQLite file in this directory, removed at the end; without it, in memory
    #[arg(long)]
    store_in: Option<PathBuf>,
    /// Only these figures, as sustained,latency
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Only>,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Only {
    Sustained,
    Latency,
    Scale,
    Assess,
}

impl From<Only> for Part {
    fn from(only: Only) -> Self {
        match only {
            Only::Sustained => Self::Sustained,
            Only::Latency => Self::Latency,
            Only::Scale => Self::Scale,
            Only::Assess => Self::Assess,
        }
    }
}

impl Bench {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let wanted: Vec<Part> = self.only.iter().map(|only| (*only).into()).collect();
        let parts = Part::ALL.into_iter().filter(|part| wanted.is_empty() || wanted.contains(part));
        let settings = BenchSettings {
            broker: self.url,
            program: std::env::current_exe().context("cannot find this very program")?,
            parts: parts.collect(),
            readings: self.readings,
            rounds: self.rounds,
            patients: self.patients,
            many_patients: self.many_patients,
            alerts: self.alerts,
            rate: self.rate,
            stores: self.store_in,
            wall: super::time_of_day,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let report = runtime.context("cannot start the bench")?.block_on(async {
            let bar = spinner();
            let stop = super::asked_to_end()?;
            let measured = bench::run(&settings, |what| bar.set_message(what.to_owned()), stop).await;
            bar.finish_and_clear();
            measured
        })?;
        let Some(report) = report else {
            eprintln!("stopped before the end: no figures");
            return Ok(ExitCode::SUCCESS);
        };
        let text = if self.json { serde_json::to_string_pretty(&report)? + "\n" } else { report.to_string() };
        std::io::stdout().write_all(text.as_bytes()).context("cannot print the figures")?;
        Ok(ExitCode::SUCCESS)
    }
}

fn spinner() -> ProgressBar {
    let spinner = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{elapsed} {msg}") {
        spinner.set_style(style);
    }
    spinner
}

/// Acknowledge every reading, and nothing more: what the bench compares with
#[derive(Debug, Args)]
pub struct AcknowledgeOnly {
    #[arg(long)]
    url: BrokerUrl,
    #[arg(long)]
    prefix: String,
    #[arg(long)]
    client_id: String,
}

impl AcknowledgeOnly {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let acknowledged = bench::plain::acknowledge(&self.url, &self.prefix, &self.client_id);
        runtime.context("cannot start the client")?.block_on(acknowledged)?;
        Ok(ExitCode::SUCCESS)
    }
}
