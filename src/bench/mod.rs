//! `wardwatch bench`: what a reading costs, on any broker, beside a client that only acknowledges.
//!
//! The service and the plain client run as processes of their own, under a prefix and client ids that no
//! ward has. They take turns, so that whatever else the machine does falls on both. The figures are
//! printed with what they should be, and never asserted: a busy machine is no fault.

mod assessment;
mod broker;
mod latency;
mod listener;
mod load;
mod packets;
pub mod plain;
mod process;
pub mod report;
mod scale;
mod spread;
mod subject;
mod sustained;

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, ensure};
use jiff::Timestamp;

use crate::config::BrokerUrl;
use crate::mqtt::topics::Topics;
use crate::simulator::{Fleet, FleetSettings, Schedule};
use packets::Ward;
pub use report::Report;
pub use spread::Spread;
use subject::Who;

/// How long an answer may take before the run is given up.
const PATIENCE: Duration = Duration::from_secs(60);

/// The unit of the patients whose readings are answered at once: by an alert, or by the plain client.
const MARKS: &str = "mark";

/// One group of figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Readings a second and CPU a reading, beside the plain client.
    Sustained,
    /// From publishing a reading to its alert, at a steady rate.
    Latency,
    /// Memory and CPU with very many patients.
    Scale,
    /// Readings a second of `assess`.
    Assess,
}

impl Part {
    /// All of them, in the order in which they run.
    pub const ALL: [Self; 4] = [Self::Sustained, Self::Latency, Self::Scale, Self::Assess];
}

/// What is measured, and where.
#[derive(Debug, Clone)]
pub struct BenchSettings {
    pub broker: BrokerUrl,
    /// This very program; it is started as the service and as the plain client.
    pub program: PathBuf,
    pub parts: Vec<Part>,
    /// Readings of one round.
    pub readings: u64,
    /// How often the service and the plain client take turns.
    pub rounds: u32,
    /// Patients of the ward, with five vitals each.
    pub patients: usize,
    /// Patients for the figures of [`Part::Scale`].
    pub many_patients: usize,
    /// Alerts for the figures of [`Part::Latency`].
    pub alerts: usize,
    /// Readings a second for the figures of [`Part::Latency`].
    pub rate: u32,
    /// Where the service keeps its stores, in files that are removed at the end; none: in memory.
    pub stores: Option<PathBuf>,
    /// The time of day.
    pub wall: fn() -> Timestamp,
}

/// Measures everything that is wanted, and leaves nothing at the broker; `tell` hears what is under way.
///
/// Where `stop` comes first there are no figures.
pub async fn run(
    settings: &BenchSettings,
    tell: impl Fn(&str),
    stop: impl Future<Output = ()>,
) -> anyhow::Result<Option<Report>> {
    ensure!(!settings.broker.tls, "the bench speaks plain MQTT only; give it a listener without TLS");
    ensure!(settings.patients > 0 && settings.many_patients > 0, "a bench needs at least one patient");
    ensure!(settings.rounds > 0 && settings.readings > 0, "a bench needs at least one round of one reading");
    let prefix = format!("wardwatch-bench-{}", std::process::id());
    let stores = settings.stores.as_ref().map(|stores| stores.join(&prefix));
    if let Some(stores) = &stores {
        std::fs::create_dir_all(stores).with_context(|| format!("cannot make {}", stores.display()))?;
    }
    let started = Cell::new(0);
    let bench = Bench { settings, prefix, stores, started, patients: RefCell::default(), tell: &tell };
    let measured = tokio::select! {
        measured = bench.measure() => measured.map(Some),
        () = stop => Ok(None),
    };
    let swept = bench.sweep().await.context("what was retained could not all be emptied");
    if let Some(stores) = &bench.stores {
        std::fs::remove_dir_all(stores).with_context(|| format!("cannot remove {}", stores.display()))?;
    }
    let report = measured?;
    swept.map(|()| report)
}

/// One run of the bench.
struct Bench<'a> {
    settings: &'a BenchSettings,
    /// What its topics and client ids begin with.
    prefix: String,
    /// Where the service keeps its stores.
    stores: Option<PathBuf>,
    /// How many services were started: each has a store of its own.
    started: Cell<u32>,
    /// Everybody of whom anything may be retained.
    patients: RefCell<Vec<String>>,
    tell: &'a dyn Fn(&str),
}

impl Bench<'_> {
    /// The store of the next service.
    fn store_url(&self) -> String {
        self.started.set(self.started.get() + 1);
        match &self.stores {
            Some(stores) => format!("sqlite://{}/{}.db", stores.display(), self.started.get()),
            None => "memory".to_owned(),
        }
    }

    async fn measure(&self) -> anyhow::Result<Report> {
        let settings = self.settings;
        let mut report = Report::new(&settings.broker, (settings.wall)());
        for part in &settings.parts {
            match part {
                Part::Sustained => report.sustained = Some(sustained::measure(self).await?),
                Part::Latency => report.latency = Some(latency::measure(self).await?),
                Part::Scale => report.scale = Some(scale::measure(self).await?),
                Part::Assess => report.assess = Some(assessment::measure(self).await?),
            }
        }
        Ok(report)
    }

    fn topics(&self) -> Topics {
        Topics::new(&self.prefix)
    }

    /// A healthy fleet with five vitals in each reading, as it goes over the wire.
    fn ward(&self, patients: usize, readings_each: usize) -> anyhow::Result<Ward> {
        let settings = FleetSettings {
            patients,
            schedule: Schedule::Off,
            pressure_every: Duration::ZERO,
            temperature_every: Duration::ZERO,
            prefix: self.prefix.clone(),
            ..FleetSettings::default()
        };
        let fleet = Fleet::new(settings, (self.settings.wall)()).context("cannot simulate a ward")?;
        let ward = Ward::draw(fleet, readings_each)?;
        // A larger ward has the patients of a smaller one, and more.
        if ward.patients.len() > self.patients.borrow().len() {
            self.patients.replace(ward.patients.clone());
        }
        Ok(ward)
    }

    /// Makes the broker forget the sessions, and all that was retained.
    async fn sweep(&self) -> anyhow::Result<()> {
        if self.patients.borrow().is_empty() {
            return Ok(());
        }
        let broker = &self.settings.broker;
        broker::forget_sessions(broker, &subject::client_ids(&self.prefix)).await?;
        let topics = self.topics();
        let marks = (0..latency::FALLING).map(|mark| format!("{MARKS}/m-{mark}"));
        let patients = self.patients.take().into_iter().chain(marks);
        let states = patients.filter_map(|name| Some(topics.state(&name.parse().ok()?)));
        let system = topics.system(&Who::Service.client_id(&self.prefix));
        broker::empty(broker, &format!("{}-broom", self.prefix), states.chain([system])).await
    }
}
