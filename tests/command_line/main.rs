//! The command line as somebody types it: pipes, full disks, odd terminals, wrong flags and wrong files.

mod files;
mod flags;
mod fleet;
#[path = "../support/mosquitto.rs"]
mod mosquitto;
mod outputs;
#[cfg(feature = "demo")]
mod terminals;

use std::io::PipeWriter;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

const DEPLOYED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/wardwatch.toml");

/// A recording of one reading that alerts at once.
const RECORDING: &str = r#"{"at":"2026-11-22T06:35:06.120Z","topic":"wardwatch/vitals/icu-1/p-17","payload":{"device":"mon-17","oxygen_saturation":79}}"#;

static FILES: AtomicU32 = AtomicU32::new(0);

/// The program with these arguments, and none of our own settings around it.
fn wardwatch(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wardwatch"));
    command.args(arguments).stdin(Stdio::null()).env_remove("RUST_LOG").env_remove("NO_COLOR");
    command
}

/// How a command ended: its status and what it said on both ways out.
#[derive(Debug)]
struct Ended {
    status: Option<i32>,
    said: String,
    complained: String,
}

/// Runs it to its end.
fn run(arguments: &[&str]) -> Ended {
    end(wardwatch(arguments).stdout(Stdio::piped()))
}

/// Runs a command whose standard output is set to its end.
fn end(command: &mut Command) -> Ended {
    let output =
        command.stderr(Stdio::piped()).spawn().and_then(Child::wait_with_output).expect("the program");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    Ended { status: output.status.code(), said: text(output.stdout), complained: text(output.stderr) }
}

/// A pipe that nobody reads.
fn closed_pipe() -> PipeWriter {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    writer
}

/// A new file of this text.
fn file(text: impl AsRef<[u8]>) -> PathBuf {
    let number = FILES.fetch_add(1, Ordering::Relaxed);
    let path = folder().join(format!("{}-{number}", std::process::id()));
    std::fs::write(&path, text).expect("a file");
    path
}

fn folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("command_line");
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}
