//! What was said of one patient's vital, in the order of arrival, with what is true about it.

use crate::bed::Bed;
use crate::course::{Danger, MINUTE, Ms, SECOND, Vital, danger};
use crate::message::{Measured, Value};

/// How old what came is, in truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Age {
    /// At once, or nearly.
    Live,
    /// Neither clearly live nor clearly kept.
    Grey,
    /// From the past.
    Kept,
    /// After a newer one of the same device.
    Late,
    /// It came before.
    Again,
}

/// One value that came, or that it was not measured.
#[derive(Debug, Clone, Copy)]
pub struct Statement {
    pub at: Ms,
    pub taken: Ms,
    pub source: usize,
    /// Its place among the patient's devices, each name being one.
    pub device: usize,
    pub vital: Vital,
    /// None where it was not measured.
    pub value: Option<i64>,
    pub age: Age,
}

impl Statement {
    pub fn danger(&self) -> Option<Danger> {
        self.value.and_then(|value| danger(self.vital, value))
    }

    /// Whether it is as dangerous as `least`: the same side, and as extreme.
    pub fn reaches(&self, least: &Danger) -> bool {
        self.danger().is_some_and(|is| is.high_side == least.high_side && (is.extreme || !least.extreme))
    }
}

/// All that came for one patient.
pub struct Course {
    /// For each vital that is judged by itself, in the order of arrival.
    pub groups: Vec<(Vital, Vec<Statement>)>,
    pub devices: Vec<Device>,
}

/// What came of one device.
pub struct Device {
    pub source: usize,
    pub name: Option<String>,
    pub readings: Vec<Came>,
    /// Whether its clock is steady to the second and everything came at once, in order, and once.
    pub well: bool,
    /// By how much its stamps may mislead: the widest difference between stamp and truth.
    pub spread: Ms,
    /// How often its clock was turned by more than `clock_tolerance`; once where it was behind from the start.
    pub turned: usize,
    /// When what came showed so.
    pub turns: Vec<Ms>,
}

/// One reading that came.
#[derive(Debug, Clone, Copy)]
pub struct Came {
    pub at: Ms,
    pub taken: Ms,
    pub age: Age,
    /// Whether it has a value.
    pub measures: bool,
    /// Whether it is old, and its stamp says that it is not: as new as the newest, or newer.
    pub looks_new: bool,
}

/// What was taken at most so long ago has come at once.
const LIVE: Ms = 20 * SECOND;

/// What was taken longer ago is from the past.
const KEPT: Ms = 60 * SECOND;

impl Course {
    /// All that came for the bed's patient of this number.
    pub fn of(bed: &Bed, patient: usize) -> Self {
        let mut course = Self { groups: Vec::new(), devices: Vec::new() };
        let mut came: Vec<Vec<&Measured>> = Vec::new();
        let mut newest: Vec<((usize, Vital), Ms)> = Vec::new();
        let mut stamps: Vec<Option<Ms>> = Vec::new();
        for message in bed.messages.iter().filter(|message| message.patient == patient) {
            let mut readings: Vec<&Measured> = message.readings().iter().collect();
            readings.sort_by_key(|reading| reading.stamp);
            for reading in readings {
                let place = course.device(reading, &mut came);
                let looks_like = came[place].iter().any(|before| before.looks_like(reading));
                let mut age = age(message.at - reading.taken, reading.again || looks_like);
                stamps.resize(course.devices.len(), None);
                let is_newest = reading.stamp.is_some() && reading.stamp >= stamps[place];
                stamps[place] = stamps[place].max(reading.stamp);
                let (at, taken, source) = (message.at, reading.taken, reading.source);
                for &(vital, ref value) in &reading.values {
                    let value = if let Value::Of(value) = value { Some(*value) } else { None };
                    let of_vital = match age_of_vital(&mut newest, reading, vital, age) {
                        // A count that starts again may repeat `seq`, `time` and values: CONTRACT's duplicate.
                        Age::Again if !reading.again => Age::Grey,
                        of_vital => of_vital,
                    };
                    if of_vital == Age::Late {
                        age = Age::Late;
                    }
                    let said = Statement { at, taken, source, device: place, vital, value, age: of_vital };
                    course.group(vital).push(said);
                }
                let measures = reading.values.iter().any(|(_, value)| matches!(value, Value::Of(_)));
                let looks_new = is_newest && (at - taken > LIVE || age == Age::Late);
                course.devices[place].readings.push(Came { at, taken, age, measures, looks_new });
                came[place].push(reading);
            }
        }
        for (device, came) in course.devices.iter_mut().zip(&came) {
            device.weigh(came);
        }
        course
    }

    fn group(&mut self, vital: Vital) -> &mut Vec<Statement> {
        let group = vital.group();
        let place = self.groups.iter().position(|(of, _)| *of == group).unwrap_or_else(|| {
            self.groups.push((group, Vec::new()));
            self.groups.len() - 1
        });
        &mut self.groups[place].1
    }

