//! What one reading costs, step by step: parsing it, each rule, and the patient's verdict with all of them.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use tokio::time::Instant;
use wardwatch::config::Sources;
use wardwatch::contract::payload::reading;
use wardwatch_actors::alerts::RuleName;
use wardwatch_actors::analyzers::{self, Analyzer, View};
use wardwatch_actors::clock::{Now, Timestamp, Uptime};
use wardwatch_actors::patient::outcome::{Inquiry, Judgement, Observed, Outcome};
use wardwatch_actors::patient::{Listening, Patient};
use wardwatch_actors::settings::Settings;
use wardwatch_actors::vitals::Reading;

/// Any moment.
const START_MS: i64 = 1_795_329_306_000;

const LISTENING: Listening = Listening { since: Some(Uptime::START), own_clock_suspect: false };

fn payload(second: i64, saturation: i64) -> String {
    format!(
        r#"{{"time":{},"device":"mon-17","seq":{second},"heart_rate":{},"oxygen_saturation":{saturation},"respiratory_rate":16,"blood_pressure":"120/80","temperature":36.8}}"#,
        START_MS + second * 1000,
        70 + second % 7,
    )
}

fn parse(payload: &str) -> Reading {
    let received_at = Timestamp::from_unix_ms(START_MS);
    let parsed = reading::parse(payload.as_bytes(), &Sources::default(), received_at);
    parsed.unwrap().readings.remove(0)
}

/// One patient and every rule, without actors.
struct Ward {
    patient: Patient,
    rules: Vec<Box<dyn Analyzer>>,
    second: i64,
}

impl Ward {
    /// A patient whose rhythm is known.
    fn new() -> Self {
        let settings = Arc::new(Settings::default());
        let now = Now { uptime: Uptime::START, wall: Timestamp::from_unix_ms(START_MS) };
        let patient = Patient::new("icu-1/p-17".parse().unwrap(), &settings, now.wall, now);
        let mut ward = Self { patient, rules: analyzers::all(&settings), second: 0 };
        for _ in 0..40 {
            ward.hear(98);
        }
        ward
    }

    /// The next reading, and its time.
    fn next(&mut self, saturation: i64) -> (Reading, Now) {
        self.second += 1;
        let wall = Timestamp::from_unix_ms(START_MS + self.second * 1000);
        let now = Now { uptime: Uptime::from_ms(self.second * 1000), wall };
        let mut reading = parse(&payload(self.second, saturation));
        reading.received_at = wall;
        (reading, now)
    }

    fn hear(&mut self, saturation: i64) -> Outcome {
        let (reading, now) = self.next(saturation);
        self.judge(&reading, now)
    }

    fn judge(&mut self, reading: &Reading, now: Now) -> Outcome {
        let Observed::Judge(inquiry) = self.patient.observe(reading, LISTENING, now) else {
            panic!("a live reading is judged");
        };
        let answers = self.answers(&inquiry);
        match self.patient.judge(inquiry, answers) {
            Judgement::Done(outcome) => outcome,
            Judgement::Ask(_) => panic!("nothing is kept"),
        }
    }

    fn answers(&self, inquiry: &Inquiry) -> Vec<(RuleName, Option<analyzers::Analysis>)> {
        self.rules.iter().map(|rule| (rule.name(), Some(rule.analyze(&inquiry.view)))).collect()
    }

    /// How long so many verdicts take, on readings with these saturations by turns.
    fn time(&mut self, verdicts: u64, saturations: [i64; 2]) -> Duration {
        let mut took = Duration::ZERO;
        let mut left = verdicts as usize;
        while left > 0 {
            let turns = saturations.iter().cycle().take(left.min(1000));
            let readings: Vec<_> = turns.map(|saturation| self.next(*saturation)).collect();
            left -= readings.len();
            let begun = Instant::now();
            for (reading, now) in &readings {
                black_box(self.judge(reading, *now));
            }
            took += begun.elapsed();
        }
        took
    }

    fn view(&mut self) -> Arc<View> {
        let (reading, now) = self.next(98);
        match self.patient.observe(&reading, LISTENING, now) {
            Observed::Judge(inquiry) => inquiry.view,
            other => panic!("{other:?}"),
        }
    }
}

fn parsing(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("parse");
    let received_at = Timestamp::from_unix_ms(START_MS);
    let sources = Sources::default();
    let text = r#"{"time":"2026-11-22T06:35:06.120Z","device":"mon-17","seq":1042,"heart_rate":72,"oxygen_saturation":98,"respiratory_rate":16,"blood_pressure":"120/80","temperature":36.8,"consciousness":"A","supplemental_oxygen":false}"#;
    for (name, payload) in [("time as text", text.to_owned()), ("time as milliseconds", payload(1, 98))] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| reading::parse(black_box(payload.as_bytes()), &sources, received_at));
        });
    }
    group.finish();
}

fn rules(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("analyze");
    let mut ward = Ward::new();
    let view = ward.view();
    for rule in &ward.rules {
        group.bench_function(rule.name().into_owned(), |bencher| {
            bencher.iter(|| rule.analyze(black_box(&view)));
        });
    }
    group.finish();
}

fn verdicts(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("patient");
    let ward = Ward::new();
    group.bench_function("copy of the memory", |bencher| bencher.iter(|| black_box(&ward.patient).clone()));
    for (name, falling) in [("quiet reading", 98), ("alert raised and cleared by turns", 79)] {
        let mut ward = Ward::new();
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|times| ward.time(times, [falling, 98]));
        });
    }
    group.finish();
}

criterion_group!(benches, parsing, rules, verdicts);
criterion_main!(benches);
