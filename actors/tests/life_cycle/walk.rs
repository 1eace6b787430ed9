//! A random walk over readings, commands, timers and restarts: no active alert is ever quiet without a reason.
//!
//! The short form makes a million steps, the long one (`--ignored`) ten million.

use std::collections::BTreeMap;

use uuid::Uuid;
use wardwatch_actors::alerts::change::Event;
use wardwatch_actors::alerts::{
    AlertChange, AlertOrder, AlertSet, Attention, Author, Caption, Cause, Finding, Inactivated, Moment,
    Presence, Side, Signal, Timing,
};
use wardwatch_actors::analyzers;
use wardwatch_actors::clock::{Now, Span, Uptime};
use wardwatch_actors::conditions::{Condition, Kind, Priority};
use wardwatch_actors::people::Subject;
use wardwatch_actors::settings::{
    DelayByPriority, EscalationStep, Inactivation, SignalPolicy, SignalSettings,
};
use wardwatch_actors::vitals::{Quantity, ReadingRef, Vital};

use super::bedside::{RULE, second};

/// Numbers without order, the same in every run (xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: i64) -> i64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % most.unsigned_abs()).cast_signed()
    }

    fn one_of<T: Clone>(&mut self, of: &[T]) -> T {
        of[usize::try_from(self.below(of.len() as i64)).unwrap()].clone()
    }
}

struct Walk {
    dice: Dice,
    alerts: AlertSet,
    subject: Subject,
    policy: SignalPolicy,
    ms: i64,
    seq: u64,
    /// Up to which priority each open alert was acknowledged.
    seen: BTreeMap<Uuid, Priority>,
    open: BTreeMap<Uuid, AlertChange>,
    events: BTreeMap<&'static str, u64>,
}

impl Walk {
    fn new(seed: u64) -> Self {
        let mut dice = Dice(seed * 2 + 1);
        let seconds = |seconds| Span::from_secs(seconds);
        let step = |after, to: &str, raise_priority, priority| EscalationStep {
            after: seconds(after),
            to: to.to_owned(),
            raise_priority,
            priority,
        };
        let chains = [
            Vec::new(),
            vec![step(0, "nurse", false, Priority::High), step(60, "doctor", false, Priority::High)],
            vec![step(30, "nurse", true, Priority::Medium), step(30, "doctor", false, Priority::High)],
        ];
        let signals = SignalSettings {
            delay: DelayByPriority {
                low: seconds(dice.below(40)),
                medium: seconds(dice.below(30)),
                high: seconds(dice.below(20)),
            },
            reminder: wardwatch_actors::settings::Watch::After(seconds(90)),
            latching: dice.one_of(&[[].into(), ["heart_rate.high".to_owned()].into()]),
            depth: dice.one_of(&[BTreeMap::new(), [(Vital::OxygenSaturation, 50)].into()]),
            ..SignalSettings::default()
        };
        let policy = SignalPolicy { signals, escalation: dice.one_of(&chains) };
        let subject = Subject::Patient("icu-1/p-17".parse().unwrap());
        let (seen, open, events) = Default::default();
        Self { dice, alerts: AlertSet::default(), subject, policy, ms: 0, seq: 0, seen, open, events }
    }

    fn now(&self) -> Now {
        Now { uptime: Uptime::from_ms(self.ms), wall: second(0) + Span::from_ms(self.ms) }
    }

    fn step(&mut self) {
        let passed = self.dice.one_of(&[0, 1, 1, 1, 2, 5, 13, 61]) * 1000;
        self.timers(self.ms + passed);
        self.ms += passed;
        match self.dice.below(20) {
            0..12 => self.reads(),
            12..18 => self.commands(),
            18 => self.restarts(),
            _ => {}
        }
        self.check();
    }

    fn timers(&mut self, until_ms: i64) {
        let until = Now { uptime: Uptime::from_ms(until_ms), wall: second(0) + Span::from_ms(until_ms) };
        let mut in_all = 0;
        let (subject, policy) = (self.subject.clone(), self.policy.clone());
        while let Some(at) = self.alerts.run_out(until.uptime, until, &caption(&subject, &policy)) {
            in_all += 1;
            assert!(in_all < 1000, "a timer that is never over");
            let now = Now { uptime: at, wall: until.wall_at(at) };
            let changes = self.alerts.publish(&caption(&subject, &policy), false, now);
            self.hear(changes);
        }
    }

