//! The one life cycle of every alert: delays, hysteresis, falls, and what of it is told.
//!
//! Two questions are kept apart. *What is so?* Findings move a condition's level up after its delay
//! and down after its clear delay. *What has been told?* The difference between the level and the last
//! change that was published is the event ([`difference`], the whole table). While a backlog is drained
//! the first goes on and the second waits, so that at its end the difference is all that is left to say.

mod events;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::alerts::change::{AlertChange, alert_id};
use crate::alerts::finding::{Cause, Finding, Presence, Timing};
use crate::clock::{Now, Span, Timestamp, Uptime};
use crate::conditions::{Condition, Priority};
use crate::people::{DeviceId, Subject};
use crate::vitals::ReadingRef;

/// How long the next reading may be late before a timer decides in its place.
const GRACE: Span = Span::from_secs(1);

/// The name of the rule that owns a condition.
pub type RuleName = std::borrow::Cow<'static, str>;

/// What led to a judgement.
#[derive(Debug, Clone)]
pub struct Moment {
    /// The judged time of the reading, or the time of the timer.
    pub at: Timestamp,
    /// Both clocks.
    pub now: Now,
    /// The reading; none for a timer or a record.
    pub reading: Option<ReadingRef>,
    /// The device whose backlog the reading belongs to, if it does.
    pub backlog_of: Option<DeviceId>,
}

/// What every change of one subject carries.
#[derive(Debug, Clone, Copy)]
pub struct Caption<'a> {
    pub subject: &'a Subject,
    pub bed: Option<&'a str>,
    pub simulated: bool,
    /// The start of the stay, which tells its first alert without an onset reading from the last stay's.
    pub stay: Timestamp,
}

/// A priority that has been reached, or not held, since some time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Since {
    at: Timestamp,
    reading: Option<ReadingRef>,
    /// When a timer ends the delay if no reading does.
    deadline: Uptime,
}

/// A condition that exists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Open {
    pub id: Uuid,
    pub priority: Priority,
    pub onset: Timestamp,
    /// The reading with which it began, where it began with one.
    pub onset_reading: Option<ReadingRef>,
}

/// Where a life cycle stands, without values and times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stage {
    rising: [bool; 3],
    falling: [bool; 3],
    open: Option<(Uuid, Priority)>,
    told: Option<(Uuid, u32)>,
    withheld: bool,
}

/// One condition of one subject, from the first finding to the last word about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LifeCycle {
    pub condition: Condition,
    pub rule: RuleName,
    timing: Timing,
    cause: Cause,
    presence: Presence,
    reason: Option<String>,
    /// Since when low, medium and high have been reached without a break.
    rising: [Option<Since>; 3],
    /// Since when low, medium and high have not been held.
    falling: [Option<Since>; 3],
    open: Option<Open>,
    /// The last change that was published; its alert is open for all who listen.
    told: Option<Box<AlertChange>>,
    /// When the level last changed, and by which reading.
    time: Timestamp,
    by: Option<ReadingRef>,
    /// The device whose backlog is being drained, until which nothing of this is told.
    pub withheld_by: Option<DeviceId>,
}

impl LifeCycle {
    pub fn new(rule: RuleName, finding: &Finding, moment: &Moment) -> Self {
        Self {
            condition: finding.condition.clone(),
            rule,
            timing: finding.timing,
            cause: finding.cause.clone(),
            presence: finding.presence,
            reason: None,
            rising: Default::default(),
            falling: Default::default(),
            open: None,
            told: None,
            time: moment.at,
            by: None,
            withheld_by: None,
        }
    }

    /// Moves the level to what was found; `None` says that the rule found nothing of it.
    ///
    /// Answers the alert that ended by it. `anchor` names an alert that begins without a reading.
    pub fn step(
        &mut self,
        finding: Option<Finding>,
        moment: &Moment,
        caption: &Caption<'_>,
        anchor: Timestamp,
    ) -> Option<Open> {
        let fresh = finding.as_ref().is_none_or(|f| f.at >= moment.at);
        self.withhold(fresh, moment);
        let (kept, at) = match &finding {
            Some(found) => (found.kept.max(found.reached), found.at),
            None => (None, moment.at),
        };
        // What is missing says nothing of a delay; an incomplete score that this reading gave does.
        let known = finding.as_ref().is_none_or(|f| {
            f.presence != Presence::Unknown || (f.reading.is_some() && f.reading == moment.reading)
        });
        if known {
            let found = finding.as_ref();
            self.note_rising(
                found.and_then(|f| f.reached),
                found.and_then(|f| f.reading.as_ref()),
                at,
                fresh,
                moment,
            );
        }
        match finding {
            Some(found) => self.take(found),
            None => self.presence = Presence::Present,
        }
        let risen = if known { self.risen(at) } else { None };
        let held = self.open.as_ref().map(|open| open.priority).min(kept);
        self.note_falling(risen.max(held), moment);
        let level = risen.max(self.not_yet_fallen(moment.at));
        let time = if self.condition.is_silence() { moment.now.wall } else { moment.at };
        self.set_level(level, time, moment.reading.as_ref(), caption, anchor)
    }

