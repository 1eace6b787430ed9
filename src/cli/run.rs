//! `wardwatch run`: the service, beside the ward's broker.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use wardwatch::causes::Causes;
use wardwatch::check;
use wardwatch::config::{self, Override};
use wardwatch::fatal::Fatal;

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

impl Run {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let url = self.url.map(|url| Override { flag: "--url", key: "mqtt.url", value: url });
        let loaded = check::load(self.config.as_deref(), &config::environment(), url.as_slice());
        let config = super::usable(loaded)?;
        logging::start(&config.log)?;
        let system = actix::System::new();
        let ended: Result<(), Fatal> = system.block_on(async {
            let shutdown = super::asked_to_end().map_err(|fault| Fatal::Setup(fault.to_string()))?;
            wardwatch::run::run(config, shutdown).await
        });
        Ok(ended.map_or_else(|fatal| logged(&fatal), |()| ExitCode::SUCCESS))
    }
}
