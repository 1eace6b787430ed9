//! A patient's memory as version 1 wrote it: a device was half among the sources, half in the chart's equipment.

use std::sync::Arc;

use serde::Deserialize;

use super::backlog::CameAndWent;
use super::{LastSaved, Patient, Site};
use crate::admission::AdmissionRecord;
use crate::alerts::AlertSet;
use crate::analyzers::Score;
use crate::analyzers::missing::Unheard;
use crate::chart::{Chart, Held, Latest};
use crate::clock::{Now, Span, Timestamp, Uptime};
use crate::devices::clock::{DeviceClock, Skew};
use crate::devices::device::News;
use crate::devices::repeats::Repeats;
use crate::devices::rhythm::Rhythm;
use crate::devices::{Device, Devices};
use crate::people::{DeviceId, PatientId};
use crate::receivers::Deliveries;
use crate::vitals::{Consciousness, Quantity, ReadingRef, VitalSet};

/// What version 1 wrote of a patient.
#[derive(Debug, Deserialize)]
pub(super) struct PatientOfVersion1 {
    id: PatientId,
    record: Arc<AdmissionRecord>,
    recorded: bool,
    chart: ChartOfVersion1,
    sources: Vec<DeviceOfVersion1>,
    alerts: AlertSet,
    scores: Arc<Vec<Score>>,
    recheck_at: Option<Uptime>,
    simulated: bool,
    stay: Timestamp,
    heard: Uptime,
    stated: Option<Uptime>,
    state_is_old: bool,
}

#[derive(Debug, Deserialize)]
struct ChartOfVersion1 {
    present: VitalSet,
    latest: Vec<LatestOfVersion1>,
    consciousness: Option<Held<Consciousness>>,
    oxygen: Option<Held<bool>>,
    equipment: Vec<Equipment>,
}

/// The newest value of a vital, with how often it came, whoever measured it.
#[derive(Debug, Deserialize)]
struct LatestOfVersion1 {
    value: Quantity,
    at: Timestamp,
    measured: Uptime,
    heard: Uptime,
    reading: Arc<ReadingRef>,
    rhythm: RhythmOfVersion1,
}

#[derive(Debug, Clone, Copy, Deserialize)]
struct RhythmOfVersion1 {
    intervals_ms: [u32; 8],
    noted: u8,
}

/// When a device was heard.
#[derive(Debug, Deserialize)]
struct Equipment {
    device: DeviceId,
    heard: Uptime,
    heard_at: Timestamp,
    back: Uptime,
    offline: Option<Uptime>,
}

/// What a device sent.
#[derive(Debug, Deserialize)]
struct DeviceOfVersion1 {
    device: DeviceId,
    clock: ClockOfVersion1,
    recent: Repeats,
    #[serde(rename = "told_leaning")]
    published_skew: Option<Skew>,
    introduced: bool,
}

/// The lags of its last readings, against our wall clock.
#[derive(Debug, Deserialize)]
struct ClockOfVersion1 {
    lags: Vec<Span>,
    wrong: bool,
    in_backlog: bool,
}

impl PatientOfVersion1 {
    /// The patient, whose memory was saved at `taken`.
    pub fn taken_at(self, taken: Now) -> Patient {
        let old = self;
        let mut devices = devices(old.chart.equipment, old.sources, taken);
        let latest: Vec<_> = old.chart.present.iter().zip(old.chart.latest).collect();
        for (vital, latest) in &latest {
            let RhythmOfVersion1 { intervals_ms, noted } = latest.rhythm;
            let device = latest.reading.device.clone().unwrap_or_else(DeviceId::unnamed);
            devices
                .known_or_new(&device, |_| false)
                .set_rhythm(*vital, Rhythm::known(latest.heard, intervals_ms, noted));
        }
        let latest = latest.into_iter().map(|(vital, latest)| (vital, latest.into()));
        Patient {
            id: old.id,
            record: old.record,
            recorded: old.recorded,
            chart: Arc::new(Chart::of_version_1(latest, old.chart.consciousness, old.chart.oxygen)),
            devices: Arc::new(devices),
            alerts: old.alerts,
            drains: Vec::new(),
            passed: CameAndWent::default(),
            taken_back: VitalSet::default(),
            scores: old.scores,
            recheck_at: old.recheck_at,
            takeover_at: None,
            simulated: old.simulated,
            unheard: Unheard::default(),
            orders: None,
            deliveries: Deliveries::default(),
            stay: old.stay,
            heard: old.heard,
            held: None,
            stated: old.stated,
            state_is_old: old.state_is_old,
            judged_at: None,
            site: Site::default(),
            last_saved: LastSaved::default(),
        }
    }
}

impl From<LatestOfVersion1> for Latest {
    fn from(old: LatestOfVersion1) -> Self {
        let LatestOfVersion1 { value, at, measured, heard, reading, .. } = old;
        Self { value, at, measured, heard, reading, not_measured: None }
    }
}

/// Each device as one record.
fn devices(equipment: Vec<Equipment>, sources: Vec<DeviceOfVersion1>, taken: Now) -> Devices {
    let mut devices: Devices = equipment.into_iter().map(heard).collect();
    for source in sources {
        let device = devices.known_or_new(&source.device, |_| false);
        device.repeats = source.recent;
        if !source.clock.in_backlog {
            device.clock = DeviceClock::known(source.clock.lags, source.clock.wrong, taken);
        }
        if source.introduced {
            device.note_published(News { is_new: false, skew: source.published_skew, skew_changed: false });
        }
    }
    devices
}

fn heard(equipment: Equipment) -> Device {
    let mut device = Device::new(equipment.device);
    (device.heard, device.heard_at) = (equipment.heard, equipment.heard_at);
    device.live = equipment.heard;
    (device.back, device.offline) = (equipment.back, equipment.offline);
    device
}
