//! The commands, their flags, and what they print.

mod assess;
mod audit;
mod backup;
mod bench;
mod broker;
mod check;
mod command;
#[cfg(feature = "demo")]
mod demo;
mod discharges;
mod health;
mod history;
mod lines;
#[cfg(feature = "demo")]
mod listener;
mod logging;
mod output;
mod receive;
mod run;
mod simulate;

use std::future::Future;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};
use thiserror::Error;
use tokio::signal::unix::{SignalKind, signal};
use wardwatch::causes::Causes;
use wardwatch::config::Fault;
use wardwatch::fatal::Fatal;
use wardwatch_actors::clock::Clock;

use output::OutputFault;

/// Real-time patient monitoring on an MQTT broker. Not a medical device.
#[derive(Debug, Parser)]
#[command(name = "wardwatch", version)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    #[cfg(feature = "demo")]
    Demo(demo::Demo),
    Run(run::Run),
    Receive(receive::Receive),
    Simulate(simulate::Simulate),
    Assess(assess::Assess),
    Check(check::Check),
    #[command(name = "command")]
    Give(command::Give),
    Health(health::Ask),
    Backup(backup::Backup),
    Audit(audit::Audit),
    History(history::History),
    Discharges(discharges::Discharges),
    Bench(bench::Bench),
    #[command(hide = true)]
    AcknowledgeOnly(bench::AcknowledgeOnly),
}

/// Flags that cannot be used together, or with these values.
#[derive(Debug, Error)]
#[error(transparent)]
struct Unusable(#[from] anyhow::Error);

/// The exit status of flags and settings that cannot be used.
const UNUSABLE: u8 = 2;

/// Reads the arguments, carries out what was asked, and says what went wrong.
pub fn main() -> ExitCode {
    let status = match Arguments::try_parse() {
        Ok(arguments) => run(arguments).unwrap_or_else(|fault| ended_by(&fault)),
        Err(usage) => show_usage(&usage),
    };
    output::finish_log();
    status
}

/// Prints help to standard output, or what is wrong with the arguments to standard error.
fn show_usage(usage: &clap::Error) -> ExitCode {
    // clap's own printing goes by more than our output does: with `CI` set it colours a dumb terminal.
    let text = |colourful| match colourful {
        true => usage.render().ansi().to_string(),
        false => usage.render().to_string(),
    };
    if usage.use_stderr() {
        output::remark(text(output::colourful(&std::io::stderr())).trim_end());
        return ExitCode::from(UNUSABLE);
    }
    match output::print(text(output::colourful(&std::io::stdout()))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => ended_by(&fault.into()),
    }
}

/// Says once why a command ended; its status says the same to whoever called it.
fn ended_by(fault: &anyhow::Error) -> ExitCode {
    if fault.downcast_ref::<OutputFault>().is_some_and(OutputFault::reader_is_gone) {
        return ExitCode::SUCCESS;
    }
    output::remark(format_args!("wardwatch: {}", Causes(fault.as_ref())));
    match (fault.downcast_ref::<Fatal>(), fault.downcast_ref::<Unusable>()) {
        (Some(fatal), _) => fatal.exit_code(),
        (_, Some(_)) => ExitCode::from(UNUSABLE),
        _ => ExitCode::FAILURE,
    }
}

/// Carries out what was asked.
fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    match arguments.command {
        #[cfg(feature = "demo")]
        Command::Demo(demo) => demo.run(),
        Command::Run(run) => run.run(),
        Command::Receive(receive) => receive.run(),
        Command::Simulate(simulate) => simulate.run(),
        Command::Assess(assess) => assess.run(),
        Command::Check(check) => check.run(),
        Command::Give(give) => give.run(),
        Command::Health(ask) => ask.run(),
        Command::Backup(backup) => backup.run(),
        Command::Audit(audit) => audit.run(),
        Command::History(history) => history.run(),
        Command::Discharges(discharges) => discharges.run(),
        Command::Bench(bench) => bench.run(),
        Command::AcknowledgeOnly(client) => client.run(),
    }
}

/// The configuration, or the end of the command with every fault of it.
fn usable<T>(loaded: Result<T, Vec<Fault>>) -> anyhow::Result<T> {
    let every = |faults: Vec<Fault>| faults.iter().map(Fault::to_string).collect::<Vec<_>>().join("\n");
    loaded.map_err(|faults| Fatal::Setup(every(faults)).into())
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
