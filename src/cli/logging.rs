//! What is logged: to standard error, for people or for machines.

use tracing_subscriber::EnvFilter;
use wardwatch::config::{LogConfig, LogFormat};
use wardwatch::log_queue::LogQueue;

use super::{Unusable, output};

/// Logs from now on; `RUST_LOG` may say more exactly what.
///
/// The embedded broker and the clients' libraries are held to warnings: their own notes repeat ours.
/// Nothing here waits for whoever reads the log, or fails with it.
pub fn start(config: &LogConfig) -> Result<(), Unusable> {
    let ours = config.level.name();
    let usual = format!("warn,wardwatch={ours},wardwatch_actors={ours},rmqtt=error,rmqtt_net=error");
    let filter = match std::env::var(EnvFilter::DEFAULT_ENV) {
        Ok(asked) if !asked.is_empty() => EnvFilter::try_new(&asked)
            .map_err(|fault| Unusable(anyhow::Error::from(fault).context(EnvFilter::DEFAULT_ENV)))?,
        _ => EnvFilter::new(usual),
    };
    let queue = LogQueue::standard_error();
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(output::colourful(&std::io::stderr()))
        .with_writer(move || queue)
        // Where standard error is gone, nobody is left to hear it.
        .log_internal_errors(false);
    match config.format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let words = panic.payload_as_str().unwrap_or("no words");
        tracing::error!(place, words, "panic");
    }));
    Ok(())
}
