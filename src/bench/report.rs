//! The figures as they are told: a table for people, with what each should be, and JSON for machines.

use std::fmt;
use std::fs;

use jiff::Timestamp;
use serde::Serialize;

use super::assessment::Assessed;
use super::latency::Latencies;
use super::scale::Scale;
use super::spread::Spread;
use super::sustained::Sustained;
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
pub struct Report {
    pub machine: Machine,
    pub sustained: Option<Sustained>,
    pub latency: Option<Latencies>,
    pub scale: Option<Scale>,
    pub assess: Option<Assessed>,
}

impl Report {
    /// A report without figures yet.
    pub(super) fn new(broker: &BrokerUrl, measured_at: Timestamp) -> Self {
        Self {
            machine: Machine::this(broker, measured_at),
            sustained: None,
            latency: None,
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

/// One line of the table.
struct Line<'a> {
    what: &'a str,
    figure: Figure,
    target: &'a str,
}

/// One measured figure, with so many digits after the point.
enum Figure {
    One(f64, usize),
    Spread(Spread, usize),
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nothing = String::new;
        let [least, middle, most] = match self.figure {
            Figure::One(value, digits) => [nothing(), number(value, digits), nothing()],
            Figure::Spread(Spread { least, median, most }, digits) => {
                [least, median, most].map(|value| number(value, digits))
            }
        };
        let line = format!("{:<52}{least:>10}{middle:>10}{most:>10}   {}", self.what, self.target);
        writeln!(f, "{}", line.trim_end())
    }
}

/// A number for people, its thousands apart.
fn number(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$}");
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut grouped = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + rest
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.machine.fmt(f)?;
        writeln!(f, "\n{:<52}{:>10}{:>10}{:>10}   should be", "", "least", "median", "most")?;
        let mut tell = |what: &str, figure: Figure, target: &str| {
            f.write_fmt(format_args!("{}", Line { what, figure, target }))
        };
        if let Some(Sustained { service, plain, rate_ratio, cpu_ratio, bench_cpu_us_per_reading, .. }) =
            &self.sustained
        {
            tell("sustained readings/s", Figure::Spread(service.readings_per_second, 0), "")?;
            tell("  of a client that only acknowledges", Figure::Spread(plain.readings_per_second, 0), "")?;
            tell("  ratio", Figure::Spread(*rate_ratio, 2), "≥ 1.0")?;
            tell("CPU µs a reading", Figure::Spread(service.cpu_us_per_reading, 2), "")?;
            tell("  of a client that only acknowledges", Figure::Spread(plain.cpu_us_per_reading, 2), "")?;
            tell("  ratio", Figure::Spread(*cpu_ratio, 2), "≤ 1.5")?;
            tell("  of the bench itself, beside", Figure::Spread(*bench_cpu_us_per_reading, 2), "")?;
        }
        if let Some(Latencies { readings_per_second, service, plain }) = &self.latency {
            let rate = number(f64::from(*readings_per_second), 0);
            tell(
                &format!("publish to alert at {rate} readings/s, p50, ms"),
                Figure::One(service.p50_ms, 2),
                "≤ 1",
            )?;
            tell("  p90", Figure::One(service.p90_ms, 2), "")?;
            tell("  p99", Figure::One(service.p99_ms, 2), "≤ 3")?;
            tell("  most", Figure::One(service.most_ms, 2), "")?;
            tell("publish to the plain client's answer, p50, ms", Figure::One(plain.p50_ms, 2), "")?;
            tell("  p99", Figure::One(plain.p99_ms, 2), "")?;
        }
        if let Some(Scale { few, many, cpu_ratio }) = &self.scale {
            let patients = number(many.patients as f64, 0);
            let mebibytes = |bytes: u64| Figure::One(bytes as f64 / 1e6, 0);
            tell(
                &format!("memory with {patients} patients, MB"),
                mebibytes(many.memory_bytes),
                "≤ 400 (100,000)",
            )?;
            tell(&format!("  with {}", number(few.patients as f64, 0)), mebibytes(few.memory_bytes), "")?;
            tell(
                &format!("CPU µs a reading with {patients} patients"),
                Figure::One(many.cpu_us_per_reading, 2),
                "",
            )?;
            tell(
                &format!("  with {}", number(few.patients as f64, 0)),
                Figure::One(few.cpu_us_per_reading, 2),
                "",
            )?;
            tell("  ratio", Figure::One(*cpu_ratio, 2), "≤ 1.6")?;
        }
        if let Some(assessed) = &self.assess {
            tell("assess, readings/s", Figure::Spread(assessed.readings_per_second, 0), "≥ 100,000")?;
        }
        Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        assert_eq!(number(1_234_567.0, 0), "1,234,567");
        assert_eq!(number(999.994, 2), "999.99");
        assert_eq!(number(0.061, 2), "0.06");
        assert_eq!(number(100_000.0, 1), "100,000.0");
    }

    #[test]
    fn a_figure_stands_beside_what_it_should_be() {
        let figure = Figure::Spread(Spread { least: 1.0, median: 1.25, most: 1.5 }, 2);
        let line = Line { what: "ratio", figure, target: "≥ 1.0" }.to_string();
        let words: Vec<_> = line.split_whitespace().collect();
        assert_eq!(words, ["ratio", "1.00", "1.25", "1.50", "≥", "1.0"]);
    }
}
