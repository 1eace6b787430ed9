//! (b) Nothing from the past is published as live, nothing too early; (c) one backlog is published once.

use super::Violation;
use super::statements::{Age, Course, Device, Statement};
use crate::change::Change;
use crate::course::{Danger, MINUTE, Ms, SECOND, Vital};

const CATCH_UP: Ms = 10 * SECOND;

pub fn check(course: &Course, changes: &[&Change], restarts: &[Ms], found: &mut Vec<Violation>) {
    for (group, statements) in &course.groups {
        for raised in changes.iter().filter(|change| change.is("raised")) {
            let Some(danger) = danger_of(raised, *group) else { continue };
            let before: Vec<_> = statements.iter().filter(|said| said.at <= raised.at).collect();
            let words = match raised.backlog {
                true => is_over(course, &before, &danger, raised),
                false => is_past(course, &before, &danger, raised, restarts),
            };
            found.extend(words.map(|words| {
                let said =
                    format!("{} raised at {} ({}): {words}", raised.condition, raised.at, raised.message);
                Violation::new('b', raised.at, said)
            }));
        }
    }
    is_published_once(course, changes, found);
}

/// The danger of this vital that a change is about.
fn danger_of(change: &Change, group: Vital) -> Option<Danger> {
    let side = change.condition.strip_prefix(group.name())?;
    let high_side = match side {
        ".high" => true,
        ".low" => false,
        _ => return None,
    };
    Some(Danger { group, high_side, extreme: change.priority == "high" })
}

/// Why what was raised as live is not so.
fn is_past(
    course: &Course,
    before: &[&Statement],
    danger: &Danger,
    raised: &Change,
    restarts: &[Ms],
) -> Option<String> {
    let Some(last) = before.iter().rev().find(|said| said.reaches(danger)) else {
        return Some("nobody measured that".to_owned());
    };
    let timely =
        |said: &&&Statement| said.reaches(danger) && matches!(said.age, Age::Live | Age::Grey | Age::Late);
    let live = before.iter().rev().find(timely).filter(|said| said.at - said.taken <= MINUTE);
    let excused = may_be_taken_for_live(course, before, danger, raised.at);
    let Some(live) = live else {
        return (!excused)
            .then(|| format!("it was so at {}, and came at {}; published as live", last.taken, last.at));
    };
    let tolerance = if course.is_well() { 50 } else { CATCH_UP + SECOND };
    let ended = |said: &&&Statement| {
        said.at > live.at
            && said.at <= raised.at - tolerance
            && said.source == live.source
            && says_normal(said)
    };
    if let Some(ended) =
        before.iter().find(ended).filter(|_| !is_held_by_another(before, live, danger, raised))
    {
        // What was kept, and came after it, may be what was published.
        let later: Vec<_> = before.iter().copied().filter(|said| said.at > ended.at).collect();
        return (!may_be_taken_for_live(course, &later, danger, raised.at))
            .then(|| format!("it was over by {}, published by the reading of {}", ended.taken, ended.at));
    }
    let latest = danger.delay() + 32 * SECOND;
    let restarted = restarts.iter().any(|restart| (live.at..=raised.at).contains(restart));
    if raised.at > live.at + latest && !restarted && !excused {
        return Some(format!("its last live reading came at {}", live.at));
    }
    too_early(course, before, danger, raised)
}

/// "Whichever holds it keeps it while its last live value is younger than 20 s" (CONTRACT, Which device speaks).
fn is_held_by_another(before: &[&Statement], live: &Statement, danger: &Danger, raised: &Change) -> bool {
    let holds = |said: &&&Statement| said.source != live.source && raised.at - said.at <= 20 * SECOND;
    before.iter().rev().find(holds).is_some_and(|said| said.reaches(danger))
}

fn says_normal(said: &Statement) -> bool {
    said.age == Age::Live && said.value.is_some() && said.danger().is_none()
}

/// Where nothing is ill, a delay has passed in full before its alert, all of it beyond the limit, and measured.
fn too_early(course: &Course, before: &[&Statement], danger: &Danger, raised: &Change) -> Option<String> {
    if !course.is_well() {
        return None;
    }
    let several = before.iter().any(|said| said.source != before[0].source || said.vital != before[0].vital);
    if several {
        return None;
    }
    let breaks = |said: &&&Statement| said.value.is_some() && !said.reaches(danger);
    let broken = before.iter().rev().find(breaks).map_or(Ms::MIN, |said| said.at);
    let first = before.iter().find(|said| said.at > broken && said.reaches(danger))?;
    let lasted = raised.at - first.taken.min(first.at);
    if lasted + SECOND < danger.delay() {
        return Some(format!("it had lasted {lasted} ms"));
    }
    let last = before.last()?;
    let measured = before.iter().rev().find(|said| said.value.is_some())?;
    let off = last.value.is_none() && last.at <= raised.at - 50;
    let over = measured.at - first.at;
    (off && over + SECOND < danger.delay()).then(|| format!("it is not measured since {}", last.at))
}

