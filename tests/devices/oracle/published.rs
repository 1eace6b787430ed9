//! (a) What is dangerous is published in time, for as long as it lasts; and what is over is not kept open.

use super::statements::{Age, Course, Statement};
use super::{Open, Violation};
use crate::change::Change;
use crate::course::{Danger, Ms, SECOND};

/// `alerts.catch_up`.
const CATCH_UP: Ms = 10 * SECOND;

/// How long a device that was heard holds its vital.
const HOLD: Ms = 20 * SECOND;

/// `clear_delay` of limits.
const CLEAR_DELAY: Ms = 10 * SECOND;

/// How late a timer may be.
const SLACK: Ms = 50;

pub fn check(course: &Course, changes: &[&Change], restarts: &[Ms], end: Ms, found: &mut Vec<Violation>) {
    for (group, statements) in &course.groups {
        for high_side in [false, true] {
            for extreme in [false, true] {
                let least = Danger { group: *group, high_side, extreme };
                is_published(course, statements, &least, changes, (restarts, end), found);
            }
            let least = Danger { group: *group, high_side, extreme: false };
            ends(course, statements, &least, changes, (restarts, end), found);
        }
    }
}

/// By how much whoever knows only stamps and arrivals may be later than the delay and its timer.
fn tolerance(course: &Course, statements: &[Statement]) -> Ms {
    // CONTRACT: "twice that where a step of the clock falls into a drain"; the catch-up of a step just before is one.
    let ill_twice = |device: &super::statements::Device| {
        let late = || device.readings.iter().any(|came| came.at - came.taken > 20 * SECOND);
        let soon = |steps: &[Ms]| steps[1] - steps[0] <= CATCH_UP;
        device.turns.windows(2).any(soon) || (device.turned > 0 && late())
    };
    let catch_up = match () {
        () if course.is_well() => 0,
        () if course.devices.iter().any(ill_twice) => 2 * CATCH_UP,
        () => CATCH_UP,
    };
    if Course::sources(statements) > 1 { catch_up.max(HOLD) } else { catch_up }
}

/// A catch-up counts "time in which we can hear" (CONTRACT), and no timer runs out before that (DESIGN, promise 6),
/// that of who holds a vital neither: a restart in it begins it anew.
fn deaf(course: &Course, restarts: &[Ms], (from, until): (Ms, Ms), several: bool) -> Ms {
    match restarts.iter().any(|restart| (from - HOLD..=until).contains(restart)) {
        true if several => HOLD,
        true if !course.is_well() => CATCH_UP,
        _ => 0,
    }
}

/// A dangerous stretch as it arrives.
#[derive(Clone, Copy)]
struct Run {
    from: Ms,
    source: usize,
    first_taken: Ms,
    last_taken: Ms,
}

fn is_missing(least: &Danger, since: Ms, (by, until): (Ms, Ms), at: Ms) -> String {
    let what = if least.extreme { "high" } else { "medium or high" };
    let condition = least.condition();
    format!(
        "{condition} must be open with priority {what} from {by} to {until} (dangerous since {since}); \
         at {at} it is not"
    )
}

fn is_published(
    course: &Course,
    statements: &[Statement],
    least: &Danger,
    changes: &[&Change],
    (restarts, end): (&[Ms], Ms),
    found: &mut Vec<Violation>,
) {
    // Of a danger that is not extreme, an extreme one is a part, and its own delay may be shorter.
    let within = least.delay() + tolerance(course, statements) + SECOND + SLACK;
    let mut run: Option<Run> = None;
    let open = Open::of(&least.condition(), changes);
    let mut judge = |run: Option<Run>, until: Ms| {
        let Some(run) = run else { return };
        let several = Course::sources(statements) > 1;
        let by = run.from + within + deaf(course, restarts, (run.from, run.from + within), several);
        if by >= until {
            return;
        }
        let rank = if least.extreme { 3 } else { 2 };
        if let Some(at) = open.first_gap(by, until, rank) {
            found.push(Violation::new('a', at, is_missing(least, run.from, (by, until), at)));
        }
    };
    for said in statements {
        if said.age == Age::Again {
            continue;
        }
        if said.reaches(least) && said.age == Age::Live {
            let started =
                Run { from: said.at, source: said.source, first_taken: said.taken, last_taken: said.taken };
            let run = run.get_or_insert(started);
            run.last_taken = run.last_taken.max(said.taken);
        } else if run.is_some_and(|run| run.is_broken_by(said, least) || course.may_break(said, least)) {
            judge(run.take(), said.at);
        }
    }
    judge(run, end);
}

impl Run {
    /// Whether what came says, or may be understood to say, that it is not so any more.
    fn is_broken_by(&self, said: &Statement, least: &Danger) -> bool {
        match said.value {
            None => said.source == self.source,
            Some(_) if said.reaches(least) => false,
            Some(_) => match said.age {
                Age::Live | Age::Grey => true,
                Age::Kept | Age::Late => said.taken >= self.first_taken,
                Age::Again => false,
            },
        }
    }
}

/// What is over, and said to be over again and again, is not kept open.
fn ends(
    course: &Course,
    statements: &[Statement],
    least: &Danger,
    changes: &[&Change],
    (restarts, end): (&[Ms], Ms),
    found: &mut Vec<Violation>,
) {
    let within = CLEAR_DELAY + tolerance(course, statements) + SECOND + SLACK;
    let open = Open::of(&least.condition(), changes);
    let mut since: Option<Ms> = None;
    // One reading alone that a clock was set back, or is ahead, ends nothing: the next one does. No promise asks for
    // more: (g) is of ours alone, and "absence of data never clears" speaks for it.
    let mut longest = 0;
    for (place, said) in statements.iter().enumerate() {
        if said.value.is_none() || said.danger().is_some() {
            (since, longest) = (None, 0);
            continue;
        }
        let more_at_once = statements.get(place + 1).is_some_and(|next| next.at <= said.at + SLACK);
        if said.age != Age::Live || more_at_once {
            continue;
        }
        let since = *since.get_or_insert(said.at);
        let at = said.at + SLACK;
        if !course.is_well() && place > 0 {
            longest = longest.max(said.at - statements[place - 1].at.max(since));
        }
        let several = Course::sources(statements) > 1;
        let within = within + longest + deaf(course, restarts, (since, said.at), several);
        if said.at >= since + within && at < end && open.rank_at(at) > 0 {
            let condition = least.condition();
            found.push(Violation::new('g', at, format!("{condition} is open, though normal since {since}")));
            return;
        }
    }
}
