//! `wardwatch simulate`: a fleet of devices on any broker.

use std::future::Future;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use thiserror::Error;
use wardwatch::config::mqtt::check_prefix;
use wardwatch::config::{BrokerUrl, MqttConfig};
use wardwatch::link::{Link, LinkSettings};
use wardwatch::simulator::runner::{self, RunSettings};
use wardwatch::simulator::{Fleet, FleetProgress, FleetSettings, Schedule, check_units};
use wardwatch_actors::people::check_name;

use super::assess::parse_duration;
use super::{Unusable, output};

/// Simulate a fleet of devices on any broker
///
/// Readings carry "simulated":true, and so do alerts and states that come of them.
#[derive(Debug, Args)]
pub struct Simulate {
    /// The broker
    #[arg(long, default_value = "mqtt://127.0.0.1:1883")]
    url: BrokerUrl,
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
    /// The first part of every topic
    #[arg(long, default_value = "wardwatch")]
    prefix: String,
    /// Publish admission records too; needed where admission is registered
    #[arg(long)]
    records: bool,
    /// Children among them, with admission records
    #[arg(long)]
    children: bool,
    /// Nothing goes wrong
    #[arg(long)]
    healthy: bool,
    /// What the client ids begin with; two fleets on one broker need two
    #[arg(long, default_value = "wardwatch-simulator")]
    client_id: String,
    /// Leave the retained admission records and device statuses at the broker at the end
    #[arg(long)]
    keep: bool,
    #[command(flatten)]
    credentials: Credentials,
}

/// What the broker asks for, and who vouches for it where the URL is mqtts://
#[derive(Debug, Args)]
struct Credentials {
    /// The user at the broker
    #[arg(long)]
    username: Option<String>,
    /// A file with the password on its first line
    #[arg(long, value_name = "FILE", requires = "username")]
    password_file: Option<PathBuf>,
    /// The authorities that may vouch for the broker (PEM); without it, those of the system
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// A certificate of one's own (PEM)
    #[arg(long, value_name = "FILE", requires = "key_file")]
    certificate_file: Option<PathBuf>,
    /// The key to it (PEM)
    #[arg(long, value_name = "FILE", requires = "certificate_file")]
    key_file: Option<PathBuf>,
}

/// A certificate is given, and nothing that would look at it.
#[derive(Debug, Error)]
#[error("has no effect with {0}; allowed is a --url with mqtts://")]
struct NoTls(BrokerUrl);

/// A flag that cannot be used.
fn unusable(flag: &str, fault: impl std::error::Error + Send + Sync + 'static) -> Unusable {
    Unusable(anyhow::Error::from(fault).context(flag.to_owned()))
}

impl Simulate {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        check_units(&self.units, self.i_know).map_err(|fault| Unusable(fault.into()))?;
        check_prefix(&self.prefix).map_err(|fault| unusable("--prefix", fault))?;
        check_name(&self.client_id).map_err(|fault| unusable("--client-id", fault))?;
        let settings = FleetSettings {
            patients: self.patients,
            seed: self.seed,
            units: self.units.clone(),
            rate: self.rate,
            records: self.records || self.children,
            children: self.children,
            schedule: if self.healthy { Schedule::Off } else { Schedule::Realistic },
            prefix: self.prefix.clone(),
            ..FleetSettings::default()
        };
        let link = self.link()?;
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
            send(settings, &link, run, report, stop).await
        })?;
        bar.finish_and_clear();
        let FleetProgress { sent, acknowledged, elapsed, .. } = progress;
        let seconds = elapsed.as_secs_f64();
        let sent = output::count(sent, "reading");
        output::print(format_args!("{sent} sent, {acknowledged} acknowledged, in {seconds:.1} s\n"))?;
        Ok(ExitCode::SUCCESS)
    }

    /// The broker, with certificates and password read.
    fn link(&self) -> Result<Link, Unusable> {
        let Credentials { username, password_file, ca_file, certificate_file, key_file } = &self.credentials;
        let mqtt = MqttConfig {
            url: self.url.clone(),
            client_id: self.client_id.clone(),
            username: username.clone(),
            password_file: password_file.clone(),
            ca_file: ca_file.clone(),
            certificate_file: certificate_file.clone(),
            key_file: key_file.clone(),
            ..MqttConfig::default()
        };
        let for_tls = [("--ca-file", ca_file), ("--certificate-file", certificate_file)];
        if let Some((flag, _)) = for_tls.iter().find(|(_, file)| file.is_some() && !self.url.tls) {
            return Err(unusable(flag, NoTls(self.url.clone())));
        }
        let settings = LinkSettings::of(&mqtt).map_err(|fault| unusable("--password-file", fault))?;
        Link::new(&settings)
            .map_err(|fault| unusable(&format!("--{}", fault.setting().replace('_', "-")), fault))
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

/// Sends a fleet to a broker.
pub async fn send(
    settings: FleetSettings,
    link: &Link,
    run: RunSettings,
    report: impl FnMut(FleetProgress),
    stop: impl Future<Output = ()>,
) -> anyhow::Result<FleetProgress> {
    let fleet = Fleet::new(settings, super::time_of_day()).map_err(|fault| Unusable(fault.into()))?;
    let connect = |client_id: &str| link.with_client_id(client_id).v4().0;
    let sent = runner::run(fleet, run, connect, report, stop).await;
    sent.with_context(|| format!("cannot simulate on {}", link.address()))
}
