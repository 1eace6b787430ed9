//! (e) Silence is published, and only silence; and what is not measured is published in place of an alert that waits for it.

use super::statements::{Age, Came, Course, Device, Statement};
use super::{Open, Violation};
use crate::bed::Bed;
use crate::change::Change;
use crate::course::{Danger, MINUTE, Ms, SECOND, Vital};
use crate::message::Said;

/// The least silence that is published (DESIGN, promise 6).
const LEAST: Ms = 20 * SECOND;

/// Intervals above are spot checks.
const SPOT: Ms = 15 * MINUTE;

pub fn check(
    bed: &Bed,
    patient: usize,
    course: &Course,
    changes: &[&Change],
    restarts: &[Ms],
    found: &mut Vec<Violation>,
) {
    for device in &course.devices {
        is_published(bed, patient, device, changes, restarts, found);
    }
    for change in changes.iter().filter(|change| change.is("raised")) {
        let wrong = match &*change.condition {
            "device.silent" => spoke(course, change),
            "device.offline" => was_never_offline(bed, change),
            condition => {
                condition.strip_suffix(".missing").and_then(|vital| was_measured(course, vital, change))
            }
        };
        found.extend(wrong.map(|words| Violation::new('e', change.at, words)));
    }
    for (group, statements) in &course.groups {
        is_published_as_unmeasured(course, *group, statements, changes, bed.end, found);
    }
}

/// What it measured, by arrival: an array is one, as new as its newest reading.
fn arrivals(device: &Device) -> Vec<&Came> {
    let mut readings: Vec<_> = device.readings.iter().rev().filter(|came| came.measures).collect();
    readings.dedup_by_key(|came| came.at);
    readings.reverse();
    readings
}

/// A device that fell silent is published: as silent, as offline, or by what is missing.
fn is_published(
    bed: &Bed,
    patient: usize,
    device: &Device,
    changes: &[&Change],
    restarts: &[Ms],
    found: &mut Vec<Violation>,
) {
    let Some(name) = &device.name else { return };
    let readings = arrivals(device);
    for place in 5..=readings.len() {
        let last = readings[place - 1];
        let until = readings.get(place).map_or(bed.end, |next| next.at);
        let recent = &readings[place.saturating_sub(13)..place];
        let longest = recent.windows(2).map(|pair| pair[1].at - pair[0].at).max().unwrap_or(0);
        // A silence is known from four readings on (DESIGN, promise 6), and what comes within 3 s is one arrival of the
        // rhythm (CLINICAL 4): a few readings in a row are none.
        let has_rhythm = last.at - recent[0].at >= 3 * SECOND;
        let live = has_rhythm && recent.iter().rev().take(5).all(|came| came.age == Age::Live);
        // Silence starts anew after a restart (DESIGN, promise 6), and for whoever says to be online again.
        let anew = restarts.iter().copied().chain(onlines(bed, name)).filter(|at| *at < until).max();
        let dead_from = last.at.max(anew.unwrap_or(last.at));
        let by = dead_from + LEAST.max(3 * longest) + 2 * SECOND;
        let signs = device.readings.iter().any(|came| came.at > last.at && came.at < until);
        if longest > SPOT || !live || signs || by >= until || moved(bed, patient, name, by) {
            continue;
        }
        let concerns_it = |change: &&Change| {
            let this = change.device.as_deref() == Some(name) && change.condition.starts_with("device.");
            this || change.condition.ends_with(".missing")
        };
        if !changes.iter().any(|change| concerns_it(change) && still_open(change, changes, by)) {
            let words =
                format!("{name} is silent since {}, which must be published by {by} and is not", last.at);
            found.push(Violation::new('e', by, words));
            return;
        }
    }
}

/// When the device said that it is online again, which ends that it is offline (DESIGN, promise 6).
fn onlines(bed: &Bed, name: &str) -> Vec<Ms> {
    let mut offline = false;
    let mut onlines = Vec::new();
    for message in &bed.messages {
        match &message.said {
            Said::Status { device, online } if device == name => {
                onlines.extend(Some(message.at).filter(|_| *online && offline));
                offline = !online;
            }
            Said::Readings(readings) if readings.iter().any(|of| of.device.as_deref() == Some(name)) => {
                offline = false;
            }
            _ => {}
        }
    }
    onlines
}

