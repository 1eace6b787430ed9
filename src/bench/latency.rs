//! From publishing a reading to hearing its alert, at a steady rate.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::Result;
use serde::Serialize;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::Bench;
use super::packets::{Marks, Ward};
use super::spread::percentile;
use super::subject::{Subject, Who};

/// Patients whose SpO2 falls and rises again.
pub const FALLING: usize = 100;

/// One reading of so many is of them.
const ONE_IN: u64 = 5;

/// Answers of the first seconds are not counted: the process has just started.
const WARM_UP: Duration = Duration::from_secs(2);

/// How long it took, in milliseconds.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Latency {
    pub p50_ms: f64,
    pub p90_ms: f64,
    pub p99_ms: f64,
    pub most_ms: f64,
    pub answers: usize,
}

/// The service beside the plain client.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Latencies {
    pub readings_per_second: u32,
    /// From a reading to its alert.
    pub service: Latency,
    /// From a reading to the plain client's answer: what the broker and two connections take anyway.
    pub plain: Latency,
}

/// Measures both, one after the other.
pub async fn measure(bench: &Bench<'_>) -> Result<Latencies> {
    let mut ward = bench.ward(bench.settings.patients, 10)?;
    (bench.tell)("latency, of the service");
    let service = measure_one(bench, Who::Service, &mut ward).await?;
    (bench.tell)("latency, of the plain client");
    let plain = measure_one(bench, Who::Plain, &mut ward).await?;
    Ok(Latencies { readings_per_second: bench.settings.rate, service, plain })
}

async fn measure_one(bench: &Bench<'_>, who: Who, ward: &mut Ward) -> Result<Latency> {
    let settings = bench.settings;
    let mut marks = Marks::of(FALLING, &bench.topics())?;
    let mut subject = Subject::start(bench, who, &mut marks).await?;
    let mut ticks = interval(Duration::from_secs(1) / settings.rate);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let counted_from = Instant::now() + WARM_UP;
    let mut falls = HashMap::new();
    let mut took = Vec::new();
    while took.len() < settings.alerts {
        tokio::select! {
            _ = ticks.tick() => {
                let now = Instant::now();
                subject.load.set_time((settings.wall)());
                if subject.load.sent().is_multiple_of(ONE_IN) {
                    let (packet, falling) = marks.take_turn();
                    let seq = subject.load.add(packet);
                    if falling && now >= counted_from {
                        falls.insert(seq, now);
                    }
                } else {
                    subject.load.add(ward.take_turn());
                }
                subject.load.write().await?;
            }
            answer = subject.listener.next() => {
                let answer = answer?;
                if let Some(published) = falls.remove(&answer.seq) {
                    took.push(answer.heard.duration_since(published).as_secs_f64() * 1e3);
                }
            }
        }
    }
    subject.end(bench).await?;
    took.sort_by(f64::total_cmp);
    let part = |part| percentile(&took, part);
    Ok(Latency {
        p50_ms: part(0.5),
        p90_ms: part(0.9),
        p99_ms: part(0.99),
        most_ms: part(1.0),
        answers: took.len(),
    })
}
