//! Which device speaks for the patient: enters readings in the chart, and lets values that waited speak in time.

use std::sync::Arc;

use super::{Listening, Patient};
use crate::admission::AdmissionRecord;
use crate::chart::{Charted, ChartedReading, Speakers};
use crate::clock::{Now, Timestamp, Uptime};
use crate::conditions::Condition;
use crate::devices::{Device, Devices};
use crate::people::DeviceId;
use crate::vitals::{Reading, ReadingRef};

/// A reading whose time has been judged.
pub(super) struct Timed<'a> {
    pub reading: &'a Reading,
    pub device: &'a DeviceId,
    pub origin: &'a Arc<ReadingRef>,
    pub at: Timestamp,
    pub measured: Uptime,
    /// Whether it counts as of now.
    pub live: bool,
}

impl Patient {
    /// Lets the newest value of another device speak wherever nobody holds its vital any more; whether any does.
    pub(super) fn settle(&mut self, listening: Listening, now: Uptime) -> bool {
        let speakers = speakers(&self.devices, &self.record, listening, now);
        let due = self.chart.next_takeover(&speakers).is_some_and(|due| due <= now);
        let settled = due && Arc::make_mut(&mut self.chart).settle(&speakers);
        self.takeover_at = self.chart.next_takeover(&speakers);
        settled
    }

    /// What is remembered of a device; nobody who holds a vital, or is under alert, is forgotten for a new one.
    pub(super) fn device(&mut self, id: &DeviceId) -> &mut Device {
        let (chart, tracked) = (&self.chart, &self.site.tracked);
        let has_alert = |id: &DeviceId| tracked.iter().any(|of| of.condition.device() == Some(id));
        Arc::make_mut(&mut self.devices).known_or_new(id, |id| chart.needs(id) || has_alert(id))
    }

    /// Charts a reading.
    pub(super) fn chart_reading(&mut self, timed: &Timed<'_>, listening: Listening, now: Now) -> Charted {
        let Timed { reading, device, origin, at, measured, live } = *timed;
        let speakers = speakers(&self.devices, &self.record, listening, now.uptime);
        let entry = ChartedReading { reading, device, at, measured, origin, now, live, speakers };
        let charted = Arc::make_mut(&mut self.chart).enter(&entry);
        self.takeover_at = self.chart.next_takeover(&speakers);
        charted
    }

    /// A live reading is a sign of life of its device.
    pub(super) fn hear_live(&mut self, device: &DeviceId, reading: &Reading, listening: Listening, now: Now) {
        let was_silent = self.alerts.is_open(&Condition::DeviceSilent(device.clone()));
        let since = listening.since.unwrap_or(now.uptime);
        if let Some(known) = Arc::make_mut(&mut self.devices).get_mut(device) {
            if was_silent {
                known.come_back(now);
            }
            known.hear_live(reading.values.present(), now, since);
        }
    }
}

fn speakers<'a>(
    devices: &'a Devices,
    record: &'a AdmissionRecord,
    listening: Listening,
    now: Uptime,
) -> Speakers<'a> {
    let listening_since = listening.since.unwrap_or(now);
    Speakers { devices, named: record.devices.as_deref(), now, listening_since }
}
