//! Readings a second and CPU a reading: the service with either store and the plain client, by turns.

use std::time::Duration;

use anyhow::Result;
use serde::Serialize;
use tokio::time::Instant;

use super::candidate::Candidate;
use super::packets::{BenchWard, Markers};
use super::program::{ByTurns, Who};
use super::spread::Spread;
use super::table::Table;
use super::{BenchRun, process};

/// Readings of each patient that go round.
pub const READINGS_EACH: usize = 60;

/// What one of them needs.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Pace {
    pub readings_per_second: Spread,
    pub cpu_us_per_reading: Spread,
}

/// All three beside each other. A ratio is of two of the same round.
#[derive(Debug, Clone, Serialize)]
pub struct Sustained {
    pub rounds: u32,
    pub readings_each_round: u64,
    pub patients: usize,
    pub plain: Pace,
    pub memory: Pace,
    pub sqlite: Pace,
    /// The service's rate in memory by the plain client's.
    pub memory_rate_by_plain: Spread,
    /// The service's CPU in memory by the plain client's.
    pub memory_cpu_by_plain: Spread,
    /// The service's rate with SQLite by that in memory.
    pub sqlite_rate_by_memory: Spread,
    /// The service's CPU with SQLite by the plain client's.
    pub sqlite_cpu_by_plain: Spread,
    /// CPU of the bench itself, which shares the machine.
    pub bench_cpu_us_per_reading: Spread,
}

/// One round of one of them.
#[derive(Debug, Clone, Copy)]
pub struct SustainedRound {
    pub rate: f64,
    cpu_us: f64,
    bench_cpu_us: f64,
}

/// Measures all three, by turns.
pub async fn measure(bench: &BenchRun<'_>) -> Result<Sustained> {
    let settings = bench.settings;
    let mut ward = bench.ward(settings.patients, READINGS_EACH)?;
    let mut markers = bench.markers(1)?;
    let mut rounds = ByTurns::new();
    for round in 1..=settings.rounds {
        for who in Who::ALL {
            bench.report(&format!("sustained rate of {}, round {round} of {}", who.name(), settings.rounds));
            rounds.push(who, measure_turn(bench, who, &mut ward, &mut markers).await?);
        }
    }
    let ByTurns { plain, memory, sqlite } = rounds;
    let everybody = || plain.iter().chain(&memory).chain(&sqlite);
    Ok(Sustained {
        rounds: settings.rounds,
        readings_each_round: settings.readings,
        patients: settings.patients,
        plain: pace(&plain),
        memory: pace(&memory),
        sqlite: pace(&sqlite),
        memory_rate_by_plain: ratio(&memory, &plain, |round| round.rate),
        memory_cpu_by_plain: ratio(&memory, &plain, |round| round.cpu_us),
        sqlite_rate_by_memory: ratio(&sqlite, &memory, |round| round.rate),
        sqlite_cpu_by_plain: ratio(&sqlite, &plain, |round| round.cpu_us),
        bench_cpu_us_per_reading: Spread::of(everybody().map(|round| round.bench_cpu_us)),
    })
}

fn pace(rounds: &[SustainedRound]) -> Pace {
    Pace {
        readings_per_second: Spread::of(rounds.iter().map(|round| round.rate)),
        cpu_us_per_reading: Spread::of(rounds.iter().map(|round| round.cpu_us)),
    }
}

/// One by the other, of each round.
fn ratio(one: &[SustainedRound], other: &[SustainedRound], of: fn(&SustainedRound) -> f64) -> Spread {
    Spread::of(one.iter().zip(other).map(|(one, other)| of(one) / of(other)))
}

async fn measure_turn(
    bench: &BenchRun<'_>,
    who: Who,
    ward: &mut BenchWard,
    markers: &mut Markers,
) -> Result<SustainedRound> {
    let mut candidate = Candidate::start(bench, who, markers).await?;
    let round = measure_round(bench, &mut candidate, ward, markers).await?;
    candidate.end(bench).await?;
    Ok(round)
}

/// Measures one round of a candidate that has just started.
pub async fn measure_round(
    bench: &BenchRun<'_>,
    candidate: &mut Candidate,
    ward: &mut BenchWard,
    markers: &mut Markers,
) -> Result<SustainedRound> {
    let readings = bench.settings.readings;
    let warm_up = (readings / 10).max(2 * ward.patients.len() as u64);
    candidate.follow(bench, ward, markers, warm_up).await?;
    let (begun, cpu, own_cpu) = (Instant::now(), candidate.cpu()?, process::cpu(std::process::id())?);
    candidate.follow(bench, ward, markers, readings).await?;
    let elapsed = begun.elapsed();
    let (cpu, own_cpu) = (candidate.cpu_since(cpu)?, process::cpu_since(std::process::id(), own_cpu)?);
    let us_per_reading = |cpu: Duration| cpu.as_secs_f64() * 1e6 / readings as f64;
    Ok(SustainedRound {
        rate: readings as f64 / elapsed.as_secs_f64(),
        cpu_us: us_per_reading(cpu),
        bench_cpu_us: us_per_reading(own_cpu),
    })
}

impl Sustained {
    /// Adds the figures.
    pub fn add_to(&self, table: &mut Table) {
        table.spread("sustained readings/s, in memory", self.memory.readings_per_second, 0, "");
        table.spread("  with SQLite", self.sqlite.readings_per_second, 0, "");
        table.spread("  of a client that only acknowledges", self.plain.readings_per_second, 0, "");
        table.spread("  in memory by that client", self.memory_rate_by_plain, 2, "≥ 1.0");
        table.spread("  with SQLite by in memory", self.sqlite_rate_by_memory, 2, "≥ 0.8");
        table.spread("CPU µs a reading, in memory", self.memory.cpu_us_per_reading, 2, "");
        table.spread("  with SQLite", self.sqlite.cpu_us_per_reading, 2, "");
        table.spread("  of a client that only acknowledges", self.plain.cpu_us_per_reading, 2, "");
        table.spread("  in memory by that client", self.memory_cpu_by_plain, 2, "≤ 1.5");
        table.spread("  with SQLite by that client", self.sqlite_cpu_by_plain, 2, "≤ 2.0");
        table.spread("  of the bench itself, beside", self.bench_cpu_us_per_reading, 2, "");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_of_two_of_the_same_round() {
        let rounds =
            |rates: [f64; 3]| rates.map(|rate| SustainedRound { rate, cpu_us: 1.0, bench_cpu_us: 1.0 });
        let (one, other) = (rounds([10.0, 40.0, 30.0]), rounds([10.0, 20.0, 60.0]));
        let ratio = ratio(&one, &other, |round| round.rate);
        assert_eq!(ratio, Spread { least: 0.5, median: 1.0, most: 2.0 });
    }
}
