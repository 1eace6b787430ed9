//! Wards of devices that behave ill, against an oracle that knows the true course of each patient.
//!
//! Each bed is made from a seed: a patient with dangerous stretches, and devices with one to three ways of behaving
//! ill. All runs through the very actors, on simulated time. What must hold, and the letter it is reported by:
//!
//! - (a) Whatever is dangerous for longer than its delay, and arrives live, is open at most the delay, `catch_up`
//!   (20 s where another device held the vital) and 1 s after its reading arrived, with its priority, until it ends.
//! - (b) Nothing from the past is published as live, nothing that is over, nothing before its delay has passed.
//! - (c) One backlog is at most one `raised` a condition, and one summary.
//! - (d) Sequences have no gap, `raised` comes first, `cleared` last.
//! - (e) Silence is published, and only silence.
//! - (f) A restart anywhere changes nothing of that: a third of the wards are started anew, once or twice.
//! - (g) What is over, and said to be over, is not kept open.
//! - (r) No reading is rejected.
//!
//! The long form belongs to `tests/run.sh --long`.
//! `WARDWATCH_DEVICES=300000` runs so many beds, `WARDWATCH_DEVICES_SEED=7` others than usual, and
//! `WARDWATCH_DEVICES_BED=123` one bed alone, shown in full.

mod bed;
mod behaviours;
mod change;
mod course;
mod dice;
mod message;
mod oracle;
mod report;
mod shrink;
mod source;
mod trial;
mod ward;

/// How many beds the short form tries.
const SHORT: u64 = 10_000;

/// How many the long form tries with each of three seeds.
const LONG: u64 = 300_000;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Tries so many beds of this seed, or of the one that is asked for.
fn try_out(seed: u64, beds: u64) {
    let first = number("WARDWATCH_DEVICES_SEED").unwrap_or(seed) << 32;
    let failed = trial::run(first, beds);
    assert!(failed.is_empty(), "\n\nof {beds} beds from {first} {}", report::of(&failed));
}

#[test]
fn no_device_silences_its_patient() {
    match number("WARDWATCH_DEVICES_BED") {
        Some(bed) => println!("{}", trial::story(bed)),
        None => try_out(1, number("WARDWATCH_DEVICES").unwrap_or(SHORT)),
    }
}

#[test]
#[ignore = "takes an hour or two: tests/run.sh --long"]
fn no_device_of_many_silences_its_patient() {
    for seed in 1..=3 {
        try_out(seed, LONG);
        println!("{LONG} beds of seed {seed}: none failed");
    }
}
