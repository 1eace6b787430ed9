//! One bed with its patients and devices, made from a seed: all that is sent for it.

use crate::behaviours::Behaviour;
use crate::course::{Course, Ms, SECOND, Vital};
use crate::dice::Dice;
use crate::message::{Message, Said};
use crate::source::{Sent, Source};

/// About so many readings are sent for a bed.
const READINGS: Ms = 150;

/// How many readings a bed has at most: resends and second devices come on top.
const MOST: usize = 450;

/// A bed before its readings are made.
pub struct Draft {
    pub name: String,
    pub patients: usize,
    pub each: Ms,
    pub end: Ms,
    pub sources: Vec<Source>,
    /// When which device's status is said.
    pub statuses: Vec<(Ms, usize, bool)>,
    /// When something happens, near which the course is made dangerous.
    pub events: Vec<Ms>,
}

impl Draft {
    fn new(name: &str, dice: &mut Dice) -> Self {
        let each = dice.among(&[1, 1, 1, 2, 2, 5, 10, 30, 60, 60, 300]) * SECOND;
        let mut draft = Self {
            name: name.to_owned(),
            patients: 1,
            each,
            end: READINGS * each,
            sources: Vec::new(),
            statuses: Vec::new(),
            events: Vec::new(),
        };
        let monitor = draft.another(dice);
        draft.sources.push(monitor);
        draft
    }

    /// One more device of the bed, that is not ill yet.
    pub fn another(&self, dice: &mut Dice) -> Source {
        use Vital::{HeartRate, PulseRate, Respiration, Saturation, Systolic};
        let sets: [&[Vital]; 6] = [
            &[HeartRate],
            &[Saturation],
            &[Saturation, PulseRate],
            &[HeartRate, Saturation],
            &[HeartRate, Saturation, PulseRate, Respiration],
            &[HeartRate, Respiration, Systolic],
        ];
        let mut source = Source {
            number: self.sources.len(),
            bed: self.name.clone(),
            vitals: dice.among(&sets).to_vec(),
            each: self.each,
            from: dice.between(0, 900),
            to: self.end,
            ..Source::default()
        };
        source.link.latency = dice.between(20, 300);
        source
    }

    /// Any of its devices, mostly the first.
    pub fn any(&mut self, dice: &mut Dice) -> &mut Source {
        let place = if dice.percent(60) { 0 } else { dice.below(self.sources.len()) };
        &mut self.sources[place]
    }

    /// When something is to happen.
    pub fn event(&mut self, dice: &mut Dice) -> Ms {
        let near = !self.events.is_empty() && dice.percent(40);
        let at = match near {
            true => dice.among(&self.events) + dice.between(-5, 15) * self.each.min(10 * SECOND),
            false => dice.between(self.end / 20, self.end * 4 / 5),
        };
        self.events.push(at.max(0));
        at.max(0)
    }

    /// Without time a kept reading cannot be distinguished from a live one, and without a name no device from another.
    fn sober(&mut self) {
        for source in &mut self.sources {
            if source.watch.untimed {
                source.link.outages.clear();
                source.link.by_hand = None;
                source.link.batch = None;
                source.link.overtaking = false;
                source.cuff = None;
                source.link.resent = 0;
            }
        }
    }
}

/// A bed and all that is sent for it.
#[derive(Debug, Clone)]
pub struct Bed {
    pub seed: u64,
    pub behaviours: Vec<Behaviour>,
    /// `unit/patient` of each of its patients.
    pub patients: Vec<String>,
    /// In the order of arrival.
    pub messages: Vec<Message>,
    /// Time runs on until then.
    pub end: Ms,
}

impl Bed {
    /// The bed of this seed.
    pub fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let behaviours: Vec<_> =
            (0..dice.among(&[1, 1, 2, 2, 2, 2, 3])).map(|_| dice.among(&Behaviour::ALL)).collect();
        Self::of(seed, behaviours, dice)
    }

    fn of(seed: u64, behaviours: Vec<Behaviour>, mut dice: Dice) -> Self {
        let name = format!("b{seed}");
        let mut draft = Draft::new(&name, &mut dice);
        for behaviour in &behaviours {
            behaviour.apply(&mut draft, &mut dice);
        }
        draft.sober();
        let courses: Vec<_> = (0..draft.patients).map(|_| draft.course(&mut dice)).collect();
        let mut messages: Vec<Message> = Vec::new();
        for source in &draft.sources {
            let batched = source.link.batch.is_some();
            source.send(&mut dice, &courses).into_iter().for_each(|sent| add(&mut messages, sent, batched));
        }
        for (at, number, online) in &draft.statuses {
            let source = &draft.sources[*number];
            let patient = usize::from(source.moves.is_some_and(|moves| *at >= moves));
            let said = Said::Status { device: source.name(), online: *online };
            messages.push(Message { at: (*at).max(0), patient, said });
        }
        messages.sort_by_key(|message| message.at);
        messages.truncate(MOST);
        let last = messages.last().map_or(0, |message| message.at);
        let linger = (4 * draft.each).clamp(70 * SECOND, 330 * SECOND);
        let patients = (0..draft.patients).map(|number| format!("ward/{name}.{number}")).collect();
        Self { seed, behaviours, patients, messages, end: last + linger }
    }
}

impl Draft {
    fn course(&self, dice: &mut Dice) -> Course {
        let mut vitals: Vec<_> = self.sources.iter().flat_map(|source| source.vitals.clone()).collect();
        vitals.extend(self.sources.iter().filter_map(|source| source.cuff).map(|_| Vital::Systolic));
        Course::new(dice, &vitals, &self.events, self.each, self.end)
    }
}

/// Adds a reading, in the array of those that come with it where the device sends arrays.
fn add(messages: &mut Vec<Message>, sent: Sent, batched: bool) {
    let Sent { at, patient, measured } = sent;
    if let Some(Message { at: before, patient: of, said: Said::Readings(readings) }) = messages.last_mut()
        && batched
        && (*before, *of, readings[0].source) == (at, patient, measured.source)
        && readings.len() < 1000
    {
        return readings.push(measured);
    }
    messages.push(Message { at, patient, said: Said::Readings(vec![measured]) });
}
