//! A patient whose rules answer inline and whose timers run when simulated time passes them.

use std::sync::Arc;

use wardwatch_actors::alerts::AlertChange;
use wardwatch_actors::analyzers::{self, Analyzer};
use wardwatch_actors::clock::{Now, Span, Timestamp, Uptime};
use wardwatch_actors::patient::outcome::{Inquiry, Judgement, Observed, Outcome};
use wardwatch_actors::patient::snapshot::{self, Memory, Snapshot};
use wardwatch_actors::patient::{Listening, Patient};
use wardwatch_actors::settings::Settings;
use wardwatch_actors::vitals::{Quantity, Reading, Vital};

pub use Vital::{HeartRate, OxygenSaturation, PulseRate, RespiratoryRate, SystolicPressure, Temperature};

const START_MS: i64 = 1_800_000_000_000;

pub fn second(at: i64) -> Timestamp {
    Timestamp::from_unix_ms(START_MS + at * 1000)
}

pub struct Ward {
    pub patient: Patient,
    pub rules: Vec<Box<dyn Analyzer>>,
    pub settings: Arc<Settings>,
    pub listening: Listening,
    pub now_ms: i64,
    pub published: Vec<AlertChange>,
    /// What became of the last reading.
    pub last: &'static str,
    seq: u64,
}

impl Ward {
    pub fn new() -> Self {
        let settings: Arc<Settings> = Arc::default();
        let now = Now { uptime: Uptime::START, wall: second(0) };
        Self {
            patient: Patient::new("icu-1/p-17".parse().unwrap(), &settings, second(0), now),
            rules: analyzers::all(&settings),
            settings,
            listening: Listening { since: Some(Uptime::START), own_clock_suspect: false },
            now_ms: 0,
            published: Vec::new(),
            last: "",
            seq: 0,
        }
    }

    /// Where only the limits and the equipment are looked at.
    pub fn without_scores() -> Self {
        let mut ward = Self::new();
        ward.rules.retain(|rule| rule.name() != "news2");
        ward
    }

    pub fn now(&self) -> Now {
        let wall = Timestamp::from_unix_ms(START_MS + self.now_ms);
        Now { uptime: Uptime::from_ms(self.now_ms), wall }
    }

    /// Time passes until this second, and every timer on the way runs, unless nothing can be heard.
    pub fn until(&mut self, at: i64) {
        let until = Uptime::from_ms(at * 1000);
        let mut ticks = 0;
        while let Some(due) = self.patient.next_deadline().filter(|due| *due <= until) {
            if self.listening.since.is_none() {
                break;
            }
            ticks += 1;
            assert!(ticks < 10_000, "a timer that is never over");
            self.now_ms = self.now_ms.max(due.as_ms());
            let (outcome, inquiry) = self.patient.tick(due, self.listening, self.now());
            self.take(outcome);
            self.judge(inquiry);
        }
        self.now_ms = at * 1000;
    }

    pub fn judge(&mut self, inquiry: Option<Inquiry>) {
        let Some(mut inquiry) = inquiry else { return };
        loop {
            let answers = self.rules.iter().map(|rule| (rule.name(), Some(rule.analyze(&inquiry.view))));
            let answers = answers.collect();
            match self.patient.judge(inquiry, answers) {
                Judgement::Ask(next) => inquiry = next,
                Judgement::Done(outcome) => return self.take(outcome),
            }
        }
    }

    fn take(&mut self, outcome: Outcome) {
        self.published.extend(outcome.changes);
    }

    /// A reading, as it is now, of the one monitor.
    pub fn reads(&mut self, at: i64, values: &[(Vital, i32)]) {
        self.device_reads("mon-1", at, at, values);
    }