/// Whether stamps and arrivals of what came allow to take the past for the present (CONTRACT names them: what cannot
/// be distinguished from a wrong clock, and first kept readings that stall or come slowly).
fn may_be_taken_for_live(course: &Course, before: &[&Statement], danger: &Danger, at: Ms) -> bool {
    let supports = before.iter().filter(|said| said.reaches(danger));
    let mut sources: Vec<_> = supports.map(|said| (said.source, said.at - said.taken)).collect();
    sources.sort_unstable();
    sources.dedup_by_key(|(source, _)| *source);
    sources.into_iter().any(|(source, age)| {
        let devices = course.devices.iter().filter(|device| device.source == source);
        devices.into_iter().any(|device| misleads(device, age, at, danger.delay()))
    })
}

fn misleads(device: &Device, age: Ms, at: Ms, delay: Ms) -> bool {
    let spans = [device.taken_for_live(true), device.by_arrival()].concat();
    let within = |(from, to): &(Ms, Ms)| at >= *from - 50 && at <= *to + delay + 32 * SECOND;
    device.spread + MINUTE >= age || device.name.is_none() || spans.iter().any(within)
}

/// Why what was raised at the end of a catch-up is not so any more.
fn is_over(course: &Course, before: &[&Statement], danger: &Danger, raised: &Change) -> Option<String> {
    if before.iter().all(|said| !said.reaches(danger)) {
        return Some("nobody measured that".to_owned());
    }
    let known =
        before.iter().filter(|said| said.at <= raised.at - 2 * CATCH_UP - SECOND && said.value.is_some());
    let newest = known.max_by_key(|said| said.taken)?;
    let later = before.iter().any(|said| said.taken >= newest.taken && said.reaches(danger));
    let spread = course.devices.iter().map(|device| device.spread).max().unwrap_or(0);
    let since =
        before.iter().filter(|said| said.reaches(danger)).map(|said| newest.taken - said.taken).min()?;
    let excused = || may_be_taken_for_live(course, before, danger, raised.at);
    (newest.danger().is_none() && !later && since > spread + 5 * SECOND && !excused())
        .then(|| format!("it was over by {}, as came at {}", newest.taken, newest.at))
}

/// (c) At most one `raised` a condition and one summary for each backlog.
fn is_published_once(course: &Course, changes: &[&Change], found: &mut Vec<Violation>) {
    let backlogs: usize = course.devices.iter().map(backlogs).sum();
    let mut raised: Vec<_> = changes
        .iter()
        .filter(|change| change.is("raised") && change.backlog && change.device.is_none())
        .collect();
    raised.sort_by(|a, b| (&a.condition, a.at).cmp(&(&b.condition, b.at)));
    for same in raised.chunk_by(|a, b| a.condition == b.condition) {
        if same.len() > backlogs {
            let (condition, at) = (&same[0].condition, same[same.len() - 1].at);
            let words = format!("{condition} raised {} times for {backlogs} backlogs", same.len());
            found.push(Violation::new('c', at, words));
        }
    }
    let summaries: Vec<_> = changes.iter().filter(|change| change.condition == "backlog.summary").collect();
    if let Some(last) = summaries.last().filter(|_| summaries.len() > backlogs) {
        let words = format!("{} summaries for {backlogs} backlogs", summaries.len());
        found.push(Violation::new('c', last.at, words));
    }
}

/// How many backlogs a device may be said to have had: pauses of `catch_up` part them, and a turned clock is one.
fn backlogs(device: &Device) -> usize {
    let kept = device.readings.iter().filter(|came| matches!(came.age, Age::Grey | Age::Kept | Age::Late));
    let arrivals: Vec<_> = kept.map(|came| came.at).collect();
    let pauses = arrivals.windows(2).filter(|pair| pair[1] - pair[0] >= CATCH_UP - SECOND).count();
    // Some of an array is older than may be live.
    let arrays = device.readings.iter().filter(|came| came.at - came.taken > 15 * SECOND).count();
    pauses
        + usize::from(!arrivals.is_empty())
        + 2 * device.turned
        + if arrivals.is_empty() { arrays } else { 0 }
}
