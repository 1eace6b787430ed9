//! `wardwatch check`: every fault of a configuration at once, then the limits that are in effect.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use wardwatch::{check, config};

/// Check a configuration: every fault with its line, then the effective limits
#[derive(Debug, Args)]
pub struct Check {
    /// The configuration
    #[arg(long)]
    config: PathBuf,
}

impl Check {
    pub fn run(self) -> ExitCode {
        let report = check::check(&self.config, &config::environment());
        print!("{report}");
        if report.faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(2) }
    }
}
