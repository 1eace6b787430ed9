//! `wardwatch simulate`: a fleet of devices on any broker.

use std::future::Future;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use wardwatch::link::Link;
use wardwatch::simulator::nurse::{self, NurseSettings};
use wardwatch::simulator::runner::{self, RunSettings};
use wardwatch::simulator::{Fleet, FleetProgress, FleetSettings, Schedule, check_units};
use wardwatch_actors::people::check_name;

use super::assess::parse_duration;
use super::broker::{BrokerFlags, unusable};
use super::{Unusable, output};

/// Simulate a fleet of devices on any broker
///
/// Readings carry "simulated":true, and so do alerts and states that come of them.
#[derive(Debug, Args)]
pub struct Simulate {
    /// How many patients, each with one device
    #[arg(long, default_value_t = 12)]
    patients: usize,
    /// Readings a second of each patient
    #[arg(long, default_value_t = 1.0)]
    rate: f64,
    /// The same seed gives the same readings
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Ends after this, as 60s or 10min; without it, with Ctrl-C
    #[arg(long, value_parser = parse_duration)]
    duration: Option<Duration>,
    /// A unit; may be given several times. One that does not begin with `sim-` needs --i-know
    #[arg(long = "unit", default_values_t = ["sim-1".to_owned()])]
    units: Vec<String>,
    /// I know that these units may be real ones
    #[arg(long)]
    i_know: bool,
    /// Publish admission records too; needed where admission is registered
    #[arg(long)]
    records: bool,
    /// Children among them, with admission records
    #[arg(long)]
    children: bool,
    /// Nothing goes wrong
    #[arg(long)]
    healthy: bool,
    /// A nurse acknowledges some of the alerts there, as this sender, which the service lists under [senders]
    #[arg(long, value_name = "SENDER")]
    nurse: Option<String>,
    /// What the client ids begin with; two fleets on one broker need two
    #[arg(long, default_value = "wardwatch-simulator")]
    client_id: String,
    /// Leave the retained admission records and device statuses at the broker at the end
    #[arg(long)]
    keep: bool,
    #[command(flatten)]
    broker: BrokerFlags,
}

impl Simulate {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        check_units(&self.units, self.i_know).map_err(|fault| Unusable(fault.into()))?;
        self.broker.topics()?;
        check_name(&self.client_id).map_err(|fault| unusable("--client-id", fault))?;
        let nurse = self.nurse.as_ref().map(|sender| self.nurse_named(sender)).transpose()?;
        let settings = FleetSettings {
            patients: self.patients,
            seed: self.seed,
            units: self.units.clone(),
            rate: self.rate,
            records: self.records || self.children,
            children: self.children,
            schedule: if self.healthy { Schedule::Off } else { Schedule::Realistic },
            prefix: self.broker.prefix.clone(),
            ..FleetSettings::default()
        };
        let link = self.broker.link(&self.client_id)?;
        let run = RunSettings {
            client_id: self.client_id.clone(),
            duration: self.duration,
            keep: self.keep,
            ..RunSettings::new(super::time_of_day)
        };
        let bar = self.bar();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.context("cannot start the simulator")?;
        let progress = runtime.block_on(async {
            let stop = super::asked_to_end()?;
            let report = |progress: FleetProgress| show(&bar, &progress);
            send(settings, &link, run, nurse, report, stop).await
        })?;
        bar.finish_and_clear();
        let FleetProgress { sent, acknowledged, elapsed, .. } = progress;
        let seconds = elapsed.as_secs_f64();
        let sent = output::count(sent, "reading");
        output::print(format_args!("{sent} sent, {acknowledged} acknowledged, in {seconds:.1} s\n"))?;
        Ok(ExitCode::SUCCESS)
    }

    fn nurse_named(&self, sender: &str) -> Result<NurseSettings, Unusable> {
        check_name(sender).map_err(|fault| unusable("--nurse", fault))?;
        Ok(NurseSettings {
            seed: self.seed,
            sender: sender.to_owned(),
            units: self.units.clone(),
            prefix: self.broker.prefix.clone(),
            wall: super::time_of_day,
        })
    }

    fn bar(&self) -> ProgressBar {
        let length = self.duration.map(|duration| duration.as_secs());
        let bar = length.map_or_else(ProgressBar::no_length, ProgressBar::new);
        let template = match length {
            Some(_) => "{bar:40} {elapsed} of {len} s  {msg}",
            None => "{spinner} {elapsed}  {msg}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar
    }
}

fn show(bar: &ProgressBar, progress: &FleetProgress) {
    bar.set_position(progress.elapsed.as_secs());
    let late = match progress.behind {
        behind if behind >= Duration::from_secs(1) => format!(", {} s late", behind.as_secs()),
        _ => String::new(),
    };
    let FleetProgress { sent, acknowledged, per_second, .. } = progress;
    bar.set_message(format!("{per_second:.0} readings/s, {sent} sent, {acknowledged} acknowledged{late}"));
}

/// Sends a fleet to a broker, where perhaps a nurse comes to its alerts.
pub async fn send(
    settings: FleetSettings,
    link: &Link,
    run: RunSettings,
    nurse: Option<NurseSettings>,
    report: impl FnMut(FleetProgress),
    stop: impl Future<Output = ()>,
) -> anyhow::Result<FleetProgress> {
    let fleet = Fleet::new(settings, super::time_of_day()).map_err(|fault| Unusable(fault.into()))?;
    let connect = |client_id: &str| link.with_client_id(client_id).v4().0;
    let nurse = async {
        let Some(nurse) = nurse else { return std::future::pending().await };
        let options = connect(&format!("{}-nurse", run.client_id));
        nurse::run(nurse, options).await
    };
    let sent = tokio::select! {
        sent = runner::run(fleet, run.clone(), connect, report, stop) => sent,
        never = nurse => match never {},
    };
    sent.with_context(|| format!("cannot simulate on {}", link.address()))
}
