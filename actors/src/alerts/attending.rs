//! What people and the site's policy make of one open alert: seen, delayed, reminded of, on its way to somebody.

use serde::{Deserialize, Serialize};

use crate::alerts::attention::{Attention, Move};
use crate::alerts::chain::{Chain, Stepped};
use crate::alerts::finding::{Cause, Side};
use crate::alerts::signal::Signal;
use crate::clock::{Now, Span, Uptime};
use crate::conditions::{Kind, Priority};
use crate::settings::SignalPolicy;
use crate::settings::limits::always_high_below;

/// What is made of one open alert besides what is so.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Attending {
    pub state: Attention,
    /// Up to which priority somebody has seen it.
    seen: Option<Priority>,
    /// When its signal delay is over.
    signals_at: Option<Uptime>,
    depth: Option<Depth>,
    remind_at: Option<Uptime>,
    /// Whether a reminder has yet to be published.
    pub reminder: bool,
    /// Whether it has been asystole, apnoea or SpO2 below 80 %, which alerts off does not cover.
    pub breaks_off: bool,
    pub chain: Option<Chain>,
    /// What nobody's answer raised it to.
    pub raised_to: Option<Priority>,
    /// Why the chain went on.
    pub stepped: Option<Step>,
}

/// Why the next was called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Step {
    Unanswered,
    Rejected,
}

impl Step {
    /// As the change says it.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Unanswered => "unanswered",
            Self::Rejected => "rejected",
        }
    }
}

/// How far and how long a value has been beyond its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Depth {
    /// In hundredths of the unit times milliseconds.
    sum: i64,
    at: Uptime,
    /// How far it is beyond, in hundredths of the unit.
    beyond: i64,
    /// What it signals at.
    full: i64,
}

impl Depth {
    /// When it is full if the value stays as it is.
    fn deadline(&self) -> Option<Uptime> {
        let left = (self.full - self.sum).max(0);
        let ms = left.checked_add(self.beyond - 1)?.checked_div(self.beyond)?;
        Some(self.at + Span::from_ms(ms))
    }
}

/// Whether this is asystole, apnoea or SpO2 below 80 %.
pub(super) fn is_life_threatening(cause: &Cause) -> bool {
    let Cause::Limit { vital, side: Side::Low, value, .. } = cause else { return false };
    always_high_below(*vital).is_some_and(|limit| *value < limit)
}

impl Attending {
    /// Of an alert that is open, of which nothing else is remembered.
    pub fn of_open(open: bool) -> Self {
        Self { state: if open { Attention::Signalled } else { Attention::Over }, ..Self::default() }
    }

    /// Of an open alert of which only what was heard last is remembered.
    pub fn of_published(signal: Signal) -> Self {
        let state = match signal {
            Signal::Acknowledged => Attention::Acknowledged,
            Signal::Latched => Attention::Latched,
            Signal::On
            | Signal::AudioPaused
            | Signal::AudioOff
            | Signal::AlertPaused
            | Signal::AlertOff
            | Signal::Off => Attention::Signalled,
        };
        // At which priority it was seen is not remembered: the next rise signals.
        Self { state, ..Self::default() }
    }

    fn go(&mut self, moved: Move) {
        self.state = self.state.after(moved);
    }

    /// The condition exists at this priority, anew or again.
    pub fn open(&mut self, priority: Priority, policy: Option<&SignalPolicy>, now: Now) {
        let delay = policy.map_or(Span::ZERO, |policy| policy.delay(priority, now.wall));
        let delayed = delay > Span::ZERO;
        self.go(if delayed { Move::OpenedWithDelay } else { Move::Opened });
        self.signals_at = delayed.then(|| now.uptime + delay);
    }

    /// Its priority rose to this one.
    pub fn rise(&mut self, priority: Priority, policy: Option<&SignalPolicy>, now: Now) {
        if self.seen.is_none_or(|seen| seen < priority) {
            self.seen = None;
            self.go(Move::Worsened);
        }
        if let Some(policy) = policy {
            let sooner = now.uptime + policy.delay(priority, now.wall);
            self.signals_at = self.signals_at.map(|at| at.min(sooner));
        }
    }

    /// The condition ended; whether the alert stays until it is reset.
    pub fn end(&mut self, latches: bool) -> bool {
        self.go(if latches { Move::EndedLatching } else { Move::Ended });
        let stays = self.state.is_latched();
        *self = Self { state: self.state, ..Self::default() };
        stays
    }

    /// What was found: what is life-threatening waits for no signal delay, and the deeper, the sooner.
    pub fn heed(&mut self, cause: &Cause, policy: &SignalPolicy, now: Uptime) {
        if is_life_threatening(cause) {
            self.breaks_off = !policy.signals.off_covers_life_threatening;
            self.signal();
        }
        if self.state != Attention::Delayed {
            return;
        }
        if let Cause::Limit { vital, value, .. } = cause
            && let Some(units_times_seconds) = policy.signals.depth.get(vital)
            && let Some(limit) = cause.limit(Priority::Medium)
        {
            let beyond = i64::from(value.as_hundredths() - limit.as_hundredths()).abs();
            let full = i64::from(*units_times_seconds) * 100 * 1000;
            let depth = self.depth.get_or_insert(Depth { sum: 0, at: now, beyond, full });
            depth.sum += depth.beyond * now.since(depth.at).as_ms().max(0);
            (depth.at, depth.beyond, depth.full) = (now, beyond, full);
            if depth.sum >= full {
                self.signal();
            }
        }
    }

