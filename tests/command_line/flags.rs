//! Flags and settings that cannot be used: status 2, one error, and what is allowed.

use super::{DEPLOYED, RECORDING, file, run, text};

#[test]
fn what_cannot_be_used_ends_with_two_and_says_why() {
    let no_pem = file("no certificate\n");
    let missing = "nowhere/ca.pem";
    let cases: &[(&[&str], &str)] = &[
        (&[], "Usage"),
        (&["nonsense"], "nonsense"),
        (&["check"], "--config"),
        (&["run", "--config", "nowhere.toml"], "nowhere.toml: cannot be read"),
        (&["run", "--url", "tcp://broker"], "does not begin with mqtt://"),
        (&["run", "--url", "mqtt://ward:secret@broker"], "has a user in it"),
        (&["assess", "-", "--config", "nowhere.toml"], "nowhere.toml: cannot be read"),
        (&["assess", "-", "--linger", "60"], "is not a duration"),
        (&["simulate", "--unit", "icu-1"], "--i-know"),
        (&["simulate", "--unit", "sim 1"], "sim 1"),
        (&["simulate", "--patients", "0"], "at least one patient"),
        (&["simulate", "--rate", "0"], "0.0001 to 1000"),
        (&["simulate", "--rate", "NaN"], "0.0001 to 1000"),
        (&["simulate", "--url", "http://broker"], "does not begin with mqtt://"),
        (&["simulate", "--duration", "soon"], "is not a duration"),
        (&["simulate", "--prefix", "ward/#"], "cannot begin a topic"),
        (&["simulate", "--client-id", ""], "client-id"),
        (&["simulate", "--url", "mqtts://broker", "--ca-file", missing], "cannot be read as PEM"),
        (
            &["simulate", "--url", "mqtts://broker", "--ca-file", text(&no_pem)],
            "no certificate that can be used",
        ),
        (&["simulate", "--key-file", missing], "--certificate-file"),
        (&["simulate", "--ca-file", text(&no_pem)], "mqtts://"),
        (&["simulate", "--username", "u", "--password-file", missing], "cannot be read"),
        (&["bench", "--rounds", "0"], "--rounds"),
        (&["bench", "--readings", "0"], "--readings"),
        (&["bench", "--patients", "0"], "--patients"),
        (&["bench", "--alerts", "0"], "--alerts"),
        (&["bench", "--rate", "0"], "--rate"),
        (&["bench", "--only", "speed"], "speed"),
        (&["bench", "--store-in", "nowhere"], "nowhere"),
        #[cfg(feature = "demo")]
        (&["demo", "--patients", "0"], "--patients"),
        #[cfg(feature = "demo")]
        (&["demo", "--port", "70000"], "--port"),
    ];
    for (arguments, why) in cases {
        let ended = run(arguments);
        assert_eq!(ended.status, Some(2), "{arguments:?}: {ended:?}");
        assert_eq!(ended.said, "", "{arguments:?}");
        let complained = ended.complained;
        assert!(complained.contains(why), "{arguments:?}: {complained}");
        assert!(!complained.contains("secret"), "{arguments:?}: {complained}");
        let mut lines: Vec<_> = complained.lines().filter(|line| !line.is_empty()).collect();
        let said = lines.len();
        lines.sort_unstable();
        lines.dedup();
        assert_eq!(lines.len(), said, "{arguments:?} is said twice: {complained}");
    }
}

#[test]
fn a_setting_of_the_log_that_cannot_be_used_is_no_other_setting() {
    let ended = super::end(
        super::wardwatch(&["run", "--config", DEPLOYED])
            .env("RUST_LOG", "wardwatch=loud")
            .stdout(std::process::Stdio::piped()),
    );
    assert_eq!(ended.status, Some(2), "{ended:?}");
    assert!(ended.complained.contains("RUST_LOG"), "{ended:?}");
}

/// Seen to fail with the words of `serde_json`: "line 2: … at line 1 column 61".
#[test]
fn a_line_of_a_recording_that_is_none_is_named_once() {
    let recording = file(format!("{RECORDING}\n{}\n", r#"{"at":"2026-11-22T06:35:06.120Z","topic":"t"}"#));
    let ended = run(&["assess", text(&recording)]);
    assert_eq!(ended.status, Some(1), "{ended:?}");
    assert!(ended.complained.contains("line 2: "), "{ended:?}");
    assert!(!ended.complained.contains("line 1"), "{ended:?}");
    assert_eq!(ended.complained.matches("payload`").count(), 1, "{ended:?}");
}

#[test]
fn an_error_says_each_of_its_causes_once() {
    let ended = run(&["simulate", "--url", "mqtt://127.0.0.1:1", "--duration", "1s"]);
    assert_eq!(ended.status, Some(1), "{ended:?}");
    let lines: Vec<_> = ended.complained.lines().collect();
    assert_eq!(lines.len(), 1, "{ended:?}");
    assert_eq!(lines[0].matches("refused").count(), 1, "{ended:?}");
    assert!(lines[0].starts_with("wardwatch: cannot simulate on 127.0.0.1:1: "), "{ended:?}");
}