    fn reads(&mut self) {
        self.seq += 1;
        let now = self.now();
        let reading = ReadingRef {
            device: "mon-1".parse().ok(),
            seq: Some(self.seq),
            time: now.wall,
            timed: true,
            generation: 0,
            simulated: false,
        };
        let rate = self.dice.one_of(&[80, 119, 130, 130, 160]);
        let saturation = self.dice.one_of(&[98, 91, 88, 82, 79]);
        let findings = [
            (Condition::High(Vital::HeartRate), Vital::HeartRate, Side::High, rate, 120, 150),
            (Condition::Low(Vital::OxygenSaturation), Vital::OxygenSaturation, Side::Low, saturation, 90, 80),
        ]
        .map(|(condition, vital, side, value, limit, extreme)| {
            let beyond = |limit: i32| if side == Side::High { value > limit } else { value < limit };
            let reached = match (beyond(extreme), beyond(limit)) {
                (true, _) => Some(Priority::High),
                (false, true) => Some(Priority::Medium),
                (false, false) => None,
            };
            let whole = |value| Some(Quantity::whole(value));
            let value = Quantity::whole(value);
            let cause = Cause::Limit { vital, side, value, limit: whole(limit), extreme: whole(extreme) };
            found(condition, reached, cause, now, &reading)
        });
        let moment = Moment { at: now.wall, measured: now.uptime, now, reading: Some(reading) };
        let (subject, policy) = (self.subject.clone(), self.policy.clone());
        let caption = caption(&subject, &policy);
        self.alerts.judge(&RULE, findings.into(), &moment, &caption);
        let changes = self.alerts.publish(&caption, false, now);
        self.hear(changes);
    }

    fn commands(&mut self) {
        let ids: Vec<_> = self.open.keys().copied().collect();
        let id = if ids.is_empty() { Uuid::nil() } else { self.dice.one_of(&ids) };
        let alert = self.dice.one_of(&[None, Some(id)]);
        let inactivation = self.dice.one_of(&Inactivation::ALL);
        let until =
            (self.dice.below(2) == 0).then(|| self.now().wall + Span::from_secs(self.dice.below(100) - 5));
        let order = match self.dice.below(12) {
            0..3 => AlertOrder::Acknowledge(id),
            3 => AlertOrder::Unacknowledge(id),
            4 => AlertOrder::Reset(id),
            5 => AlertOrder::Accept(id),
            6 => AlertOrder::Reject(id),
            7..9 => AlertOrder::Inactivate { inactivation, alert, until },
            _ => AlertOrder::Reactivate { inactivation, alert },
        };
        let (subject, policy, now) = (self.subject.clone(), self.policy.clone(), self.now());
        let author = Author { sender: "desk".to_owned(), by: "anna".to_owned(), reason: None };
        let caption = caption(&subject, &policy);
        let before = self.alerts.clone();
        match self.alerts.obey(&order, &author, now, &caption) {
            Ok(_) => {
                let changes = self.alerts.publish_by(&caption, false, now, Some(&author));
                self.hear(changes);
            }
            Err(_) => assert_eq!(self.alerts, before, "what is rejected changes nothing: {order:?}"),
        }
    }

    /// Written down, and read back by a process whose uptime is another.
    fn restarts(&mut self) {
        let written = serde_json::to_string(&self.alerts).unwrap();
        self.alerts = serde_json::from_str(&written).unwrap();
        let by = Span::from_secs(self.dice.below(100));
        self.alerts.shift(by);
        self.alerts.shift(Span::ZERO - by);
    }

    /// What is published is well formed, and an acknowledgement ends with its condition and holds for its priority.
    fn hear(&mut self, changes: Vec<AlertChange>) {
        for change in changes {
            *self.events.entry(change.event.name()).or_default() += 1;
            let before = self.open.get(&change.id);
            assert_eq!(before.is_none(), change.event == Event::Raised, "{change:?}");
            assert_eq!(before.map_or(0, |before| before.sequence) + 1, change.sequence, "{change:?}");
            match change.event {
                Event::Raised => assert_ne!(change.signal, Signal::Acknowledged, "seen before it was raised"),
                Event::Acknowledged => drop(self.seen.insert(change.id, change.priority)),
                Event::Unacknowledged => drop(self.seen.remove(&change.id)),
                _ => {}
            }
            if change.event == Event::Cleared {
                self.open.remove(&change.id);
                self.seen.remove(&change.id);
            } else {
                self.open.insert(change.id, change);
            }
        }
    }