    fn device(&mut self, reading: &Measured, came: &mut Vec<Vec<&Measured>>) -> usize {
        let is = |device: &Device| device.source == reading.source && device.name == reading.device;
        self.devices.iter().position(is).unwrap_or_else(|| {
            self.devices.push(Device::new(reading));
            came.push(Vec::new());
            self.devices.len() - 1
        })
    }

    /// Whether what came is old, but may be taken for live, and says that it is not so.
    pub fn may_break(&self, said: &Statement, least: &Danger) -> bool {
        let old = matches!(said.age, Age::Kept | Age::Late) && said.value.is_some() && !said.reaches(least);
        let within = |(from, to): &(Ms, Ms)| (*from - 1..=*to).contains(&said.at);
        let device = &self.devices[said.device];
        // What counts by its arrival may be old, and ends nothing for five minutes.
        let long = device.by_arrival().into_iter().map(|(from, to)| (from + 5 * MINUTE, to));
        // Of one vital there is one value: what is beyond the other limit is published at once.
        let worse = said.danger().is_some() && device.by_arrival().iter().any(within);
        let turned = device.taken_for_live(false).iter().any(within);
        old && (turned || worse || long.into_iter().any(|span| within(&span)))
    }

    /// Whether everything about this patient is as it should be, so that no tolerance is due.
    pub fn is_well(&self) -> bool {
        self.devices.iter().all(|device| device.well)
    }

    /// How many devices measure a vital; whoever has another name is another.
    pub fn sources(statements: &[Statement]) -> usize {
        let mut sources: Vec<_> = statements.iter().map(|said| (said.device, said.vital)).collect();
        sources.sort_unstable();
        sources.dedup();
        sources.len()
    }
}

fn age(passed: Ms, again: bool) -> Age {
    match () {
        () if again => Age::Again,
        () if passed <= LIVE => Age::Live,
        () if passed <= KEPT => Age::Grey,
        () => Age::Kept,
    }
}

/// Late, where the same device has sent a newer value of this vital before.
fn age_of_vital(newest: &mut Vec<((usize, Vital), Ms)>, reading: &Measured, vital: Vital, age: Age) -> Age {
    let key = (reading.source, vital);
    let place = newest.iter().position(|(of, _)| *of == key).unwrap_or_else(|| {
        newest.push((key, Ms::MIN));
        newest.len() - 1
    });
    let late = reading.taken < newest[place].1;
    newest[place].1 = newest[place].1.max(reading.taken);
    match age {
        Age::Live | Age::Grey if late => Age::Late,
        age => age,
    }
}

impl Device {
    fn new(reading: &Measured) -> Self {
        let (source, name) = (reading.source, reading.device.clone());
        Self { source, name, readings: Vec::new(), well: true, spread: 0, turned: 0, turns: Vec::new() }
    }

    fn weigh(&mut self, came: &[&Measured]) {
        let skews: Vec<_> = came.iter().filter_map(|reading| Some(reading.stamp? - reading.taken)).collect();
        let (least, most) = (skews.iter().min().copied(), skews.iter().max().copied());
        // Before anything came live, a wrong clock cannot be distinguished from a backlog.
        let first_is_old = self.readings.first().is_some_and(|first| first.age != Age::Live);
        let (least, most) = (least.unwrap_or(0), most.unwrap_or(0));
        self.spread = if first_is_old { most.max(0) - least.min(0) } else { most - least };
        let mut reference = skews.first().copied().unwrap_or(0);
        self.turned = usize::from(reference < -20 * SECOND);
        let stamped = self
            .readings
            .iter()
            .zip(came)
            .filter_map(|(at, reading)| Some((at.at, reading.stamp? - reading.taken)));
        for (at, skew) in stamped {
            if (skew - reference).abs() >= 5 * SECOND {
                (self.turned, reference) = (self.turned + 1, skew);
                self.turns.push(at);
            }
        }
        let at_once = |came: &Came| came.age == Age::Live && came.at - came.taken <= 2 * SECOND;
        self.well = self.spread <= SECOND
            && self.turned == 0
            && self.readings.iter().all(at_once)
            && most.abs() < 25 * MINUTE * 60 * 24;
    }

