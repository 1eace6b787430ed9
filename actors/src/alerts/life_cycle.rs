//! The one life cycle of every alert: what is so, what is heard of it, and what of it has been published.
//!
//! Findings move a condition's [`Level`] up after its delay and down after its clear delay. The difference between
//! the level and the last change that was published is the event ([`publication`], the whole table).

mod course;
mod presence;
mod publication;
mod saved;
mod signalling;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::alerts::attending::Attending;
use crate::alerts::change::AlertChange;
use crate::alerts::finding::{Cause, Finding, Presence, Timing};
use crate::alerts::identity::Ids;
use crate::alerts::inactivations::{Author, Inactivations};
use crate::alerts::level::Level;
use crate::alerts::place::Place;
use crate::alerts::standing::{Onset, Standing};
use crate::alerts::under_way::UnderWay;
use crate::alerts::wording::WordsOf;
use crate::clock::{Now, Span, Timestamp, Uptime};
use crate::conditions::{Condition, Priority};
use crate::people::Subject;
use crate::settings::SignalPolicy;
use crate::vitals::ReadingRef;

/// The name of the rule that owns a condition.
pub type RuleName = std::borrow::Cow<'static, str>;

/// What led to a judgement.
#[derive(Debug, Clone)]
pub struct Moment {
    /// The judged time of the reading, or the time of the timer.
    pub at: Timestamp,
    /// The same on the uptime clock, which no step of our own clock moves: delays count on it.
    pub measured: Uptime,
    /// Both clocks.
    pub now: Now,
    /// The reading; none for a timer or a record.
    pub reading: Option<ReadingRef>,
}

impl Moment {
    /// Without a reading: a timer, a record, a device's word.
    pub const fn without_reading(now: Now) -> Self {
        Self { at: now.wall, measured: now.uptime, now, reading: None }
    }
}

/// What every change of one subject carries.
#[derive(Debug, Clone, Copy)]
pub struct Caption<'a> {
    pub subject: &'a Subject,
    pub bed: Option<&'a str>,
    pub simulated: bool,
    /// How each rule puts its changes in words.
    pub words_of: WordsOf,
    /// The start of the stay, which distinguishes its first alert without an onset reading from the last stay's.
    pub stay: Timestamp,
    /// How the site has alerts signalled; none where nobody listens, or nothing may be commanded.
    pub policy: Option<&'a SignalPolicy>,
}

/// A condition that exists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::alerts) struct Open {
    pub id: Uuid,
    pub priority: Priority,
    pub onset: Timestamp,
    /// When its delay was over; none where an older memory does not say.
    #[serde(default)]
    pub raised: Option<Uptime>,
    /// The reading with which it began, where it began with one.
    pub onset_reading: Option<ReadingRef>,
}

/// What is common to everything that is published at one moment.
#[derive(Clone, Copy)]
pub(super) struct Publication<'a> {
    pub caption: &'a Caption<'a>,
    /// Whether it was held back until a backlog was drained.
    pub backlog: bool,
    pub now: Now,
    /// Who commanded what led to it.
    pub author: Option<&'a Author>,
    pub inactivations: &'a Inactivations,
}

/// Where a life cycle stands, without values and times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stage {
    level: [u8; 3],
    open: Option<(Uuid, Priority)>,
    published: Option<(Uuid, u32)>,
}

/// One condition of one subject, from the first finding to the last word about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "saved::SavedLifeCycle")]
pub(super) struct LifeCycle {
    pub condition: Condition,
    pub rule: RuleName,
    timing: Timing,
    cause: Cause,
    presence: Presence,
    /// When its value was last said to be known again.
    known_again: Option<Uptime>,
    reason: Option<String>,
    /// Whether every reading that reached it was simulated.
    simulated: bool,
    level: Level,
    open: Option<Open>,
    /// What people and the site's policy make of the open alert.
    attending: Attending,
    /// The last change that was published; its alert is open for all who listen.
    published: Option<Arc<AlertChange>>,
    /// When the level last changed, and by which reading.
    time: Timestamp,
    by: Option<ReadingRef>,
    /// Whether what it changed to began with a kept reading.
    backlog: bool,
}

impl LifeCycle {
    pub fn new(rule: RuleName, finding: &Finding, moment: &Moment) -> Self {
        let Finding { condition, timing, cause, presence, .. } = finding.clone();
        Self::idle(condition, rule, timing, cause, presence, moment.at)
    }

