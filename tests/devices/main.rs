//! Wards of devices that behave ill, against an oracle that knows the true course of each patient.
//!
//! Each bed is made from a seed: a patient with dangerous stretches, and devices with one to three ways of behaving
//! ill. All runs through the very actors, on simulated time. What must hold, and the letter it is reported by:
//!
//! - (a) Whatever is dangerous for longer than its delay, and arrives live, is open at most the delay, `catch_up`
//!   (20 s where another device held the vital) and 1 s after its reading arrived, with its priority, until it ends.
//! - (b) Nothing from the past is told as live, nothing that is over, nothing before its delay has passed.
//! - (c) One backlog is at most one `raised` a condition, and one summary.
//! - (d) Sequences have no gap, `raised` comes first, `cleared` last.
//! - (e) Silence is told, and only silence.
//! - (f) A restart anywhere changes nothing of that: a third of the wards are started anew, once or twice.
//! - (g) What is over, and said to be over, is not kept open.
//!
//! `WARDWATCH_DEVICES=300000` runs so many beds, `WARDWATCH_DEVICES_SEED=7` others than usual, and
//! `WARDWATCH_DEVICES_BED=123` one bed alone, told in full.

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

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn no_device_silences_its_patient() {
    if let Some(bed) = number("WARDWATCH_DEVICES_BED") {
        return println!("{}", trial::tell(bed));
    }
    let Some(beds) = number("WARDWATCH_DEVICES") else {
        return println!("skipped: WARDWATCH_DEVICES={SHORT} runs it");
    };
    let first = number("WARDWATCH_DEVICES_SEED").unwrap_or(1) << 32;
    let failed = trial::run(first, beds);
    println!("{beds} beds from {first}");
    assert!(failed.is_empty(), "\n\n{}", report::of(&failed));
}
