//! Makes a bed that fails smaller, as long as it fails by the same rule.

use crate::bed::Bed;
use crate::trial::{Failed, alone};

/// How often a smaller bed is tried.
const TRIES: usize = 400;

/// The smallest bed found that still breaks the same rule; the bed itself where it does not fail alone.
pub fn shrunk(failed: &Failed) -> Failed {
    let rule = failed.violations[0].rule;
    let breaks = |failed: &Failed| failed.violations.iter().any(|violation| violation.rule == rule);
    let whole = || alone(failed.bed.clone(), &failed.restarts);
    let mut best = match alone(failed.bed.clone(), &[]) {
        without if breaks(&without) => without,
        _ => whole(),
    };
    if !breaks(&best) {
        return Failed {
            bed: failed.bed.clone(),
            restarts: failed.restarts.clone(),
            violations: failed.violations.clone(),
            changes: failed.changes.clone(),
        };
    }
    let mut tries = 0;
    let mut size = best.bed.messages.len() / 2;
    while size > 0 && tries < TRIES {
        let mut from = 0;
        while from < best.bed.messages.len() && tries < TRIES {
            tries += 1;
            let smaller = alone(without(&best.bed, from, size), &best.restarts);
            match breaks(&smaller) {
                true => best = smaller,
                false => from += size,
            }
        }
        size /= 2;
    }
    best
}

fn without(bed: &Bed, from: usize, size: usize) -> Bed {
    let mut smaller = bed.clone();
    smaller.messages.drain(from..(from + size).min(bed.messages.len()));
    smaller
}