    /// Of which nothing is so, and nothing published.
    fn idle(
        condition: Condition,
        rule: RuleName,
        timing: Timing,
        cause: Cause,
        presence: Presence,
        time: Timestamp,
    ) -> Self {
        Self {
            condition,
            rule,
            timing,
            cause,
            presence,
            known_again: None,
            reason: None,
            simulated: false,
            level: Level::default(),
            open: None,
            attending: Attending::default(),
            published: None,
            time,
            by: None,
            backlog: false,
        }
    }

    /// Moves the level to what was found; `None` says that the rule found nothing of it.
    ///
    /// Answers the alert that ended by it; one that began has yet to be named.
    pub fn step(&mut self, finding: Option<Finding>, moment: &Moment, caption: &Caption<'_>) -> Option<Open> {
        if let Some(found) = &finding
            && found.timing != self.timing
        {
            self.level.retime(&self.timing, &found.timing);
            self.timing = found.timing;
        }
        if let Some(found) = finding.as_ref().filter(|found| found.reached.is_some()) {
            self.note_simulated(
                found.reading.as_ref().map_or(caption.simulated, |reading| reading.simulated),
            );
        }
        self.level.judge(finding.as_ref(), &self.timing, moment);
        match finding {
            Some(found) => self.take(found),
            None => self.presence = Presence::Present,
        }
        let time = if self.condition.is_silence() { moment.now.wall } else { moment.at };
        let (end, by) = ((time, moment.measured), moment.reading.as_ref());
        let ended = self.follow_level(end, by, caption.policy, moment.now);
        self.hold_presence(moment.now.uptime);
        ended
    }

    /// What is reached is simulated as long as no reading of a person reached it.
    fn note_simulated(&mut self, simulated: bool) {
        self.simulated = simulated && (self.simulated || self.level.is_out());
    }

    /// Keeps the newest facts.
    fn take(&mut self, found: Finding) {
        self.reason = found.reason.map(str::to_owned);
        (self.cause, self.presence) = (found.cause, found.presence);
    }

    /// When the next delay ends by itself.
    pub fn deadline(&self) -> Option<Uptime> {
        self.level.deadline()
    }

    /// Gives up every timer that is due.
    pub fn drop_timers(&mut self, due: Uptime) {
        self.level.drop_timers(due);
        self.attending.drop_timers(due);
    }

    /// Moves what was noted on the uptime clock by `by`: the clock that counts uptime started anew.
    pub fn shift(&mut self, by: Span) {
        self.level.shift(by);
        self.known_again = self.known_again.map(|at| at + by);
        self.attending.shift(by);
        if let Some(open) = &mut self.open {
            open.raised = open.raised.map(|raised| raised + by);
        }
    }

    /// Ends it for a reason outside itself: the patient is discharged or transferred.
    pub fn end(&mut self, reason: &str, at: Timestamp) {
        self.open = None;
        (self.level, self.attending) = (Level::default(), Attending::default());
        (self.time, self.by, self.reason) = (at, None, Some(reason.to_owned()));
    }

    /// Goes on under another subject, where nothing of it has been published yet.
    pub fn continue_unpublished(&mut self) {
        self.published = None;
        if let Some(open) = &mut self.open {
            open.id = Uuid::nil();
        }
    }

    /// Newer values are known than those it rests on: the next verdict decides alone.
    pub fn defer_to_verdict(&mut self, now: Now) {
        self.level.defer_to_verdict(now);
    }

    /// Gives the alert that began its id.
    pub fn name(&mut self, ids: &mut Ids, caption: &Caption<'_>) {
        if let Some(open) = self.open.as_mut().filter(|open| open.id.is_nil()) {
            let onset = open.onset_reading.as_ref();
            open.id = ids.begin(caption.subject, &self.condition, onset, caption.stay);
        }
    }

    /// Whether an alert is open that began without a reading.
    pub fn is_open_without_reading(&self) -> bool {
        self.open.as_ref().is_some_and(|open| open.onset_reading.is_none())
    }

    /// Takes up an alert that is open for those who listen, of which nothing else is remembered.
    pub fn adopt(rule: RuleName, published: AlertChange) -> Self {
        let AlertChange { id, priority, onset, .. } = published;
        let open = Open { id, priority, onset, raised: None, onset_reading: published.reading.clone() };
        let (condition, cause) = (published.condition.clone(), published.cause.clone());
        let mut adopted =
            Self::idle(condition, rule, Timing::IMMEDIATE, cause, published.presence, published.time);
        adopted.level = saved::level_of(Some(&open), Default::default(), Default::default());
        (adopted.attending, adopted.simulated) =
            (Attending::of_published(published.signal), published.simulated);
        (adopted.open, adopted.published) = (Some(open), Some(Arc::new(published)));
        adopted
    }

