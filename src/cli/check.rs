//! `wardwatch check`: every fault of a configuration at once, then the limits that are in effect.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use wardwatch::{check, config};

use super::output;

/// Check a configuration: every fault with its line, then the effective limits
#[derive(Debug, Args)]
pub struct Check {
    /// The configuration
    #[arg(long)]
    config: PathBuf,
}

impl Check {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let report = check::check(&self.config, &config::environment());
        match output::print(&report) {
            // Who reads no further still learns from the status whether there are faults.
            Err(fault) if !fault.reader_is_gone() => return Err(fault.into()),
            Ok(()) | Err(_) => {}
        }
        Ok(if report.faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(super::UNUSABLE) })
    }
}
