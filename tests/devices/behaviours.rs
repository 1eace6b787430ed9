//! The ways in which devices behave ill, each by itself put upon a bed; a bed may have several.

use crate::bed::Draft;
use crate::course::{HOUR, MINUTE, Ms, SECOND, Vital};
use crate::dice::Dice;
use crate::message::Value;
use crate::source::{BY_HAND, Naming, Order, Outage, Source, Turn};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Behaviour {
    None,
    Offset,
    Drift,
    StepBack,
    StepForward,
    Reboot,
    CountAgain,
    Glitch,
    CoarseSecond,
    CoarseMinute,
    Frozen,
    Jitter,
    Overtaking,
    FirstOld,
    Queue,
    QueueSlow,
    QueueStalls,
    Oldest,
    Newest,
    TwoQueues,
    ByHand,
    Cuff,
    Twice,
    Resent,
    Batch,
    Untimed,
    Uncounted,
    Nameless,
    ProbeOff,
    OneOfTwoDies,
    SpotDevice,
    Replaced,
    Moves,
    Gateway,
    Will,
    SpotChecks,
    SilentAndBack,
}

use Behaviour as B;

impl Behaviour {
    pub const ALL: [Self; 37] = [
        B::None,
        B::Offset,
        B::Drift,
        B::StepBack,
        B::StepForward,
        B::Reboot,
        B::CountAgain,
        B::Glitch,
        B::CoarseSecond,
        B::CoarseMinute,
        B::Frozen,
        B::Jitter,
        B::Overtaking,
        B::FirstOld,
        B::Queue,
        B::QueueSlow,
        B::QueueStalls,
        B::Oldest,
        B::Newest,
        B::TwoQueues,
        B::ByHand,
        B::Cuff,
        B::Twice,
        B::Resent,
        B::Batch,
        B::Untimed,
        B::Uncounted,
        B::Nameless,
        B::ProbeOff,
        B::OneOfTwoDies,
        B::SpotDevice,
        B::Replaced,
        B::Moves,
        B::Gateway,
        B::Will,
        B::SpotChecks,
        B::SilentAndBack,
    ];

    /// Puts it upon a bed.
    pub fn apply(self, bed: &mut Draft, dice: &mut Dice) {
        match self {
            B::None => {}
            B::Offset | B::Drift | B::StepBack | B::StepForward | B::Reboot | B::CountAgain | B::Glitch => {
                self.turn_clock(bed, dice);
            }
            B::CoarseSecond => bed.any(dice).watch.coarse = Some(SECOND),
            B::CoarseMinute => bed.any(dice).watch.coarse = Some(MINUTE),
            B::Frozen => {
                let from = bed.event(dice);
                let to = if dice.percent(50) { Ms::MAX } else { from + dice.between(3, 60) * bed.each };
                bed.any(dice).watch.frozen = Some((from, to));
            }
            B::Jitter | B::Overtaking => {
                let link = &mut bed.any(dice).link;
                link.jitter = dice.between(1, 12) * SECOND;
                link.overtaking = self == B::Overtaking;
            }
            B::FirstOld | B::Queue | B::QueueSlow | B::QueueStalls | B::Oldest | B::Newest | B::TwoQueues => {
                self.keep(bed, dice);
            }
            B::Twice => bed.any(dice).link.twice = dice.among(&[5, 30, 100]),
            B::Resent => bed.any(dice).link.resent = dice.among(&[1, 5, 30]),
            B::Batch => bed.any(dice).link.batch = Some(dice.among(&[10, 20, 60]) * SECOND),
            B::Untimed => bed.any(dice).watch.untimed = true,
            B::Uncounted => bed.any(dice).watch.uncounted = true,
            B::Nameless => bed.sources[0].naming = Naming::Nameless,
            B::ProbeOff => take_probe_off(bed, dice),
            B::Cuff => bed.sources[0].cuff = Some((dice.between(5, 30) * bed.each, 20 * SECOND)),
            B::SpotChecks => {
                bed.each = dice.among(&[20 * MINUTE, HOUR]);
                bed.end = 40 * bed.each;
                bed.sources.iter_mut().for_each(|source| (source.each, source.to) = (bed.each, bed.end));
            }
            B::ByHand | B::OneOfTwoDies | B::SpotDevice | B::Replaced | B::Moves | B::Gateway => {
                self.add(bed, dice);
            }
            B::Will | B::SilentAndBack => self.fall_silent(bed, dice),
        }
    }

    fn turn_clock(self, bed: &mut Draft, dice: &mut Dice) {
        let far = [8 * SECOND, 20 * SECOND, 40 * SECOND, 5 * MINUTE, HOUR, 3 * HOUR, 400 * 24 * HOUR];
        let (by, at) = (dice.among(&far), bed.event(dice));
        let watch = &mut bed.any(dice).watch;
        watch.count_starts_again |= dice.percent(40);
        match self {
            B::Offset => watch.offset = if dice.percent(50) { by } else { -by },
            B::Drift => watch.drift = dice.among(&[-10, -1, 1, 10]),
            B::StepBack => watch.turns.push((at, Turn::Step(-by))),
            B::StepForward => watch.turns.push((at, Turn::Step(by))),
            B::CountAgain => watch.turns.push((at, Turn::Restart)),
            B::Glitch => watch.glitch = Some(at),
            _ => {
                watch.turns.push((at, Turn::Reboot));
                if dice.percent(40) {
                    // Whoever keeps the time sets it right again.
                    let right = at + dice.between(1, 40) * SECOND;
                    let by = START_TO_NOW + at - 20 * SECOND;
                    watch.turns.push((right, Turn::Step(by)));
                }
            }
        }
    }

