//! `wardwatch bench`: what a reading costs, on any broker, beside a client that only acknowledges.
//!
//! The service, with its store in memory and with SQLite, and the plain client run as processes of their
//! own, under a prefix and client ids that no ward has. They take turns, so that whatever else the machine
//! does falls on all of them. The figures are printed with what they should be, and never asserted: a busy
//! machine is no fault.

mod assessment;
mod broker;
mod candidate;
mod latency;
mod listener;
mod load;
mod outage;
mod packets;
pub mod plain;
mod process;
mod program;
mod recovery;
pub mod report;
mod scale;
mod spread;
mod stores;
mod sustained;
mod table;
mod witness;

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::ValueEnum;
use jiff::Timestamp;

use crate::config::BrokerUrl;
use crate::contract::topics::Topics;
use crate::simulator::{Fleet, FleetSettings, Schedule};
use packets::{BenchWard, Markers};
use program::Who;
pub use report::BenchReport;
pub use spread::Spread;
use stores::Folder;

/// How long an answer may take before the run is given up.
const PATIENCE: Duration = Duration::from_secs(60);

/// Between two tries whether a process is as far as that yet.
const ASK_EVERY: Duration = Duration::from_millis(100);

/// The unit of the patients whose readings are answered at once: by an alert, or by the plain client.
const MARKER_UNIT: &str = "marker";

/// One group of figures, in the order in which they run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FigureGroup {
    /// Readings a second and CPU a reading, beside the plain client.
    Sustained,
    /// From publishing a reading to its alert, at a steady rate.
    Latency,
    /// From a kill to watching all patients again.
    Recovery,
    /// Readings a second of what was queued while the service was down, beside what it sustains.
    Outage,
    /// Memory and CPU with very many patients.
    Scale,
    /// Readings a second of `assess`.
    Assess,
}

/// What is measured, and where.
#[derive(Debug, Clone)]
pub struct BenchSettings {
    pub broker: BrokerUrl,
    /// This very program; it is started as the service and as the plain client.
    pub program: PathBuf,
    pub parts: Vec<FigureGroup>,
    /// Readings of one round.
    pub readings: u64,
    /// How often those under measurement take turns.
    pub rounds: u32,
    /// Patients of the ward, with five vitals each.
    pub patients: usize,
    /// Patients for the figures of [`FigureGroup::Scale`].
    pub many_patients: usize,
    /// Patients with an open alert for the figures of [`FigureGroup::Recovery`].
    pub restored_patients: usize,
    /// Alerts of one round for the figures of [`FigureGroup::Latency`].
    pub alerts: usize,
    /// Readings a second for the figures of [`FigureGroup::Latency`].
    pub rate: u32,
    /// For how long those alerts are not counted: the process has just started.
    pub warm_up: Duration,
    /// The directory for SQLite files, each in a folder of its own that is removed at the end.
    pub stores: PathBuf,
    /// The time of day.
    pub wall: fn() -> Timestamp,
}

/// Measures everything that is wanted, and leaves nothing at the broker; `report` hears what is under way.
///
/// Where `stop` comes first there are no figures.
pub async fn run(
    settings: &BenchSettings,
    report: impl Fn(&str),
    stop: impl Future<Output = ()>,
) -> anyhow::Result<Option<BenchReport>> {
    ensure!(!settings.broker.tls, "the bench speaks plain MQTT only; give it a listener without TLS");
    let patients = [settings.patients, settings.many_patients, settings.restored_patients];
    ensure!(patients.iter().all(|patients| *patients > 0), "a bench needs at least one patient");
    ensure!(settings.rounds > 0 && settings.readings > 0, "a bench needs at least one round of one reading");
    ensure!(settings.alerts > 0, "a bench needs at least one alert");
    let prefix = format!("wardwatch-bench-{}", std::process::id());
    let bench =
        BenchRun { settings, prefix, stores: Cell::new(0), retained: RefCell::default(), listener: &report };
    let measured = tokio::select! {
        measured = bench.measure() => measured.map(Some),
        () = stop => Ok(None),
    };
    let swept = bench.sweep().await.context("what was retained could not all be emptied");
    let report = measured?;
    swept.map(|()| report)
}

/// One run of the bench.
struct BenchRun<'a> {
    settings: &'a BenchSettings,
    /// What its topics and client ids begin with.
    prefix: String,
    /// How many SQLite stores were made.
    stores: Cell<u32>,
    /// Everybody of whom anything may be retained, as `unit/patient`.
    retained: RefCell<BTreeSet<String>>,
    listener: &'a dyn Fn(&str),
}

impl BenchRun<'_> {
    /// Says what is under way.
    fn report(&self, what: &str) {
        (self.listener)(what);
    }

    /// A store for the next service.
    fn new_store(&self) -> anyhow::Result<Folder> {
        self.stores.set(self.stores.get() + 1);
        Folder::make(self.settings.stores.join(format!("{}-{}", self.prefix, self.stores.get())))
    }

    async fn measure(&self) -> anyhow::Result<BenchReport> {
        let settings = self.settings;
        let mut report = BenchReport::new(&settings.broker, (settings.wall)());
        for part in &settings.parts {
            match part {
                FigureGroup::Sustained => report.sustained = Some(sustained::measure(self).await?),
                FigureGroup::Latency => report.latency = Some(latency::measure(self).await?),
                FigureGroup::Recovery => report.recovery = Some(recovery::measure(self).await?),
                FigureGroup::Outage => report.outage = Some(outage::measure(self).await?),
                FigureGroup::Scale => report.scale = Some(scale::measure(self).await?),
                FigureGroup::Assess => report.assess = Some(assessment::measure(self).await?),
            }
        }
        Ok(report)
    }

    fn topics(&self) -> Topics {
        Topics::new(&self.prefix)
    }

    /// A healthy fleet with five vitals in each reading, as it goes over the wire.
    fn ward(&self, patients: usize, readings_each: usize) -> anyhow::Result<BenchWard> {
        let settings = FleetSettings {
            patients,
            schedule: Schedule::Off,
            pressure_every: Duration::ZERO,
            temperature_every: Duration::ZERO,
            prefix: self.prefix.clone(),
            ..FleetSettings::default()
        };
        let fleet = Fleet::new(settings, (self.settings.wall)()).context("cannot simulate a ward")?;
        let ward = BenchWard::draw(fleet, readings_each)?;
        self.retained.borrow_mut().extend(ward.patients.iter().cloned());
        Ok(ward)
    }

    /// Patients whose SpO2 falls, as they go over the wire.
    fn markers(&self, patients: usize) -> anyhow::Result<Markers> {
        let markers = Markers::of(patients, &self.topics())?;
        self.retained.borrow_mut().extend((0..patients).map(packets::marker));
        Ok(markers)
    }

    /// Makes the broker forget the sessions, and all that was retained.
    async fn sweep(&self) -> anyhow::Result<()> {
        let retained = self.retained.take();
        if retained.is_empty() {
            return Ok(());
        }
        let broker = &self.settings.broker;
        broker::forget_sessions(broker, &program::client_ids(&self.prefix)).await?;
        let topics = self.topics();
        let states = retained.iter().filter_map(|name| Some(topics.state(&name.parse().ok()?)));
        let system = topics.system(&Who::Sqlite.client_id(&self.prefix));
        broker::empty(broker, &format!("{}-broom", self.prefix), states.chain([system])).await
    }
}
