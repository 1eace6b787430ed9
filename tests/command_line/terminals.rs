//! On a terminal there are colours, unless the user wants none or the terminal has none.

use std::io::Read;
use std::process::{Child, Command, Stdio};

/// Ends with its value, and with it the program on its terminal.
struct Terminal(Child);

impl Drop for Terminal {
    fn drop(&mut self) {
        // Killed, `script` could not end what runs on its terminal; and a service takes a lost terminal for a reload.
        let _ = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status();
        let _ = self.0.wait();
    }
}

/// What the program shows on a terminal of its own, up to these words.
fn shown(arguments: &str, environment: &[(&str, &str)], words: &str) -> String {
    let line = format!("exec '{}' {arguments}", env!("CARGO_BIN_EXE_wardwatch"));
    let mut script = Command::new("script");
    script.args(["-qec", &line, "/dev/null"]).env("TERM", "xterm");
    // Whoever runs the tests may have wishes of their own.
    for wish in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "CI", "RUST_LOG"] {
        script.env_remove(wish);
    }
    script
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut terminal = Terminal(script.spawn().expect("`script` of util-linux"));
    let mut out = terminal.0.stdout.take().expect("its output");
    said_until(&mut out, words)
}

const COLOUR: char = '\x1b';

#[test]
fn alerts_are_coloured_on_a_terminal() {
    assert!(shown("demo --port 0", &[], " raised ").contains(COLOUR));
}

#[test]
fn alerts_have_no_colour_where_the_user_wants_none() {
    assert!(!shown("demo --port 0", &[("NO_COLOR", "1")], " raised ").contains(COLOUR));
}

#[test]
fn alerts_have_no_colour_on_a_terminal_without_any() {
    assert!(!shown("demo --port 0", &[("TERM", "dumb")], " raised ").contains(COLOUR));
}

#[test]
fn log_lines_and_errors_heed_the_same() {
    let nobody = "run --url mqtt://127.0.0.1:1";
    let memory = ("WARDWATCH__STORE__URL", "memory");
    for (arguments, words) in [(nobody, "broker"), ("nonsense", "nonsense")] {
        assert!(shown(arguments, &[memory], words).contains(COLOUR), "{arguments}");
        for plain in [("NO_COLOR", "1"), ("TERM", "dumb")] {
            // What makes other programs colour a dumb terminal makes no difference.
            for wish in
                [("CI", "true"), ("CLICOLOR", "1"), ("CLICOLOR_FORCE", "1"), ("COLORTERM", "truecolor")]
            {
                let shown = shown(arguments, &[memory, plain, wish], words);
                assert!(!shown.contains(COLOUR), "{arguments} with {plain:?}, {wish:?}: {shown:?}");
            }
        }
    }
}

#[test]
fn a_bar_that_moves_is_for_terminals_that_can() {
    let simulate = "simulate --url mqtt://127.0.0.1:1 --duration 1s";
    assert!(!shown(simulate, &[("TERM", "dumb")], "refused").contains(COLOUR));
}

/// What a program has said up to and with these words.
fn said_until(from: &mut impl Read, words: &str) -> String {
    let mut said = Vec::new();
    let mut bytes = [0; 4096];
    while !String::from_utf8_lossy(&said).contains(words) {
        let count = from.read(&mut bytes).expect("its output");
        assert!(count > 0, "{words:?} never came: {}", String::from_utf8_lossy(&said));
        said.extend_from_slice(&bytes[..count]);
    }
    String::from_utf8_lossy(&said).into_owned()
}
