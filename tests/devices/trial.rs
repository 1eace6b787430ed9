//! Wards of many beds on two threads, and what the oracle says of each bed.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::bed::Bed;
use crate::change::Change;
use crate::course::Ms;
use crate::dice::Dice;
use crate::oracle::{self, Violation};
use crate::report;
use crate::ward::{self, Heard, Letters};

/// How many beds share a ward.
const BEDS: u64 = 20;

/// A bed of which something was not published, or published wrongly.
#[derive(Debug)]
pub struct Failed {
    pub bed: Bed,
    pub restarts: Vec<Ms>,
    pub violations: Vec<Violation>,
    pub changes: Vec<Change>,
}

/// Runs beds with the seeds from `first` on, on two threads; answers those that failed.
pub fn run(first: u64, beds: u64) -> Vec<Failed> {
    let next = AtomicU64::new(0);
    let failed = Mutex::new(Vec::new());
    let work = || {
        loop {
            let from = next.fetch_add(BEDS, Ordering::Relaxed);
            if from >= beds {
                return;
            }
            let seeds = first + from..first + (from + BEDS).min(beds);
            failed.lock().unwrap().extend(ward(seeds));
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(work);
        scope.spawn(work);
    });
    let mut failed = failed.into_inner().unwrap();
    failed.sort_by_key(|failed| failed.bed.seed);
    failed
}

/// One ward of these beds.
fn ward(seeds: std::ops::Range<u64>) -> Vec<Failed> {
    let restarts = restarts(seeds.start);
    let beds: Vec<_> = seeds.map(Bed::new).collect();
    let heard = heard(&beds, &restarts);
    let judged = beds.into_iter().map(|bed| judged(bed, &heard, &restarts));
    judged.filter(|failed| !failed.violations.is_empty()).collect()
}

/// When the ward of this seed starts anew: a third of them once or twice.
pub fn restarts(seed: u64) -> Vec<Ms> {
    let mut dice = Dice::new(!seed);
    if !(seed / BEDS).is_multiple_of(3) {
        return Vec::new();
    }
    let mut restarts: Vec<_> = (0..dice.between(1, 2)).map(|_| dice.between(1000, 300_000)).collect();
    restarts.sort_unstable();
    restarts
}

/// What is published of beds that share a ward.
fn heard(beds: &[Bed], restarts: &[Ms]) -> Heard {
    let mut letters: Letters = Vec::new();
    for bed in beds {
        for message in &bed.messages {
            let (topic, payload) = message.wire(&bed.patients);
            letters.push((message.at, topic, payload));
        }
    }
    letters.sort_by_key(|letter| letter.0);
    let end = beds.iter().map(|bed| bed.end).max().unwrap_or(0);
    ward::run(&letters, restarts, end)
}

fn judged(bed: Bed, heard: &Heard, restarts: &[Ms]) -> Failed {
    let mine = |change: &&Change| bed.patients.contains(&change.subject) && change.at <= bed.end;
    let changes: Vec<_> = heard.changes.iter().filter(mine).cloned().collect();
    let mut violations = oracle::judge(&bed, &changes, restarts);
    let of_bed = |topic: &str| bed.patients.iter().any(|patient| topic.ends_with(patient.as_str()));
    let rejected = heard.rejected.iter().filter(|(_, topic, _)| of_bed(topic));
    violations.extend(rejected.map(|(at, _, reason)| Violation::new('r', *at, reason.clone())));
    Failed { bed, restarts: restarts.to_vec(), violations, changes }
}

/// One bed in a ward of its own.
pub fn alone(bed: Bed, restarts: &[Ms]) -> Failed {
    let heard = heard(std::slice::from_ref(&bed), restarts);
    judged(bed, &heard, restarts)
}

/// All that is sent and published of one bed.
pub fn story(seed: u64) -> String {
    let failed = alone(Bed::new(seed), &restarts(seed / BEDS * BEDS));
    let small = if failed.violations.is_empty() {
        String::new()
    } else {
        report::in_full(&crate::shrink::shrunk(&failed))
    };
    format!("{}\n{small}", report::in_full(&failed))
}
