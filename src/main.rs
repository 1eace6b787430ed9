//! The command line of WardWatch.

mod cli;

use std::process::ExitCode;

use clap::Parser;
use wardwatch::fatal::Fatal;

/// A reading is a handful of small allocations: this one's are cheaper than the system's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = cli::Arguments::parse();
    match cli::run(arguments) {
        Ok(code) => code,
        Err(fault) => {
            eprintln!("wardwatch: {fault:#}");
            fault.downcast_ref::<Fatal>().map_or(ExitCode::FAILURE, Fatal::exit_code)
        }
    }
}
