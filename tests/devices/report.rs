//! Says of a failed bed what was sent, as a timeline of `tests/scenarios/`, what was expected and what was published.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::bed::Bed;
use crate::change::Change;
use crate::course::{HOUR, MINUTE, Ms, SECOND};
use crate::message::{Measured, Message, Said, Value};
use crate::shrink::shrunk;
use crate::trial::Failed;

/// How many failures of one rule are shown in full.
const IN_FULL: usize = 4;

/// How many failures are named.
const NAMED: usize = 60;

/// What failed: how many by which rule and behaviours, and the smallest form of some.
pub fn of(failed: &[Failed]) -> String {
    let mut failed: Vec<_> = failed.iter().map(|failed| (failed.violations[0].rule, failed)).collect();
    failed.sort_by_key(|(rule, failed)| (*rule, failed.bed.behaviours.len(), failed.bed.seed));
    let mut text = format!("{} beds failed\n", failed.len());
    for of_rule in failed.chunk_by(|a, b| a.0 == b.0) {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for (_, failed) in of_rule {
            failed.bed.behaviours.iter().for_each(|is| *counts.entry(format!("{is:?}")).or_default() += 1);
        }
        let mut counts: Vec<_> = counts.into_iter().collect();
        counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let _ = writeln!(text, "({}) {} beds: {counts:?}", of_rule[0].0, of_rule.len());
        for (_, Failed { bed, violations, .. }) in of_rule.iter().take(NAMED) {
            let _ = writeln!(text, "  bed {} {:?} {}", bed.seed, bed.behaviours, violations[0].words);
        }
    }
    for of_rule in failed.chunk_by(|a, b| a.0 == b.0) {
        for (_, failed) in of_rule.iter().take(IN_FULL) {
            let _ = writeln!(text, "\n{}", in_full(&shrunk(failed)));
        }
    }
    text
}

/// One bed as a timeline, with what was published and what is wrong about it.
pub fn in_full(failed: &Failed) -> String {
    let bed = &failed.bed;
    let mut text = format!("# Bed {} of devices {:?}\n", bed.seed, bed.behaviours);
    for violation in &failed.violations {
        let _ = writeln!(text, "# at {}: ({}) {}", span(violation.at), violation.rule, violation.words);
    }
    let mut lines: Vec<(Ms, String)> =
        bed.messages.iter().map(|message| (message.at, sent(bed, message))).collect();
    lines.extend(failed.restarts.iter().map(|at| (*at, format!("{:<16}  restart", span(*at)))));
    lines.extend(failed.changes.iter().map(|change| (change.at, published(bed, change))));
    lines.sort_by_key(|(at, _)| *at);
    for (_, line) in &lines {
        let _ = writeln!(text, "{line}");
    }
    let _ = writeln!(text, "{:<16}  end", span(bed.end));
    text
}

/// A message as a timeline says it; an array as its payload.
fn sent(bed: &Bed, message: &Message) -> String {
    let at = span(message.at);
    match &message.said {
        Said::Status { device, online } => {
            format!("{at:<16}  device {device} {}", if *online { "online" } else { "offline" })
        }
        Said::Readings(readings) if readings.len() > 1 => {
            let (topic, payload) = message.wire(&bed.patients);
            format!("{at:<16}  sent {topic} {payload}")
        }
        Said::Readings(readings) => format!("{at:<16}  {}", measured(bed, message, &readings[0])),
    }
}

fn measured(bed: &Bed, message: &Message, reading: &Measured) -> String {
    let mut words = format!("measured of {}", bed.patients[message.patient]);
    if let Some(device) = &reading.device {
        let _ = write!(words, " by {device}:");
    }
    for (place, (vital, value)) in reading.values.iter().enumerate() {
        let comma = if place > 0 { "," } else { "" };
        let _ = match value {
            Value::Of(value) => write!(words, "{comma} {} {value}", vital.name()),
            Value::Null => write!(words, "{comma} {} nothing", vital.name()),
            Value::Zero => write!(words, "{comma} {} 0", vital.name()),
            Value::Sentinel => write!(
                words,
                "{comma} {} {}",
                vital.name(),
                if vital.name().contains('x') { 127 } else { 255 }
            ),
        };
    }
    words.push_str(if reading.device.is_none() { "; without device" } else { "" });
    match reading.stamp {
        Some(stamp) if stamp == message.at => {}
        Some(stamp) => drop(write!(words, "; taken at {}", span(stamp))),
        None => words.push_str("; without time"),
    }
    match reading.seq {
        Some(seq) => drop(write!(words, "; seq {seq}")),
        None => words.push_str("; without seq"),
    }
    if message.at - reading.taken > 20 * SECOND {
        let _ = write!(words, "  # true at {}", span(reading.taken));
    }
    words
}

fn published(bed: &Bed, change: &Change) -> String {
    let mut words = format!(
        "{:<16}    {} {} {} {:?} since {}",
        span(change.at),
        change.event,
        change.condition,
        change.priority,
        change.message,
        span(change.onset)
    );
    if bed.patients.len() > 1 || change.subject != "icu-1/p-17" {
        let _ = write!(words, " of {}", change.subject);
    }
    if let Some(device) = &change.device {
        let _ = write!(words, " by {device}");
    }
    words.push_str(if change.backlog { " backlog" } else { "" });
    words.push_str(if change.unknown { " unknown" } else { "" });
    words
}

/// A moment in the words of a timeline.
fn span(ms: Ms) -> String {
    if ms < 0 {
        return format!("-{} s", -ms as f64 / 1e3);
    }
    let parts = [(ms / HOUR, "h"), (ms % HOUR / MINUTE, "min")];
    let mut words: Vec<_> =
        parts.iter().filter(|(count, _)| *count > 0).map(|(count, unit)| format!("{count} {unit}")).collect();
    let seconds = (ms % MINUTE) as f64 / 1e3;
    if seconds > 0.0 || words.is_empty() {
        words.push(format!("{seconds} s"));
    }
    words.join(" ")
}