/// Whether the alert of this change was open at `at`.
fn still_open(change: &Change, changes: &[&Change], at: Ms) -> bool {
    change.is("raised")
        && change.at <= at
        && !changes.iter().any(|ended| ended.id == change.id && ended.is("cleared") && ended.at < at)
}

/// Whether the device was heard for another patient by then, whose it is then.
fn moved(bed: &Bed, patient: usize, name: &str, by: Ms) -> bool {
    let others = bed.messages.iter().filter(|message| message.patient != patient && message.at <= by);
    others.flat_map(|message| message.readings()).any(|reading| reading.device.as_deref() == Some(name))
}

/// A device that is called silent has said nothing for as long as that takes at least.
fn spoke(course: &Course, change: &Change) -> Option<String> {
    let device = course.devices.iter().find(|device| device.name == change.device)?;
    let spoke = |came: &&super::statements::Came| came.age != Age::Again && came.at < change.at;
    let last = device.readings.iter().filter(spoke).map(|came| came.at).max()?;
    (last > change.at - LEAST + 50)
        .then(|| format!("{:?} is called silent, and spoke at {last}", device.name))
}

fn was_never_offline(bed: &Bed, change: &Change) -> Option<String> {
    let said = bed.messages.iter().any(|message| match &message.said {
        Said::Status { device, online } => {
            !online && Some(device) == change.device.as_ref() && message.at <= change.at
        }
        Said::Readings(_) => false,
    });
    (!said).then(|| format!("{:?} is called offline, and never said so", change.device))
}

/// A vital that is called missing has not been measured, or a delay waits for it.
fn was_measured(course: &Course, name: &str, change: &Change) -> Option<String> {
    let vital = Vital::ALL.into_iter().find(|vital| vital.name() == name)?;
    let (_, statements) = course.groups.iter().find(|(group, _)| *group == vital.group())?;
    let of_vital = |said: &&Statement| said.vital == vital && said.at <= change.at && said.age != Age::Again;
    let before: Vec<_> = statements.iter().filter(of_vital).collect();
    let measured = before.iter().rev().find(|said| said.value.is_some() && said.age == Age::Live)?;
    let off = before.last().is_some_and(|last| last.value.is_none());
    let waits = off && before.iter().rev().find(|said| said.value.is_some())?.danger().is_some();
    (measured.at > change.at - LEAST + 50 && !waits)
        .then(|| format!("{name} is called missing, and was measured at {}", measured.at))
}

/// CLINICAL 3: a probe that falls off in the middle of a delay is published at the delay's end, medium.
fn is_published_as_unmeasured(
    course: &Course,
    group: Vital,
    statements: &[Statement],
    changes: &[&Change],
    end: Ms,
    found: &mut Vec<Violation>,
) {
    if Course::sources(statements) > 1 {
        return;
    }
    let mut began: Option<(Ms, Danger)> = None;
    for (place, said) in statements.iter().enumerate() {
        match (said.danger(), said.value, began) {
            (Some(danger), _, before) if said.age == Age::Live => {
                // A delay of another side, or a worse one, is a delay of its own.
                let same = before.filter(|(_, of)| *of == danger);
                began = same.or(Some((said.at, danger)));
            }
            (None, None, Some((from, danger))) => {
                let next = statements[place..].iter().find(|next| next.value.is_some());
                let until = next.map_or(end, |next| next.at);
                let tolerance = if course.is_well() { 0 } else { 10 * SECOND };
                let by =
                    from.max(said.at.min(from + danger.delay())) + danger.delay() + SECOND + 50 + tolerance;
                if by < until && by < end && !covers(group, &danger, changes, by) {
                    let words = format!(
                        "{} was dangerous from {from}, and not measured since {}: neither the alert nor .missing \
                         (medium) is open at {by}",
                        group.name(),
                        said.at
                    );
                    return found.push(Violation::new('e', by, words));
                }
            }
            _ => began = None,
        }
    }
}

fn covers(group: Vital, danger: &Danger, changes: &[&Change], by: Ms) -> bool {
    let of_group = Vital::ALL.into_iter().filter(|vital| vital.group() == group);
    let mut published = of_group.map(|vital| format!("{}.missing", vital.name())).chain([danger.condition()]);
    published.any(|condition| Open::of(&condition, changes).rank_at(by) >= 2)
}