    /// A reading of this time that arrives now.
    pub fn device_reads(&mut self, device: &str, arrival: i64, at: i64, values: &[(Vital, i32)]) {
        self.until(arrival);
        self.seq += 1;
        let mut reading = Reading::empty(self.now().wall);
        reading.device = device.parse().ok();
        (reading.seq, reading.observed_at) = (Some(self.seq), Some(second(at)));
        values.iter().for_each(|(vital, value)| reading.values.set(*vital, Quantity::whole(*value)));
        self.observe(&reading);
    }

    /// A reading of this device that says that a vital is not measured.
    pub fn says_not_measured(&mut self, device: &str, at: i64, vital: Vital) {
        self.until(at);
        self.seq += 1;
        let mut reading = Reading::empty(self.now().wall);
        reading.device = device.parse().ok();
        (reading.seq, reading.observed_at) = (Some(self.seq), Some(second(at)));
        reading.not_measured.insert(vital);
        self.observe(&reading);
    }

    pub fn observe(&mut self, reading: &Reading) {
        let observed = self.patient.observe(reading, self.listening, self.now());
        self.last = match observed {
            Observed::Duplicate => "duplicate",
            Observed::Rejected(_) => "rejected",
            Observed::History => "history",
            Observed::Judge(inquiry) => {
                self.judge(Some(inquiry));
                "judged"
            }
        };
    }

    /// These values each second.
    pub fn each_second(&mut self, seconds: std::ops::Range<i64>, values: &[(Vital, i32)]) {
        seconds.for_each(|at| self.reads(at, values));
    }

    pub fn admit(&mut self, record: &str) {
        let record = serde_json::from_str(record).unwrap();
        let inquiry = self.patient.admit(record, self.listening, self.now());
        self.judge(inquiry);
    }

    pub fn device_status(&mut self, at: i64, online: bool) {
        self.until(at);
        let now = self.now();
        let inquiry = self.patient.device_status(&"mon-1".parse().unwrap(), online, self.listening, now);
        self.judge(Some(inquiry));
    }

    /// Nothing can be heard from here on.
    pub fn deaf(&mut self, at: i64) {
        self.until(at);
        self.listening.since = None;
    }

    /// The backlog of the deafness is drained.
    pub fn hears_again(&mut self, at: i64) {
        self.until(at);
        self.listening.since = Some(self.now().uptime);
    }

    /// The patient is written down and read back by a process whose uptime is `later` than this one's.
    pub fn restart(&mut self, later: Span) {
        let written = self.snapshot();
        self.take_up(serde_json::from_str(&serde_json::to_string(&written).unwrap()).unwrap(), later);
    }

    /// The patient as it is written down now.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot { version: snapshot::VERSION, taken: self.now(), patient: self.patient.clone() }
    }

    /// The patient goes on from this memory, in a process whose uptime is `later` than this one's.
    pub fn take_up(&mut self, written: Snapshot, later: Span) {
        let now = Now { uptime: self.now().uptime + later, ..self.now() };
        let (id, memory) = (written.patient.id().clone(), Memory::Whole(Box::new(written)));
        self.patient = Patient::restored(memory, id, &self.settings, now);
    }

    /// What was published, a line a change: `10 raised heart_rate.high medium`.
    pub fn lines(&self) -> Vec<String> {
        let line = |change: &AlertChange| {
            let event = serde_json::to_value(change.event).unwrap();
            let unknown = match change.presence {
                wardwatch_actors::alerts::Presence::Unknown => " unknown",
                _ => "",
            };
            let backlog = if change.backlog { " backlog" } else { "" };
            let at = (change.time.unix_ms() - START_MS) as f64 / 1000.0;
            let (event, priority) = (event.as_str().unwrap().to_owned(), change.priority.name());
            format!("{at} {event} {} {priority}{unknown}{backlog}", change.condition)
        };
        self.published.iter().map(line).collect()
    }

    /// Asserts what was published since the last time.
    #[track_caller]
    pub fn published(&mut self, lines: &[&str]) {
        assert_eq!(self.lines(), lines);
        self.published.clear();
    }
}
