//! A reading arrives: what of it is live decides, what is from the past waits.

use std::sync::Arc;

use super::drain::Drain;
use super::outcome::{ArrivalRejection, Observed};
use super::replay::{Account, Purpose};
use super::speakers::Timed;
use super::{Listening, Patient};
use crate::alerts::Moment;
use crate::chart::Charted;
use crate::clock::{Now, Span, Uptime};
use crate::devices::Device;
use crate::devices::clock::{Judged, KeptParts};
use crate::devices::former::FormerStay;
use crate::devices::kept::{KeptReading, part};
use crate::people::DeviceId;
use crate::vitals::{Reading, ReadingRef, VitalSet};

/// For so long a reading may have waited in here; more is a step of our own wall clock.
const WAITED_AT_MOST: Span = Span::from_mins(1);

/// A reading as it arrived, and what is known of its time.
struct TimedReading<'a> {
    device: &'a DeviceId,
    origin: Arc<ReadingRef>,
    judged: Judged,
    at: Uptime,
    listening: Listening,
    now: Now,
}

impl Patient {
    /// A reading arrived.
    pub fn observe(&mut self, reading: &Reading, listening: Listening, now: Now) -> Observed {
        #[cfg(test)]
        assert_ne!(reading.seq, Some(super::FAILING_SEQ), "on purpose");
        let device = reading.device.clone().unwrap_or_else(DeviceId::unnamed);
        if !self.record.allows(reading.device.as_ref()) {
            return Observed::Rejected(ArrivalRejection::OtherDevice { patient: self.id.clone(), device });
        }
        self.grow_older(now.wall);
        let settings = Arc::clone(&self.site.settings);
        let known = self.device(&device);
        if known.repeats.repeats(reading) {
            return Observed::Duplicate;
        }
        let arrival = arrival(reading, now);
        if let Some(newest) = reading.newest_beside {
            known.clock.foresee(newest, arrival, &settings.alerts);
        }
        let hearing_since = listening.since.unwrap_or(now.uptime);
        let judged = known.judge(reading, arrival, hearing_since, &settings.alerts);
        hear_kept(known, reading, judged.kept, listening, now);
        let origin =
            Arc::new(ReadingRef { generation: known.count.note(reading), ..ReadingRef::of(reading) });
        self.judged_at = Some(judged.at);
        let arrived = TimedReading { device: &device, origin, judged, at: arrival.uptime, listening, now };
        match judged.kept {
            KeptParts::Nothing => self.observe_live(reading, &arrived),
            KeptParts::Overtaken | KeptParts::All => self.observe_past(reading.clone(), &arrived),
            KeptParts::Some(parts) => {
                let (past, live) = part(reading, parts);
                self.keep(past, &arrived);
                self.observe_live(&live, &arrived)
            }
        }
    }

    /// A live reading decides at once, whatever waits.
    fn observe_live(&mut self, heard: &Reading, arrived: &TimedReading<'_>) -> Observed {
        let said = arrived.judged.doubted.map(|measured| {
            let mut said = heard.clone();
            self.take_back_what_would_end(&mut said, measured, VitalSet::default());
            said
        });
        let reading = said.as_ref().unwrap_or(heard);
        reading.values.present().iter().for_each(|vital| self.taken_back.remove(vital));
        let TimedReading { device, origin, listening, now, .. } = arrived;
        let (listening, now) = (*listening, *now);
        self.end_standby(now.uptime);
        let settled = self.settle(listening, now.uptime);
        let account = self.end_catch_up(device, listening, now);
        let decides = |drain: &&mut Drain| account.is_none() || drain.device != **device;
        self.drains.iter_mut().filter(decides).for_each(Drain::note_decided);
        let Judged { at, measured, .. } = arrived.judged;
        let charted =
            self.chart_reading(&Timed { reading, device, origin, at, measured, live: true }, listening, now);
        self.hear_live(device, heard, listening, now);
        (self.heard, self.simulated, self.state_is_old) = (now.uptime, reading.simulated, true);
        if charted < Charted::New && account.is_none() {
            let moment = Moment::without_reading(now);
            let settled = settled.then(|| self.inquiry(moment, None, listening));
            return settled.map_or(Observed::History, Observed::Judge);
        }
        let moment = Moment { at, measured, now, reading: Some(ReadingRef::clone(origin)) };
        let mut inquiry = self.inquiry(moment, Some(Arc::clone(origin)), listening);
        inquiry.account = account;
        inquiry.more_follow = reading.newest_beside > reading.observed_at;
        Observed::Judge(inquiry)
    }

