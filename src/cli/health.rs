//! `wardwatch health`: an exit status for health checks, and a line for people.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use wardwatch::check;
use wardwatch::config;
use wardwatch::health::{self, Health};
use wardwatch_actors::clock::Clock;

use super::output;

/// Ask whether the service lives: exits 0 where it works, 1 where it does not or cannot be asked
///
/// It reads the service's heartbeat from the broker of the same configuration. A service that is degraded works, and
/// would not for being started anew.
#[derive(Debug, Args)]
pub struct Ask {
    /// The configuration of the service; without it, the defaults
    #[arg(long)]
    config: Option<PathBuf>,
    /// Exit 1 where it is degraded, too
    #[arg(long)]
    strict: bool,
    /// How long to wait for the broker, as 5s
    #[arg(long, default_value = "5s", value_parser = super::assess::parse_duration)]
    within: Duration,
}

impl Ask {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let config = super::usable(check::load(self.config.as_deref(), &config::environment(), &[]))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let heartbeat = runtime.block_on(health::heartbeat(&config, self.within))?;
        let health = Health::of(heartbeat, Clock::system().now().wall);
        output::print(format_args!("{health}\n"))?;
        let well = if self.strict { health.is_whole() } else { health.works() };
        Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
