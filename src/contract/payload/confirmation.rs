//! The confirmation of discharges that are held.

use serde::{Deserialize, Serialize};
use thiserror::Error;
use wardwatch_actors::clock::{Span, Timestamp};

/// An older one was meant for what was held then.
const FRESH_WITHIN: Span = Span::from_secs(60);

/// What is said of held discharges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum DischargeCommand {
    Confirm,
}

/// The confirmation, and when it was given.
#[derive(Debug, Serialize, Deserialize)]
pub struct DischargesConfirmed {
    command: DischargeCommand,
    at: Timestamp,
}

/// Why a confirmation does nothing.
#[derive(Debug, Error)]
pub enum ConfirmationFault {
    #[error("payload is no confirmation of held discharges")]
    Json(#[from] serde_json::Error),
    #[error("a retained confirmation is rejected: it would confirm at every start")]
    Retained,
    #[error("the confirmation is of {0}; one counts for 60 s")]
    Old(Timestamp),
}

impl DischargesConfirmed {
    /// Given at this time.
    pub fn at(at: Timestamp) -> Self {
        Self { command: DischargeCommand::Confirm, at }
    }
}

/// Whether this confirms what is held now.
pub fn parse(payload: &[u8], retain: bool, now: Timestamp) -> Result<(), ConfirmationFault> {
    if retain {
        return Err(ConfirmationFault::Retained);
    }
    let DischargesConfirmed { command: DischargeCommand::Confirm, at } = serde_json::from_slice(payload)?;
    match now.since(at).as_ms().abs() <= FRESH_WITHIN.as_ms() {
        true => Ok(()),
        false => Err(ConfirmationFault::Old(at)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::payload::json;

    #[test]
    fn a_confirmation_counts_for_a_minute_and_never_where_it_is_retained() {
        let at = Timestamp::from_unix_ms(1_800_000_000_000);
        let payload = json(&DischargesConfirmed::at(at));
        assert!(parse(&payload, false, at + Span::from_secs(59)).is_ok());
        assert!(matches!(parse(&payload, false, at + Span::from_secs(61)), Err(ConfirmationFault::Old(_))));
        assert!(matches!(parse(&payload, true, at), Err(ConfirmationFault::Retained)));
        for payload in [&b""[..], b"confirm", b"{}", b"{\"command\":\"forget\"}"] {
            assert!(matches!(parse(payload, false, at), Err(ConfirmationFault::Json(_))));
        }
    }
}
