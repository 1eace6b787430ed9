//! A log that nobody reads, or that cannot be written, costs lines of the log and nothing else.

use std::fs::{File, OpenOptions};
use std::io::{PipeReader, PipeWriter, Read, Write};
use std::process::Stdio;

use serde_json::Value;

use super::mosquitto::{Mosquitto, until};
use super::ward::{AT_ONCE, Bus, Program};

/// Says as much as it can.
const CHATTY: (&str, &str) = ("RUST_LOG", "trace");

/// Standard error of a program, to which nothing can be written.
fn full_disk() -> File {
    OpenOptions::new().write(true).open("/dev/full").expect("a device that is always full")
}

/// The same of a reader that reads nothing: what is written waits for ever.
fn unread_pipe() -> (PipeReader, PipeWriter) {
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    // So much it takes without a reader.
    writer.write_all(&[b'\n'; 65_536]).expect("a pipe of 64 KiB");
    (reader, writer)
}

/// Starts a service of which all is logged to this standard error.
async fn open(log: impl Into<Stdio>, faults: &str) -> (Mosquitto, Bus, Program) {
    let broker = Mosquitto::start();
    let bus = Bus::of(broker.port()).await;
    let program = Program::run_with(broker.port(), AT_ONCE, |command| {
        command.env(CHATTY.0, CHATTY.1).env("WARDWATCH_FAULT", faults).stderr(log);
    });
    bus.until_status("online").await;
    (broker, bus, program)
}

/// Causes more of the log than may wait, and waits until the heartbeat counts what was dropped.
async fn until_dropped(bus: &Bus) {
    // Each is rejected, and that is logged.
    let rejected = |n| (format!("wardwatch/vitals/icu-1/p-{n}"), "no reading");
    super::mosquitto::publish(bus.port, (0..15_000).map(rejected)).await;
    bus.until_judged("judged-all-the-same").await;
    let counted = |beats: &[Value]| beats.last().is_some_and(|beat| beat["log_dropped"].as_u64() > Some(0));
    bus.until("a heartbeat that counts lines of the log that were dropped", "system/", counted).await;
}

#[tokio::test]
async fn with_nobody_reading_its_log_readings_are_judged_and_the_log_says_later_what_is_missing() {
    let (mut reader, writer) = unread_pipe();
    let (_broker, bus, mut program) = open(writer, "").await;
    until_dropped(&bus).await;

    // Now somebody reads: what is missing is said.
    let read = std::thread::spawn(move || {
        let mut log = Vec::new();
        let mut piece = vec![0; 1 << 16];
        while let Ok(length @ 1..) = reader.read(&mut piece) {
            log.extend_from_slice(&piece[..length]);
            if String::from_utf8_lossy(&log).contains("log lines dropped") {
                break;
            }
        }
        // And goes again, in the middle of a line.
    });
    until("the log says what is missing", || read.is_finished()).await;
    bus.until_judged("with-the-reader-gone").await;
    program.signal("TERM");
    assert_eq!(program.ended().await.code(), Some(0));
}

#[tokio::test]
async fn a_full_disk_under_the_log_is_counted_and_ends_nothing() {
    let (_broker, bus, mut program) = open(full_disk(), "").await;
    until_dropped(&bus).await;
    program.signal("TERM");
    assert_eq!(program.ended().await.code(), Some(0));
}

#[tokio::test]
async fn a_start_that_fails_ends_with_its_status_though_nobody_can_hear_why() {
    let (reader, gone) = std::io::pipe().expect("a pipe");
    drop(reader);
    let (_unread, full_pipe) = unread_pipe();
    for stderr in [Stdio::from(full_disk()), gone.into(), full_pipe.into()] {
        let mut program = Program::run_with(1, "[mqtt.nothing]\n", |command| _ = command.stderr(stderr));
        assert_eq!(program.ended().await.code(), Some(2));
    }
}

#[tokio::test]
async fn a_shard_that_stands_still_ends_though_nobody_reads_its_last_words() {
    let (_unread, full_pipe) = unread_pipe();
    let (_broker, bus, mut program) = open(full_pipe, "shard").await;
    assert_eq!(program.ended().await.code(), Some(73));
    bus.until_status("offline").await;
}
