//! What commands print: a reader that is gone ends them quietly, an output that takes no more with a clear error.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use thiserror::Error;
use wardwatch::log_queue;

/// Standard output takes no more.
#[derive(Debug, Error)]
#[error("cannot write to standard output")]
pub struct OutputFault(#[from] io::Error);

impl OutputFault {
    /// Whether it is just that nobody reads on, as behind `| head`.
    pub fn reader_is_gone(&self) -> bool {
        self.0.kind() == io::ErrorKind::BrokenPipe
    }
}

/// Prints a text as it is, with its last line too.
pub fn print(text: impl Display) -> Result<(), OutputFault> {
    let mut out = io::stdout().lock();
    write!(out, "{text}")?;
    Ok(out.flush()?)
}

/// How long an end waits for whoever reads standard error.
const READ_WITHIN: Duration = Duration::from_secs(2);

/// Prints a line for whoever started the command, beside what it prints for a file or a pipe.
///
/// Whether anybody reads it or not, the command goes on.
pub fn remark(line: impl Display) {
    log_queue::last_words(&line.to_string(), READ_WITHIN);
}

/// Waits for the end of the log.
pub fn finish_log() {
    log_queue::flush(READ_WITHIN);
}

/// Whether colours may be used here: on a terminal that has them, unless the user wants none.
pub fn colourful(stream: &impl IsTerminal) -> bool {
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_none_or(|terminal| terminal == "dumb");
    stream.is_terminal() && !unwanted && !dumb
}

/// A number of things in words: `1 patient`, `2 patients`.
pub fn count(number: impl Into<u64>, thing: &str) -> String {
    match number.into() {
        1 => format!("1 {thing}"),
        many => format!("{many} {thing}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_said_in_the_singular() {
        let words = [0_u32, 1, 2].map(|number| count(number, "simulated patient"));
        assert_eq!(words, ["0 simulated patients", "1 simulated patient", "2 simulated patients"]);
    }
}
