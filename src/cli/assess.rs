//! `wardwatch assess`: from a recording to what would have been published.

use std::io::{self, BufReader};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use clap::Args;
use wardwatch::assess::{AssessFault, AssessSettings, assess};
use wardwatch::config::{self, Config};
use wardwatch_actors::settings::duration;

use super::output::{self, OutputFault};

/// Assess a recording offline: writes the alerts, scores, states and rejections it would have caused
///
/// The same actors on simulated time. The result is a recording itself: pipe it, diff it, test with it.
#[derive(Debug, Args)]
pub struct Assess {
    /// A recording: a file, or `-` for standard input
    recording: PathBuf,
    /// Settings of the site; without it, the defaults
    #[arg(long)]
    config: Option<PathBuf>,
    /// How long time runs on after the last line, as 60s or 10min
    #[arg(long, default_value = "0s", value_parser = parse_duration)]
    linger: Duration,
}

pub fn parse_duration(text: &str) -> Result<Duration, String> {
    duration::parse(text).map(|span| span.to_duration()).map_err(|fault| fault.to_string())
}

impl Assess {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let config = super::usable(Config::load(self.config.as_deref(), &config::environment(), &[]))?;
        let settings = AssessSettings {
            settings: Arc::new(config.settings().map_err(|_| anyhow!("the limits do not fit together"))?),
            sources: config.sources(),
            prefix: config.mqtt.prefix.clone(),
            linger: self.linger,
        };
        let system = actix::System::with_tokio_rt(paused_runtime);
        let summary = if self.recording == Path::new("-") {
            system.block_on(assess(settings, io::stdin().lock(), io::stdout()))
        } else {
            let file = std::fs::File::open(&self.recording)
                .with_context(|| format!("cannot open the recording {}", self.recording.display()))?;
            system.block_on(assess(settings, BufReader::with_capacity(1 << 16, file), io::stdout()))
        };
        let summary = match summary {
            Err(AssessFault::Write(fault)) => return Err(OutputFault::from(fault).into()),
            other => other.with_context(|| format!("cannot assess {}", self.recording.display()))?,
        };
        let lines = output::count(summary.lines as u64, "line");
        let readings = output::count(summary.readings, "reading");
        let patients = output::count(summary.patients, "patient");
        output::remark(format_args!("{lines}, {readings}, {patients}"));
        Ok(ExitCode::SUCCESS)
    }
}

/// A runtime whose time stands still but for what waits for it.
#[allow(clippy::expect_used, reason = "without a runtime nothing can be done, and actix takes no error")]
fn paused_runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime without I/O needs nothing that could be missing")
}
