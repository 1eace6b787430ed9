//! The command line of WardWatch.

mod cli;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let arguments = cli::Arguments::parse();
    match cli::run(arguments) {
        Ok(code) => code,
        Err(fault) => {
            eprintln!("wardwatch: {fault:#}");
            ExitCode::from(1)
        }
    }
}
