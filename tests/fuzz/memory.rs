//! Whatever a disk made of a patient's memory, it is read or it is not, and a patient that was read goes on.

use std::sync::Arc;

use wardwatch_actors::analyzers::{self, Analyzer};
use wardwatch_actors::clock::{Now, Span, Timestamp, Uptime};
use wardwatch_actors::patient::outcome::{Inquiry, Judgement, Observed};
use wardwatch_actors::patient::snapshot::{Memory, Snapshot};
use wardwatch_actors::patient::{Listening, Patient};
use wardwatch_actors::people::PatientId;
use wardwatch_actors::settings::Settings;
use wardwatch_actors::vitals::{Quantity, Reading, Vital};

use super::inputs::Inputs;
use super::try_all;

/// Timers that run in a row without time going on, before that is called a hang.
const MOST_TIMERS: usize = 200;

struct Bedside {
    patient: Patient,
    settings: Arc<Settings>,
    rules: Vec<Box<dyn Analyzer>>,
}

fn at(second: i64) -> Now {
    let wall = Timestamp::from_unix_ms(1_800_000_000_000 + second * 1000);
    Now { uptime: Uptime::START + Span::from_secs(second), wall }
}

fn id() -> PatientId {
    "icu-1/p-17".parse().expect("an id")
}

impl Bedside {
    fn new() -> Self {
        let settings: Arc<Settings> = Arc::default();
        let patient = Patient::new(id(), &settings, at(0).wall, at(0));
        Self { patient, rules: analyzers::all(&settings), settings }
    }

    fn listening() -> Listening {
        Listening { since: Some(Uptime::START), own_clock_suspect: false }
    }

    fn judge(&mut self, inquiry: Option<Inquiry>) {
        let mut next = inquiry;
        while let Some(inquiry) = next {
            let answers =
                self.rules.iter().map(|rule| (rule.name(), Some(rule.analyze(&inquiry.view)))).collect();
            next = match self.patient.judge(inquiry, answers) {
                Judgement::Ask(inquiry) => Some(inquiry),
                Judgement::Done(_) => None,
            };
        }
    }

    fn read(&mut self, second: i64, heart_rate: i32) {
        let mut reading = Reading::empty(at(second).wall);
        (reading.device, reading.seq) = ("mon-1".parse().ok(), Some(second as u64));
        reading.observed_at = Some(at(second).wall);
        reading.values.set(Vital::HeartRate, Quantity::whole(heart_rate));
        reading.values.set(Vital::OxygenSaturation, Quantity::whole(97));
        if let Observed::Judge(inquiry) = self.patient.observe(&reading, Self::listening(), at(second)) {
            self.judge(Some(inquiry));
        }
    }

    /// Runs the timers that are due.
    fn tick(&mut self, second: i64) {
        for _ in 0..MOST_TIMERS {
            let Some(due) = self.patient.next_deadline().filter(|due| *due <= at(second).uptime) else {
                return;
            };
            let (_, inquiry) = self.patient.tick(due, Self::listening(), at(second));
            self.judge(inquiry);
        }
        panic!("a timer that is never over");
    }

    fn saved(&mut self, second: i64) -> String {
        let snapshot = self.patient.to_save(at(second)).expect("a memory to save");
        serde_json::to_string(&snapshot).expect("JSON")
    }
}

/// Memories of a patient with a delay under way, an open alert, and a device that fell silent.
fn memories() -> Vec<String> {
    let mut bedside = Bedside::new();
    let mut memories = Vec::new();
    for (second, rate) in [(0, 72), (1, 160), (2, 165), (20, 170), (21, 72), (22, 72), (23, 0)] {
        bedside.read(second, rate);
        bedside.tick(second);
        if let Some(snapshot) = bedside.patient.to_save(at(second)) {
            memories.push(serde_json::to_string(&snapshot).expect("JSON"));
        }
    }
    bedside.tick(400);
    memories.push(bedside.saved(400));
    memories
}

#[test]
fn no_damage_to_a_memory_does_harm_and_whoever_is_read_back_goes_on() {
    let memories = memories();
    assert!(memories.len() > 3);
    let make = |inputs: &mut Inputs| {
        let right = &memories[inputs.below(memories.len())];
        match inputs.below(5) {
            0 => inputs.json(),
            1 => inputs.damaged(right.as_bytes()),
            _ => inputs.with_another_number(right),
        }
    };
    try_all(
        "memory",
        30_000,
        (1 << 20, 100),
        make,
        |memory| memory,
        |memory| {
            let Ok(snapshot) = serde_json::from_slice::<Snapshot>(memory) else { return };
            let mut bedside = Bedside::new();
            let whole = Memory::Whole(Box::new(snapshot));
            bedside.patient = Patient::restored(whole, id(), &bedside.settings, at(500));
            bedside.tick(500);
            bedside.read(501, 200);
            bedside.tick(520);
            bedside.read(521, 72);
            let _ = bedside.saved(540);
        },
    );
}
