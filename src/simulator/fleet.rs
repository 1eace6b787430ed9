//! The fleet: every patient with one device, each measuring in its turn.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::bed::{Bed, Carriage};
use super::physiology::{DayTime, Persistence};
use super::reading::{self, TimeText};
use super::schedule::Director;
use super::{FleetSettings, SettingsFault};
use crate::contract::topics::Topics;

/// Streams of the seed: who the people are, how they go on, what happens to them.
const PEOPLE: u64 = 0;
const LIFE: u64 = 1;
const EPISODES: u64 = 2;

/// Something a device does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FleetEvent {
    /// When, from the fleet's start; never before the event before it.
    pub due: Duration,
    /// The patient's number, from 0.
    pub patient: usize,
    pub act: Act,
}

/// What a device does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Publishes this reading on its patient's topic.
    Report(Vec<u8>),
    /// Connects by itself, with a last will; until then, and after `Leave`, a gateway carries its readings.
    Connect,
    /// Loses its own connection without a goodbye.
    Lose,
    /// Closes its own connection in order.
    Leave,
}

/// A retained message, by its topic.
pub type Retained = (Arc<str>, Vec<u8>);

/// A fleet of simulated devices, and what they do in order of time, without end.
#[derive(Debug)]
pub struct Fleet {
    settings: FleetSettings,
    topics: Topics,
    start_ms: i64,
    beds: Vec<Bed>,
    director: Director,
    rng: ChaCha8Rng,
    over: Persistence,
    /// Nanoseconds between two readings of one patient.
    interval: u64,
    /// How many turns to measure are over.
    turns: u64,
    time_text: TimeText,
    day: (u64, DayTime),
    ready: VecDeque<FleetEvent>,
}

