//! A device as it really is: what it measures, what its clock shows, and how its readings travel.

use crate::course::{Course, HOUR, MINUTE, Ms, SECOND, Vital};
use crate::dice::Dice;
use crate::message::{Measured, START, Value};

/// What a device calls itself.
#[derive(Debug, Clone, Default)]
pub enum Naming {
    #[default]
    Fixed,
    Nameless,
    /// A gateway with a new name for each reading.
    New,
}

/// What happens to a clock.
#[derive(Debug, Clone, Copy)]
pub enum Turn {
    /// Set on (or back, where negative) by so much.
    Step(Ms),
    /// Starts at 1970, with the count.
    Reboot,
    /// The count starts again, the clock stays.
    Restart,
}

/// What a clock shows.
#[derive(Debug, Clone, Default)]
pub struct Watch {
    pub offset: Ms,
    /// Too fast by so many thousandths.
    pub drift: i64,
    pub turns: Vec<(Ms, Turn)>,
    /// Stamps are cut to whole units of this.
    pub coarse: Option<Ms>,
    /// Between these the stamp stays as it was.
    pub frozen: Option<(Ms, Ms)>,
    /// The first reading from here on is an hour ahead.
    pub glitch: Option<Ms>,
    pub untimed: bool,
    pub uncounted: bool,
    /// A step of the clock starts the count anew.
    pub count_starts_again: bool,
}

impl Watch {
    fn stamp(&self, taken: Ms) -> Ms {
        let taken = match self.frozen {
            Some((from, to)) if (from..to).contains(&taken) => from,
            _ => taken,
        };
        let mut stamp = taken + self.offset + taken * self.drift / 1000;
        for (at, turn) in self.turns.iter().filter(|(at, _)| *at <= taken) {
            match turn {
                Turn::Step(by) => stamp += by,
                Turn::Reboot => stamp = taken - at - START + 20 * SECOND,
                Turn::Restart => {}
            }
        }
        self.coarse.map_or(stamp, |unit| (stamp + START).div_euclid(unit) * unit - START)
    }

    /// Since when the count runs that a reading of `taken` has.
    fn counts_since(&self, taken: Ms) -> Ms {
        let again = |(at, turn): &&(Ms, Turn)| {
            *at <= taken && (self.count_starts_again || !matches!(turn, Turn::Step(_)))
        };
        self.turns.iter().filter(again).map(|(at, _)| *at).max().unwrap_or(Ms::MIN)
    }
}

/// In which order kept readings are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Oldest first, and what is measured meanwhile waits behind them.
    Queue,
    /// Live ones go at once, kept ones between them, oldest first.
    Oldest,
    /// The same, newest first.
    Newest,
}

/// A time without connection, in which readings are kept.
#[derive(Debug, Clone, Copy)]
pub struct Outage {
    pub from: Ms,
    pub to: Ms,
    pub order: Order,
    /// Between two kept readings on their way.
    pub spacing: Ms,
    /// After so many kept readings, nothing for so long.
    pub stall: Option<(usize, Ms)>,
}

/// How readings travel.
#[derive(Debug, Clone, Default)]
pub struct Link {
    pub latency: Ms,
    pub jitter: Ms,
    /// Readings overtake each other.
    pub overtaking: bool,
    pub outages: Vec<Outage>,
    /// One array each so often.
    pub batch: Option<Ms>,
    /// So many of a hundred come twice.
    pub twice: usize,
    /// After an outage, so many that came before it come again.
    pub resent: usize,
    /// Entered by hand: so much later, at least and at most.
    pub by_hand: Option<(Ms, Ms)>,
}

/// A device.
#[derive(Debug, Clone, Default)]
pub struct Source {
    pub number: usize,
    pub bed: String,
    pub naming: Naming,
    pub vitals: Vec<Vital>,
    pub each: Ms,
    pub from: Ms,
    pub to: Ms,
    /// Nothing is measured in these.
    pub silent: Vec<(Ms, Ms)>,
    /// A cuff beside it, read so often, and stamped so much earlier, when it began.
    pub cuff: Option<(Ms, Ms)>,
    pub watch: Watch,
    pub link: Link,
    /// A probe is off: which, from, to, and what is sent then.
    pub off: Vec<(Vital, Ms, Ms, Value)>,
    /// Sends for the bed's second patient from then on.
    pub moves: Option<Ms>,
}

/// A reading on its way.
pub struct Sent {
    pub at: Ms,
    pub patient: usize,
    pub measured: Measured,
}

impl Source {
    pub fn name(&self) -> String {
        format!("{}-d{}", self.bed, self.number)
    }

    fn patient(&self, taken: Ms) -> usize {
        usize::from(self.moves.is_some_and(|moves| taken >= moves))
    }

    /// When it measures what, and how much earlier its stamp is.
    fn slots(&self) -> Vec<(Ms, &[Vital], Ms)> {
        let mut slots = Vec::new();
        let (mut at, mut cuff_at) = (self.from, self.from + self.cuff.map_or(0, |(each, _)| each / 2));
        while at < self.to {
            if !self.silent.iter().any(|(from, to)| (*from..*to).contains(&at)) {
                slots.push((at, &self.vitals[..], 0));
            }
            if let Some((each, before)) = self.cuff.filter(|_| at >= cuff_at) {
                slots.push((at + 200, &[Vital::Systolic][..], before));
                cuff_at += each;
            }
            at += self.each;
        }
        slots
    }

