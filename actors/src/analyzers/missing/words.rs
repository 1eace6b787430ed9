//! How silence is said to a person.

use crate::alerts::{Cause, Said, Side, wording};

/// So many devices of a record are named at most.
const NAMED_AT_MOST: usize = 4;

/// `SpO2 has not been measured since …`, `Device offline`.
pub(super) fn words(said: &Said<'_>) -> String {
    match (said.cause, said.is_over()) {
        (Cause::Missing { vital, .. } | Cause::NotMeasured { vital, .. }, true) => {
            format!("{} is measured again", vital.facts().words)
        }
        (Cause::NotMeasured { vital, lasted, side, value, limit }, false) => {
            let facts = vital.facts();
            let beyond = match side {
                Side::Low => "below",
                Side::High => "above",
            };
            let symbol = facts.symbol;
            let limit = limit.map(|limit| format!(", {beyond} {limit} {symbol}")).unwrap_or_default();
            format!("{} not measured for {lasted}; last {value} {symbol}{limit}", facts.words)
        }
        (Cause::Missing { vital, with, since }, false) => {
            let others: String =
                with.iter().map(|other| format!(", nor {}", other.facts().words.to_lowercase())).collect();
            format!("{} has not been measured since {since}{others}", vital.facts().words)
        }
        (Cause::Silent { .. }, true) => "Device sending again".to_owned(),
        (Cause::Silent { since }, false) => format!("No data from the device since {since}"),
        (Cause::Unheard { .. }, true) => "Readings again".to_owned(),
        (Cause::Unheard { since, admitted, devices }, false) => {
            let from: Vec<_> = devices.iter().take(NAMED_AT_MOST).map(|device| device.as_str()).collect();
            let from = if from.is_empty() { String::new() } else { format!(" from {}", from.join(", ")) };
            let admission = if *admitted { ", the admission" } else { "" };
            format!("No readings{from} since {since}{admission}")
        }
        (Cause::Offline, true) => "Device online again".to_owned(),
        (Cause::Offline, false) => "Device offline".to_owned(),
        _ => wording::plain(said),
    }
}