    /// A backlog is not told until it is drained, unless a live reading of another device decides.
    fn withhold(&mut self, fresh: bool, moment: &Moment) {
        match (&moment.backlog_of, &moment.reading) {
            (Some(device), _) => self.withheld_by = Some(device.clone()),
            (None, Some(reading)) if fresh => {
                let by_another = |by: &mut DeviceId| {
                    reading.device.as_ref().map_or(!by.is_unnamed(), |device| device != by)
                };
                self.withheld_by.take_if(by_another);
            }
            (None, _) => {}
        }
    }

    /// Keeps the newest facts; where the value is unknown, the last known ones stay.
    fn take(&mut self, found: Finding) {
        self.timing = found.timing;
        self.reason = found.reason.map(str::to_owned);
        if found.presence != Presence::Unknown || self.open.is_none() {
            self.cause = found.cause;
        }
        self.presence = found.presence;
    }

    /// Starts the delay of each priority that is reached, breaks that of each that is not.
    fn note_rising(
        &mut self,
        reached: Option<Priority>,
        reading: Option<&ReadingRef>,
        at: Timestamp,
        fresh: bool,
        moment: &Moment,
    ) {
        for (place, priority) in Priority::ALERTING.into_iter().enumerate() {
            if reached < Some(priority) {
                self.rising[place] = None;
                continue;
            }
            let started = self.rising[place].is_none();
            let since = self.rising[place].get_or_insert_with(|| Since {
                at,
                reading: reading.cloned(),
                deadline: moment.now.uptime,
            });
            if started || fresh {
                let left = (since.at + self.timing.delay[place]).since(at);
                since.deadline = moment.now.uptime + left + GRACE;
            }
        }
    }

    /// The highest priority whose delay is over at `at`.
    fn risen(&self, at: Timestamp) -> Option<Priority> {
        let over = |place: &usize| {
            self.rising[*place].as_ref().is_some_and(|since| at.since(since.at) >= self.timing.delay[*place])
        };
        (0..3).rev().find(over).map(|place| Priority::ALERTING[place])
    }

    /// Starts the clear delay of each priority that is no longer held, ends that of each that is.
    fn note_falling(&mut self, held: Option<Priority>, moment: &Moment) {
        let current = self.open.as_ref().map(|open| open.priority);
        let mut lower_since = None;
        for (place, priority) in Priority::ALERTING.into_iter().enumerate() {
            if held >= Some(priority) || current < Some(priority) {
                self.falling[place] = None;
                continue;
            }
            let since = self.falling[place].get_or_insert(Since {
                at: moment.at,
                reading: None,
                deadline: moment.now.uptime,
            });
            // Whoever does not hold the lower does not hold the higher, though readings may come late.
            since.at = lower_since.map_or(since.at, |lower: Timestamp| lower.min(since.at));
            lower_since = Some(since.at);
            let left = (since.at + self.timing.clear_delay).since(moment.at);
            since.deadline = moment.now.uptime + left + GRACE;
        }
    }

    /// The highest priority of an open alert whose clear delay is not over at `at`.
    fn not_yet_fallen(&self, at: Timestamp) -> Option<Priority> {
        let current = self.open.as_ref()?.priority;
        let holds = |place: &usize| match &self.falling[*place] {
            Some(since) => at.since(since.at) < self.timing.clear_delay,
            None => true,
        };
        (0..3)
            .rev()
            .filter(|place| Priority::ALERTING[*place] <= current)
            .find(holds)
            .map(|p| Priority::ALERTING[p])
    }

    /// Makes `level` the priority of the alert, which begins or ends where there was or is none.
    fn set_level(
        &mut self,
        level: Option<Priority>,
        time: Timestamp,
        by: Option<&ReadingRef>,
        caption: &Caption<'_>,
        anchor: Timestamp,
    ) -> Option<Open> {
        let changes = self.open.as_ref().map(|open| open.priority) != level;
        // What is told only later is told as of when it became so.
        if changes || self.withheld_by.is_none() {
            (self.time, self.by) = (time, by.cloned());
        }
        for (place, priority) in Priority::ALERTING.into_iter().enumerate() {
            self.falling[place].take_if(|_| level < Some(priority));
        }
        match (&mut self.open, level) {
            (Some(open), Some(level)) => {
                open.priority = level;
                None
            }
            (None, Some(priority)) => {
                let first = self.rising.iter().flatten().min_by_key(|since| since.at);
                let onset = first.map_or(time, |since| since.at);
                let onset_reading = first.and_then(|since| since.reading.clone());
                let id = alert_id(caption.subject, &self.condition, onset_reading.as_ref(), Some(anchor));
                self.open = Some(Open { id, priority, onset, onset_reading });
                None
            }
            (Some(_), None) => {
                self.rising = Default::default(); // what comes next is another occurrence
                self.open.take()
            }
            (None, None) => None,
        }
    }

