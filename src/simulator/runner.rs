//! Sends a fleet to a broker at its pace.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use rumqttc::{ConnectionError, MqttOptions, Publish, QoS};
use thiserror::Error;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

use super::connection::{BusPresence, ConnectionReport, DeviceConnection};
use super::fleet::{Act, Fleet, FleetEvent};

/// Readings that are handed over before connections get to write.
const BURST: usize = 1024;
/// How often progress is reported.
const PROGRESS_EVERY: Duration = Duration::from_millis(250);
/// A wall clock that has moved by this much was set, or the machine slept.
const CLOCK_STEP_MS: u64 = 1000;

/// Why a fleet cannot be sent.
#[derive(Debug, Error)]
pub enum SimulatorFault {
    /// The first attempt to connect failed; later ones are made again and again.
    #[error("the simulated devices cannot connect to a broker")]
    Unreachable(#[source] ConnectionError),
}

/// How a fleet is sent.
#[derive(Debug, Clone)]
pub struct RunSettings {
    /// Every client id begins so; two fleets on one broker need two.
    pub client_id: String,
    /// Ends by itself after this.
    pub duration: Option<Duration>,
    /// How many patients share one connection, as behind a ward's gateway.
    pub patients_per_connection: usize,
    /// Whether records and statuses stay at the broker when the fleet leaves.
    pub keep: bool,
    /// How long the goodbye may take.
    pub leave_within: Duration,
    /// The wall clock: devices are set by it.
    pub wall: fn() -> Timestamp,
}

impl RunSettings {
    /// 200 patients a connection, until stopped.
    pub fn new(wall: fn() -> Timestamp) -> Self {
        Self {
            client_id: "wardwatch-simulator".to_owned(),
            duration: None,
            patients_per_connection: 200,
            keep: false,
            leave_within: Duration::from_secs(10),
            wall,
        }
    }
}

/// How far a fleet has come.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct FleetProgress {
    /// Since the first reading.
    pub elapsed: Duration,
    /// Readings sent, those that were sent twice included.
    pub sent: u64,
    /// Readings that the broker acknowledged.
    pub acknowledged: u64,
    /// Readings sent per second, since progress was last reported.
    pub per_second: f64,
    /// How late the fleet is.
    pub behind: Duration,
}

/// Sends the fleet until its duration is over or `stop` is ready, then says goodbye; answers how far it came.
///
/// `connect` gives the options of the connection with that client id: address, credentials, TLS. Its last will, session,
/// and window are set here. The fleet starts by the wall clock of `settings` once connected. Readings that a broker does not take now are sent when it does, like those of a device
/// that stores what it measures.
pub async fn run(
    fleet: Fleet,
    settings: RunSettings,
    connect: impl Fn(&str) -> MqttOptions,
    report: impl FnMut(FleetProgress),
    stop: impl Future<Output = ()>,
) -> Result<FleetProgress, SimulatorFault> {
    let mut runner = Runner::new(fleet, settings, connect, report);
    let outcome = tokio::select! {
        outcome = runner.drive() => outcome,
        () = stop => Ok(()),
    };
    outcome?;
    Ok(runner.leave().await)
}

struct Runner<C, T> {
    fleet: Fleet,
    settings: RunSettings,
    connect: C,
    report: T,
    gateways: Vec<DeviceConnection>,
    gateway_topics: Vec<String>,
    /// Of devices that have a connection of their own at the moment, by patient.
    own: BTreeMap<usize, DeviceConnection>,
    /// The last one that ended, or is about to.
    ending: BTreeMap<usize, JoinHandle<()>>,
    acknowledged: Arc<AtomicU64>,
    reports: mpsc::Sender<ConnectionReport>,
    heard: mpsc::Receiver<ConnectionReport>,
    progress: FleetProgress,
    reported: (Duration, u64),
    began: Instant,
}

