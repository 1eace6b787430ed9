//! The commands, their flags, and what they print.

mod assess;
mod bench;
mod check;
mod demo;
mod listener;
mod logging;
mod run;
mod simulate;

use std::future::Future;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};
use wardwatch::config::{self, Config, Override};
use wardwatch::fatal::Fatal;
use wardwatch_actors::clock::Clock;

/// Real-time patient monitoring on an MQTT broker. Not a medical device.
#[derive(Debug, Parser)]
#[command(name = "wardwatch", version, about)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Demo),
    Run(run::Run),
    Simulate(simulate::Simulate),
    Assess(assess::Assess),
    Check(check::Check),
    Bench(bench::Bench),
    #[command(hide = true)]
    AcknowledgeOnly(bench::AcknowledgeOnly),
}

/// Carries out what was asked.
pub fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    match arguments.command {
        Command::Demo(demo) => demo.run(),
        Command::Run(run) => run.run(),
        Command::Simulate(simulate) => simulate.run(),
        Command::Assess(assess) => assess.run(),
        Command::Check(check) => Ok(check.run()),
        Command::Bench(bench) => bench.run(),
        Command::AcknowledgeOnly(client) => client.run(),
    }
}

/// Reads the configuration, or tells every fault of it.
fn load(path: Option<&Path>, overrides: &[Override]) -> anyhow::Result<Config> {
    match Config::load(path, &config::environment(), overrides) {
        Ok(config) => Ok(config),
        Err(faults) => {
            let faults: Vec<_> = faults.iter().map(ToString::to_string).collect();
            Err(Fatal::Setup(faults.join("\n")).into())
        }
    }
}

/// Waits for Ctrl-C or SIGTERM.
fn asked_to_end() -> anyhow::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot wait for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot wait for Ctrl-C")?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// The time of day, for simulated devices to be set by.
fn time_of_day() -> jiff::Timestamp {
    let ms = Clock::system().now().wall.unix_ms();
    jiff::Timestamp::from_millisecond(ms).unwrap_or_default()
}
