//! `wardwatch run`: the service, beside the ward's broker.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use wardwatch::config::Override;
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

impl Run {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let url = self.url.map(|url| Override { flag: "--url", key: "mqtt.url", value: url });
        let config = super::load(self.config.as_deref(), url.as_slice())?;
        logging::start(&config.log);
        let system = actix::System::new();
        let ended: Result<(), Fatal> = system.block_on(async {
            let shutdown = super::asked_to_end().map_err(|fault| Fatal::Setup(fault.to_string()))?;
            wardwatch::run::run(config, shutdown).await
        });
        ended?;
        Ok(ExitCode::SUCCESS)
    }
}
