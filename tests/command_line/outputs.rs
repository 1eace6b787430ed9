//! Who reads: somebody who stops reading ends a command quietly, a full disk with a clear error.

use std::fs::File;
use std::process::Stdio;

use super::mosquitto::Mosquitto;
use super::{DEPLOYED, RECORDING, closed_pipe, end, file, run, text, wardwatch};

/// A port on which nobody else listens, chosen by the system.
const ANY_PORT: [&str; 3] = ["demo", "--port", "0"];

/// Every command that prints, with what it needs.
fn printing(each: impl Fn(&[&str])) {
    let recording = file(RECORDING);
    let broker = Mosquitto::start();
    let url = broker.url();
    each(&["--help"]);
    each(&["--version"]);
    each(&["check", "--config", DEPLOYED]);
    each(&["assess", text(&recording)]);
    each(&["simulate", "--url", &url, "--patients", "1", "--duration", "100ms"]);
    if cfg!(feature = "demo") {
        each(&ANY_PORT);
    }
}

#[test]
fn a_command_whose_reader_is_gone_ends_quietly() {
    printing(|arguments| {
        let ended = end(wardwatch(arguments).stdout(closed_pipe()));
        assert_eq!(ended.status, Some(0), "{arguments:?}: {ended:?}");
        let complaint =
            ended.complained.lines().find(|line| line.contains("wardwatch:") || line.contains("panic"));
        assert_eq!(complaint, None, "{arguments:?}");
    });
}

#[test]
fn a_command_whose_output_is_full_says_so_once() {
    printing(|arguments| {
        let full = File::options().write(true).open("/dev/full").expect("/dev/full");
        let ended = end(wardwatch(arguments).stdout(full));
        assert_eq!(ended.status, Some(1), "{arguments:?}: {ended:?}");
        let why = "wardwatch: cannot write to standard output: No space left on device (os error 28)";
        assert_eq!(
            ended.complained.lines().filter(|line| *line == why).count(),
            1,
            "{arguments:?}: {ended:?}"
        );
        assert!(!ended.complained.contains("panic"), "{arguments:?}: {ended:?}");
    });
}

#[test]
fn faults_are_in_the_status_of_check_though_nobody_reads_them() {
    let faulty = file("dashbord = 1\n");
    let ended = end(wardwatch(&["check", "--config", text(&faulty)]).stdout(closed_pipe()));
    assert_eq!((ended.status, &*ended.complained), (Some(2), ""));
}

#[test]
fn an_error_that_nobody_reads_keeps_its_status() {
    for (arguments, status) in [
        (&["run", "--config", "nowhere.toml"][..], 2),
        (&["assess", "nowhere.jsonl"], 1),
        (&["simulate", "--url", "mqtt://127.0.0.1:1", "--duration", "100ms"], 1),
        (&["nonsense"], 2),
    ] {
        let ended =
            wardwatch(arguments).stdout(Stdio::null()).stderr(closed_pipe()).status().expect("it runs");
        assert_eq!(ended.code(), Some(status), "{arguments:?}");
    }
}

/// Seen to fail with a listener that goes on after its line was not taken: the demo never ended.
#[cfg(feature = "demo")]
#[test]
fn the_demo_ends_when_its_reader_has_seen_enough() {
    let program = env!("CARGO_BIN_EXE_wardwatch");
    let line = format!("'{program}' demo --port 0 | head -3; exit ${{PIPESTATUS[0]}}");
    let ended = end(std::process::Command::new("bash")
        .args(["-c", &line])
        .stdin(Stdio::null())
        .stdout(Stdio::piped()));
    assert_eq!(ended.status, Some(0), "{ended:?}");
    assert_eq!(ended.said.lines().count(), 3, "{ended:?}");
    assert!(!ended.complained.contains("wardwatch:"), "{ended:?}");
}

#[test]
fn one_of_a_thing_is_said_in_the_singular() {
    let recording = file(RECORDING);
    let ended = run(&["assess", text(&recording)]);
    assert_eq!((ended.status, &*ended.complained), (Some(0), "1 line, 1 reading, 1 patient\n"));
    assert!(ended.said.contains("\"oxygen_saturation.low\""), "{ended:?}");
}