impl Fleet {
    /// Draws the fleet; its first reading is measured at `start`.
    pub fn new(settings: FleetSettings, start: Timestamp) -> Result<Self, SettingsFault> {
        settings.check()?;
        let stream = |number| {
            let mut rng = ChaCha8Rng::seed_from_u64(settings.seed);
            rng.set_stream(number);
            rng
        };
        let topics = Topics::new(&settings.prefix);
        let mut people = stream(PEOPLE);
        let beds = (0..settings.patients)
            .map(|patient| Bed::draw(&settings, &topics, patient, &mut people))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            start_ms: start.as_millisecond(),
            beds,
            director: Director::new(&settings.schedule, &settings.kinds, settings.patients, stream(EPISODES)),
            rng: stream(LIFE),
            over: Persistence::over(1.0 / settings.rate),
            interval: (1e9 / settings.rate) as u64,
            turns: 0,
            time_text: TimeText::default(),
            day: (u64::MAX, DayTime::at(0.0)),
            ready: VecDeque::new(),
            topics,
            settings,
        })
    }

    /// How many patients there are.
    pub fn patients(&self) -> usize {
        self.beds.len()
    }

    /// Where the readings of this patient go.
    pub fn topic(&self, patient: usize) -> &Arc<str> {
        &self.beds[patient].topic
    }

    /// The name of this patient's device.
    pub fn device(&self, patient: usize) -> &Arc<str> {
        &self.beds[patient].device
    }

    /// Where this patient's device says `online`, and its last will `offline`.
    pub fn status_topic(&self, patient: usize) -> &Arc<str> {
        &self.beds[patient].status_topic
    }

    /// Where this patient's admission record is, or would be.
    pub fn record_topic(&self, patient: usize) -> &Arc<str> {
        &self.beds[patient].record_topic
    }

    /// The admission record of this patient, retained; none if the settings want none.
    pub fn record(&self, patient: usize) -> Option<Retained> {
        let class = self.settings.class_of(patient);
        if !self.settings.records && !self.settings.children {
            return None;
        }
        let bed = &self.beds[patient];
        let mut record = Vec::new();
        let place = patient / self.settings.units.len();
        reading::append(
            &mut record,
            format_args!(
                r#"{{"class":"{}","room":"{}","bed":"{}","label":"Sim {}","devices":["{}"]}}"#,
                class.name(),
                1 + place / 2,
                if place.is_multiple_of(2) { "A" } else { "B" },
                patient + 1,
                bed.device
            ),
        );
        Some((bed.record_topic.clone(), record))
    }

    /// What happens next, if it happens before `end`.
    pub fn next_before(&mut self, end: Duration) -> Option<FleetEvent> {
        while self.ready.is_empty() && self.turn_due() < end {
            self.take_turn();
        }
        self.ready.pop_front_if(|event| event.due < end)
    }

    /// Before this nothing happens.
    pub fn next_due(&self) -> Duration {
        self.ready.front().map_or_else(|| self.turn_due(), |event| event.due)
    }

    /// When the fleet's time is zero.
    pub fn start(&self) -> Timestamp {
        // It came from a timestamp.
        Timestamp::from_millisecond(self.start_ms).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// The topics that it publishes to.
    pub fn topics(&self) -> &Topics {
        &self.topics
    }

    /// The fleet's start was at another time on the wall clock, after that was set.
    pub fn rebase(&mut self, start: Timestamp) {
        self.start_ms = start.as_millisecond();
    }

    /// When the next patient's turn is: within each interval, all take turns at equal distances.
    fn turn_due(&self) -> Duration {
        let patients = self.beds.len() as u64;
        let (round, place) = (self.turns / patients, self.turns % patients);
        let within = u128::from(self.interval) * u128::from(place) / u128::from(patients);
        Duration::from_nanos(round * self.interval + within as u64)
    }

    fn take_turn(&mut self) {
        let due = self.turn_due();
        let patient = (self.turns % self.beds.len() as u64) as usize;
        self.turns += 1;
        self.begin_episodes(due);
        let day = self.day_time(due);
        let bed = &mut self.beds[patient];
        let strain = bed.episode.map_or_else(Default::default, |episode| episode.strain(due));
        let vitals = bed.person.live(&self.over, day, &strain, &mut self.rng);

        let before = bed.change_carriage(due);
        let acts = acts_between(before, bed.carriage);
        self.ready.extend(acts.iter().map(|act| FleetEvent { due, patient, act: act.clone() }));
        if bed.carriage == Carriage::Lost {
            return;
        }
        let time_ms = self.start_ms + due.as_millis() as i64 + bed.clock_off_ms(due);
        let measured = bed.measure(&self.settings, due, time_ms, vitals);
        let payload = reading::write(&measured, &mut self.time_text);
        bed.send(payload, due, |payload| {
            self.ready.push_back(FleetEvent { due, patient, act: Act::Report(payload) });
        });
    }

    fn begin_episodes(&mut self, due: Duration) {
        while let Some(episode) = self.director.begun(due) {
            self.beds[episode.patient].begin(episode, due);
        }
    }

    /// The place in the day's curve, kept for one second.
    fn day_time(&mut self, due: Duration) -> DayTime {
        if self.day.0 != due.as_secs() {
            let second_of_day = (self.start_ms / 1000 + due.as_secs() as i64).rem_euclid(86_400);
            self.day = (due.as_secs(), DayTime::at(second_of_day as f64));
        }
        self.day.1
    }
}

/// What a device does to reach the broker in another way.
fn acts_between(before: Carriage, after: Carriage) -> &'static [Act] {
    match (before, after) {
        (Carriage::Gateway | Carriage::Lost, Carriage::Own) => &[Act::Connect],
        (Carriage::Gateway, Carriage::Lost) => &[Act::Connect, Act::Lose],
        (Carriage::Own, Carriage::Lost) => &[Act::Lose],
        (Carriage::Own, Carriage::Gateway) => &[Act::Leave],
        (Carriage::Lost, Carriage::Gateway) => &[Act::Connect, Act::Leave],
        (Carriage::Gateway, Carriage::Gateway)
        | (Carriage::Own, Carriage::Own)
        | (Carriage::Lost, Carriage::Lost) => &[],
    }
}