    /// The signal delay is over.
    fn signal(&mut self) {
        self.go(Move::DelayOver);
        (self.signals_at, self.depth) = (None, None);
    }

    /// Somebody has seen it at this priority; whether that is new.
    pub fn acknowledge(&mut self, priority: Priority) -> bool {
        let before = (self.state, self.seen);
        self.go(Move::Acknowledge);
        if self.state == Attention::Acknowledged {
            (self.seen, self.signals_at, self.depth) = (self.seen.max(Some(priority)), None, None);
        }
        (self.state, self.seen) != before
    }

    /// Nobody has seen it after all.
    pub fn unacknowledge(&mut self) {
        self.go(Move::Unacknowledge);
        self.seen = None;
    }

    /// Somebody rejects it: the next is called.
    pub fn reject(&mut self, priority: Priority, policy: &SignalPolicy, now: Uptime) {
        self.step(Step::Rejected, priority, policy, now);
    }

    fn step(&mut self, why: Step, priority: Priority, policy: &SignalPolicy, now: Uptime) {
        let Some(chain) = &mut self.chain else { return };
        match chain.step(priority, policy, now) {
            Stepped::Called { raise_priority } => {
                self.stepped = Some(why);
                if raise_priority {
                    let next = Priority::ALERTING.into_iter().find(|next| *next > priority);
                    self.raised_to = self.raised_to.max(next.or(Some(priority)));
                }
            }
            Stepped::Unanswered => {}
        }
    }

    /// After each step: who is called, whether that waits, and when a reminder is due.
    pub fn follow(
        &mut self,
        (kind, priority): (Kind, Option<Priority>),
        signal: Signal,
        policy: &SignalPolicy,
        now: Now,
    ) {
        let priority = priority.filter(|_| self.state.is_unanswered());
        match (priority, &self.chain) {
            (Some(priority), None) => {
                self.chain = Chain::begin(kind, priority, policy, now.uptime);
                let first =
                    policy.step_from(0, kind, priority).is_some_and(|(_, step)| step.after == Span::ZERO);
                if first && self.state == Attention::Signalled {
                    self.step(Step::Unanswered, priority, policy, now.uptime);
                }
            }
            (Some(priority), Some(_)) if policy.step_from(0, kind, priority).is_none() => self.chain = None,
            (Some(_), Some(_)) | (None, None) => {}
            (None, Some(_)) => self.chain = None,
        }
        let waits = match signal {
            Signal::AlertPaused | Signal::AlertOff | Signal::Off => true,
            Signal::On | Signal::Acknowledged | Signal::AudioPaused | Signal::AudioOff | Signal::Latched => {
                false
            }
        };
        if let Some(chain) = &mut self.chain {
            chain.hold(waits, now.uptime);
        }
        let interval = policy.reminder(now.wall).filter(|_| signal.is_quiet());
        self.remind_at = interval.map(|interval| self.remind_at.unwrap_or(now.uptime + interval));
        self.reminder &= signal.is_quiet();
    }

    /// When something of it is due.
    pub fn deadline(&self) -> Option<Uptime> {
        let depth = self.depth.as_ref().and_then(Depth::deadline);
        let chain = self.chain.as_ref().and_then(Chain::deadline);
        [self.signals_at, depth, self.remind_at, chain].into_iter().flatten().min()
    }

    /// Does what is due now.
    pub fn run_out(&mut self, priority: Option<Priority>, policy: &SignalPolicy, now: Now) {
        let due = |at: Option<Uptime>| at.is_some_and(|at| at <= now.uptime);
        if due(self.signals_at) || due(self.depth.as_ref().and_then(Depth::deadline)) {
            self.signal();
        }
        if due(self.remind_at) {
            self.reminder = true;
            // From now on, whatever the interval was: after an outage one reminder stands for all that were missed.
            self.remind_at = policy.reminder(now.wall).map(|interval| now.uptime + interval);
        }
        if due(self.chain.as_ref().and_then(Chain::deadline))
            && let Some(priority) = priority
        {
            self.step(Step::Unanswered, priority, policy, now.uptime);
        }
    }

    /// Gives up what is due, which failed: it is heard, and nobody further is called.
    pub fn drop_timers(&mut self, due: Uptime) {
        if self.deadline().is_some_and(|deadline| deadline <= due) {
            self.signal();
            self.remind_at = None;
            if let Some(chain) = &mut self.chain {
                chain.drop_timer(due);
            }
        }
    }

    /// Moves what was noted on the uptime clock by `by`.
    pub fn shift(&mut self, by: Span) {
        self.signals_at = self.signals_at.map(|at| at + by);
        self.remind_at = self.remind_at.map(|at| at + by);
        if let Some(depth) = &mut self.depth {
            depth.at = depth.at + by;
        }
        if let Some(chain) = &mut self.chain {
            chain.shift(by);
        }
    }
}
