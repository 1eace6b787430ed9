//! A bed whose readings and timers run by hand, and what is published of it.
//!
//! Limit 120 /min medium, 150 /min high, hysteresis 3; delay 10 s, of the extreme 5 s, unless said otherwise.

use wardwatch_actors::alerts::{
    AlertChange, AlertSet, Caption, Cause, Finding, Moment, Presence, RuleName, Side, Timing,
};
use wardwatch_actors::analyzers;
use wardwatch_actors::clock::{Now, Span, Timestamp, Uptime};
use wardwatch_actors::conditions::{Condition, Priority, ScoreName};
use wardwatch_actors::people::Subject;
use wardwatch_actors::vitals::ReadingRef;
use wardwatch_actors::vitals::{Quantity, Vital};

const START_MS: i64 = 1_800_000_000_000;
pub const RULE: RuleName = RuleName::Borrowed("rule");
const HEART_RATE: Condition = Condition::High(Vital::HeartRate);
const RISK: Condition = Condition::Risk(ScoreName::new("news2"));
pub const DELAYED: Timing = timing(10, 5, 0);

pub const fn timing(delay: i64, extreme_delay: i64, clear_delay: i64) -> Timing {
    let (delay, extreme) = (Span::from_secs(delay), Span::from_secs(extreme_delay));
    Timing { delay: [delay, delay, extreme], clear_delay: Span::from_secs(clear_delay), opens_by: None }
}

pub fn second(second: i64) -> Timestamp {
    Timestamp::from_unix_ms(START_MS + second * 1000)
}

pub fn seconds(time: Timestamp) -> f64 {
    (time.unix_ms() - START_MS) as f64 / 1000.0
}

/// What a rule found in one reading, or without one.
#[derive(Debug, Clone, Copy)]
pub enum Found {
    /// A heart rate.
    Rate(i32),
    /// The last heart rate is judged anew.
    Again,
    /// Nothing came any more, or the last value is too old.
    Lapsed,
    /// The device says that it does not measure; or of a score, that nothing of it is known.
    Unknown,
    /// A score's floor and ceiling.
    Score(u8, u8),
    /// Nothing, of any condition.
    Nothing,
}
pub use Found::{Again, Lapsed, Nothing, Rate, Score, Unknown};

/// One patient, and what was published of it.
pub struct Bedside {
    pub alerts: AlertSet,
    pub subject: Subject,
    pub timing: Timing,
    pub limit: i32,
    seq: u64,
    /// The last heart rate and when it was.
    last: (i32, i64),
    pub published: Vec<AlertChange>,
}

fn by_points(points: u8) -> Option<Priority> {
    match points {
        7.. => Some(Priority::High),
        5.. => Some(Priority::Medium),
        _ => None,
    }
}

impl Bedside {
    pub fn new(timing: Timing) -> Self {
        Self {
            alerts: AlertSet::default(),
            subject: Subject::Patient("icu-1/p-17".parse().unwrap()),
            timing,
            limit: 120,
            seq: 0,
            last: (0, 0),
            published: Vec::new(),
        }
    }

