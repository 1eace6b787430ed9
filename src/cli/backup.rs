//! `wardwatch backup`: a copy of the store while the service runs.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use clap::Args;
use wardwatch::check;
use wardwatch::config::{self, StoreUrl};
use wardwatch::store;

use super::output;

/// Copy the store into a file, while the service runs or not
///
/// The copy is of one moment, is checked before it gets its name, and overwrites nothing. To restore it, end the
/// service, put the copy in the place of the store, and start the service.
#[derive(Debug, Args)]
pub struct Backup {
    /// The new file
    file: PathBuf,
    /// The configuration of the service; without it, the defaults
    #[arg(long)]
    config: Option<PathBuf>,
}

impl Backup {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let config = super::usable(check::load(self.config.as_deref(), &config::environment(), &[]))?;
        let StoreUrl::Sqlite(path) = &config.store.url else {
            bail!("store.url is memory: there is nothing to copy");
        };
        let bytes = store::back_up(path, &self.file)?;
        output::print(format_args!("{}: {} KiB\n", self.file.display(), bytes.div_ceil(1024)))?;
        Ok(ExitCode::SUCCESS)
    }
}
