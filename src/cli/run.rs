//! `wardwatch run`: the service, beside the ward's broker.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use wardwatch::causes::Causes;
use wardwatch::check;
use wardwatch::config::given::Givens;
use wardwatch::config::{self, Config, Fault, Override};
use wardwatch::fatal::Fatal;
use wardwatch::run::NewConfig;

use super::logging;

/// Run the service beside an MQTT broker
#[derive(Debug, Args)]
pub struct Run {
    /// Settings of the site; without it, the defaults
    #[arg(long)]
    config: Option<PathBuf>,
    /// The broker, as mqtt://127.0.0.1:1883; goes before the configuration
    #[arg(long)]
    url: Option<String>,
}

/// Says why the service ended, where it has said everything else.
fn logged(fatal: &Fatal) -> ExitCode {
    tracing::error!("ended: {}", Causes(fatal));
    fatal.exit_code()
}

/// Reads the configuration anew with each SIGHUP, and hands it on where it has no fault.
async fn reload(
    mut hang_up: Signal,
    load: impl Fn() -> Result<(Config, Givens), Vec<Fault>>,
    mut last: Givens,
    reloads: mpsc::UnboundedSender<NewConfig>,
) {
    while hang_up.recv().await.is_some() {
        match load() {
            Ok((config, givens)) => {
                let (changes, given) = (givens.changes(&last), givens.in_words());
                last = givens;
                let _ = reloads.send(NewConfig { config, changes, given }); // without a service we end anyway
            }
            Err(faults) => {
                faults.iter().for_each(|fault| tracing::error!("{fault}"));
                tracing::error!(faults = faults.len(), "configuration not reloaded: the one of before holds");
            }
        }
    }
}

impl Run {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let url = self.url.map(|url| Override { flag: "--url", key: "mqtt.url", value: url });
        let file = self.config;
        let load = move || check::load_with_givens(file.as_deref(), &config::environment(), url.as_slice());
        let (config, givens) = super::usable(load())?;
        logging::start(&config.log)?;
        let system = actix::System::new();
        let ended: Result<(), Fatal> = system.block_on(async {
            let shutdown = super::asked_to_end().map_err(|fault| Fatal::Setup(fault.to_string()))?;
            let hang_up = signal(SignalKind::hangup()).map_err(|fault| Fatal::Setup(fault.to_string()))?;
            let (reloads, reloaded) = mpsc::unbounded_channel();
            let given = givens.in_words();
            actix::spawn(reload(hang_up, load, givens, reloads));
            wardwatch::run::run_reloading(config, given, reloaded, shutdown).await
        });
        Ok(ended.map_or_else(|fatal| logged(&fatal), |()| ExitCode::SUCCESS))
    }
}