impl<C: Fn(&str) -> MqttOptions, T: FnMut(FleetProgress)> Runner<C, T> {
    fn new(fleet: Fleet, settings: RunSettings, connect: C, report: T) -> Self {
        let (reports, heard) = mpsc::channel(64);
        Self {
            fleet,
            settings,
            connect,
            report,
            gateways: Vec::new(),
            gateway_topics: Vec::new(),
            own: BTreeMap::new(),
            ending: BTreeMap::new(),
            acknowledged: Arc::default(),
            reports,
            heard,
            progress: FleetProgress::default(),
            reported: (Duration::ZERO, 0),
            began: Instant::now(),
        }
    }

    async fn drive(&mut self) -> Result<(), SimulatorFault> {
        self.open_gateways().await?;
        self.began = Instant::now();
        self.fleet.rebase((self.settings.wall)());
        loop {
            let now = self.began.elapsed();
            let end = self.settings.duration.unwrap_or(Duration::MAX);
            self.send_until(now.min(end)).await;
            self.report_progress(now);
            if self.fleet.next_due() >= end {
                return Ok(());
            }
            // At least one millisecond is slept, so a fast fleet is sent in bursts.
            let next = self.fleet.next_due().min(self.reported.0 + PROGRESS_EVERY);
            tokio::time::sleep_until(self.began + next).await;
        }
    }

    /// Opens all gateways and waits until each has been connected once.
    async fn open_gateways(&mut self) -> Result<(), SimulatorFault> {
        let share = self.settings.patients_per_connection.max(1);
        for first in (0..self.fleet.patients()).step_by(share) {
            let patients = first..self.fleet.patients().min(first + share);
            let name = format!("sim-gateway-{}", 1 + first / share);
            let status_topic = self.fleet.topics().device_status(&name);
            let mut greeting = vec![status(&status_topic, "online")];
            for patient in patients {
                let record = self.fleet.record(patient);
                greeting.extend(record.map(|(topic, record)| retained(&topic, record)));
                greeting.push(status(self.fleet.status_topic(patient), "online"));
            }
            self.gateway_topics.push(status_topic.clone());
            let gateway = self.open(None, &name, BusPresence { status_topic, greeting });
            self.gateways.push(gateway);
        }
        for _ in 0..self.gateways.len() {
            if let Some(ConnectionReport::Unreachable(fault)) = self.heard.recv().await {
                return Err(SimulatorFault::Unreachable(fault));
            }
        }
        self.heard.close();
        Ok(())
    }

    fn open(&self, before: Option<JoinHandle<()>>, name: &str, presence: BusPresence) -> DeviceConnection {
        let options = (self.connect)(&format!("{}-{name}", self.settings.client_id));
        DeviceConnection::open(before, options, presence, self.acknowledged.clone(), self.reports.clone())
    }

    /// Sends everything that is due.
    async fn send_until(&mut self, now: Duration) {
        let mut gathered = 0;
        while let Some(FleetEvent { due, patient, act }) = self.fleet.next_before(now) {
            match act {
                Act::Report(payload) => {
                    let reading = Publish::new(self.fleet.topic(patient).as_ref(), QoS::AtLeastOnce, payload);
                    self.connection_of(patient).add(reading);
                    self.progress.sent += 1;
                    gathered += 1;
                }
                Act::Connect => self.connect_device(patient),
                Act::Lose => self.lose_device(patient),
                Act::Leave => self.leave_device(patient),
            }
            self.progress.behind = now - due;
            if gathered == BURST {
                gathered = 0;
                self.hand_over().await;
                self.report_progress(self.began.elapsed());
            }
        }
        self.hand_over().await;
    }

    fn connection_of(&mut self, patient: usize) -> &mut DeviceConnection {
        let gateway = patient / self.settings.patients_per_connection.max(1);
        self.own.get_mut(&patient).unwrap_or(&mut self.gateways[gateway])
    }

    async fn hand_over(&mut self) {
        for connection in self.gateways.iter_mut().chain(self.own.values_mut()) {
            connection.send().await;
        }
    }

