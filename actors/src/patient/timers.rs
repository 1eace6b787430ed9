//! What is due without any message: delays, inputs that expire, catch-ups that nothing live ended, the state.

use std::sync::Arc;

use super::outcome::{Inquiry, Notice, Outcome};
use super::replay::{Account, Purpose};
use super::speakers::Timed;
use super::{Listening, Patient, STATE_EVERY};
use crate::alerts::Moment;
use crate::chart::{Chart, Charted};
use crate::clock::{Now, Span, Uptime};
use crate::devices::Devices;
use crate::devices::clock::{CatchUpEnd, Parts};
use crate::devices::former::FormerStay;
use crate::devices::kept::KeptReading;
use crate::people::{DeviceId, Subject};
use crate::settings::AlertSettings;
use crate::vitals::{Consciousness, Quantity, Reading, Vital, VitalSet};

/// By the lag that started anew, what is older than this was sent by another clock.
const LIVE_AFTER_ALL: Span = Span::from_mins(1);

/// The last values that are judged as this vital: a pulse decides for the heart as a heart rate does.
fn known_of(chart: &Chart, judged: Vital) -> impl Iterator<Item = Quantity> {
    let vitals = Vital::ALL.into_iter().filter(move |vital| vital.judged_as() == judged);
    vitals.filter_map(|vital| Some(chart.latest(vital)?.value))
}

/// When the last of them was measured.
fn newest_of(chart: &Chart, judged: Vital) -> Option<Uptime> {
    let vitals = Vital::ALL.into_iter().filter(move |vital| vital.judged_as() == judged);
    vitals.filter_map(|vital| Some(chart.latest(vital)?.measured)).max()
}

impl Patient {
    /// The first timers are due, at `due`: what ran out, and the verdict to be found anew.
    pub fn tick(&mut self, due: Uptime, listening: Listening, now: Now) -> (Outcome, Option<Inquiry>) {
        #[cfg(test)]
        self.fail_on_purpose();
        let arrived = now.uptime;
        let now = Now { uptime: due.min(now.uptime), wall: now.wall_at(due.min(now.uptime)) };
        let subject = Subject::Patient(self.id.clone());
        let mut outcome = Outcome::default();
        if let Some(inquiry) = self.newer_past(due, listening, now) {
            return (outcome, Some(inquiry));
        }
        let caption = super::caption(&subject, &self.record, self.simulated, self.stay, &self.site);
        while let Some(at) = self.alerts.run_out(due, now, &caption) {
            let now = Now { uptime: at, wall: now.wall_at(at) };
            outcome.changes.extend(self.alerts.publish(&caption, false, now));
        }
        if self.leave_at().is_some_and(|leave| leave <= due) {
            outcome.notices.push(Notice::Leaves);
            // Who was away for weeks is asked once.
            self.heard = if arrived.since(due) < self.site.settings.admission.leave_after {
                now.uptime
            } else {
                arrived
            };
        }
        self.raise_unconfirmed(due, &mut outcome, now);
        let back = self.standby().is_some_and(|standby| standby.ends <= due) && self.end_standby(now.uptime);
        self.conclude(&mut outcome, now);
        let settled = self.settle(listening, now.uptime);
        let of_past = self.past_due(due, listening, now);
        let recheck = self.recheck_at.take_if(|recheck| *recheck <= due);
        let plain = settled || recheck.is_some() || back;
        let inquiry =
            of_past.or_else(|| plain.then(|| self.inquiry(Moment::without_reading(now), None, listening)));
        (outcome, inquiry)
    }

    /// Gives up what is due after it failed twice.
    pub fn drop_timers(&mut self, due: Uptime) {
        self.alerts.drop_timers(due);
        self.deliveries.run_out(due);
        self.recheck_at.take_if(|recheck| *recheck <= due);
        self.takeover_at.take_if(|takeover| *takeover <= due);
        self.stated = Some(due);
        let rules = &self.site.settings.alerts;
        self.drains.retain(|drain| drain.deadline(rules.catch_up) > due);
        for device in Arc::make_mut(&mut self.devices).iter_mut() {
            if device.clock.deadline(rules).is_some_and(|deadline| deadline <= due) {
                device.clock.drop_catch_up();
            }
        }
    }

    /// When something is due without any message.
    pub fn next_deadline(&self) -> Option<Uptime> {
        self.timers().min()
    }

    /// The first of each kind of timer that runs.
    pub(super) fn timers(&self) -> impl Iterator<Item = Uptime> {
        let rules = &self.site.settings.alerts;
        let clocks = self.devices.iter().filter_map(|device| device.clock.deadline(rules));
        let drains = self.drains.iter().map(|drain| drain.deadline(rules.catch_up));
        let state = self.stated.filter(|_| self.state_is_old).map(|stated| stated + STATE_EVERY);
        let back = self.standby().map(|standby| standby.ends);
        let others = [
            back,
            self.alerts.next_deadline(),
            self.deliveries.deadline(),
            self.recheck_at,
            self.takeover_at,
            state,
            self.leave_at(),
        ];
        others.into_iter().flatten().chain(clocks).chain(drains)
    }

