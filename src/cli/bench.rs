//! `wardwatch bench`: what a reading costs, beside a client that only acknowledges.

use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use wardwatch::bench::{self, BenchSettings, FigureGroup};
use wardwatch::config::BrokerUrl;

use super::{Unusable, output};

/// A process that has just started is slower for a moment.
const WARM_UP: Duration = Duration::from_secs(2);

/// Measure latency, readings/s, CPU and memory on any broker
///
/// The service with its store in memory, the same with SQLite, and a client that only acknowledges, which
/// does what a straightforward program would, by turns. Everything runs under a prefix and client ids of its
/// own, and nothing of it is left at the broker or on the disk. The figures are printed with what they should
/// be; none of them fails the run.
#[derive(Debug, Args)]
pub struct Bench {
    /// The broker; its delays are measured with ours, so it should have TCP_NODELAY set
    #[arg(long, default_value = "mqtt://127.0.0.1:1883")]
    url: BrokerUrl,
    /// Readings of one round
    #[arg(long, default_value = "300000")]
    readings: NonZeroU64,
    /// How often those three take turns, and how often the service is killed for recovery and outage
    #[arg(long, default_value = "3")]
    rounds: NonZeroU32,
    /// Patients of the ward, with five vitals each
    #[arg(long, default_value = "1000")]
    patients: NonZeroUsize,
    /// Patients for memory and CPU at scale
    #[arg(long, default_value = "100000")]
    many_patients: NonZeroUsize,
    /// Patients with an open alert whom a killed service recovers
    #[arg(long, default_value = "10000")]
    restored_patients: NonZeroUsize,
    /// Alerts of one round for the latency
    #[arg(long, default_value = "1000")]
    alerts: NonZeroUsize,
    /// Readings a second for the latency
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rate: u32,
    /// Where the SQLite files are while they are needed
    ///
    /// It should be on the disk that the service will use. A directory for temporary files may be memory,
    /// where to force a write to the disk costs nothing.
    #[arg(long, value_name = "DIR", default_value = ".")]
    store_in: PathBuf,
    /// Only these figures, as sustained,latency
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<FigureGroup>,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
}

impl Bench {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let wanted = |part: &FigureGroup| self.only.is_empty() || self.only.contains(part);
        if !self.store_in.is_dir() {
            let why = format!("--store-in: {} is not a folder", self.store_in.display());
            return Err(Unusable(anyhow::Error::msg(why)).into());
        }
        let settings = BenchSettings {
            broker: self.url,
            program: std::env::current_exe().context("cannot find this very program")?,
            parts: FigureGroup::value_variants().iter().copied().filter(wanted).collect(),
            readings: self.readings.get(),
            rounds: self.rounds.get(),
            patients: self.patients.get(),
            many_patients: self.many_patients.get(),
            restored_patients: self.restored_patients.get(),
            alerts: self.alerts.get(),
            warm_up: WARM_UP,
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
            output::remark("stopped before the end: no figures");
            return Ok(ExitCode::SUCCESS);
        };
        let text = if self.json { serde_json::to_string_pretty(&report)? + "\n" } else { report.to_string() };
        output::print(text)?;
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
