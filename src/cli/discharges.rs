//! `wardwatch discharges`: says to a running service that a mass discharge was meant.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use wardwatch::check;
use wardwatch::config;
use wardwatch::health;
use wardwatch_actors::clock::Clock;

use super::output;

/// Decide about discharges that the service holds: so many at once that the broker may just have lost its records
#[derive(Debug, Args)]
pub struct Discharges {
    #[command(subcommand)]
    decision: Decision,
}

#[derive(Debug, Subcommand)]
enum Decision {
    Confirm(Confirm),
}

/// Discharge everybody whose discharge is held, and end the alert `discharge.held`
///
/// Whose record is to stay needs no command: publish the record again, and the patient is held no longer.
#[derive(Debug, Args)]
struct Confirm {
    /// The configuration of the service; without it, the defaults
    #[arg(long)]
    config: Option<PathBuf>,
    /// How long to wait for the broker, as 5s
    #[arg(long, default_value = "5s", value_parser = super::assess::parse_duration)]
    within: Duration,
}

impl Discharges {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let Decision::Confirm(Confirm { config, within }) = self.decision;
        let config = super::usable(check::load(config.as_deref(), &config::environment(), &[]))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(health::confirm_discharges(&config, Clock::system().now().wall, within))?;
        output::print(format_args!("confirmed: whose discharge is held is discharged now\n"))?;
        Ok(ExitCode::SUCCESS)
    }
}
