//! Readings a second and CPU a reading, the service and the plain client by turns.

use anyhow::Result;
use serde::Serialize;
use tokio::time::Instant;

use super::packets::{Marks, Ward};
use super::spread::Spread;
use super::subject::{Subject, Who};
use super::{Bench, process};

/// Readings of each patient that go round.
const READINGS_EACH: usize = 60;

/// What one of the two needs.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Pace {
    pub readings_per_second: Spread,
    pub cpu_us_per_reading: Spread,
}

/// The service beside the plain client.
#[derive(Debug, Clone, Serialize)]
pub struct Sustained {
    pub rounds: u32,
    pub readings_each_round: u64,
    pub patients: usize,
    pub service: Pace,
    pub plain: Pace,
    /// The service's rate by the plain client's, of the two of one round.
    pub rate_ratio: Spread,
    /// The service's CPU by the plain client's, likewise.
    pub cpu_ratio: Spread,
    /// CPU of the bench itself, which shares the machine.
    pub bench_cpu_us_per_reading: Spread,
}

/// One round of one of the two.
#[derive(Debug, Clone, Copy)]
struct Round {
    rate: f64,
    cpu_us: f64,
    bench_cpu_us: f64,
}

/// Measures both, by turns.
pub async fn measure(bench: &Bench<'_>) -> Result<Sustained> {
    let settings = bench.settings;
    let mut ward = bench.ward(settings.patients, READINGS_EACH)?;
    let mut marks = Marks::of(1, &bench.topics())?;
    let (mut service, mut plain) = (Vec::new(), Vec::new());
    for round in 1..=settings.rounds {
        (bench.tell)(&format!("sustained rate, round {round} of {}", settings.rounds));
        service.push(measure_round(bench, Who::Service, &mut ward, &mut marks).await?);
        plain.push(measure_round(bench, Who::Plain, &mut ward, &mut marks).await?);
    }
    let ratio = |of: fn(&Round) -> f64| {
        Spread::of(service.iter().zip(&plain).map(|(service, plain)| of(service) / of(plain)))
    };
    Ok(Sustained {
        rounds: settings.rounds,
        readings_each_round: settings.readings,
        patients: settings.patients,
        service: pace(&service),
        plain: pace(&plain),
        rate_ratio: ratio(|round| round.rate),
        cpu_ratio: ratio(|round| round.cpu_us),
        bench_cpu_us_per_reading: Spread::of(service.iter().chain(&plain).map(|round| round.bench_cpu_us)),
    })
}

fn pace(rounds: &[Round]) -> Pace {
    Pace {
        readings_per_second: Spread::of(rounds.iter().map(|round| round.rate)),
        cpu_us_per_reading: Spread::of(rounds.iter().map(|round| round.cpu_us)),
    }
}

async fn measure_round(bench: &Bench<'_>, who: Who, ward: &mut Ward, marks: &mut Marks) -> Result<Round> {
    let mut subject = Subject::start(bench, who, marks).await?;
    let warm_up = (bench.settings.readings / 10).max(2 * ward.patients.len() as u64);
    subject.follow(bench, ward, marks, warm_up).await?;
    let readings = bench.settings.readings;
    let (begun, cpu, own_cpu) = (Instant::now(), subject.cpu()?, process::cpu(std::process::id())?);
    subject.follow(bench, ward, marks, readings).await?;
    let elapsed = begun.elapsed();
    let (cpu, own_cpu) = (subject.cpu()? - cpu, process::cpu(std::process::id())? - own_cpu);
    subject.end(bench).await?;
    let per_reading = |seconds: f64| seconds * 1e6 / readings as f64;
    Ok(Round {
        rate: readings as f64 / elapsed.as_secs_f64(),
        cpu_us: per_reading(cpu.as_secs_f64()),
        bench_cpu_us: per_reading(own_cpu.as_secs_f64()),
    })
}
