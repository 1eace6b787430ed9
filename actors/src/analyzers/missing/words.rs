//! How silence is said to a person.

use crate::alerts::{Cause, Said, wording};

/// `SpO2 has not been measured since …`, `Device offline`.
pub(super) fn words(said: &Said<'_>) -> String {
    match (said.cause, said.is_over()) {
        (Cause::Missing { vital, .. }, true) => format!("{} is measured again", vital.facts().words),
        (Cause::Missing { vital, with, since }, false) => {
            let others: String =
                with.iter().map(|other| format!(", nor {}", other.facts().words.to_lowercase())).collect();
            format!("{} has not been measured since {since}{others}", vital.facts().words)
        }
        (Cause::Silent { .. }, true) => "Device sends again".to_owned(),
        (Cause::Silent { since }, false) => format!("Nothing from the device since {since}"),
        (Cause::Offline, true) => "Device online again".to_owned(),
        (Cause::Offline, false) => "Device offline".to_owned(),
        _ => wording::plain(said),
    }
}