    /// As the rules see it.
    pub fn under_way(&self) -> UnderWay {
        UnderWay {
            condition: self.condition.clone(),
            priority: self.priority(),
            raised: self.raised(),
            published: self.published.as_ref().map(|change| change.cause.clone()),
            delays: self.level.delays(),
        }
    }

    /// Whether the rules would see it as they did.
    pub fn is_seen_as(&self, seen: &UnderWay) -> bool {
        self.condition == seen.condition
            && self.priority() == seen.priority
            && self.raised() == seen.raised
            && self.level.delays() == seen.delays
    }

    /// The priority of what is so; none of what is only latched.
    pub(super) fn priority(&self) -> Option<Priority> {
        let exists = !self.attending.state.is_latched();
        self.open.as_ref().filter(|_| exists).map(|open| open.priority)
    }

    /// When the open alert was raised; long ago where an older memory does not say.
    fn raised(&self) -> Option<Uptime> {
        self.open.as_ref().map(|open| open.raised.unwrap_or(Uptime::from_ms(i64::MIN / 4)))
    }

    /// What is still reached or open.
    pub fn standing(&self) -> Option<Standing> {
        let onset = |place: &Place| {
            place.since().map(|since| Onset {
                at: since.at,
                measured: since.measured,
                reading: since.reading.clone(),
            })
        };
        let mut places = self.level.places().map(|(_, place)| onset(place));
        let onsets = std::array::from_fn(|_| places.next().flatten());
        (!self.level.is_out()).then(|| Standing {
            condition: self.condition.clone(),
            rule: self.rule.clone(),
            timing: self.timing,
            cause: self.cause.clone(),
            presence: self.presence,
            onsets,
        })
    }

    /// What a kept track found still so begins here where it began there, unless it is open already.
    pub fn take_over(&mut self, standing: &Standing, now: Now) {
        self.note_simulated(standing.is_simulated());
        self.level.take_over(&standing.onsets, &self.timing, now);
    }

    /// One of which only a kept track knows.
    pub fn taken_over(standing: Standing, now: Now) -> Self {
        let simulated = standing.is_simulated();
        let Standing { condition, rule, timing, cause, presence, onsets } = standing;
        let mut of = Self::idle(condition, rule, timing, cause, presence, now.wall);
        of.simulated = simulated;
        of.level.take_over(&onsets, &timing, now);
        of
    }

    /// One that a kept track found so until nothing was measured any more.
    pub fn left_unknown(track: &Self, now: Now) -> Option<Self> {
        let is_unknown = track.presence == Presence::Unknown && track.level.priority().is_some();
        let mut of = Self::taken_over(track.standing().filter(|_| is_unknown)?, now);
        of.level.rise_with(&track.level);
        Some(of)
    }

    /// Where it stands: what must be saved as soon as it changes.
    pub fn stage(&self) -> Stage {
        Stage {
            level: self.level.stage(),
            open: self.open.as_ref().map(|open| (open.id, open.priority)),
            published: self.published.as_ref().map(|change| (change.id, change.sequence)),
        }
    }

    /// Whether it began before what another track, which began with it, still finds so.
    pub fn began_before(&self, track: Option<&Self>) -> bool {
        let onset = |of: &Self| of.level.onset().map(|since| since.measured);
        onset(self).is_some_and(|own| track.and_then(onset).is_none_or(|known| own < known))
    }

    /// It has ended unheard: whatever is found next is another occurrence.
    pub fn break_off(&mut self, moment: &Moment) -> Option<Open> {
        self.level = Level::default();
        (self.time, self.by) = (moment.at, moment.reading.clone());
        let ended = self.open.take()?;
        self.attending = Attending::default();
        Some(ended)
    }

    /// Whether the condition exists, published or not.
    pub fn is_open(&self) -> bool {
        self.priority().is_some()
    }

    /// The last change that was published of an alert that is still open for all who listen.
    pub fn published(&self) -> Option<&Arc<AlertChange>> {
        self.published.as_ref()
    }

    /// Whether nothing is under way any more.
    pub fn is_over(&self) -> bool {
        self.open.is_none() && self.published.is_none() && self.level.is_out()
    }

    /// When it last changed.
    pub fn time(&self) -> Timestamp {
        self.time
    }
}
