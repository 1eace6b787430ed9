//! The command line of WardWatch.

mod cli;

use std::process::ExitCode;

/// A reading is a handful of small allocations: this one's are cheaper than the system's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::main()
}