    /// The first timer: when, which place, and whether it is a rise.
    fn first_timer(&self) -> Option<(Uptime, usize, bool)> {
        let current = self.open.as_ref().map(|open| open.priority);
        // What is missing raises nothing new: the next value decides.
        let rises = (0..3)
            .filter(|place| self.presence != Presence::Unknown && current < Some(Priority::ALERTING[*place]))
            .filter_map(|place| self.rising[place].as_ref().map(|since| (since.deadline, place, true)));
        let falls =
            (0..3).filter_map(|place| self.falling[place].as_ref().map(|s| (s.deadline, place, false)));
        rises.chain(falls).min_by_key(|(deadline, place, _)| (*deadline, std::cmp::Reverse(*place)))
    }

    /// When the next delay ends by itself.
    pub fn deadline(&self) -> Option<Uptime> {
        self.first_timer().map(|(deadline, _, _)| deadline)
    }

    /// The first delay ends by itself, with the last value as its evidence.
    pub fn run_out(&mut self, caption: &Caption<'_>, anchor: Timestamp) -> Option<Open> {
        let (_, place, rises) = self.first_timer()?;
        let current = self.open.as_ref().map(|open| open.priority);
        if rises {
            let end = self.rising[place].as_ref()?.at + self.timing.delay[place];
            return self.set_level(current.max(Some(Priority::ALERTING[place])), end, None, caption, anchor);
        }
        let end = self.falling[place].as_ref()?.at + self.timing.clear_delay;
        let level = self.not_yet_fallen(end);
        self.set_level(level, end, None, caption, anchor)
    }

    /// Gives up every timer that is due.
    pub fn drop_timers(&mut self, due: Uptime) {
        for since in self.rising.iter_mut().chain(&mut self.falling) {
            since.take_if(|since| since.deadline <= due);
        }
    }

    /// The clock of a device is found to be `behind`: what began with its readings, and was not told yet, began later.
    pub fn correct(&mut self, device: Option<&DeviceId>, behind: Span) {
        let of_device =
            |reading: &Option<ReadingRef>| reading.as_ref().is_some_and(|r| r.device.as_ref() == device);
        for since in self.rising.iter_mut().flatten().filter(|since| of_device(&since.reading)) {
            since.at = since.at + behind;
        }
        let told = self.told.as_ref().map(|told| told.id);
        let untold =
            self.open.as_mut().filter(|open| told != Some(open.id) && of_device(&open.onset_reading));
        if let Some(open) = untold {
            open.onset = open.onset + behind;
            self.time = self.time + behind;
        }
    }

    /// Moves the deadlines by `by`: the clock that counts uptime started anew.
    pub fn shift(&mut self, by: Span) {
        for since in self.rising.iter_mut().chain(&mut self.falling).flatten() {
            since.deadline = since.deadline + by;
        }
    }

    /// Ends it for a reason outside itself: the patient is discharged or transferred.
    pub fn end(&mut self, reason: &str, at: Timestamp) {
        (self.open, self.withheld_by) = (None, None);
        (self.rising, self.falling) = Default::default();
        (self.time, self.by, self.reason) = (at, None, Some(reason.to_owned()));
    }

    /// Goes on under another subject, where nothing of it has been told yet.
    pub fn continue_as(&mut self, caption: &Caption<'_>) {
        self.told = None;
        if let Some(open) = &mut self.open {
            let anchor = Some(open.onset);
            open.id = alert_id(caption.subject, &self.condition, open.onset_reading.as_ref(), anchor);
        }
    }

    /// The condition delay of this priority.
    fn delay_of(&self, priority: Priority) -> Span {
        let place = Priority::ALERTING.iter().position(|p| *p == priority);
        place.map_or(Span::ZERO, |place| self.timing.delay[place])
    }

    /// Takes up an alert that is open for those who listen, of which nothing else is remembered.
    pub fn adopt(rule: RuleName, told: AlertChange) -> Self {
        let open = Open {
            id: told.id,
            priority: told.priority,
            onset: told.onset,
            onset_reading: told.reading.clone(),
        };
        Self {
            condition: told.condition.clone(),
            rule,
            timing: Timing::IMMEDIATE,
            cause: told.cause.clone(),
            presence: told.presence,
            reason: None,
            rising: Default::default(),
            falling: Default::default(),
            open: Some(open),
            time: told.time,
            by: None,
            told: Some(Box::new(told)),
            withheld_by: None,
        }
    }

    /// Where it stands: what must be saved as soon as it changes.
    pub fn stage(&self) -> Stage {
        let mask = |since: &[Option<Since>; 3]| since.each_ref().map(Option::is_some);
        Stage {
            rising: mask(&self.rising),
            falling: mask(&self.falling),
            open: self.open.as_ref().map(|open| (open.id, open.priority)),
            told: self.told.as_ref().map(|told| (told.id, told.sequence)),
            withheld: self.withheld_by.is_some(),
        }
    }

    /// Whether the condition exists, told or not.
    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// The last change that was published of an alert that is still open for all who listen.
    pub fn told(&self) -> Option<&AlertChange> {
        self.told.as_deref()
    }

    /// Whether nothing is under way any more.
    pub fn is_over(&self) -> bool {
        self.open.is_none() && self.told.is_none() && self.rising.iter().all(Option::is_none)
    }

    /// When it last changed.
    pub fn time(&self) -> Timestamp {
        self.time
    }
}