    fn connect_device(&mut self, patient: usize) {
        let status_topic = self.fleet.status_topic(patient).to_string();
        let greeting = vec![status(&status_topic, "online")];
        let before = self.ending.remove(&patient);
        let device = self.open(before, self.fleet.device(patient), BusPresence { status_topic, greeting });
        self.own.insert(patient, device);
    }

    /// Nobody waits for the end of a device's own connection but its next one.
    fn lose_device(&mut self, patient: usize) {
        if let Some(device) = self.own.remove(&patient) {
            self.ending.insert(patient, tokio::spawn(device.vanish()));
        }
    }

    fn leave_device(&mut self, patient: usize) {
        if let Some(device) = self.own.remove(&patient) {
            self.ending.insert(patient, tokio::spawn(device.leave()));
        }
    }

    fn report_progress(&mut self, now: Duration) {
        let since = now.saturating_sub(self.reported.0);
        if since < PROGRESS_EVERY {
            return;
        }
        self.progress.elapsed = now;
        self.progress.per_second = (self.progress.sent - self.reported.1) as f64 / since.as_secs_f64();
        self.reported = (now, self.progress.sent);
        self.progress.acknowledged = self.acknowledged.load(Ordering::Relaxed);
        (self.report)(self.progress);
        self.follow_wall_clock();
    }

    /// Sets the devices' clocks after ours was set, or the machine slept.
    fn follow_wall_clock(&mut self) {
        let elapsed_ms = self.began.elapsed().as_millis() as i64;
        let start_ms = (self.settings.wall)().as_millisecond() - elapsed_ms;
        if self.fleet.start().as_millisecond().abs_diff(start_ms) > CLOCK_STEP_MS
            && let Ok(start) = Timestamp::from_millisecond(start_ms)
        {
            self.fleet.rebase(start);
        }
    }

    /// Takes back what is retained, or says that every device is offline; then every connection closes in order.
    async fn leave(mut self) -> FleetProgress {
        // A broker that does not answer finds out by itself that they are gone.
        let _ = tokio::time::timeout(self.settings.leave_within, self.say_goodbye()).await;
        self.progress.elapsed = self.began.elapsed();
        self.progress.acknowledged = self.acknowledged.load(Ordering::Relaxed);
        self.progress
    }
}

impl<C, T> Runner<C, T> {
    async fn say_goodbye(&mut self) {
        // The last wills of those who vanished come first, so that nothing is retained after this.
        for (_, gone) in std::mem::take(&mut self.ending) {
            let _ = gone.await;
        }
        let share = self.settings.patients_per_connection.max(1);
        for (gateway, connection) in self.gateways.iter_mut().enumerate() {
            let patients = gateway * share..self.fleet.patients().min((gateway + 1) * share);
            let devices = patients.clone().map(|patient| &**self.fleet.status_topic(patient));
            let statuses = devices.chain([&*self.gateway_topics[gateway]]);
            if self.settings.keep {
                statuses.for_each(|topic| connection.add(status(topic, "offline")));
                continue;
            }
            // First the people, so that nobody is alerted of a device that is gone.
            let records = patients.map(|patient| &**self.fleet.record_topic(patient));
            records.chain(statuses).for_each(|topic| connection.add(retained(topic, Vec::new())));
        }
        // A device's own connection closes before its gateway speaks for it.
        let leaving: JoinSet<()> =
            std::mem::take(&mut self.own).into_values().map(DeviceConnection::leave).collect();
        leaving.join_all().await;
        let leaving: JoinSet<()> = self.gateways.drain(..).map(DeviceConnection::leave).collect();
        leaving.join_all().await;
    }
}

fn status(topic: &str, status: &str) -> Publish {
    retained(topic, status.into())
}

fn retained(topic: &str, payload: Vec<u8>) -> Publish {
    let mut message = Publish::new(topic, QoS::AtLeastOnce, payload);
    message.retain = true;
    message
}
