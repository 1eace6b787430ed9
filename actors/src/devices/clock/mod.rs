//! Whose time a reading is judged by, and whether it is live or kept: what arrivals say of a device's clock.
//!
//! A device's lag is the smallest delay of its last live readings; a reading's age is how much longer than that
//! it took. So a clock that is wrong by a constant needs no verdict. All is measured on our uptime clock.

mod catch_up;
mod fault;
pub mod lag;
mod parallel;
pub mod parts;
#[cfg(test)]
mod simulation;
mod stamps;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::clock::{Now, Span, Timestamp, Uptime};
use crate::devices::former::FormerStay;
use crate::settings::AlertSettings;
pub(in crate::devices) use catch_up::BACKLOG_FELL;
use catch_up::{BUFFER_REACHES, CatchUp, Ending, KeptArrival};
use fault::ClockFault;
pub use fault::Skew;
use lag::{Delays, REMEMBERED, delay, delay_of_wall, measured};
pub use parts::Parts;
use stamps::Stamps;

/// The time of one reading, as it is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Judged {
    /// The time that is published.
    pub at: Timestamp,
    /// When it was measured, on our uptime clock: its stamp and the lag.
    pub measured: Uptime,
    /// What of it is from the past, and waits; the rest is live, and decides.
    pub kept: KeptParts,
    /// Where its arrival counts, when it was measured by what its clock says: it may be as old as that.
    pub doubted: Option<Uptime>,
}

/// What of a reading is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeptParts {
    Nothing,
    /// These parts: newer ones are known.
    Some(Parts),
    /// All of it, for newer ones are known of all its parts: it is not old.
    Overtaken,
    All,
}

impl KeptParts {
    /// Which of these parts are kept.
    pub const fn of(self, parts: Parts) -> Parts {
        match self {
            Self::Nothing => Parts::NONE,
            Self::Some(kept) => kept,
            Self::Overtaken | Self::All => parts,
        }
    }
}

/// What a catch-up was, once its time was up without a live reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CatchUpEnd {
    /// The clock was set back: the last `readings` kept readings are live by a lag that is greater by `by`.
    ///
    /// Where one reading alone says so it is `lone`: whatever it brings, it ends nothing that live readings decided.
    SetBack { readings: usize, by: Span, lone: bool },
    /// The backlog fell silent: its newest values decide at their own times.
    FellSilent,
}

/// For so many live readings what a lag was before is remembered, and that one reading alone was wrong about it.
#[expect(clippy::cast_possible_truncation, reason = "sixteen")]
const READINGS_REMEMBERED: u8 = REMEMBERED as u8;

/// So many live readings, from the one on that showed it, one kept reading alone turns no clock.
const READINGS_DOUBTED: u8 = READINGS_REMEMBERED + 1;

/// The lag before the one that started anew, for as long as what follows may prove that it still holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Before {
    delays: Delays,
    /// After how many more live readings it is forgotten.
    forgotten_after: u8,
    /// One reading alone started the lag anew: the next one shows which of the two holds.
    #[serde(default)]
    lone: bool,
}

/// What the arrivals of one device's readings say of its clock.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceClock {
    delays: Delays,
    before: Option<Box<Before>>,
    stamps: Stamps,
    catch_up: Option<Box<CatchUp>>,
    /// How many readings were kept since the last jump.
    since_jump: usize,
    anew_at: Option<Uptime>,
    /// For so many more live readings one kept reading alone turns no clock: the last time it was a backlog after all.
    #[serde(default)]
    doubted_for: u8,
    fault: ClockFault,
}

impl DeviceClock {
    /// A clock of which these lags against our wall clock were known.
    pub fn known(lags: Vec<Span>, wrong: bool, now: Now) -> Self {
        let fault = ClockFault::known(lags.iter().min().copied().unwrap_or(Span::ZERO), wrong);
        let delays: Vec<_> = lags.into_iter().map(|lag| delay_of_wall(now) + lag).collect();
        Self { delays: delays.into(), fault, ..Self::default() }
    }

