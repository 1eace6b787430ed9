//! A patient's memory as version 1 wrote it: a device was half among the sources, half in the chart's equipment.

use std::sync::Arc;

use serde::Deserialize;

use super::{LastSaved, Patient, Site};
use crate::admission::AdmissionRecord;
use crate::alerts::AlertSet;
use crate::analyzers::Score;
use crate::chart::Chart;
use crate::clock::{Timestamp, Uptime};
use crate::devices::device::News;
use crate::devices::device_clock::{DeviceClock, Skew};
use crate::devices::rate::ReadingRate;
use crate::devices::repeats::Repeats;
use crate::devices::{Device, Devices};
use crate::people::{DeviceId, PatientId};

/// What version 1 wrote of a patient.
#[derive(Debug, Deserialize)]
pub(super) struct PatientOfVersion1 {
    id: PatientId,
    record: Arc<AdmissionRecord>,
    recorded: bool,
    chart: ChartOfVersion1,
    sources: Vec<Source>,
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
    #[serde(flatten)]
    chart: Chart,
    equipment: Vec<Equipment>,
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
struct Source {
    device: DeviceId,
    clock: DeviceClock,
    recent: Repeats,
    second: i64,
    in_second: u32,
    told_leaning: Option<Skew>,
    introduced: bool,
}

impl From<PatientOfVersion1> for Patient {
    fn from(old: PatientOfVersion1) -> Self {
        let devices = devices(old.chart.equipment, old.sources);
        Self {
            id: old.id,
            record: old.record,
            recorded: old.recorded,
            chart: Arc::new(old.chart.chart),
            devices: Arc::new(devices),
            alerts: old.alerts,
            scores: old.scores,
            recheck_at: old.recheck_at,
            simulated: old.simulated,
            stay: old.stay,
            heard: old.heard,
            stated: old.stated,
            state_is_old: old.state_is_old,
            site: Site::default(),
            last_saved: LastSaved::default(),
        }
    }
}

/// Each device as one record.
fn devices(equipment: Vec<Equipment>, sources: Vec<Source>) -> Devices {
    let mut devices: Devices = equipment.into_iter().map(heard).collect();
    for source in sources {
        let device = devices.known_or_new(&source.device);
        (device.clock, device.repeats) = (source.clock, source.recent);
        device.rate = ReadingRate::of(source.second, source.in_second);
        if source.introduced {
            device.note_published(News { is_new: false, skew: source.told_leaning, skew_changed: false });
        }
    }
    devices
}

fn heard(equipment: Equipment) -> Device {
    let mut device = Device::new(equipment.device);
    (device.heard, device.heard_at) = (equipment.heard, equipment.heard_at);
    (device.back, device.offline) = (equipment.back, equipment.offline);
    device
}
