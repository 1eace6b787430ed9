//! The commands, their flags, and what they print.

mod assess;
mod check;

use std::path::Path;
use std::process::ExitCode;

use anyhow::bail;
use clap::{Parser, Subcommand};
use wardwatch::config::{self, Config, Override};

/// Real-time patient monitoring on an MQTT broker. Not a medical device.
#[derive(Debug, Parser)]
#[command(name = "wardwatch", version, about)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Assess(assess::Assess),
    Check(check::Check),
}

/// Carries out what was asked.
pub fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    match arguments.command {
        Command::Assess(assess) => assess.run(),
        Command::Check(check) => Ok(check.run()),
    }
}

/// Reads the configuration, or tells every fault of it.
fn load(path: Option<&Path>, overrides: &[Override]) -> anyhow::Result<Config> {
    match Config::load(path, &config::environment(), overrides) {
        Ok(config) => Ok(config),
        Err(faults) => {
            let faults: Vec<_> = faults.iter().map(ToString::to_string).collect();
            bail!("the configuration is not usable:\n{}", faults.join("\n"))
        }
    }
}
