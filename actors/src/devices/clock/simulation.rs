//! A quick trial of some thousand ill-behaved devices: what arrives live decides in time, and nothing old is judged as live.

use super::*;
use crate::vitals::{Reading, Vital};

const WALL_MS: i64 = 1_800_000_000_000;

/// A small generator of numbers that look random, the same for the same seed.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33
    }

    fn below(&mut self, end: i64) -> i64 {
        (self.next() % end.unsigned_abs().max(1)).cast_signed()
    }

    fn between(&mut self, from: i64, to: i64) -> i64 {
        from + self.below(to - from)
    }

    fn one_in(&mut self, count: i64) -> bool {
        self.below(count) == 0
    }
}

/// A reading on its way: when it was measured, how it is stamped, and when it arrives.
#[derive(Debug, Clone, Copy)]
struct Sent {
    measured: i64,
    stamp: i64,
    arrival: i64,
    /// It waited in the device's buffer.
    buffered: bool,
}

/// What one device is like; times in milliseconds.
#[derive(Debug, Default)]
struct Behaviour {
    every: i64,
    offset: i64,
    drift_ppm: i64,
    jitter: i64,
    /// When its clock is set, and by how much: (at, by).
    steps: Vec<(i64, i64)>,
    /// When a single reading is stamped wrongly, and by how much.
    glitch: Option<(i64, i64)>,
    coarse: i64,
    frozen: Option<(i64, i64)>,
    /// When it is cut off, until when, and how it then sends what it kept.
    outage: Option<(i64, i64, SimulatedDrain)>,
}

#[derive(Debug, Clone, Copy)]
struct SimulatedDrain {
    per_second: i64,
    newest_first: bool,
    interleaved: bool,
}

const LENGTH: i64 = 20 * 60_000;

fn behaviour(dice: &mut Dice) -> Behaviour {
    let mut made = Behaviour {
        every: [1000, 1000, 2000, 5000, 15_000, 60_000][dice.below(6) as usize],
        ..Behaviour::default()
    };
    for _ in 0..=dice.below(2) {
        match dice.below(9) {
            0 => made.offset = dice.between(-7_200_000, 7_200_000),
            1 => made.drift_ppm = dice.between(-20_000, 20_000),
            2 => made.jitter = dice.between(100, 20_000),
            3 => made.steps.push((dice.below(LENGTH), dice.between(-3_600_000, 3_600_000))),
            4 => made.steps.push((dice.below(LENGTH), -1_790_000_000_000)),
            5 => made.glitch = Some((dice.below(LENGTH), 3_600_000)),
            6 => made.coarse = [1000, 10_000, 60_000][dice.below(3) as usize],
            7 => made.frozen = Some((dice.below(LENGTH), dice.between(1000, 300_000))),
            _ => {
                let from = dice.between(60_000, LENGTH / 2);
                let drain = SimulatedDrain {
                    per_second: dice.between(2, 200),
                    newest_first: dice.one_in(3),
                    interleaved: dice.one_in(3),
                };
                made.outage = Some((from, from + dice.between(10_000, 400_000), drain));
            }
        }
    }
    made
}

impl Behaviour {
    fn stamp(&self, at: i64) -> i64 {
        let shown = match self.frozen {
            Some((from, lasting)) if (from..from + lasting).contains(&at) => from,
            _ => at,
        };
        let steps: i64 = self.steps.iter().filter(|(when, _)| *when <= shown).map(|(_, by)| by).sum();
        let glitch = self.glitch.filter(|(when, _)| (*when..*when + self.every).contains(&at));
        let stamp =
            shown + shown * self.drift_ppm / 1_000_000 + steps + self.offset + glitch.map_or(0, |(_, by)| by);
        if self.coarse > 0 { stamp.div_euclid(self.coarse) * self.coarse } else { stamp }
    }

    /// Every reading of the trial, in the order of arrival.
    fn sends(&self, dice: &mut Dice) -> Vec<Sent> {
        let mut sent: Vec<Sent> = Vec::new();
        let mut kept = Vec::new();
        for at in (0..LENGTH).step_by(self.every as usize) {
            let stamp = self.stamp(at);
            match self.outage {
                Some((from, to, _)) if (from..to).contains(&at) => kept.push((at, stamp)),
                _ => {
                    let late = if self.jitter > 0 && dice.one_in(4) { dice.below(self.jitter) } else { 50 };
                    sent.push(Sent { measured: at, stamp, arrival: at + late, buffered: false });
                }
            }
        }
        if let Some((_, to, drain)) = self.outage {
            if drain.newest_first {
                kept.reverse();
            }
            let mut arrival = to;
            for (measured, stamp) in kept {
                sent.push(Sent { measured, stamp, arrival, buffered: true });
                arrival += 1000 / drain.per_second;
            }
            if !drain.interleaved {
                // What is measured while it drains goes to the end of the buffer.
                sent.iter_mut().filter(|s| s.arrival >= to && s.arrival < arrival && !s.buffered).for_each(
                    |s| {
                        s.arrival = arrival;
                    },
                );
            }
        }
        sent.sort_by_key(|sent| sent.arrival);
        sent
    }
}

fn now(ms: i64) -> Now {
    Now { uptime: Uptime::from_ms(ms), wall: Timestamp::from_unix_ms(WALL_MS + ms) }
}

/// One reading as it came to decide.
#[derive(Debug, Clone, Copy)]
struct Decided {
    sent: Sent,
    at: i64,
    as_live: bool,
}