    fn keep(self, bed: &mut Draft, dice: &mut Dice) {
        let (from, each) = (if self == B::FirstOld { -1 } else { bed.event(dice) }, bed.each);
        let long = dice.between(2 * MINUTE, 4 * MINUTE).max(dice.between(3, 50) * each).min(12 * HOUR);
        let order = match self {
            B::Oldest => Order::Oldest,
            B::Newest => Order::Newest,
            B::FirstOld => dice.among(&[Order::Queue, Order::Oldest, Order::Newest]),
            _ => Order::Queue,
        };
        let spacing = match self {
            B::QueueSlow => each * 100 / dice.among(&[115, 140, 160, 200]),
            _ => dice.among(&[0, 5, 50, each / 20, each / 5, each / 2, each]),
        };
        let stalls = self == B::QueueStalls || dice.percent(10);
        let stall = stalls.then(|| (dice.below(30), dice.among(&[3, 9, 12, 25, 90]) * SECOND));
        let outage = Outage { from, to: from + long, order, spacing, stall };
        bed.events.push(outage.to);
        if dice.percent(30) {
            let number = bed.sources[0].number;
            bed.statuses.push((from.max(0) + dice.between(0, 90) * SECOND, number, false));
            bed.statuses.push((outage.to, number, true));
        }
        bed.sources[0].link.outages.push(outage);
        if self == B::TwoQueues {
            let mut second = bed.another(dice);
            second.link.outages.push(Outage { to: outage.to + dice.between(0, 5) * SECOND, ..outage });
            bed.sources.push(second);
        }
        if self == B::FirstOld && dice.percent(30) {
            // One reading alone, hours behind.
            let source = &mut bed.sources[0];
            source.link.by_hand = Some((2 * HOUR, 2 * HOUR));
            source.to = source.from + 1;
        }
    }

    fn add(self, bed: &mut Draft, dice: &mut Dice) {
        let (at, each) = (bed.event(dice), bed.each);
        let mut second = bed.another(dice);
        match self {
            B::ByHand => {
                second.vitals = vec![dice.among(&[Vital::Temperature, Vital::Respiration, Vital::Systolic])];
                second.each = (bed.end / dice.between(3, 12)).max(MINUTE);
                second.link.by_hand = Some(BY_HAND);
            }
            B::OneOfTwoDies => {
                let dies = if dice.percent(50) { &mut bed.sources[0] } else { &mut second };
                dies.to = at;
            }
            B::SpotDevice => {
                second.vitals.truncate(1);
                (second.from, second.each) = (at, dice.between(1, 20) * each);
                second.to = at + dice.among(&[1, 5, 60]) * each;
            }
            B::Replaced => replace(bed, &mut second, at, dice),
            B::Moves => {
                bed.patients = 2;
                bed.sources[0].moves = Some(at);
                if dice.percent(50) {
                    bed.statuses.push((at + dice.between(1, 60) * SECOND, bed.sources[0].number, false));
                }
                return;
            }
            _ => {
                (second.naming, second.vitals) = (Naming::New, vec![Vital::Temperature]);
                second.each = dice.among(&[SECOND, 3 * SECOND]);
                second.to = bed.end.min(100 * second.each);
                bed.sources[0].to = dice.among(&[at.min(second.to / 2), bed.end]);
            }
        }
        bed.sources.push(second);
    }

    fn fall_silent(self, bed: &mut Draft, dice: &mut Dice) {
        let from = bed.event(dice);
        let to = from + (dice.among(&[5, 15, 25, 60, 400]) * SECOND.max(bed.each / 5)).min(12 * HOUR);
        bed.events.push(to);
        let source = bed.any(dice);
        source.silent.push((from, to));
        let number = source.number;
        if self == B::Will {
            bed.statuses.push((from + dice.between(0, 90) * SECOND, number, false));
            if dice.percent(50) {
                bed.statuses.push((to - dice.between(0, 2) * SECOND, number, true));
            }
        }
    }
}

const START_TO_NOW: Ms = crate::message::START;

/// The monitor ends at `at`, and another goes on.
fn replace(bed: &mut Draft, second: &mut Source, at: Ms, dice: &mut Dice) {
    bed.sources[0].to = at;
    second.vitals = bed.sources[0].vitals.clone();
    second.from = at + dice.among(&[0, 1, 15, 40]) * SECOND;
    bed.sources[0].watch.offset = dice.among(&[0, 0, HOUR, -HOUR]);
    if dice.percent(30) {
        bed.statuses.push((at + SECOND, bed.sources[0].number, false));
    }
}

/// A probe falls off for a while, sometimes just as its value is dangerous.
fn take_probe_off(bed: &mut Draft, dice: &mut Dice) {
    let (from, each) = (bed.event(dice), bed.each);
    let to = from + dice.among(&[2, 5, 30, 400]) * each;
    let source: &mut Source = bed.any(dice);
    let vital = dice.among(&source.vitals);
    let said = match vital {
        Vital::Saturation | Vital::PulseRate => dice.among(&[Value::Null, Value::Zero, Value::Sentinel]),
        Vital::Systolic => dice.among(&[Value::Null, Value::Zero]),
        _ => Value::Null,
    };
    let has_both = source.vitals.contains(&Vital::Saturation) && source.vitals.contains(&Vital::PulseRate);
    let said = if said == Value::Sentinel && !has_both { Value::Null } else { said };
    source.off.push((vital, from, to, said));
    if matches!(vital, Vital::Saturation | Vital::PulseRate) && has_both {
        let twin = if vital == Vital::Saturation { Vital::PulseRate } else { Vital::Saturation };
        source.off.push((twin, from, to, said));
    }
}
