//! One patient at one moment, as every rule sees it.

use std::sync::Arc;

use crate::admission::AdmissionRecord;
use crate::alerts::{Delay, UnderWay};
use crate::chart::Chart;
use crate::chart::Latest;
use crate::clock::{Now, Span, Timestamp, Uptime};
use crate::conditions::Condition;
use crate::devices::Devices;
use crate::people::{Class, PatientId};
use crate::settings::Limits;
use crate::vitals::ReadingRef;
use crate::vitals::Vital;

/// One patient at one moment. Cheap to hand to every rule.
#[derive(Debug, Clone)]
pub struct View {
    pub patient: PatientId,
    pub record: Arc<AdmissionRecord>,
    pub chart: Arc<Chart>,
    pub devices: Arc<Devices>,
    pub limits: Arc<Limits>,
    /// Where the site fixes after how long a vital is missing.
    pub fixed_silence: Arc<[Option<Span>; Vital::COUNT]>,
    /// The conditions under way, of which a rule says even that they ended.
    pub tracked: Arc<[UnderWay]>,
    /// The judged time of the reading, or the time of the timer.
    pub at: Timestamp,
    /// The same on the uptime clock.
    pub measured: Uptime,
    /// Both clocks; of a timer, its deadline.
    pub now: Now,
    /// The reading that asks; none for a timer or a record.
    pub reading: Option<Arc<ReadingRef>>,
    /// Whether the reading belongs to a backlog: what it brings speaks at its own time, however old.
    pub backlog: bool,
    /// From when on silence counts: what could not be heard is not missing.
    pub listening_since: Uptime,
    /// Whether our own clock is the likelier fault, so that no device is blamed.
    pub own_clock_suspect: bool,
}

/// Whether a vital sign speaks for the patient now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Voice<'a> {
    /// It does, until this time unless a new value comes.
    Fresh(&'a Latest, Uptime),
    /// It did: the value is too old, or has stopped coming.
    Unknown,
    /// It never was measured.
    Never,
}

impl View {
    /// The age class.
    pub fn class(&self) -> Class {
        self.record.class
    }

    /// Whether the condition is under way.
    pub fn tracks(&self, condition: &Condition) -> bool {
        self.under_way(condition).is_some()
    }

    /// The condition, if it is under way.
    pub fn under_way(&self, condition: &Condition) -> Option<&UnderWay> {
        self.tracked.iter().find(|of| of.condition == *condition)
    }

    /// The delays that run.
    pub fn delays(&self) -> impl Iterator<Item = Delay<'_>> {
        self.tracked.iter().flat_map(UnderWay::delays)
    }

    /// After how long without a value this vital is missing; none for spot checks.
    pub fn silent_after(&self, vital: Vital, latest: &Latest) -> Option<Span> {
        if !vital.facts().watched {
            return None;
        }
        self.fixed_silence[vital.index()].or_else(|| latest.rhythm.silent_after())
    }

    /// For how long nothing has come, of what could be heard.
    pub fn silent_for(&self, heard: Uptime) -> Span {
        self.now.uptime.since(heard.max(self.listening_since))
    }

    /// Whether this vital speaks for the patient: neither too old nor missing.
    pub fn voice(&self, vital: Vital) -> Voice<'_> {
        let Some(latest) = self.chart.latest(vital) else { return Voice::Never };
        let valid_until = latest.measured + vital.facts().valid_for;
        let missing_at =
            (self.silent_after(vital, latest)).map(|span| latest.heard.max(self.listening_since) + span);
        let until = missing_at.map_or(valid_until, |missing| missing.min(valid_until));
        let brought_late = self.backlog && latest.at >= self.at;
        if self.now.uptime < until || brought_late { Voice::Fresh(latest, until) } else { Voice::Unknown }
    }
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;
    use crate::chart::Entry;
    use crate::vitals::{Quantity, Reading};

    /// A patient of whom one reading just came, at second 0.
    pub fn view_of(values: &[(Vital, i32)]) -> View {
        view_of_hundredths(&values.iter().map(|(vital, value)| (*vital, value * 100)).collect::<Vec<_>>())
    }

    /// The same with values in hundredths.
    pub fn view_of_hundredths(values: &[(Vital, i32)]) -> View {
        let wall = Timestamp::from_unix_ms(1_800_000_000_000);
        let mut reading = Reading::empty(wall);
        for (vital, hundredths) in values {
            reading.values.set(*vital, Quantity::hundredths(*hundredths));
        }
        view_of_reading(&reading)
    }

    /// The same of a whole reading.
    pub fn view_of_reading(reading: &Reading) -> View {
        let now = Now { uptime: Uptime::START, wall: reading.received_at };
        let device = crate::people::DeviceId::unnamed();
        let origin = Arc::new(ReadingRef { device: None, seq: Some(1), time: now.wall, timed: true });
        let mut chart = Chart::default();
        let entry = Entry {
            reading,
            device: &device,
            at: now.wall,
            origin: &origin,
            now,
            listening_since: Uptime::START,
        };
        chart.enter(&entry);
        View {
            patient: "icu-1/p-1".parse().unwrap(),
            record: Arc::default(),
            chart: Arc::new(chart),
            devices: Arc::default(),
            limits: Arc::default(),
            fixed_silence: Arc::new([None; Vital::COUNT]),
            tracked: Arc::new([]),
            at: now.wall,
            measured: now.uptime,
            now,
            reading: Some(origin),
            backlog: false,
            listening_since: Uptime::START,
            own_clock_suspect: false,
        }
    }
}