    pub fn caption<'a>(subject: &'a Subject) -> Caption<'a> {
        Caption {
            subject,
            bed: None,
            simulated: false,
            words_of: |_| analyzers::words_of(&"limits".into()),
            stay: second(0),
            policy: None,
        }
    }

    /// A live reading.
    pub fn reads(&mut self, at: i64, found: Found) {
        self.comes(at, at, found);
    }

    /// Both clocks at this second.
    pub fn now(at: i64) -> Now {
        Now { uptime: Uptime::from_ms(at * 1000), wall: second(at) }
    }

    /// A reading on a kept track, of which nothing is published.
    pub fn reads_unpublished(&mut self, at: i64, found: Found) {
        self.seq += 1;
        let reading = self.reading(at);
        self.find(at, at, found, Some(reading));
    }

    fn reading(&self, at: i64) -> ReadingRef {
        let device = Some("mon-1".parse().unwrap());
        ReadingRef {
            device,
            seq: Some(self.seq),
            time: second(at),
            timed: true,
            generation: 0,
            simulated: false,
        }
    }

    /// A verdict without a reading.
    pub fn rechecks(&mut self, at: i64, found: Found) {
        self.seq += 1;
        self.timers(at * 1000);
        self.judge(at, at, found, None);
    }

    /// A reading of this time arrives.
    pub fn comes(&mut self, arrival: i64, at: i64, found: Found) {
        self.seq += 1;
        self.timers(arrival * 1000);
        let reading = self.reading(at);
        self.judge(arrival, at, found, Some(reading));
    }

    fn judge(&mut self, arrival: i64, at: i64, found: Found, reading: Option<ReadingRef>) {
        self.find(arrival, at, found, reading);
        let changes = self.alerts.publish(&Self::caption(&self.subject), false, Self::now(arrival));
        self.published.extend(changes);
    }

    fn find(&mut self, arrival: i64, at: i64, found: Found, reading: Option<ReadingRef>) {
        let now = Self::now(arrival);
        let findings = self.findings(at, found, reading.clone());
        let measured = Self::now(at).uptime;
        let moment = Moment { at: second(at), measured, now, reading };
        let caption = Self::caption(&self.subject);
        self.alerts.judge(&RULE, findings, &moment, &caption);
    }

    /// Every timer runs that is due.
    pub fn timers(&mut self, until_ms: i64) {
        let until = Uptime::from_ms(until_ms);
        let mut in_all = 0;
        let now = Now { uptime: until, wall: Timestamp::from_unix_ms(START_MS + until_ms.min(1 << 40)) };
        while let Some(at) = self.alerts.run_out(until, now, &Self::caption(&self.subject)) {
            in_all += 1;
            assert!(in_all < 1000, "a timer that is never over");
            let now = Now { uptime: at, wall: now.wall_at(at) };
            self.published.extend(self.alerts.publish(&Self::caption(&self.subject), false, now));
        }
    }

    pub fn findings(&mut self, at: i64, found: Found, reading: Option<ReadingRef>) -> Vec<Finding> {
        let Some((reached, kept, presence)) = self.level(at, found) else { return Vec::new() };
        let spoke_at = if matches!(found, Again | Lapsed | Unknown) { self.last.1 } else { at };
        vec![Finding {
            condition: if matches!(found, Score(..)) { RISK } else { HEART_RATE },
            reached,
            kept,
            presence,
            cause: self.cause(found),
            at: second(spoke_at),
            measured: Self::now(spoke_at).uptime,
            reading: reading.filter(|_| !matches!(found, Again | Lapsed | Unknown)),
            timing: self.timing,
            reason: None,
        }]
    }

    /// What is reached and kept, and whether it is so; none where nothing is found.
    fn level(&mut self, at: i64, found: Found) -> Option<(Option<Priority>, Option<Priority>, Presence)> {
        let (medium, high) = (Some(Priority::Medium), Some(Priority::High));
        let beyond = |rate: i32, limit| match rate {
            rate if rate > limit + 30 => high,
            rate if rate > limit => medium,
            _ => None,
        };
        if let Rate(rate) = found {
            self.last = (rate, at);
        }
        let last = self.last.0;
        Some(match found {
            Rate(_) | Again => (beyond(last, self.limit), beyond(last, self.limit - 3), Presence::Present),
            Lapsed => (beyond(last, self.limit), high, Presence::Unknown),
            Unknown => (None, high, Presence::Unknown),
            Score(floor, ceiling) => {
                let is_sure = floor == ceiling || by_points(floor).is_some();
                let presence = if is_sure { Presence::Present } else { Presence::Unknown };
                (by_points(floor), by_points(ceiling), presence)
            }
            Nothing => return None,
        })
    }

    fn cause(&self, found: Found) -> Cause {
        let limit = |over: i32| Some(Quantity::whole(self.limit + over));
        match found {
            Score(floor, _) => Cause::Score {
                risk: by_points(floor).map_or("low", Priority::name).to_owned().into(),
                parts: Vec::new(),
                missing: Vec::new(),
                lost: Vec::new(),
                points: floor.into(),
                from: [None, Some(5), Some(7)],
            },
            _ => Cause::Limit {
                vital: Vital::HeartRate,
                side: Side::High,
                value: Quantity::whole(self.last.0),
                limit: limit(0),
                extreme: limit(30),
            },
        }
    }

    /// What was published, a line a change: `10 raised medium`.
    pub fn lines(&self) -> Vec<String> {
        let line = |change: &AlertChange| {
            let event = serde_json::to_value(change.event).unwrap();
            let unknown = if change.presence == Presence::Unknown { " unknown" } else { "" };
            let backlog = if change.backlog { " backlog" } else { "" };
            let (time, event) = (seconds(change.time), event.as_str().unwrap().to_owned());
            format!("{time} {event} {}{unknown}{backlog}", change.priority.name())
        };
        self.published.iter().map(line).collect()
    }
}

/// Asserts what is published of these readings, and by the timers within the minute after them.
#[track_caller]
pub fn published(timing: Timing, readings: &[(i64, Found)], lines: &[&str]) {
    let mut bedside = Bedside::new(timing);
    for (at, found) in readings {
        bedside.reads(*at, *found);
    }
    assert_eq!(bedside.lines(), lines);
}

/// The same, and an hour passes without another reading.
#[track_caller]
pub fn published_later(timing: Timing, readings: &[(i64, Found)], lines: &[&str]) {
    let mut bedside = Bedside::new(timing);
    for (at, found) in readings {
        bedside.reads(*at, *found);
    }
    bedside.timers(3_600_000);
    assert_eq!(bedside.lines(), lines);
}
