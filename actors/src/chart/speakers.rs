//! Which of two devices speaks for a vital sign that both measure.

use super::Latest;
use crate::clock::{Span, Uptime};
use crate::devices::{Device, Devices};
use crate::people::DeviceId;
use crate::vitals::Vital;

/// For how long whoever spoke last keeps a vital against another device (contract, which device speaks).
pub const HELD_FOR: Span = Span::from_secs(20);

/// For how long a clock whose lag started anew yields to one that goes on.
const CLOCK_UNSETTLED_FOR: Span = Span::from_mins(10);

/// What is known of the devices between which the chart decides.
#[derive(Debug, Clone, Copy)]
pub struct Speakers<'a> {
    pub devices: &'a Devices,
    /// The only devices whose readings are the patient's, where the record names them.
    pub named: Option<&'a [DeviceId]>,
    pub now: Uptime,
    /// From when on silence counts.
    pub listening_since: Uptime,
}

impl Speakers<'_> {
    /// Until when the device of `latest` keeps `vital` against another that measures `others`, the same or one that
    /// stands in for it; none where it holds nothing.
    ///
    /// A device that is gone, or that the record no longer names, holds nothing; nor does one that says that it does
    /// not measure the vital, one whose clock has just been judged anew against one that goes on, or a spot value
    /// against a device that measures continuously.
    pub fn held_until(
        &self,
        (vital, latest): (Vital, &Latest),
        (others, by): (Vital, &DeviceId),
    ) -> Option<Uptime> {
        if latest.not_measured.is_some() || !self.is_named(latest) {
            return None;
        }
        let (holder, other) = (self.devices.get(&latest.device()), self.devices.get(by));
        let is_gone = holder.is_some_and(|device| device.offline.is_some());
        let yields_by_clock = self.is_unsettled(holder) && !self.is_unsettled(other);
        let yields_by_rhythm =
            !latest.is_of(by) && !is_continuous(holder, vital) && is_continuous(other, others);
        if is_gone || yields_by_clock || yields_by_rhythm {
            return None;
        }
        Some(latest.heard.max(self.listening_since) + HELD_FOR)
    }

    /// Whether the device of `latest` keeps the vital now.
    pub fn holds(&self, holder: (Vital, &Latest), other: (Vital, &DeviceId)) -> bool {
        self.held_until(holder, other).is_some_and(|until| self.now < until)
    }

    fn is_named(&self, latest: &Latest) -> bool {
        self.named.is_none_or(|named| named.iter().any(|device| latest.is_of(device)))
    }

    fn is_unsettled(&self, device: Option<&Device>) -> bool {
        let started = device.and_then(|device| device.clock_started_anew());
        started.is_some_and(|started| self.now.since(started) < CLOCK_UNSETTLED_FOR)
    }
}

/// Whether the device is known to measure the vital more often than spot checks come.
fn is_continuous(device: Option<&Device>, vital: Vital) -> bool {
    device.and_then(|device| device.rhythm(vital)).is_some_and(|rhythm| rhythm.silent_after().is_some())
}
