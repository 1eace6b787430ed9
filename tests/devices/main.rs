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

/// Beds that still fail, and what is wrong with each: any other that fails, and any of these that passes, is a fault.
const KNOWN_FAILING: [(u64, &str); 4] = [
    (
        4294968395,
        "two lone readings of a rebooted clock contradict each other, and only the later one decides",
    ),
    (
        4294970770,
        "one spot check of a clock that was set back by hours is not published while a pressure of before is open",
    ),
    (
        4294971805,
        "two readings of a rebooted clock, between two that it kept, are not published where nothing follows",
    ),
    (4294977244, "an array that comes in the very moment of a silence is judged by its first element alone"),
];

/// How many the long form tries, of three seeds.
const LONG: u64 = 300_000;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Tries so many beds of this seed, or of the one that is asked for.
fn try_out(seed: u64, beds: u64) {
    let first = number("WARDWATCH_DEVICES_SEED").unwrap_or(seed) << 32;
    let mut failed = trial::run(first, beds);
    let tried = |bed: u64| (first..first + beds).contains(&bed);
    let has_failed = |bed: u64| failed.iter().any(|failed| failed.bed.seed == bed);
    let mended: Vec<_> = KNOWN_FAILING.iter().filter(|(bed, _)| tried(*bed) && !has_failed(*bed)).collect();
    failed.retain(|failed| KNOWN_FAILING.iter().all(|(bed, _)| *bed != failed.bed.seed));
    assert!(failed.is_empty(), "\n\nof {beds} beds from {first} {}", report::of(&failed));
    assert!(mended.is_empty(), "no longer failing, so to be struck off the list: {mended:?}");
}

#[test]
fn no_device_silences_its_patient() {
    match number("WARDWATCH_DEVICES_BED") {
        Some(bed) => println!("{}", trial::story(bed)),
        None => try_out(1, number("WARDWATCH_DEVICES").unwrap_or(SHORT)),
    }
}

#[test]
#[ignore = "takes a quarter of an hour: tests/run.sh --long"]
fn no_device_of_many_silences_its_patient() {
    for seed in 1..=3 {
        try_out(seed, LONG / 3);
    }
}
