//! From publishing a reading to hearing its alert, at a steady rate.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::Result;
use serde::Serialize;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::candidate::Candidate;
use super::packets::BenchWard;
use super::program::{ByTurns, Who};
use super::spread::{Spread, percentile};
use super::table::{Table, number};
use super::{BenchRun, stores};

/// Patients whose SpO2 falls and rises again.
pub const FALLING: usize = 100;

/// One reading of so many is of them.
const ONE_IN: u64 = 5;

/// How long something took, in milliseconds, each round by itself: a moment's noise is in one of them.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Latency {
    pub p50_ms: Spread,
    pub p90_ms: Spread,
    pub p99_ms: Spread,
    pub most_ms: Spread,
    pub answers: usize,
}

/// All three beside each other, and the disk by itself.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Latencies {
    pub readings_per_second: u32,
    /// From a reading to its alert, in memory.
    pub memory: Latency,
    /// The same with SQLite: the alert's commit is forced to the disk first.
    pub sqlite: Latency,
    /// From a reading to the plain client's answer: what the broker and two connections take anyway.
    pub plain: Latency,
    /// To force a write to the disk that has the SQLite files, just before each round.
    pub disk: Latency,
}

/// Measures all three, by turns.
pub async fn measure(bench: &BenchRun<'_>) -> Result<Latencies> {
    let settings = bench.settings;
    let mut ward = bench.ward(settings.patients, 10)?;
    let mut rounds = ByTurns::new();
    let mut disk = Vec::new();
    for round in 1..=settings.rounds {
        bench.report(&format!("latency of the disk, round {round} of {}", settings.rounds));
        disk.push(stores::force_writes(&settings.stores, &format!("{}-disk", bench.prefix))?);
        for who in Who::ALL {
            bench.report(&format!("latency of {}, round {round} of {}", who.name(), settings.rounds));
            rounds.push(who, measure_turn(bench, who, &mut ward).await?);
        }
    }
    let ByTurns { plain, memory, sqlite } = rounds;
    let [memory, sqlite, plain, disk] = [memory, sqlite, plain, disk].map(|rounds| latency(&rounds));
    Ok(Latencies { readings_per_second: settings.rate, memory, sqlite, plain, disk })
}

/// How long each answer took, in milliseconds, in their order.
async fn measure_turn(bench: &BenchRun<'_>, who: Who, ward: &mut BenchWard) -> Result<Vec<f64>> {
    let settings = bench.settings;
    let mut markers = bench.markers(FALLING)?;
    let mut candidate = Candidate::start(bench, who, &mut markers).await?;
    let mut ticks = interval(Duration::from_secs(1) / settings.rate);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let counted_from = Instant::now() + settings.warm_up;
    let mut falls = HashMap::new();
    let mut took = Vec::new();
    while took.len() < settings.alerts {
        tokio::select! {
            _ = ticks.tick() => {
                let now = Instant::now();
                candidate.load.set_time((settings.wall)());
                if candidate.load.sent().is_multiple_of(ONE_IN) {
                    let (packet, falling) = markers.take_turn();
                    let seq = candidate.load.add(packet);
                    if falling && now >= counted_from {
                        falls.insert(seq, now);
                    }
                } else {
                    candidate.load.add(ward.take_turn());
                }
                candidate.load.write().await?;
            }
            answer = candidate.listener.next() => {
                let answer = answer?;
                if let Some(published) = falls.remove(&answer.seq) {
                    took.push(answer.heard.duration_since(published).as_secs_f64() * 1e3);
                }
            }
        }
    }
    candidate.end(bench).await?;
    took.sort_by(f64::total_cmp);
    Ok(took)
}

fn latency(rounds: &[Vec<f64>]) -> Latency {
    let part = |part| Spread::of(rounds.iter().map(|took| percentile(took, part)));
    Latency {
        p50_ms: part(0.5),
        p90_ms: part(0.9),
        p99_ms: part(0.99),
        most_ms: part(1.0),
        answers: rounds.iter().map(Vec::len).sum(),
    }
}

impl Latencies {
    /// Adds the figures.
    pub fn add_to(&self, table: &mut Table) {
        let rate = number(f64::from(self.readings_per_second), 0);
        let mut of = |what: String, latency: &Latency, p50, p99| {
            table.spread(format!("{what}, p50, ms"), latency.p50_ms, 2, p50);
            table.spread("  p90", latency.p90_ms, 2, "");
            table.spread("  p99", latency.p99_ms, 2, p99);
            table.spread("  most", latency.most_ms, 2, "");
        };
        of(format!("publish to alert at {rate}/s, in memory"), &self.memory, "≤ 1", "≤ 3");
        of("  with SQLite, synchronous = full".to_owned(), &self.sqlite, "", "≤ 3");
        of("  the plain client's answer".to_owned(), &self.plain, "", "");
        of("  the disk, to force 32 KiB to it".to_owned(), &self.disk, "", "");
    }
}