    /// Before a delay ends by timer, what was measured after the last live value decides, though it came late:
    /// it was said in time, and we could not hear it.
    fn newer_past(&mut self, due: Uptime, listening: Listening, now: Now) -> Option<Inquiry> {
        self.alerts.next_delay().filter(|deadline| *deadline <= due)?;
        for place in 0..self.drains.len() {
            let uncharted = self.drains[place].uncharted();
            let charted =
                uncharted.iter().filter(|kept| self.chart_past(kept, listening, now) == Charted::New);
            if let Some(newest) = charted.max_by_key(|kept| kept.measured) {
                let device = self.drains[place].device.clone();
                return Some(self.decide_by_timer(device, newest, listening, now));
            }
        }
        None
    }

    /// The first catch-up, or drain, that is over without a live reading; nothing while we cannot hear.
    fn past_due(&mut self, due: Uptime, listening: Listening, now: Now) -> Option<Inquiry> {
        let since = listening.since?;
        self.catch_up_due(due, since, listening, now).or_else(|| self.drain_due(due, since, listening, now))
    }

    fn catch_up_due(
        &mut self,
        due: Uptime,
        since: Uptime,
        listening: Listening,
        now: Now,
    ) -> Option<Inquiry> {
        let settings = Arc::clone(&self.site.settings);
        let rules = &settings.alerts;
        let is_due = |deadline: Option<Uptime>| deadline.is_some_and(|deadline| deadline <= due);
        if !self.devices.iter().any(|device| is_due(device.clock.deadline(rules))) {
            return None;
        }
        let former = self.former_stay();
        let (device, end) = first_ended(Arc::make_mut(&mut self.devices), (due, since), now, rules, former)?;
        self.last_saved.at = None;
        match end {
            CatchUpEnd::SetBack { readings, by, lone } => {
                self.was_set_back(device, (readings, by, lone), listening, now)
            }
            CatchUpEnd::FellSilent => self.fell_silent(device, listening, now),
        }
    }

    /// A clock was set back: what it sent since then is live, and the newest of it decides.
    fn was_set_back(
        &mut self,
        device: DeviceId,
        (readings, by, lone): (usize, Span, bool),
        listening: Listening,
        now: Now,
    ) -> Option<Inquiry> {
        let rules = &self.site.settings.alerts;
        let (within, tolerance) = (rules.live_within, rules.clock_tolerance);
        let drain = self.drains.iter_mut().find(|drain| drain.device == device)?;
        let first = drain.waiting.len().saturating_sub(readings);
        let uncharted: Vec<_> = drain.uncharted();
        drain.waiting.retime(readings, by, within, tolerance);
        drain.note_retimed();
        // What another clock sent stays from the past: it was drained in between.
        let (mut live, past): (Vec<_>, Vec<_>) = drain
            .waiting
            .from(first)
            .cloned()
            .partition(|kept| kept.arrival.since(kept.measured) <= LIVE_AFTER_ALL);
        if lone {
            drain.note_decided();
        }
        let older = uncharted.len().saturating_sub(live.len() + past.len());
        for kept in uncharted.iter().take(older).chain(&past) {
            self.chart_past(kept, listening, now);
        }
        for kept in &live {
            self.hear_live_after_all(kept, &device, listening, now);
        }
        live.sort_by_key(|kept| kept.measured);
        let newest = live.last()?.clone();
        // A second one in a row is believed: a gateway with a new name each time has no other.
        let spares = if lone { std::mem::take(&mut self.taken_back) } else { VitalSet::default() };
        for kept in &mut live {
            self.chart_live(kept, lone.then_some((by, spares)), listening, now);
        }
        self.heard = now.uptime;
        Some(self.decide_by_timer(device, &newest, listening, now))
    }

    /// What was kept is live after all: it was a sign of life when it arrived.
    fn hear_live_after_all(&mut self, kept: &KeptReading, device: &DeviceId, listening: Listening, now: Now) {
        let reading = &kept.reading;
        if let Some(known) = Arc::make_mut(&mut self.devices).get_mut(device) {
            let time = reading.observed_at.unwrap_or(reading.received_at);
            known.clock.note_live_after_all(Parts::of(reading), time, kept.arrival);
        }
        self.hear_live(device, reading, listening, arrival_of(kept, now));
    }

