//! What must hold after outages that are longer than what counts as live.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use uuid::Uuid;
use wardwatch_actors::clock::{Span, Timestamp};

use super::faults::Outage;
use super::load::{DELAY, LONGEST_INTERVAL};
use super::truth::{Change, Truth};
use super::watcher::{Account, Heard};

/// As the configuration of this run sets `alerts.live_within`.
pub const LIVE_WITHIN: Span = Span::from_secs(3);

/// The alerts that an assessment leaves open.
pub fn open_of_assessment(result: &str) -> BTreeSet<Uuid> {
    let mut open = BTreeSet::new();
    for line in result.lines() {
        let line: Value = serde_json::from_str(line).expect("a line of a recording");
        if !line["topic"].as_str().is_some_and(|topic| topic.starts_with("wardwatch/alerts/")) {
            continue;
        }
        let id = line["payload"]["id"].as_str().and_then(|id| id.parse().ok()).expect("an id");
        match line["payload"]["event"].as_str() {
            Some("cleared") => open.remove(&id),
            _ => open.insert(id),
        };
    }
    open
}

/// The alerts about patients that are open for those who listened.
pub fn open_of_account(account: &Account) -> BTreeSet<Uuid> {
    let mut open = BTreeSet::new();
    for change in account.changes.iter().filter(|change| is_alert(change)) {
        match change.event.as_str() {
            "cleared" => open.remove(&change.id),
            _ => open.insert(change.id),
        };
    }
    open
}

fn is_alert(change: &Heard) -> bool {
    !change.patient.is_empty() && change.condition != "backlog.summary"
}

/// Alerts that do not begin with `raised`, have a gap in their numbers, or go on after their end.
pub fn malformed(account: &Account) -> Vec<String> {
    let mut alerts: BTreeMap<Uuid, Vec<&Heard>> = BTreeMap::new();
    for change in &account.changes {
        alerts.entry(change.id).or_default().push(change);
    }
    let mut faults = Vec::new();
    for changes in alerts.values() {
        let numbered = changes.iter().zip(1..).all(|(change, number)| change.sequence == number);
        let begins = changes.iter().enumerate().all(|(place, c)| (c.event == "raised") == (place == 0));
        let ends = changes.iter().rev().skip(1).all(|change| change.event != "cleared");
        if !(numbered && begins && ends) {
            faults.push(format!("{changes:?}"));
        }
    }
    faults
}

/// Alerts that began with no reading that a faultless WardWatch would have begun one with.
pub fn unfounded(account: &Account, truth: &Truth, explained: &[&str]) -> Vec<String> {
    let true_ids: BTreeSet<_> = truth.changes.iter().map(|change| change.id).collect();
    let changes = account.changes.iter().filter(|c| !explained.contains(&c.condition.as_str()));
    changes.filter(|change| !true_ids.contains(&change.id)).map(|change| format!("{change:?}")).collect()
}

/// Outages after which a condition of a patient was raised more than once out of the backlog, or after
/// which there was more than one summary, or none though something came and went.
pub fn storms(account: &Account, truth: &Truth, outages: &[Outage]) -> Vec<String> {
    let mut faults = Vec::new();
    for outage in outages {
        let mut raised: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        let within =
            |change: &&Heard| outage.from - Span::from_secs(1) <= change.time && change.time <= outage.to;
        for change in account.changes.iter().filter(|c| c.backlog && c.event == "raised").filter(within) {
            *raised.entry((&change.patient, &change.condition)).or_default() += 1;
        }
        faults.extend(
            raised
                .iter()
                .filter(|(_, times)| **times > 1)
                .map(|(of, times)| format!("{of:?} was raised {times} times out of the backlog of {outage}")),
        );
        for patient in came_and_went(truth, outage) {
            let summaries = summaries_after(account, &patient, outage);
            if summaries != 1 {
                let heard =
                    account.changes.iter().filter(|c| c.patient == patient && is_near(c.time, outage));
                let expected = truth
                    .changes
                    .iter()
                    .filter(|c| c.patient.to_string() == patient && is_near(c.at, outage));
                faults.push(format!(
                    "{patient} has {summaries} summaries after {outage}\n    heard {:#?}\n    expected {:#?}",
                    heard.collect::<Vec<_>>(),
                    expected.collect::<Vec<_>>(),
                ));
            }
        }
    }
    faults
}

fn is_near(time: Timestamp, outage: &Outage) -> bool {
    let margin = Span::from_secs(10);
    outage.from - margin <= time && time <= outage.to + margin
}

/// Patients of whom an alert would have come and gone within what must be backlog.
fn came_and_went(truth: &Truth, outage: &Outage) -> BTreeSet<String> {
    let second = Span::from_secs(1);
    let unheard = |at: Timestamp| outage.from + second < at && at < outage.to - LIVE_WITHIN - second;
    let mut begun: BTreeSet<Uuid> = BTreeSet::new();
    let mut patients = BTreeSet::new();
    for Change { patient, id, event, at, .. } in &truth.changes {
        match *event {
            "raised" if unheard(*at) => drop(begun.insert(*id)),
            "cleared" if unheard(*at) && begun.contains(id) => drop(patients.insert(patient.to_string())),
            _ => {}
        }
    }
    patients
}

fn summaries_after(account: &Account, patient: &str, outage: &Outage) -> usize {
    let of = |c: &&Heard| c.condition == "backlog.summary" && c.patient == patient;
    // The first of what came and went may have begun its delay before; the first reading after that raised it.
    let from = outage.from - DELAY - LONGEST_INTERVAL;
    account.changes.iter().filter(of).filter(|c| from <= c.onset && c.onset <= outage.to).count()
}
