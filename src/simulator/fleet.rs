//! The fleet: every patient with one device, each measuring in its turn.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use wardwatch_actors::people::identity::{NameFault, PatientId};

use super::episodes::{Episode, Kind, Phase};
use super::physiology::{DayTime, Persistence, Person, uniform};
use super::reading::{self, Measured, Saturation, TimeText};
use super::schedule::Director;
use super::{FleetSettings, SettingsFault};
use crate::mqtt::topics::Topics;

/// Streams of the seed: who the people are, how they go on, what happens to them.
const PEOPLE: u64 = 0;
const LIFE: u64 = 1;
const EPISODES: u64 = 2;
/// Of duplicates, one reading in so many comes twice; of late readings, one in so many is overtaken.
const REPEATED_ONE_IN: u64 = 3;
const LATE_ONE_IN: u64 = 4;

/// Something a device does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
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

/// How a device reaches the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Path {
    Gateway,
    Own,
    Lost,
}

/// One patient with one device.
#[derive(Debug)]
struct Bed {
    person: Person,
    topic: Arc<str>,
    device: Arc<str>,
    status_topic: Arc<str>,
    record_topic: Arc<str>,
    seq: u64,
    path: Path,
    episode: Option<Episode>,
    /// A reading that waits for its successor to overtake it.
    held: Option<Vec<u8>>,
    pressure_due: Duration,
    temperature_due: Duration,
    observation_due: Duration,
    /// Confused, on oxygen: as last noted.
    noted: (bool, bool),
}

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
    ready: VecDeque<Event>,
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
                class.as_str(),
                1 + place / 2,
                if place.is_multiple_of(2) { "A" } else { "B" },
                patient + 1,
                bed.device
            ),
        );
        Some((bed.record_topic.clone(), record))
    }

    /// What happens next, if it happens before `end`.
    pub fn next_before(&mut self, end: Duration) -> Option<Event> {
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

    /// Tells the fleet that its start was at another time on the wall clock, after that was set.
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

        let path = bed.path_at(due);
        change_path(&mut self.ready, due, patient, bed.path, path);
        bed.path = path;
        if path == Path::Lost {
            bed.held = None;
            return;
        }
        let first = bed.seq == 1;
        let observed = due >= bed.observation_due || bed.noted != (vitals.confused, vitals.on_oxygen);
        let measured = Measured {
            time_ms: self.start_ms
                + due.as_millis() as i64
                + bed.episode.map_or(0, |episode| episode.clock_off_ms(due)),
            device: &bed.device,
            seq: bed.seq,
            vitals,
            saturation: bed.saturation_at(due),
            pressure: first | take_if_due(&mut bed.pressure_due, due, self.settings.pressure_every),
            temperature: first | take_if_due(&mut bed.temperature_due, due, self.settings.temperature_every),
            observed,
            simulated: self.settings.simulated,
        };
        let payload = reading::write(&measured, &mut self.time_text);
        if observed {
            bed.observation_due = due + self.settings.observation_every;
            bed.noted = (vitals.confused, vitals.on_oxygen);
        }
        bed.seq += 1;
        bed.send(payload, due, |payload| {
            self.ready.push_back(Event { due, patient, act: Act::Report(payload) });
        });
    }

    fn begin_episodes(&mut self, due: Duration) {
        while let Some(episode) = self.director.begun(due) {
            let bed = &mut self.beds[episode.patient];
            // Who is in an episode is left in peace.
            if bed.episode.is_none_or(|current| current.phase(due) == Phase::Over) {
                bed.episode = Some(episode);
            }
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

impl Bed {
    fn draw(
        settings: &FleetSettings,
        topics: &Topics,
        patient: usize,
        rng: &mut ChaCha8Rng,
    ) -> Result<Self, NameFault> {
        let id: PatientId = name_of(settings, patient).parse()?;
        let device = format!("sim-mon-{:03}", patient + 1);
        let mut spread = |every: Duration| every.mul_f64(uniform(rng));
        // Everything comes with the first reading, then each patient in a rhythm of their own.
        let (pressure_due, temperature_due) =
            (spread(settings.pressure_every), spread(settings.temperature_every));
        Ok(Self {
            person: Person::draw(settings.class_of(patient), rng),
            topic: topics.vitals(&id).into(),
            status_topic: topics.device_status(&device).into(),
            record_topic: topics.record(&id).into(),
            device: device.into(),
            seq: 1,
            path: Path::Gateway,
            episode: None,
            held: None,
            pressure_due,
            temperature_due,
            observation_due: Duration::ZERO,
            noted: (false, false),
        })
    }

    fn path_at(&self, due: Duration) -> Path {
        let lost = self.episode.filter(|episode| episode.kind == Kind::DeviceLost);
        match lost.map_or(Phase::Over, |episode| episode.phase(due)) {
            Phase::Building | Phase::Passing => Path::Own,
            Phase::Holding => Path::Lost,
            Phase::Before | Phase::Over => Path::Gateway,
        }
    }

    fn saturation_at(&self, due: Duration) -> Saturation {
        match self.episode {
            Some(episode) if episode.is(Kind::ProbeOff, due) => {
                if episode.depth < 1.0 {
                    Saturation::Null
                } else {
                    Saturation::Zero
                }
            }
            _ => Saturation::Measured,
        }
    }

    /// Sends a reading, twice or later where that is the episode.
    fn send(&mut self, payload: Vec<u8>, due: Duration, mut out: impl FnMut(Vec<u8>)) {
        let during = |kind| self.episode.is_some_and(|episode| episode.is(kind, due));
        if during(Kind::LateReadings) && self.seq.is_multiple_of(LATE_ONE_IN) {
            if let Some(overtaken) = self.held.replace(payload) {
                out(overtaken);
            }
            return;
        }
        if during(Kind::Duplicates) && self.seq.is_multiple_of(REPEATED_ONE_IN) {
            out(payload.clone());
        }
        out(payload);
        if let Some(overtaken) = self.held.take() {
            out(overtaken);
        }
    }
}

/// `unit/patient` of a number.
fn name_of(settings: &FleetSettings, patient: usize) -> String {
    let unit = &settings.units[patient % settings.units.len()];
    format!("{unit}/p-{:03}", patient + 1)
}

/// Whether something is due, and if so, when next.
fn take_if_due(next: &mut Duration, now: Duration, every: Duration) -> bool {
    let due = now >= *next;
    if due {
        *next = now + every;
    }
    due
}

/// What a device does to reach the broker in another way.
fn change_path(ready: &mut VecDeque<Event>, due: Duration, patient: usize, from: Path, to: Path) {
    let acts: &[Act] = match (from, to) {
        (Path::Gateway, Path::Own) | (Path::Lost, Path::Own) => &[Act::Connect],
        (Path::Gateway, Path::Lost) => &[Act::Connect, Act::Lose],
        (Path::Own, Path::Lost) => &[Act::Lose],
        (Path::Own, Path::Gateway) => &[Act::Leave],
        (Path::Lost, Path::Gateway) => &[Act::Connect, Act::Leave],
        _ => &[],
    };
    ready.extend(acts.iter().map(|act| Event { due, patient, act: act.clone() }));
}
