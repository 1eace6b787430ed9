//! `wardwatch receive`: a receiver of alerts on a terminal, which confirms what it shows.

use std::io::IsTerminal;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, ValueEnum};
use wardwatch::client::receiver::{self, ReceiveFault, ReceiveSettings, ReceiverNews};
use wardwatch_actors::clock::Clock;
use wardwatch_actors::people::check_name;
use wardwatch_actors::receivers::ConfirmationStatus;
use wardwatch_actors::settings::AlertFilter;

use super::broker::{BrokerFlags, unusable};
use super::lines::{ShownAlert, watch_line};
use super::output::{self, OutputFault};

/// How often the bell rings where nobody watches.
const NOBODY_WATCHES: usize = 3;

/// Receive alerts: shows each change, confirms it, rings the bell, and warns where the heartbeat stops
///
/// It registers under its name, so that WardWatch says when it is gone. Stand-ins for a pager: until a person accepts or
/// acknowledges, what it confirms is that the change has been shown.
#[derive(Debug, Args)]
pub struct Receive {
    /// The name of the receiver, as it stands under [receivers]
    name: String,
    /// Which alerts, as alerts/high/icu-1/#; may be given several times. Without it, all
    #[arg(long = "filter", value_name = "FILTER")]
    filters: Vec<AlertFilter>,
    /// What it says of each change
    #[arg(long, value_enum, default_value_t = Says::Received)]
    says: Says,
    /// The instance of WardWatch whose heartbeat it watches
    #[arg(long, default_value = "wardwatch")]
    instance: String,
    /// Whether the terminal's bell rings
    #[arg(long, value_enum, default_value_t = Bell::Auto)]
    bell: Bell,
    #[command(flatten)]
    broker: BrokerFlags,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Says {
    /// It has been shown
    Received,
    /// Somebody takes responsibility, which holds the escalation
    Accepted,
    /// Nobody here does: the next is called
    Rejected,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Bell {
    /// On a terminal
    Auto,
    Always,
    Never,
}

impl Receive {
    fn filters(&self) -> Vec<AlertFilter> {
        if self.filters.is_empty() { vec![AlertFilter::everything()] } else { self.filters.clone() }
    }

    pub fn run(self) -> anyhow::Result<ExitCode> {
        check_name(&self.name).map_err(|fault| unusable("NAME", fault))?;
        check_name(&self.instance).map_err(|fault| unusable("--instance", fault))?;
        let settings = ReceiveSettings {
            link: self.broker.link(&format!("{}-receiver", self.name))?,
            topics: self.broker.topics()?,
            name: self.name.clone(),
            filters: self.filters().iter().map(ToString::to_string).collect(),
            instance: self.instance.clone(),
            status: match self.says {
                Says::Received => ConfirmationStatus::Received,
                Says::Accepted => ConfirmationStatus::Accepted,
                Says::Rejected => ConfirmationStatus::Rejected,
            },
        };
        let out = std::io::stdout();
        let rings = match self.bell {
            Bell::Auto => out.is_terminal(),
            Bell::Always => true,
            Bell::Never => false,
        };
        let (colour, clock) = (output::colourful(&out), Clock::system());
        let show = |news: ReceiverNews| show(&news, &clock, rings, colour);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let received = runtime.context("cannot receive")?.block_on(async {
            let stop = super::asked_to_end()?;
            Ok::<_, anyhow::Error>(receiver::receive(settings, Clock::system(), show, stop).await)
        })?;
        match received {
            Ok(()) => Ok(ExitCode::SUCCESS),
            Err(ReceiveFault::Output(fault)) => Err(fault.into()),
            Err(fault @ ReceiveFault::Broker(_)) => Err(fault.into()),
        }
    }
}

/// Shows one thing, with its bell.
fn show(news: &ReceiverNews, clock: &Clock, rings: bool, colour: bool) -> Result<(), OutputFault> {
    let (line, bells) = match news {
        ReceiverNews::Change(payload) => match serde_json::from_slice::<ShownAlert>(payload) {
            Ok(alert) => (alert.line(colour), alert.bells()),
            Err(_) => (format!("{}\n", String::from_utf8_lossy(payload)), 0),
        },
        ReceiverNews::Watch(news) => {
            let back = matches!(news, wardwatch::client::heartbeat_watch::WatchNews::Back);
            (watch_line(*news, clock.now().wall, colour), if back { 0 } else { NOBODY_WATCHES })
        }
    };
    let bells = if rings { "\x07".repeat(bells) } else { String::new() };
    output::print(format_args!("{bells}{line}"))
}