    /// Of readings that came in one message the newest gives the lag, though the oldest is judged first.
    pub fn foresee(&mut self, newest: Timestamp, arrival: Now, rules: &AlertSettings) {
        let delay = delay(arrival.uptime, newest);
        let age = delay - self.lag(arrival);
        let first = self.delays.lag().is_none() && age <= rules.live_within;
        if first || (age < Span::ZERO && self.before.is_none()) {
            self.remember_lag(delay, rules);
            self.delays.note(delay);
        }
    }

    /// Judges the time of a reading that is no duplicate.
    ///
    /// Readings of one message are one arrival, as old as the newest of them: `newest`.
    pub fn judge(
        &mut self,
        time: Option<Timestamp>,
        newest: Option<Timestamp>,
        parts: Parts,
        arrival: Now,
        rules: &AlertSettings,
    ) -> Judged {
        let Some(time) = time else {
            let (at, measured) = (arrival.wall, arrival.uptime);
            return Judged { at, measured, kept: KeptParts::Nothing, doubted: None };
        };
        let newest = newest.filter(|newest| *newest > time);
        self.judge_stamped((time, newest), parts, arrival, rules)
    }

    fn judge_stamped(
        &mut self,
        (time, newest): (Timestamp, Option<Timestamp>),
        parts: Parts,
        arrival: Now,
        rules: &AlertSettings,
    ) -> Judged {
        let stamp = time + self.lasted(time, arrival.uptime);
        let delay = delay(arrival.uptime, stamp);
        self.return_to_lag_before(delay, arrival, rules);
        let live_within = rules.live_within + self.stamps.longest();
        let uptime = arrival.uptime;
        let (sent, passed) = newest.map_or((time, delay), |newest| (newest, lag::delay(uptime, newest)));
        let kept = |overtaken| KeptArrival { arrival: uptime, time: sent, delay: passed, parts, overtaken };
        if delay - self.lag(arrival) > live_within {
            self.keep(kept(Parts::NONE), live_within);
            return self.judged(stamp, arrival, rules, KeptParts::All);
        }
        let overtaken = self.stamps.overtaken(parts, time);
        if !overtaken.is_empty() {
            self.keep(kept(overtaken), live_within);
        }
        let live = parts.without(overtaken);
        if !overtaken.is_empty() && live.is_empty() {
            return self.judged(stamp, arrival, rules, KeptParts::Overtaken);
        }
        self.note_live(delay, arrival, rules);
        // One that was stamped before another, a cuff's, may have been stamped before the clock was set back.
        let proves = overtaken.is_empty() && !self.stamps.is_overtaken(time);
        self.stamps.note(live, time, arrival.uptime);
        let kept = if overtaken.is_empty() { KeptParts::Nothing } else { KeptParts::Some(overtaken) };
        if proves {
            self.end_catch_up(live);
        }
        self.judged(stamp, arrival, rules, kept)
    }

    /// For how long this stamp has lasted: it is judged later by so much. Notes how coarse the stamps are.
    fn lasted(&mut self, time: Timestamp, arrival: Uptime) -> Span {
        let kept = self.catch_up.as_ref().and_then(|catch_up| catch_up.lasted(time, arrival));
        let lasted = kept.or_else(|| self.stamps.lasted(time, arrival)).unwrap_or(Span::ZERO);
        self.stamps.note_lasted(lasted);
        lasted
    }

