//! `wardwatch demo`: broker, simulated ward and monitoring in one process, with nothing else to install.

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use tokio::sync::watch;
use tokio::time::timeout;
use wardwatch::broker;
use wardwatch::causes::Causes;
use wardwatch::config::{BrokerUrl, Config, LogConfig, LogLevel, MqttConfig, StoreUrl};
use wardwatch::fatal::Fatal;
use wardwatch::link::{Link, LinkSettings};
use wardwatch::simulator::FleetSettings;
use wardwatch::simulator::nurse::NurseSettings;
use wardwatch::simulator::runner::RunSettings;
use wardwatch::web::{Dashboard, DashboardFault};
use wardwatch_actors::settings::{CommandName, SenderRights};

use super::output::{self, OutputFault};
use super::{listener, logging, simulate};

/// How long the monitoring may take to end: whoever types Ctrl-C waits.
const GOODBYE_WITHIN: Duration = Duration::from_secs(1);

/// The sender whose commands are the simulated nurse's.
const NURSE: &str = "sim-nurse";

/// Try it out: a broker, a simulated ward and the monitoring, nothing else to install
#[derive(Debug, Args)]
pub struct Demo {
    /// How many patients
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    patients: u32,
    /// The same seed gives the same ward
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The port of the broker, on 127.0.0.1
    #[arg(long, default_value_t = 1883)]
    port: u16,
    /// The port of the pages, on 127.0.0.1; without it 8080, or any other where that is taken
    #[arg(long)]
    dashboard_port: Option<u16>,
}

impl Demo {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        logging::start(&LogConfig { level: LogLevel::Warn, ..LogConfig::default() })?;
        let system = actix::System::new();
        system.block_on(self.show())?;
        Ok(ExitCode::SUCCESS)
    }

    async fn show(self) -> anyhow::Result<()> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let broker = broker::start(address).await?;
        let port = broker.address().port();
        let url = BrokerUrl { tls: false, host: Ipv4Addr::LOCALHOST.to_string(), port };
        let mut config = Config::default();
        config.mqtt.url = url.clone();
        config.store.url = StoreUrl::Memory;
        config.senders.insert(NURSE.to_owned(), nurse_rights());
        let pages = self.pages()?;
        output::print(self.introduction(port, pages.address()))?;

        let (stop, stopped) = watch::channel(false);
        let fleet = FleetSettings::demo(self.patients as usize, self.seed);
        let ward = ward_thread(fleet, url.clone(), stopped.clone())?;
        let shown = listener::show(&url.host, port, stopping(stopped.clone()));
        let monitoring = wardwatch::run::run_with_pages(config, Some(pages), stopping(stopped));
        let ended = until_the_end(shown, monitoring, &stop).await;
        stop.send_replace(true);
        // Ward and broker end with the process: nobody is to complain that one of them is gone.
        drop(ward);
        Box::leak(Box::new(broker));
        ended
    }

    /// The pages on their port: 8080 or, where that is taken, any that is free; one that was asked for must be.
    fn pages(&self) -> Result<Dashboard, DashboardFault> {
        let on = |port| Dashboard::listen(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        match self.dashboard_port {
            Some(port) => on(port),
            None => on(8080).or_else(|_| on(0)),
        }
    }

    /// What the demo is, and how to take part in it.
    fn introduction(&self, port: u16, pages: SocketAddr) -> String {
        let patients = output::count(self.patients, "simulated patient");
        format!(
            "WardWatch demo: {patients} on a broker on 127.0.0.1:{port}. Not a medical device.
See the ward in a browser: http://{pages}/
Alerts appear below as they come; a simulated nurse acknowledges some of them. Listen yourself, from another terminal:
  mosquitto_sub -p {port} -t 'wardwatch/alerts/#' -v
and be a device yourself:
  mosquitto_pub -p {port} -q 1 -t wardwatch/vitals/sim-1/me -m '{{\"heart_rate\":170,\"oxygen_saturation\":79}}'
Ctrl-C ends it.

"
        )
    }
}

/// Waits until somebody asks for the end, nobody reads on, or the monitoring ends by itself.
async fn until_the_end(
    shown: impl Future<Output = Result<(), OutputFault>>,
    monitoring: impl Future<Output = Result<(), Fatal>>,
    stop: &watch::Sender<bool>,
) -> anyhow::Result<()> {
    let mut monitoring = pin!(monitoring);
    let why = tokio::select! {
        () = super::asked_to_end()? => Ok(()),
        shown = shown => shown,
        ended = &mut monitoring => return ended.context("the monitoring ended"),
    };
    stop.send_replace(true);
    // Nothing here outlives the process: what has not ended by then need not.
    let ended = timeout(GOODBYE_WITHIN, monitoring).await.unwrap_or(Ok(()));
    why?;
    ended.context("the monitoring ended")
}

/// A nurse sees alerts, and nothing else.
fn nurse_rights() -> SenderRights {
    SenderRights { may: [CommandName::Acknowledge].into(), units: None }
}

async fn stopping(mut stopped: watch::Receiver<bool>) {
    // The sender lives as long as the demo.
    let _ = stopped.wait_for(|stop| *stop).await;
}

/// The simulated ward on a thread of its own, so that it cannot slow down the monitoring.
fn ward_thread(
    fleet: FleetSettings,
    url: BrokerUrl,
    stopped: watch::Receiver<bool>,
) -> anyhow::Result<std::thread::JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mqtt = MqttConfig { url, client_id: "wardwatch-demo-ward".to_owned(), ..MqttConfig::default() };
    let link = Link::new(&LinkSettings::of(&mqtt)?)?;
    // Broker and monitoring end with the ward: nobody is left to take anything back from.
    let settings =
        RunSettings { client_id: mqtt.client_id, keep: true, ..RunSettings::new(super::time_of_day) };
    let work = move || {
        let nurse = NurseSettings {
            seed: fleet.seed,
            sender: NURSE.to_owned(),
            units: fleet.units.clone(),
            prefix: fleet.prefix.clone(),
            wall: super::time_of_day,
        };
        let sent = simulate::send(fleet, &link, settings, Some(nurse), |_| {}, stopping(stopped));
        if let Err(fault) = runtime.block_on(sent) {
            tracing::error!("the simulated ward ended: {}", Causes(fault.as_ref()));
        }
    };
    Ok(std::thread::Builder::new().name("ward".to_owned()).spawn(work)?)
}
