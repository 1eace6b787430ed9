//! A device sends what is old: it empties its buffer, or its clock was set back. Which, time shows.

use serde::{Deserialize, Serialize};

use super::lag::{Delays, catches_up};
use super::parallel::Parallel;
use super::parts::Parts;
use super::stamps::{Stamp, as_ms};
use crate::clock::{Span, Timestamp, Uptime};

/// By more than this the ages must have fallen for what then falls silent, or pauses, to have been a backlog.
pub(in crate::devices) const BACKLOG_FELL: Span = Span::from_secs(60);

/// No buffer reaches further back: what jumps further was sent by a clock that started anew.
pub(super) const BUFFER_REACHES: Span = Span::from_hours(7 * 24);

/// One kept reading, as its device's clock sees it.
#[derive(Debug, Clone, Copy)]
pub struct KeptArrival {
    pub arrival: Uptime,
    /// The stamp as sent; of several of one message the newest.
    pub time: Timestamp,
    /// Arrival less that stamp, where the stamp stands still less what it has lasted.
    pub delay: Span,
    /// All it speaks of.
    pub parts: Parts,
    /// What of it is kept though it is not old, since a newer stamp is known.
    pub overtaken: Parts,
}

/// What a catch-up turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The clock was set back: these delays are its lag from here on. Where one reading alone says so it is `lone`.
    SetBack { delays: Delays, newest: Stamp, lone: bool },
    /// A backlog fell silent before it reached what is live.
    FellSilent,
}

/// What came since the first kept reading, as long as nothing live ended it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatchUp {
    /// From when on the time counts after which it ends.
    counts_from: Uptime,
    mark_delay: Span,
    #[serde(with = "as_ms")]
    mark_time: Timestamp,
    /// The mark is a jump into the past, as far as a buffer may reach.
    jumped: bool,
    /// Whether anything newer came since the mark.
    went_on: bool,
    /// The delays since the mark, its own among them.
    delays: Delays,
    /// The delay with which the last jump began.
    jump_delay: Span,
    /// The newest stamp since the last jump.
    newest: Stamp,
    /// What was kept though it was not old.
    overtaken: Parts,
    /// The last reading was kept for its stamps' order alone.
    young: bool,
    /// One reading alone proves nothing: this device has just sent live and kept readings in turn.
    #[serde(default)]
    doubted: bool,
    /// Its readings come newest first, which no clock does.
    #[serde(default)]
    backwards: bool,
    /// The last stamp, in milliseconds since 1970, and what came with it.
    #[serde(default)]
    last_ms: i64,
    #[serde(default)]
    last_parts: Parts,
    /// It fell silent, and what follows is compared with it.
    #[serde(default)]
    rests: bool,
    /// A clock that may be going on beside what is drained.
    #[serde(default)]
    parallel: Option<Parallel>,
}

impl CatchUp {
    /// The first kept reading sets the mark; `doubted`, where it needs another to turn a clock.
    pub fn begin(first: KeptArrival, doubted: bool) -> Self {
        Self {
            doubted,
            backwards: false,
            last_ms: first.time.unix_ms(),
            last_parts: first.parts,
            rests: false,
            parallel: None,
            counts_from: first.arrival,
            mark_delay: first.delay,
            mark_time: first.time,
            jumped: false,
            went_on: false,
            delays: Delays::only(first.delay),
            jump_delay: first.delay,
            newest: Stamp { time: first.time, first: first.arrival },
            overtaken: first.overtaken,
            young: !first.overtaken.is_empty(),
        }
    }

    /// Takes a further kept reading; answers whether it is a jump.
    ///
    /// `coarse` is how long one stamp lasts: by so much ages play with nothing being caught up.
    pub fn take(&mut self, kept: KeptArrival, live_within: Span, coarse: Span, doubted: bool) -> bool {
        if self.is_beside(kept) {
            return false; // Of one message the newest counts, and all are one arrival.
        }
        let jumps = kept.delay - self.mark_delay > live_within;
        if self.rests {
            return self.resume(kept, jumps || self.shrinks(kept, coarse), doubted);
        }
        if !self.young && !kept.overtaken.is_empty() {
            return false; // Sent before the clock was set back, and overtaken on its way.
        }
        if self.goes_on_beside(kept, live_within, coarse) {
            return false;
        }
        self.note_order(kept, jumps);
        if jumps {
            (self.jump_delay, self.newest) = (kept.delay, Stamp { time: kept.time, first: kept.arrival });
        }
        self.newest = Stamp::newest(Some(self.newest), kept.time, kept.arrival);
        if jumps || self.shrinks(kept, coarse) {
            self.doubted |= jumps && doubted;
            let by = kept.delay - self.mark_delay;
            self.set_mark(kept, jumps && by <= BUFFER_REACHES);
        } else if kept.time > self.mark_time && self.doubted {
            // A second one agrees with the first: from here on they count as any others.
            let first = self.mark_delay;
            self.doubted = false;
            self.set_mark(kept, false);
            self.delays.note(first);
        } else {
            self.went_on |= kept.time > self.mark_time;
            self.delays.note(kept.delay);
        }
        self.overtaken = self.overtaken.and(kept.overtaken);
        self.young = !kept.overtaken.is_empty();
        jumps
    }

    /// Whether it came in one message with the newest of what waits.
    fn is_beside(&mut self, kept: KeptArrival) -> bool {
        let is_beside = !self.rests && (self.newest.time, self.newest.first) == (kept.time, kept.arrival);
        if is_beside {
            self.overtaken = self.overtaken.and(kept.overtaken);
            self.young &= !kept.overtaken.is_empty();
        }
        is_beside
    }

