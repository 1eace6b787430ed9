//! One patient at one moment, as every rule sees it.

use std::sync::Arc;

use super::missing::Unheard;
use crate::admission::AdmissionRecord;
use crate::alerts::{Delay, UnderWay};
use crate::chart::Chart;
use crate::chart::{HELD_FOR, Latest, Speakers};
use crate::clock::{Now, Span, Timestamp, Uptime};
use crate::conditions::Condition;
use crate::devices::{Device, Devices};
use crate::people::{Class, PatientId};
use crate::settings::{Limits, Watch};
use crate::vitals::ReadingRef;
use crate::vitals::Vital;

/// A spot check counts for no longer than this, however seldom it comes (clinical reference, section 1).
const SPOT_CHECK_VALID_FOR: Span = Span::from_hours(12);

/// Within this, after we could not hear, whoever may be silent for longer has to be heard.
const HEARD_WITHIN: Span = Span::from_hours(1);

/// One patient at one moment. Cheap to hand to every rule.
#[derive(Debug, Clone)]
pub struct View {
    pub patient: PatientId,
    pub record: Arc<AdmissionRecord>,
    pub chart: Arc<Chart>,
    pub devices: Arc<Devices>,
    pub limits: Arc<Limits>,
    /// When the site says that the silence of a vital is an alert.
    pub watches: Arc<[Watch; Vital::COUNT]>,
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
    /// From when on silence counts: what could not be heard is not missing.
    pub listening_since: Uptime,
    /// Until when the patient was away.
    pub away_until: Uptime,
    /// Whether our own clock is the likelier fault, so that no device is blamed.
    pub own_clock_suspect: bool,
    /// Whether anything is heard of the patient at all.
    pub unheard: Unheard,
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
        self.record.class_at(self.now.wall)
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

    /// After how long without a value of this device the vital is missing; none for spot checks.
    ///
    /// What the site fixes holds for the device that speaks for the vital, and for all that measure it continuously.
    pub fn silent_after(&self, vital: Vital, device: &Device) -> Option<Span> {
        if !vital.facts().watched {
            return None;
        }
        let usual = device.rhythm(vital)?.silent_after();
        match self.watches[vital.index()] {
            Watch::Off => None,
            Watch::ByRhythm => usual,
            Watch::After(span) => {
                let speaks = || self.chart.latest(vital).is_some_and(|latest| latest.is_of(&device.id));
                (usual.is_some() || speaks()).then_some(span)
            }
        }
    }

    /// From when on a silence counts that is published after `span`: from when we hear again.
    ///
    /// Not all of a day: a span longer than an hour goes on through what we could not hear, and is published no sooner than
    /// an hour after it. A service that is started anew each day would else never report what is silent for a day.
    pub fn counts_from(&self, heard: Uptime, span: Span) -> Uptime {
        let least = span.min(HEARD_WITHIN);
        heard.max(self.away_until).max(self.listening_since + least - span)
    }

    /// For how much of `span` nothing has come, of what could be heard.
    pub fn silent_for(&self, heard: Uptime, span: Span) -> Span {
        self.now.uptime.since(self.counts_from(heard, span))
    }

    /// Which of heart rate and pulse rate speaks for the heart, and until when, where the other waits for its turn.
    ///
    /// The heart rate goes first as long as it holds against the pulse as against another device. Where it holds
    /// nothing, the pulse holds in its turn. Once the pulse has spoken, an older heart rate does not come back where
    /// the pulse falls silent.
    pub fn rate(&self) -> (Vital, Option<Uptime>) {
        let (rate, pulse) = (self.voice(Vital::HeartRate), self.voice(Vital::PulseRate));
        if self.pulse_spoke_last() {
            return (Vital::PulseRate, None);
        }
        let Voice::Fresh(pulse, _) = pulse else { return (Vital::HeartRate, None) };
        let Voice::Fresh(rate, _) = rate else { return (Vital::PulseRate, None) };
        let speakers = Speakers {
            devices: &self.devices,
            named: self.record.devices.as_deref(),
            now: self.now.uptime,
            listening_since: self.listening_since,
        };
        let (rate, pulse) = ((Vital::HeartRate, rate), (Vital::PulseRate, pulse));
        let held_until = |(vital, latest), (other, by): (Vital, &Latest)| {
            speakers.held_until((vital, latest), (other, &by.device()))
        };
        let is_newer = pulse.1.heard > rate.1.heard;
        let ((holder, until), other) = match (held_until(rate, pulse), is_newer) {
            (Some(_), false) => return (Vital::HeartRate, None),
            (None, true) => return (Vital::PulseRate, None),
            (held, true) => ((Vital::HeartRate, held), Vital::PulseRate),
            (None, false) => ((Vital::PulseRate, held_until(pulse, rate)), Vital::HeartRate),
        };
        match until.filter(|until| self.now.uptime < *until) {
            Some(until) => (holder, Some(until)),
            None => (other, None),
        }
    }