    /// All that it measures, in that order.
    fn measure(&self, dice: &mut Dice, courses: &[Course]) -> Vec<Measured> {
        let mut readings: Vec<Measured> = Vec::new();
        let mut glitched = false;
        let (mut count, mut since) = (0, Ms::MIN);
        for (taken, vitals, before) in self.slots() {
            let starts = self.watch.counts_since(taken);
            count = if starts > since { 1 } else { count + 1 };
            since = starts;
            let glitch = !glitched && self.watch.glitch.is_some_and(|glitch| taken >= glitch);
            glitched |= glitch;
            let ahead = if glitch { HOUR } else { 0 };
            let course = &courses[self.patient(taken)];
            readings.push(Measured {
                taken,
                source: self.number,
                device: match self.naming {
                    Naming::Fixed => Some(self.name()),
                    Naming::Nameless => None,
                    Naming::New => Some(format!("{}-{}", self.name(), readings.len())),
                },
                stamp: (!self.watch.untimed).then(|| self.watch.stamp(taken - before) + ahead),
                seq: (!self.watch.uncounted).then_some(count),
                values: vitals
                    .iter()
                    .map(|vital| (*vital, self.value(*vital, taken, course, dice)))
                    .collect(),
                again: false,
            });
        }
        readings
    }

    fn value(&self, vital: Vital, at: Ms, course: &Course, dice: &mut Dice) -> Value {
        let off = self.off.iter().find(|(of, from, to, _)| *of == vital && (*from..*to).contains(&at));
        if let Some((_, _, _, said)) = off {
            return *said;
        }
        // A right value plays a little, too little to come near a limit.
        let play = if dice.percent(40) { dice.between(-1, 0) } else { 0 };
        match course.value(vital, at) {
            Some(value @ (0 | 75 | 97 | 15 | 120)) if value > 0 => Value::Of(value + play),
            Some(value) => Value::Of(value),
            None => Value::Null,
        }
    }

    /// All that it sends, in the order of arrival.
    pub fn send(&self, dice: &mut Dice, courses: &[Course]) -> Vec<Sent> {
        let readings = self.measure(dice, courses);
        let mut sent: Vec<Sent> = Vec::with_capacity(readings.len());
        for (measured, at) in readings.iter().zip(self.arrivals(dice, &readings)) {
            let patient = self.patient(measured.taken);
            if dice.percent(self.link.twice) {
                let again = Measured { again: true, ..measured.clone() };
                sent.push(Sent { at: at + dice.between(1, 3 * SECOND), patient, measured: again });
            }
            sent.push(Sent { at, patient, measured: measured.clone() });
        }
        for outage in &self.link.outages {
            let before = readings.iter().filter(|reading| reading.taken < outage.from);
            for measured in before.rev().take(self.link.resent) {
                let again = Measured { again: true, ..measured.clone() };
                sent.push(Sent {
                    at: outage.to + 100,
                    patient: self.patient(measured.taken),
                    measured: again,
                });
            }
        }
        sent.sort_by_key(|sent| sent.at);
        sent
    }

    fn arrivals(&self, dice: &mut Dice, readings: &[Measured]) -> Vec<Ms> {
        let link = &self.link;
        let mut newest = Ms::MIN;
        let mut arrivals: Vec<Ms> = Vec::with_capacity(readings.len());
        for reading in readings {
            let mut at = reading.taken + link.latency + dice.between(0, link.jitter);
            if let Some((least, most)) = link.by_hand {
                at = reading.taken + dice.between(least, most);
            } else if let Some(batch) = link.batch {
                at = (reading.taken / batch + 1) * batch + link.latency;
            } else if !link.overtaking {
                at = at.max(newest);
                newest = at;
            }
            arrivals.push(at);
        }
        link.outages.iter().for_each(|outage| outage.delays(readings, &mut arrivals));
        arrivals
    }
}

impl Outage {
    /// Puts off what was measured without connection, and what waits behind it.
    fn delays(&self, readings: &[Measured], arrivals: &mut [Ms]) {
        let is_kept = |taken: Ms| (self.from..self.to).contains(&taken);
        let mut kept: Vec<usize> =
            (0..readings.len()).filter(|place| is_kept(readings[*place].taken)).collect();
        if self.order == Order::Newest {
            kept.reverse();
        }
        let mut at = self.to + 50;
        for (sent, place) in kept.iter().enumerate() {
            if let Some((_, stall)) = self.stall.filter(|(after, _)| sent == *after) {
                at += stall;
            }
            arrivals[*place] = arrivals[*place].max(at);
            at += self.spacing;
        }
        if self.order == Order::Queue {
            for (place, reading) in
                readings.iter().enumerate().filter(|(_, reading)| reading.taken >= self.to)
            {
                if arrivals[place] >= at || reading.taken > at + HOUR {
                    break;
                }
                arrivals[place] = at;
                at += self.spacing;
            }
        }
    }
}

/// A length of time that a nurse's entry is late.
pub const BY_HAND: (Ms, Ms) = (2 * MINUTE, 20 * MINUTE);