    /// Whether it goes on where another clock stood; what is left for another order may go on later.
    fn goes_on_beside(&mut self, kept: KeptArrival, live_within: Span, coarse: Span) -> bool {
        if (kept.delay - self.mark_delay).abs() <= live_within {
            return false;
        }
        let goes_on = self.parallel.as_mut().is_some_and(|parallel| parallel.take(kept, live_within, coarse));
        if !goes_on && !self.parallel.is_some_and(|known| known.went_on()) {
            let newest = Stamp { time: self.mark_time, first: self.counts_from };
            self.parallel = Some(Parallel::begun(self.counts_from, self.mark_delay, self.delays, newest));
        }
        goes_on
    }

    fn set_mark(&mut self, kept: KeptArrival, jumped: bool) {
        (self.counts_from, self.mark_delay, self.mark_time) = (kept.arrival, kept.delay, kept.time);
        (self.jumped, self.went_on, self.delays) = (jumped, false, Delays::only(kept.delay));
    }

    /// Newest first is the order of a buffer; a jump is in no order, nor is a cuff that is stamped before the
    /// monitor's other values.
    fn note_order(&mut self, kept: KeptArrival, jumps: bool) {
        let is_another = kept.parts != self.last_parts;
        if !jumps && is_another && kept.parts.without(self.last_parts).is_empty() {
            return;
        }
        if !jumps && !is_another && kept.time.unix_ms() != self.last_ms {
            self.backwards = kept.time.unix_ms() < self.last_ms;
        }
        (self.last_ms, self.last_parts) = (kept.time.unix_ms(), kept.parts);
    }

    /// The first reading after it fell silent: it begins anew, and is doubted unless it goes on where the mark stood.
    fn resume(&mut self, kept: KeptArrival, differs: bool, doubted: bool) -> bool {
        let agrees = !differs && kept.time > self.mark_time;
        let backwards = self.backwards && kept.time.unix_ms() < self.last_ms;
        let mut anew = Self::begin(kept, !agrees && (doubted || backwards));
        anew.backwards = backwards;
        if agrees {
            anew.delays.note(self.mark_delay);
        }
        *self = anew;
        !agrees
    }

    /// Whether the age fell by at least half of the time since the mark: something is being caught up.
    fn shrinks(&self, kept: KeptArrival, coarse: Span) -> bool {
        let (fell, passed) = (self.mark_delay - kept.delay - coarse, kept.arrival.since(self.counts_from));
        catches_up(fell, passed)
    }

    /// For how long the newest stamp has lasted, if this is it again.
    pub fn lasted(&self, time: Timestamp, arrival: Uptime) -> Option<Span> {
        self.newest.lasted(time, arrival)
    }

    /// Whether a live reading of these parts proves that the clock was not set back.
    ///
    /// Where stamps were only out of order, one of other vitals proves nothing: a step of some seconds leaves it live.
    pub fn is_ended_by(&self, parts: Parts) -> bool {
        !self.young || self.overtaken.meets(parts)
    }

    /// What could not be heard does not count.
    pub fn count_from(&mut self, hearing_since: Uptime) {
        self.counts_from = self.counts_from.max(hearing_since);
        self.parallel.iter_mut().for_each(|parallel| parallel.count_from(hearing_since));
    }

    /// When it ends by itself; none once it fell silent.
    pub fn deadline(&self, catch_up: Span) -> Option<Uptime> {
        let own = (!self.rests).then(|| self.counts_from + catch_up)?;
        let parallel = self.parallel.as_ref().and_then(|parallel| parallel.deadline(catch_up));
        Some(parallel.map_or(own, |parallel| own.min(parallel)))
    }

    /// Whether it ends at `arrival`, with the newest that came then.
    pub fn ends_with(&self, time: Timestamp, arrival: Uptime, catch_up: Span) -> bool {
        self.newest.time == time && self.deadline(catch_up).is_some_and(|deadline| deadline <= arrival)
    }

    /// It fell silent: what follows is compared with it.
    pub fn rest(&mut self) {
        self.rests = true;
    }

    /// The newest stamp since the last jump.
    pub fn newest(&self) -> Timestamp {
        self.newest.time
    }

    /// Whether one reading alone would prove nothing.
    pub fn is_doubted(&self) -> bool {
        self.doubted
    }

    /// Whether it has not fallen silent.
    pub fn is_under_way(&self) -> bool {
        !self.rests
    }

    /// What it was, now that its time is up.
    ///
    /// A clock that was set back goes on. Ages that fell, or jumped, until nothing newer came are a buffer's,
    /// sent with the oldest or with the newest first.
    ///
    /// Where a clock went on beside what was drained for `catch_up`, it is the one that holds.
    pub fn ending(&self, due: Uptime, catch_up: Span, backlog_fell: Span) -> Ending {
        let of_parallel = |parallel: &Parallel| parallel.deadline(catch_up).is_some_and(|end| end <= due);
        if let Some((delays, newest)) = self.parallel.as_ref().filter(|p| of_parallel(p)).map(Parallel::clock)
        {
            return Ending::SetBack { delays, newest, lone: false };
        }
        let buffered = self.jumped || self.jump_delay - self.mark_delay > backlog_fell;
        if !self.went_on && (buffered || self.backwards || self.doubted) {
            Ending::FellSilent
        } else {
            let lone = self.delays.count() == 1;
            Ending::SetBack { delays: self.delays, newest: self.newest, lone }
        }
    }

    /// Moves what was noted on the uptime clock by `by`.
    pub fn shift(&mut self, by: Span) {
        self.counts_from = self.counts_from + by;
        (self.mark_delay, self.jump_delay) = (self.mark_delay + by, self.jump_delay + by);
        self.delays.shift(by);
        self.newest.shift(by);
        self.parallel.iter_mut().for_each(|parallel| parallel.shift(by));
    }
}