    /// A live reading ended a device's catch-up: what it brought is charted where nothing newer is known.
    fn end_catch_up(&mut self, device: &DeviceId, listening: Listening, now: Now) -> Option<Account> {
        if self.devices.get(device).is_some_and(|known| known.clock.is_catching_up()) {
            return None;
        }
        let place = self.drains.iter().position(|drain| drain.device == *device)?;
        if !self.drains[place].is_unjudged() {
            return None;
        }
        let uncharted = self.drains[place].uncharted();
        for kept in &uncharted {
            self.chart_past(kept, listening, now);
        }
        Some(Account { device: device.clone(), purpose: Purpose::Decide })
    }

    /// Charts a kept reading for the live track, where nothing newer is known and it is of this stay.
    pub(super) fn chart_past(&mut self, kept: &KeptReading, listening: Listening, now: Now) -> Charted {
        if kept.is_of(self.former_stay()) {
            return Charted::Late;
        }
        let KeptReading { reading, at, measured, .. } = kept;
        let (device, origin) = (kept.device(), kept.origin());
        let timed = Timed { reading, device: &device, origin, at: *at, measured: *measured, live: false };
        self.chart_reading(&timed, listening, now)
    }

    /// What is from the past waits; where too much does, the oldest is judged.
    fn observe_past(&mut self, reading: Reading, arrived: &TimedReading<'_>) -> Observed {
        if !self.keep(reading, arrived) {
            return Observed::History;
        }
        let moment = Moment::without_reading(arrived.now);
        let mut inquiry = self.inquiry(moment, None, arrived.listening);
        inquiry.account = Some(Account { device: arrived.device.clone(), purpose: Purpose::Oldest });
        Observed::Judge(inquiry)
    }

    /// Keeps a reading; whether too many wait.
    fn keep(&mut self, reading: Reading, arrived: &TimedReading<'_>) -> bool {
        let TimedReading { device, origin, judged, at, .. } = arrived;
        let kept = KeptReading::new(reading, Arc::clone(origin), (judged.at, judged.measured), *at);
        self.drain_of(device).keep(kept)
    }

    /// The stay of the same name before this one.
    pub(super) fn former_stay(&self) -> FormerStay {
        FormerStay::until(self.alerts.former_stay(), self.site.settings.alerts.clock_tolerance)
    }

    /// What this device brings from the past.
    fn drain_of(&mut self, device: &DeviceId) -> &mut Drain {
        let place = self.drains.iter().position(|drain| drain.device == *device).unwrap_or_else(|| {
            let former = self.former_stay();
            self.drains.push(Drain::new(device.clone(), &self.chart, &self.alerts, former));
            self.drains.len() - 1
        });
        &mut self.drains[place]
    }
}

/// What is kept is a sign of life of its device; what is kept though it is not old, of its vitals too.
fn hear_kept(device: &mut Device, reading: &Reading, kept: KeptParts, listening: Listening, now: Now) {
    if !matches!(kept, KeptParts::Nothing) {
        device.hear_kept(now);
    }
    if matches!(kept, KeptParts::Overtaken | KeptParts::Some(_)) {
        device.hear_overtaken(reading.values.present(), now, listening.since.unwrap_or(now.uptime));
    }
}

/// When a reading arrived, on both clocks. It may have waited in here, and our wall clock may have been set meanwhile.
fn arrival(reading: &Reading, now: Now) -> Now {
    let waited = now.wall.since(reading.received_at);
    let waited = if waited > WAITED_AT_MOST { Span::ZERO } else { waited.max(Span::ZERO) };
    Now { uptime: now.uptime - waited, wall: now.wall - waited }
}
