//! (d) Changes are well formed: numbered without a gap, raised first, cleared last, one alert of a fact at a time.

use std::collections::BTreeMap;

use super::Violation;
use crate::change::Change;

pub fn check(changes: &[&Change], found: &mut Vec<Violation>) {
    let mut last: BTreeMap<&str, &Change> = BTreeMap::new();
    let mut open: BTreeMap<(&str, Option<&str>), &str> = BTreeMap::new();
    for change in changes {
        let mut wrong = |words: &str| {
            let said =
                format!("{words}: {} {} {} #{}", change.event, change.condition, change.id, change.sequence);
            found.push(Violation::new('d', change.at, said));
        };
        if matches!(&*change.condition, "analysis.failed" | "device.flooding") {
            wrong("nothing here gives cause for that");
        }
        let before = last.insert(&change.id, change);
        if change.sequence != before.map_or(0, |before| before.sequence) + 1 {
            wrong("a sequence with a gap, or used twice");
        }
        if change.is("raised") != before.is_none() {
            wrong("raised must come first, and once");
        }
        if before.is_some_and(|before| before.is("cleared")) {
            wrong("an alert goes on after its end");
        }
        if change.onset > change.time {
            wrong("an alert before its onset");
        }
        if change.condition == "backlog.summary" {
            continue; // published once, and never open
        }
        let fact = (&*change.condition, change.device.as_deref());
        let was_open = match &*change.event {
            "raised" => open.insert(fact, &change.id).is_none(),
            "cleared" => open.remove(&fact) == Some(&change.id),
            _ => true,
        };
        if !was_open {
            wrong("raised while open, or cleared and was not");
        }
    }
}
