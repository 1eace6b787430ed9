//! Memory and CPU with very many patients, beside those with the usual ward.

use anyhow::Result;
use serde::Serialize;

use super::BenchRun;
use super::candidate::Candidate;
use super::program::Who;
use super::table::{Table, number};

/// Readings of each patient before anything is measured.
const READINGS_BEFORE: u64 = 3;

/// Readings of each patient that are measured.
const READINGS_MEASURED: u64 = 3;

/// What one number of patients needs.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Size {
    pub patients: usize,
    pub memory_bytes: u64,
    pub cpu_us_per_reading: f64,
}

/// Very many patients beside the usual ward.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Scale {
    pub few: Size,
    pub many: Size,
    pub cpu_ratio: f64,
}

/// Measures the usual ward, then very many patients.
pub async fn measure(bench: &BenchRun<'_>) -> Result<Scale> {
    let settings = bench.settings;
    let few = measure_size(bench, settings.patients).await?;
    let many = measure_size(bench, settings.many_patients).await?;
    Ok(Scale { few, many, cpu_ratio: many.cpu_us_per_reading / few.cpu_us_per_reading })
}

async fn measure_size(bench: &BenchRun<'_>, patients: usize) -> Result<Size> {
    bench.report(&format!("memory and CPU with {patients} patients"));
    let mut ward = bench.ward(patients, 2)?;
    let mut markers = bench.markers(1)?;
    let mut candidate = Candidate::start(bench, Who::Memory, &mut markers).await?;
    let readings = |each: u64| (each * patients as u64).max(bench.settings.readings);
    candidate.follow(bench, &mut ward, &mut markers, readings(READINGS_BEFORE)).await?;
    let cpu = candidate.cpu()?;
    let measured = readings(READINGS_MEASURED);
    candidate.follow(bench, &mut ward, &mut markers, measured).await?;
    let cpu = candidate.cpu_since(cpu)?;
    let memory_bytes = candidate.memory()?;
    candidate.end(bench).await?;
    Ok(Size { patients, memory_bytes, cpu_us_per_reading: cpu.as_secs_f64() * 1e6 / measured as f64 })
}

impl Scale {
    /// Adds the figures.
    pub fn add_to(&self, table: &mut Table) {
        let Self { few, many, cpu_ratio } = self;
        let [few_patients, many_patients] = [few, many].map(|size| number(size.patients as f64, 0));
        let megabytes = |size: &Size| size.memory_bytes as f64 / 1e6;
        table.one(format!("memory with {many_patients} patients, MB"), megabytes(many), 0, "≤ 400 (100,000)");
        table.one(format!("  with {few_patients}"), megabytes(few), 0, "");
        table.one(format!("CPU µs a reading with {many_patients} patients"), many.cpu_us_per_reading, 2, "");
        table.one(format!("  with {few_patients}"), few.cpu_us_per_reading, 2, "");
        table.one("  ratio", *cpu_ratio, 2, "≤ 1.6");
    }
}