    /// What the lag of now does not allow and the one before does is judged by that: it was a backlog after all, or
    /// one stamp alone that was ahead.
    fn return_to_lag_before(&mut self, delay: Span, arrival: Now, rules: &AlertSettings) {
        let (lag, Some(before)) = (self.lag(arrival), &mut self.before) else { return };
        let Some(lag_before) = before.delays.lag() else { return };
        let (age, age_before) = (delay - lag, delay - lag_before);
        let is_nearer = before.lone && age_before.abs() < age.abs();
        let least = Span::ZERO - rules.live_within;
        // Of a clock that a week behind was found to be another there is no backlog.
        let too_young = age < least && age_before >= least && age_before <= BUFFER_REACHES;
        let was_ahead = lag < lag_before && age > rules.live_within && age_before.abs() <= rules.live_within;
        if was_ahead {
            self.stamps.start_anew(None);
        } else if too_young || is_nearer {
            // A step of some seconds was no backlog's: what is out of order says nothing of what is old.
            let was_old = lag - lag_before > rules.live_within;
            (self.anew_at, self.doubted_for) =
                (None, if was_old { READINGS_DOUBTED } else { self.doubted_for });
        } else {
            before.lone &= age > rules.live_within;
            return;
        }
        self.delays = before.delays;
        self.before = None;
    }

    /// The lag; before the first, a clock is taken to say what ours does.
    fn lag(&self, now: Now) -> Span {
        self.delays.lag().unwrap_or_else(|| delay_of_wall(now))
    }

    /// Takes a reading, or a part of one, that is from the past.
    fn keep(&mut self, kept: KeptArrival, live_within: Span) {
        let coarse = self.stamps.longest();
        let doubted = self.doubted_for > 0;
        let jumps = match &mut self.catch_up {
            Some(catch_up) => catch_up.take(kept, live_within, coarse, doubted),
            none => {
                *none = Some(Box::new(CatchUp::begin(kept, doubted)));
                true
            }
        };
        self.since_jump = if jumps { 1 } else { self.since_jump + 1 };
    }

    /// A reading is ahead of the lag of now by far: it starts anew, and is remembered.
    fn remember_lag(&mut self, delay: Span, rules: &AlertSettings) {
        if self.before.is_none() && self.delays.lag().is_some_and(|lag| lag - delay > rules.live_within) {
            let (delays, forgotten_after) = (self.delays, READINGS_REMEMBERED + 1);
            self.before = Some(Box::new(Before { delays, forgotten_after, lone: false }));
            self.delays = Delays::default();
        }
    }

    fn note_live(&mut self, delay: Span, arrival: Now, rules: &AlertSettings) {
        self.remember_lag(delay, rules);
        self.delays.note(delay);
        self.doubted_for = self.doubted_for.saturating_sub(1);
        self.before.take_if(|before| before.forgotten_after <= 1);
        if let Some(before) = &mut self.before {
            before.forgotten_after -= 1;
        }
        self.note_fault(arrival, rules);
    }

    fn note_fault(&mut self, now: Now, rules: &AlertSettings) {
        let lag = self.lag(now) - delay_of_wall(now);
        self.fault.note(lag, &self.delays, now.uptime, rules);
    }

    /// A live reading ends the catch-up, where it proves that the clock was not set back.
    fn end_catch_up(&mut self, live: Parts) {
        let ended = self.catch_up.take_if(|catch_up| catch_up.is_ended_by(live));
        if self.doubted_for > 0 && ended.is_some_and(|ended| ended.is_doubted()) {
            self.doubted_for = READINGS_DOUBTED;
        }
    }

    /// A clock that is right within the tolerance is not corrected in what is published.
    fn judged(&self, stamp: Timestamp, now: Now, rules: &AlertSettings, kept: KeptParts) -> Judged {
        let lag = self.lag(now);
        let off_by = lag - delay_of_wall(now);
        let at = if off_by.abs() <= rules.clock_tolerance { stamp } else { stamp + off_by };
        Judged { at, measured: measured(stamp, lag), kept, doubted: None }
    }

    /// Whether kept readings came of which time will show what they are.
    pub fn is_catching_up(&self) -> bool {
        self.catch_up.as_ref().is_some_and(|catch_up| catch_up.is_under_way())
    }

