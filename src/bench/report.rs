//! The figures as they are shown: a table for people, with what each should be, and JSON for machines.

use std::fmt;
use std::fs;

use jiff::Timestamp;
use serde::Serialize;

use super::assessment::Assessed;
use super::latency::Latencies;
use super::outage::Outage;
use super::recovery::Recovery;
use super::scale::Scale;
use super::sustained::Sustained;
use super::table::Table;
use crate::config::BrokerUrl;

/// Where and when it was measured.
#[derive(Debug, Clone, Serialize)]
pub struct Machine {
    pub cores: usize,
    pub processor: String,
    pub kernel: String,
    pub version: &'static str,
    /// Figures of a debug build say nothing.
    pub optimized: bool,
    pub measured_at: Timestamp,
    pub broker: String,
}

/// Every figure that was measured.
#[derive(Debug, Clone, Serialize)]
pub struct BenchReport {
    pub machine: Machine,
    pub sustained: Option<Sustained>,
    pub latency: Option<Latencies>,
    pub recovery: Option<Recovery>,
    pub outage: Option<Outage>,
    pub scale: Option<Scale>,
    pub assess: Option<Assessed>,
}

impl BenchReport {
    /// A report without figures yet.
    pub(super) fn new(broker: &BrokerUrl, measured_at: Timestamp) -> Self {
        Self {
            machine: Machine::this(broker, measured_at),
            sustained: None,
            latency: None,
            recovery: None,
            outage: None,
            scale: None,
            assess: None,
        }
    }
}

impl Machine {
    fn this(broker: &BrokerUrl, measured_at: Timestamp) -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let about = read("/proc/cpuinfo");
        let model = about.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        Self {
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            processor: model.map_or("unknown", |(_, model)| model).to_owned(),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            version: env!("CARGO_PKG_VERSION"),
            optimized: !cfg!(debug_assertions),
            measured_at,
            broker: broker.to_string(),
        }
    }
}

impl fmt::Display for BenchReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { machine, sustained, latency, recovery, outage, scale, assess } = self;
        let mut table = Table::default();
        sustained.iter().for_each(|figures| figures.add_to(&mut table));
        latency.iter().for_each(|figures| figures.add_to(&mut table));
        recovery.iter().for_each(|figures| figures.add_to(&mut table));
        outage.iter().for_each(|figures| figures.add_to(&mut table));
        scale.iter().for_each(|figures| figures.add_to(&mut table));
        assess.iter().for_each(|figures| figures.add_to(&mut table));
        writeln!(f, "{machine}\n{table}")
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cores, processor, kernel, version, measured_at, broker, .. } = self;
        writeln!(f, "wardwatch {version} on {broker}, {measured_at:.0}")?;
        writeln!(f, "{cores} cores, {processor}, kernel {kernel}")?;
        match self.optimized {
            true => Ok(()),
            false => f.write_str("This is a debug build, whose figures say nothing: build with --release.\n"),
        }
    }
}
