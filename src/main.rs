//! The command line of WardWatch.

mod cli;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use wardwatch::fatal::Fatal;
use wardwatch::log_queue;

/// A reading is a handful of small allocations: this one's are cheaper than the system's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long an end waits for whoever reads the log.
const LOG_WITHIN: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let arguments = cli::Arguments::parse();
    match cli::run(arguments) {
        Ok(code) => {
            log_queue::flush(LOG_WITHIN);
            code
        }
        Err(fault) => {
            log_queue::last_words(&format!("wardwatch: {fault:#}"), LOG_WITHIN);
            fault.downcast_ref::<Fatal>().map_or(ExitCode::FAILURE, Fatal::exit_code)
        }
    }
}