    /// The moments from and until which what came of it may be taken for live by whoever knows only stamps and
    /// arrivals: kept readings that stall, or come slower than one and a half times real time (CONTRACT, Whose time).
    ///
    /// "The same `time` as the newest live one […] is what that one was", and "a negative age is live": a stamp that
    /// stands, or is ahead, is believed until the next.
    ///
    /// Not so readings whose times run backwards, newest first; nor what comes between live readings, once a live
    /// one has shown that it was a backlog after all.
    ///
    /// With `doubt` a reading alone turns no clock that was shown to be a backlog's (actors/README.md); CONTRACT has none.
    pub fn taken_for_live(&self, doubt: bool) -> Vec<(Ms, Ms)> {
        let mut spans: Vec<(Ms, Ms)> = Vec::new();
        let mut mark: Option<Mark> = None;
        let mut lone: Option<Mark> = None;
        let mut open: Option<Ms> = None;
        // So many live ones until another backlog may be taken for a clock.
        let mut shown = 0;
        let readings = self.readings.iter().filter(|came| came.age != Age::Again);
        let (at, age) = (Ms::MAX / 2, Age::Live);
        let end = Came { at, taken: at, age, measures: false, looks_new: false };
        // The first after a pause whose stamp stands, or is ahead, is live until the next says otherwise.
        let old = readings.clone().filter(|came| came.looks_new);
        spans.extend(
            old.map(|old| {
                (old.at, readings.clone().find(|came| came.at > old.at).map_or(at, |next| next.at))
            }),
        );
        for came in readings.chain([&end]) {
            if mark.is_some_and(|mark| mark.turns_clock(came.at)) {
                open = open.or(mark.map(|mark| mark.at));
            }
            if came.at - came.taken > LIVE {
                // Where a live one has shown that it was a backlog, it takes a second that goes on where the first stood:
                // `catch_up` after the mark "the clock was set back".
                let agrees = |first: Mark| first.agrees(came);
                if shown == 0 || !doubt || mark.is_some() || lone.is_some_and(agrees) {
                    mark = Some(Mark::after(mark.or(lone), came));
                } else {
                    lone = Some(Mark::after(None, came));
                }
            } else {
                (mark, lone) = (None, None);
                shown = if open.is_some() { 16 } else { (shown - 1).max(0) };
                spans.extend(open.take().map(|from| (from, came.at)));
            }
        }
        spans
    }
}

impl Device {
    /// The moments from and until which its arrivals may count, whatever its stamps say: "no clock, reboot, glitch,
    /// stamp or backlog delays an alert by more than `catch_up`" (CONTRACT, Whose time). For that long, or until it is
    /// usually live again, nothing was live, and nothing caught up by half of the time that passed.
    pub fn by_arrival(&self) -> Vec<(Ms, Ms)> {
        let mut spans = Vec::new();
        let mut mark: Option<(Ms, Ms)> = None;
        let mut open: Option<Ms> = None;
        let usual = self.usual_interval().max(10 * SECOND);
        for came in self.readings.iter().filter(|came| came.age != Age::Again) {
            let age = came.at - came.taken;
            if age <= LIVE {
                spans.extend(open.take().map(|from| (from, came.at)));
                mark = None;
                continue;
            }
            let (from, least) = *mark.get_or_insert((came.at, age));
            if least > age && (least - age) * 2 >= came.at - from {
                mark = Some((came.at, age));
                spans.extend(open.take().map(|from| (from, came.at)));
            } else if came.at - from >= usual {
                open = open.or(Some(came.at));
            }
        }
        spans.extend(open.map(|from| (from, Ms::MAX / 2)));
        spans
    }

    /// The median of the times between live arrivals, once there are some.
    fn usual_interval(&self) -> Ms {
        let mut live: Vec<_> =
            self.readings.iter().filter(|came| came.age == Age::Live).map(|came| came.at).collect();
        live.dedup();
        let mut between: Vec<_> = live.windows(2).map(|pair| pair[1] - pair[0]).collect();
        between.sort_unstable();
        between.get(between.len() / 2).copied().filter(|_| between.len() >= 4).unwrap_or(0)
    }
}

/// Where a catch-up counts from.
#[derive(Clone, Copy)]
struct Mark {
    at: Ms,
    age: Ms,
    /// The age at the last jump.
    jump_age: Ms,
    /// Whether anything came since.
    followed: bool,
    /// When the last was taken, and whether each since the mark was taken before the one before.
    last_taken: Ms,
    backwards: bool,
}

impl Mark {
    fn after(before: Option<Self>, came: &Came) -> Self {
        let (at, age, last_taken) = (came.at, came.at - came.taken, came.taken);
        let new = Self { at, age, jump_age: age, followed: false, last_taken, backwards: false };
        let Some(mark) = before else { return new };
        let backwards = came.taken < mark.last_taken;
        let jumps = age > mark.age + 30 * SECOND;
        let falls = age <= mark.age - (at - mark.at) / 2;
        match jumps || falls {
            true => Self { jump_age: if jumps { age } else { mark.jump_age }, backwards, ..new },
            false => Self { followed: true, last_taken, backwards: mark.backwards || backwards, ..mark },
        }
    }

    /// Whether this goes on where the mark stood, as a clock does.
    fn agrees(&self, came: &Came) -> bool {
        let age = came.at - came.taken;
        came.taken > self.last_taken
            && age <= self.age + 30 * SECOND
            && age > self.age - (came.at - self.at) / 2
    }

    /// Whether, by the arrival of the next, the clock may be held to have been set back.
    fn turns_clock(&self, next: Ms) -> bool {
        let fell_silent = !self.followed && self.jump_age - self.age > 60 * SECOND;
        next >= self.at + 10 * SECOND && !fell_silent && !self.backwards
    }
}
