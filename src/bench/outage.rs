//! How fast what the broker queued while the service was down is judged, beside the rate that it sustains.

use std::time::Duration;

use anyhow::Result;
use serde::Serialize;
use tokio::time::Instant;

use super::BenchRun;
use super::candidate::Candidate;
use super::packets::{BenchWard, Markers};
use super::program::Who;
use super::spread::Spread;
use super::sustained::{self, READINGS_EACH};
use super::table::Table;

/// How long it may take to judge what is queued. A device that seems late for longer than 10 s is taken for one
/// whose clock is wrong, and what is older than 30 s counts as a backlog, whose alerts come only at its end.
const JUDGED_WITHIN: Duration = Duration::from_secs(5);

/// What an outage leaves behind, and how fast it is gone.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Outage {
    /// Readings that were queued at the broker: as many as in a round, but no more than are judged in 5 s.
    pub queued: Spread,
    /// From the answer to the first of them until the answer to the last.
    pub readings_per_second: Spread,
    /// Of the same process before it was killed, with the same store.
    pub sustained_per_second: Spread,
    /// One by the other, of the same round.
    pub ratio: Spread,
    /// From starting the process until the answer to the last of them.
    pub seconds: Spread,
}

/// One outage.
#[derive(Debug, Clone, Copy)]
struct OutageRound {
    sustained: f64,
    queued: u64,
    rate: f64,
    seconds: f64,
}

/// Kills the service in each round, and starts it again when its queue is full.
pub async fn measure(bench: &BenchRun<'_>) -> Result<Outage> {
    let settings = bench.settings;
    let mut ward = bench.ward(settings.patients, READINGS_EACH)?;
    let mut markers = bench.markers(1)?;
    let mut rounds = Vec::new();
    for round in 1..=settings.rounds {
        bench.report(&format!("outage, round {round} of {}", settings.rounds));
        rounds.push(measure_round(bench, &mut ward, &mut markers).await?);
    }
    let spread = |of: fn(&OutageRound) -> f64| Spread::of(rounds.iter().map(of));
    Ok(Outage {
        queued: spread(|round| round.queued as f64),
        readings_per_second: spread(|round| round.rate),
        sustained_per_second: spread(|round| round.sustained),
        ratio: spread(|round| round.rate / round.sustained),
        seconds: spread(|round| round.seconds),
    })
}

async fn measure_round(
    bench: &BenchRun<'_>,
    ward: &mut BenchWard,
    markers: &mut Markers,
) -> Result<OutageRound> {
    let mut candidate = Candidate::start(bench, Who::Sqlite, markers).await?;
    let sustained = sustained::measure_round(bench, &mut candidate, ward, markers).await?.rate;
    let queued = how_many(bench.settings.readings, sustained);
    candidate.kill();
    let (first, last) = candidate.publish(bench, ward, markers, queued).await?;
    let begun = Instant::now();
    candidate.start_again(bench)?;
    let first = candidate.until_answered(first).await?.heard;
    let last = candidate.until_answered(last).await?.heard;
    candidate.end(bench).await?;
    Ok(OutageRound {
        sustained,
        queued,
        rate: (queued - 1) as f64 / last.duration_since(first).as_secs_f64(),
        seconds: last.duration_since(begun).as_secs_f64(),
    })
}

/// How many readings are queued where so many are judged in a second: two at least, the first and the last.
fn how_many(readings: u64, rate: f64) -> u64 {
    readings.min((rate * JUDGED_WITHIN.as_secs_f64()) as u64).max(2)
}

impl Outage {
    /// Adds the figures.
    pub fn add_to(&self, table: &mut Table) {
        table.spread("after an outage, readings queued at the broker", self.queued, 0, "");
        table.spread("  readings/s until all are answered", self.readings_per_second, 0, "");
        table.spread("  sustained with the same store", self.sustained_per_second, 0, "");
        table.spread("  ratio", self.ratio, 2, "≥ 0.8");
        table.spread("  from the start to the last answer, s", self.seconds, 2, "");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_queued_is_judged_while_it_is_live() {
        assert_eq!(how_many(300_000, 20_000.0), 100_000);
        assert_eq!(how_many(300_000, 200_000.0), 300_000);
        assert_eq!(how_many(300_000, 0.0), 2);
    }
}