    fn check(&self) {
        let heard: Vec<_> = self.alerts.heard().collect();
        for published in self.alerts.published() {
            assert_eq!(self.open.get(&published.id), Some(&**published), "published is what was heard last");
            let now = heard.iter().find(|(condition, ..)| **condition == published.condition);
            assert!(now.is_some() || published.presence == Presence::Absent, "{published:?}");
        }
        for (condition, priority, attention, signal, route) in heard {
            let published = self.alerts.published().find(|change| change.condition == *condition);
            let published = published.expect("an alert that exists is published");
            assert_eq!((published.signal, published.priority), (signal, priority), "{condition}");
            self.check_quiet(published, attention, signal);
            let called = condition.kind() == Kind::Physiological
                && attention != Attention::Acknowledged
                && self.policy.escalation.iter().any(|step| step.priority <= priority);
            assert_eq!(route.is_some(), called, "exactly one way to somebody: {published:?}");
            assert_eq!(route.flatten(), published.route.as_deref(), "{published:?}");
        }
    }

    /// Whoever is not heard has a reason that somebody can read.
    fn check_quiet(&self, published: &AlertChange, attention: Attention, signal: Signal) {
        let covers = |of: &&Inactivated| {
            Signal::from(of.inactivation) == signal
                && of.up_to >= published.priority
                && of.condition.as_ref().is_none_or(|only| *only == published.condition)
        };
        let order = self.alerts.inactivated().find(covers);
        match signal {
            Signal::On => {}
            Signal::Acknowledged => {
                let seen = self.seen.get(&published.id);
                assert!(
                    seen.is_some_and(|seen| *seen >= published.priority),
                    "worse than was seen: {published:?}"
                );
            }
            Signal::AudioPaused | Signal::AlertPaused => {
                let ends = order.and_then(|order| order.ends).expect("a pause with an end");
                assert!(ends > self.now().uptime, "a pause that is over: {published:?}");
            }
            Signal::AudioOff | Signal::AlertOff => {
                assert!(
                    order.is_some_and(|order| !order.author.by.is_empty()),
                    "who did that: {published:?}"
                );
            }
            Signal::Off => assert_eq!(attention, Attention::Delayed, "{published:?}"),
            Signal::Latched => panic!("a condition that exists is not latched: {published:?}"),
        }
        let low = matches!(&published.cause, Cause::Limit { vital: Vital::OxygenSaturation, value, .. } if *value < Quantity::whole(80));
        if low {
            assert!(
                !matches!(signal, Signal::Off | Signal::AlertOff),
                "SpO2 below 80 % waits for nothing: {published:?}"
            );
        }
    }
}

fn caption<'a>(subject: &'a Subject, policy: &'a SignalPolicy) -> Caption<'a> {
    let words_of = |_: &_| analyzers::words_of(&"limits".into());
    Caption { subject, bed: None, simulated: false, words_of, stay: second(0), policy: Some(policy) }
}

/// So many walks of so many steps; answers how often each event was published.
fn walks(seeds: std::ops::Range<u64>, steps: usize) -> BTreeMap<&'static str, u64> {
    let mut events = BTreeMap::new();
    for seed in seeds {
        let mut walk = Walk::new(seed);
        for number in 0..steps {
            let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| walk.step()));
            assert!(done.is_ok(), "seed {seed}, step {number}, {:?}", walk.now().wall);
        }
        walk.events.into_iter().for_each(|(event, times)| *events.entry(event).or_default() += times);
    }
    events
}

#[test]
fn no_active_alert_is_ever_quiet_without_a_reason() {
    let events = walks(0..500, 2000);
    for event in [
        "raised",
        "escalated",
        "acknowledged",
        "unacknowledged",
        "paused",
        "resumed",
        "reminder",
        "latched",
        "cleared",
    ] {
        assert!(
            events.get(event).is_some_and(|times| *times > 20),
            "{event} is hardly walked over: {events:?}"
        );
    }
}

#[test]
#[ignore = "the long form: ten million steps"]
fn no_active_alert_is_ever_quiet_without_a_reason_in_ten_million_steps() {
    walks(1000..6000, 2000);
}

/// What a rule finds of a value that was measured `now`.
fn found(
    condition: Condition,
    reached: Option<Priority>,
    cause: Cause,
    now: Now,
    reading: &ReadingRef,
) -> Finding {
    Finding {
        condition,
        reached,
        kept: reached,
        presence: Presence::Present,
        cause,
        at: now.wall,
        measured: now.uptime,
        reading: Some(reading.clone()),
        timing: Timing { clear_delay: Span::from_secs(2), ..Timing::IMMEDIATE },
        reason: None,
    }
}