    /// Whether the last pulse came when the last heart rate held nothing any more.
    fn pulse_spoke_last(&self) -> bool {
        let heard = |vital| self.chart.latest(vital).map(|latest| latest.heard);
        let (rate, pulse) = (heard(Vital::HeartRate), heard(Vital::PulseRate));
        rate.zip(pulse).is_some_and(|(rate, pulse)| pulse.since(rate) >= HELD_FOR)
    }

    /// For how long a value of this vital counts: `usual`, and where it comes as spot checks until the next is due.
    pub fn valid_for(&self, vital: Vital, latest: &Latest, usual: Span) -> Span {
        let round = self.devices.get(&latest.device()).and_then(|device| device.round(vital));
        let until_next = round.map(|round| Span::from_ms(round.as_ms() * 3 / 2).min(SPOT_CHECK_VALID_FOR));
        until_next.map_or(usual, |span| span.max(usual))
    }

    /// Until when a value that is too old is awaited: its device goes on, and left it out of one round.
    ///
    /// The next round decides. That nothing is known meanwhile says nothing that the one after it would not.
    pub fn expected_until(&self, vital: Vital) -> Option<Uptime> {
        let latest = self.chart.latest(vital).filter(|latest| latest.not_measured.is_none())?;
        let device = self.devices.get(&latest.device()).filter(|device| device.live > latest.heard)?;
        let round = device.round(vital).filter(|_| self.silent_after(vital, device).is_none())?;
        let too_old = latest.measured + self.valid_for(vital, latest, vital.facts().valid_for);
        let left_out = device.live.since(latest.heard).as_ms() * 2 >= round.as_ms() && device.live <= too_old;
        let until = latest.measured + Span::from_ms(round.as_ms() * 9 / 4).min(SPOT_CHECK_VALID_FOR);
        (left_out && self.now.uptime < until).then_some(until)
    }

    /// Whether this vital speaks for the patient: neither too old nor missing.
    pub fn voice(&self, vital: Vital) -> Voice<'_> {
        let Some(latest) = self.chart.latest(vital) else { return Voice::Never };
        if latest.not_measured.is_some() {
            return Voice::Unknown;
        }
        let valid_until = latest.measured + self.valid_for(vital, latest, vital.facts().valid_for);
        let span = self.devices.get(&latest.device()).and_then(|device| self.silent_after(vital, device));
        let missing_at = span.map(|span| self.counts_from(latest.heard, span) + span);
        let until = missing_at.map_or(valid_until, |missing| missing.min(valid_until));
        if self.now.uptime < until { Voice::Fresh(latest, until) } else { Voice::Unknown }
    }
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;
    use crate::chart::ChartedReading;
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
        let origin = Arc::new(ReadingRef {
            device: None,
            seq: Some(1),
            time: now.wall,
            timed: true,
            generation: 0,
            simulated: false,
        });
        let mut chart = Chart::default();
        let devices = Devices::default();
        let (now_up, listening_since) = (now.uptime, Uptime::START);
        let speakers = Speakers { devices: &devices, named: None, now: now_up, listening_since };
        let (device, origin) = (&device, &origin);
        let (at, measured) = (now.wall, now.uptime);
        let entry = ChartedReading { reading, device, at, measured, origin, now, live: true, speakers };
        chart.enter(&entry);
        View {
            patient: "icu-1/p-1".parse().unwrap(),
            record: Arc::default(),
            chart: Arc::new(chart),
            devices: Arc::default(),
            limits: Arc::default(),
            watches: Arc::new([Watch::ByRhythm; Vital::COUNT]),
            tracked: Arc::new([]),
            at: now.wall,
            measured: now.uptime,
            now,
            reading: Some(Arc::clone(origin)),
            listening_since: Uptime::START,
            away_until: Uptime::START,
            own_clock_suspect: false,
            unheard: Unheard::default(),
        }
    }
}