/// What the patient would do with what the clock says.
#[derive(Default)]
struct Owner {
    clock: DeviceClock,
    waiting: Vec<Sent>,
    decided: Vec<Decided>,
}

impl Owner {
    fn run(&mut self, sent: &[Sent]) {
        let rules = AlertSettings::default();
        let mut reading = Reading::empty(now(0).wall);
        reading.not_measured.insert(Vital::HeartRate);
        for one in sent {
            self.run_until(one.arrival, &rules);
            let time = Timestamp::from_unix_ms(WALL_MS + one.stamp);
            let judged = self.clock.judge(Some(time), None, Parts::of(&reading), now(one.arrival), &rules);
            if judged.kept != KeptParts::Nothing {
                self.waiting.push(*one);
                continue;
            }
            if !self.clock.is_catching_up() {
                self.decide(one.arrival, self.waiting.len(), false);
            }
            self.decided.push(Decided { sent: *one, at: one.arrival, as_live: true });
        }
        self.run_until(i64::MAX / 2, &rules);
    }

    fn run_until(&mut self, until: i64, rules: &AlertSettings) {
        while let Some(due) = self.clock.deadline(rules).filter(|due| due.as_ms() <= until) {
            match self.clock.run_out(due, Uptime::START, now(due.as_ms()), rules, FormerStay::default()) {
                Some(CatchUpEnd::SetBack { readings, .. }) => {
                    let readings = readings.min(self.waiting.len());
                    self.decide(due.as_ms(), self.waiting.len() - readings, false);
                    self.decide(due.as_ms(), readings, true);
                }
                Some(CatchUpEnd::FellSilent) => self.decide(due.as_ms(), self.waiting.len(), false),
                None => return,
            }
        }
    }

    /// Of readings that are live after all the newest decides.
    fn decide(&mut self, at: i64, readings: usize, as_live: bool) {
        let newest = self.waiting[..readings].iter().map(|sent| sent.stamp).max();
        let waited = self.waiting.drain(..readings);
        let decided = waited.map(|sent| Decided { sent, at, as_live: as_live && Some(sent.stamp) == newest });
        self.decided.extend(decided);
    }
}

fn trial(seed: u64) -> (Behaviour, Vec<Sent>, Vec<Decided>) {
    let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let behaviour = behaviour(&mut dice);
    let sent = behaviour.sends(&mut dice);
    let mut owner = Owner::default();
    owner.run(&sent);
    (behaviour, sent, owner.decided)
}

const TRIALS: u64 = 600;

#[test]
fn whatever_a_device_does_what_arrives_decides_within_ten_seconds() {
    let mut late = Vec::new();
    for seed in 0..TRIALS {
        let (behaviour, sent, mut decided) = trial(seed);
        assert_eq!(sent.len(), decided.len(), "seed {seed}: {behaviour:?}");
        let upsets = behaviour.steps.len()
            + usize::from(behaviour.offset < -30_000)
            + usize::from(behaviour.frozen.is_some())
            + usize::from(behaviour.outage.is_some())
            + usize::from(behaviour.glitch.is_some());
        let most = if upsets > 1 || behaviour.coarse > 0 { 20_000 } else { 10_000 };
        // Two clocks at once, what is live and what is drained, are distinguished when the drain is over.
        let drains = behaviour.outage.filter(|(_, _, drain)| upsets > 1 && drain.interleaved);
        let most = most
            + drains.map_or(0, |(from, to, drain)| (to - from) / behaviour.every * 1000 / drain.per_second);
        let most = if behaviour.jitter > 0 { most + 2 * behaviour.every } else { most };
        decided.sort_by_key(|decided| decided.at);
        let newest_live: Vec<_> = decided.iter().filter(|d| d.as_live).collect();
        for one in decided.iter().filter(|one| !one.sent.buffered) {
            // It decides itself, or something newer of the same device has decided by then.
            let newer = newest_live.iter().find(|live| live.sent.measured >= one.sent.measured);
            let decided = newer.map_or(one.at, |newer| newer.at.min(one.at));
            if decided - one.sent.arrival > most {
                late.push((seed, decided - one.sent.arrival, one.sent));
                break;
            }
        }
    }
    let first = late.first().map(|(seed, ..)| trial(*seed).0);
    assert!(late.is_empty(), "{} of {TRIALS}: {:?} {first:?}", late.len(), &late[..late.len().min(5)]);
}

#[test]
fn whatever_a_device_does_nothing_old_is_judged_as_live() {
    let mut old = Vec::new();
    for seed in 0..TRIALS {
        let (behaviour, _, decided) = trial(seed);
        // What is buffered while the clock is set cannot be distinguished from a wrong clock.
        // Nor can a stamp that stands still, or a single old reading.
        if behaviour.outage.is_none()
            || behaviour.coarse > 1000
            || behaviour.every > 30_000
            || !behaviour.steps.is_empty()
            || behaviour.glitch.is_some()
            || behaviour.frozen.is_some()
        {
            continue;
        }
        let most = 30_000 + 10_000 + behaviour.jitter + behaviour.coarse * 2 + 30_000;
        let worst = decided.iter().filter(|one| one.as_live).max_by_key(|one| one.at - one.sent.measured);
        if let Some(worst) = worst.filter(|worst| worst.at - worst.sent.measured > most) {
            old.push((seed, worst.at - worst.sent.measured, *worst));
        }
    }
    let first = old.first().map(|(seed, ..)| trial(*seed).0);
    assert!(old.is_empty(), "{} of {TRIALS}: {:?} {first:?}", old.len(), &old[..old.len().min(5)]);
}