    /// Charts what is live after all, as of when it arrived; where it is of one message alone that says that the clock was
    /// set back, and by how much, what it may.
    fn chart_live(
        &mut self,
        kept: &mut KeptReading,
        alone: Option<(Span, VitalSet)>,
        listening: Listening,
        now: Now,
    ) {
        if let Some((by, spares)) = alone {
            let taken_back = self.take_back_what_would_end(&mut kept.reading, kept.measured - by, spares);
            taken_back.iter().for_each(|vital| self.taken_back.insert(vital));
        }
        let (reading, at, measured) = (&kept.reading, kept.at, kept.measured);
        self.simulated = reading.simulated;
        let device = kept.device();
        let timed = Timed { reading, device: &device, origin: kept.origin(), at, measured, live: true };
        self.chart_reading(&timed, listening, arrival_of(kept, now));
    }

    /// One reading alone turned a clock. It may be old all the same, and then be `measured` before what was live: of
    /// what is known newer it says only what is beyond a limit, and worse; it ends and holds back nothing.
    ///
    /// Answers of which vitals something was taken back; of those it `spares` nothing is.
    pub(super) fn take_back_what_would_end(
        &self,
        reading: &mut Reading,
        measured: Uptime,
        spares: VitalSet,
    ) -> VitalSet {
        let mut taken_back = VitalSet::default();
        for vital in Vital::ALL.into_iter().filter(|vital| !spares.contains(*vital)) {
            let judged = vital.judged_as();
            if newest_of(&self.chart, judged).is_none_or(|newest| newest <= measured) {
                continue;
            }
            reading.not_measured.remove(vital);
            let Some(value) = reading.values.get(vital) else { continue };
            let limits = self.site.limits.get(judged);
            let is_low = limits.low.is_some_and(|limit| value < limit);
            let is_high = limits.high.is_some_and(|limit| value > limit);
            let is_lowest = || known_of(&self.chart, judged).all(|known| value <= known);
            let is_highest = || known_of(&self.chart, judged).all(|known| value >= known);
            let is_worse = (is_low && is_lowest()) || (is_high && is_highest());
            if !is_worse {
                reading.values.remove(vital);
                taken_back.insert(vital);
            }
        }
        let is_newer = |known: Option<Uptime>| known.is_some_and(|known| known > measured);
        let is_old = is_newer(self.chart.consciousness.map(|held| held.measured));
        reading.consciousness.take_if(|said| is_old && *said == Consciousness::Alert);
        let is_old = is_newer(self.chart.oxygen.map(|held| held.measured));
        reading.supplemental_oxygen.take_if(|oxygen| is_old && !*oxygen);
        taken_back
    }

    /// A backlog fell silent: its newest values decide at their own times, where nothing newer is known.
    fn fell_silent(&mut self, device: DeviceId, listening: Listening, now: Now) -> Option<Inquiry> {
        let drain = self.drains.iter_mut().find(|drain| drain.device == device)?;
        let uncharted = drain.uncharted();
        let newest = drain.of_this_stay().max_by_key(|kept| kept.measured).cloned();
        for kept in &uncharted {
            self.chart_past(kept, listening, now);
        }
        Some(self.decide_by_timer(device, &newest?, listening, now))
    }

    fn decide_by_timer(
        &mut self,
        device: DeviceId,
        newest: &KeptReading,
        listening: Listening,
        now: Now,
    ) -> Inquiry {
        self.state_is_old = true;
        let (at, measured, origin) = (newest.at, newest.measured, Arc::clone(newest.origin()));
        let moment = Moment { at, measured, now, reading: Some(origin.as_ref().clone()) };
        let mut inquiry = self.inquiry(moment, Some(origin), listening);
        inquiry.account = Some(Account { device, purpose: Purpose::DecideByTimer });
        inquiry
    }

    /// Nothing kept came for a while: what came and went is to be summed up.
    fn drain_due(&mut self, due: Uptime, since: Uptime, listening: Listening, now: Now) -> Option<Inquiry> {
        let catch_up = self.site.settings.alerts.catch_up;
        self.drains.iter_mut().for_each(|drain| drain.count_from(since));
        let over = self.drains.iter().find(|drain| drain.deadline(catch_up) <= due);
        let device = over?.device.clone();
        let mut inquiry = self.inquiry(Moment::without_reading(now), None, listening);
        inquiry.account = Some(Account { device, purpose: Purpose::Summarize });
        Some(inquiry)
    }
}

/// When a reading arrived, on both clocks.
fn arrival_of(kept: &KeptReading, now: Now) -> Now {
    let uptime = kept.arrival.min(now.uptime);
    Now { uptime, wall: now.wall - now.uptime.since(uptime) }
}

/// The first device whose catch-up is over, and what it was.
fn first_ended(
    devices: &mut Devices,
    (due, hearing_since): (Uptime, Uptime),
    now: Now,
    rules: &AlertSettings,
    former: FormerStay,
) -> Option<(DeviceId, CatchUpEnd)> {
    devices.iter_mut().find_map(|device| {
        let end = device.run_out(due, hearing_since, now, rules, former)?;
        Some((device.id.clone(), end))
    })
}