    /// When a catch-up ends that no live reading ends.
    pub fn deadline(&self, rules: &AlertSettings) -> Option<Uptime> {
        self.catch_up.as_ref()?.deadline(rules.catch_up)
    }

    /// Whether a catch-up ends at `arrival`, and decides by what came then with this stamp.
    pub fn ends_with(&self, time: Timestamp, arrival: Uptime, rules: &AlertSettings) -> bool {
        self.catch_up.as_ref().is_some_and(|catch_up| catch_up.ends_with(time, arrival, rules.catch_up))
    }

    /// Ends a catch-up whose time is up, of the time in which we could hear.
    pub fn run_out(
        &mut self,
        due: Uptime,
        hearing_since: Uptime,
        now: Now,
        rules: &AlertSettings,
        former: FormerStay,
    ) -> Option<CatchUpEnd> {
        let backlog_fell = self.backlog_fell(former, now, rules);
        let catch_up = self.catch_up.as_mut()?;
        catch_up.count_from(hearing_since);
        catch_up.deadline(rules.catch_up).filter(|deadline| *deadline <= due)?;
        let Ending::SetBack { delays, newest, lone } = catch_up.ending(due, rules.catch_up, backlog_fell)
        else {
            catch_up.rest();
            return Some(CatchUpEnd::FellSilent);
        };
        self.catch_up = None;
        let before = self.lag(now);
        let remembered = if self.delays.lag().is_some() { self.delays } else { Delays::only(before) };
        let forgotten_after = READINGS_REMEMBERED;
        self.before = Some(Box::new(Before { delays: remembered, forgotten_after, lone }));
        self.delays = delays;
        self.stamps.start_anew(Some(newest));
        self.anew_at = Some(due);
        self.note_fault(now, rules);
        Some(CatchUpEnd::SetBack { readings: self.since_jump, by: self.lag(now) - before, lone })
    }

    /// By more than how much ages must have fallen to have been a backlog's: by hardly anything, where it would be that
    /// of a former stay.
    fn backlog_fell(&self, former: FormerStay, now: Now, rules: &AlertSettings) -> Span {
        let at = |stamp| self.judged(stamp, now, rules, KeptParts::All).at;
        let newest = self.catch_up.as_ref().map(|catch_up| at(catch_up.newest()));
        let is_of_former = newest.is_some_and(|newest| former.has(newest, now.wall));
        if is_of_former { rules.clock_tolerance } else { BACKLOG_FELL }
    }

    /// The last reading was not kept after all: its arrival counts.
    pub fn note_released(&mut self) {
        self.since_jump = self.since_jump.saturating_sub(1);
    }

    /// For how long one stamp lasts.
    pub fn coarse(&self) -> Span {
        self.stamps.longest()
    }

    /// Notes what of a kept reading is live after all, since the clock was set back.
    pub fn note_live_after_all(&mut self, parts: Parts, time: Timestamp, arrival: Uptime) {
        self.stamps.note(parts, time, arrival);
    }

    /// Gives up a catch-up that failed inside WardWatch.
    pub fn drop_catch_up(&mut self) {
        self.catch_up = None;
    }

    /// When the lag last started anew.
    pub fn started_anew(&self) -> Option<Uptime> {
        self.anew_at
    }

    /// By how much the clock is wrong, if it is; positive: behind ours.
    pub fn off_by(&self) -> Option<Span> {
        self.fault.off_by()
    }

    /// In which direction the clock is off.
    pub fn skew(&self) -> Option<Skew> {
        self.fault.skew()
    }

    /// Moves what was noted on the uptime clock by `by`: that clock started anew.
    pub fn shift(&mut self, by: Span) {
        self.delays.shift(by);
        if let Some(before) = &mut self.before {
            before.delays.shift(by);
        }
        if let Some(catch_up) = &mut self.catch_up {
            catch_up.shift(by);
        }
        self.stamps.shift(by);
        self.anew_at = self.anew_at.map(|anew| anew + by);
        self.fault.shift(by);
    }
}
