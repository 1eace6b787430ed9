//! What receivers of alerts say: that they are there, and what they took.

use serde::{Deserialize, Serialize};
use thiserror::Error;
use uuid::Uuid;
use wardwatch_actors::clock::Timestamp;
use wardwatch_actors::people::ReceiverName;
use wardwatch_actors::receivers::{Confirmation, ConfirmationStatus};

/// A receiver says that it is there, or its last will that it is gone. Which alerts it confirms, and how soon, the site
/// says; what it registers of that is for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    pub online: bool,
    #[serde(default)]
    pub filters: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<String>,
}

/// A receiver confirms a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfirmationMessage {
    pub id: Uuid,
    pub sequence: u32,
    /// When, by the receiver's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Timestamp>,
    pub status: ConfirmationStatus,
}

/// Why what a receiver says is rejected.
#[derive(Debug, Error)]
pub enum ReceiverFault {
    #[error("payload is no registration of a receiver")]
    Registration(#[source] serde_json::Error),
    #[error("payload is no confirmation of an alert change")]
    Confirmation(#[source] serde_json::Error),
    #[error("a retained confirmation is rejected: it would confirm at every start")]
    Retained,
    #[error("receiver `{0}` is not listed (receivers.NAME)")]
    Unlisted(String),
}

/// Whether the receiver is there; an emptied registration says that it is gone.
pub fn parse_registration(payload: &[u8]) -> Result<bool, ReceiverFault> {
    if payload.is_empty() {
        return Ok(false);
    }
    let registration: Registration = serde_json::from_slice(payload).map_err(ReceiverFault::Registration)?;
    Ok(registration.online)
}

/// What the receiver confirms.
pub fn parse_confirmation(
    payload: &[u8],
    retained: bool,
    receiver: ReceiverName,
) -> Result<Confirmation, ReceiverFault> {
    if retained {
        return Err(ReceiverFault::Retained);
    }
    let ConfirmationMessage { id, sequence, status, .. } =
        serde_json::from_slice(payload).map_err(ReceiverFault::Confirmation)?;
    Ok(Confirmation { receiver, alert: id, sequence, status })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registration_says_whether_the_receiver_is_there() {
        let there = br#"{"online":true,"filters":["alerts/high/icu-1/#"],"within":"10s","version":2}"#;
        assert!(parse_registration(there).unwrap());
        assert!(!parse_registration(br#"{"online":false}"#).unwrap());
        assert!(!parse_registration(b"").unwrap());
        for payload in [&b"online"[..], b"{}", b"[]", br#"{"online":"yes"}"#] {
            assert!(matches!(parse_registration(payload), Err(ReceiverFault::Registration(_))));
        }
    }

    #[test]
    fn a_confirmation_names_a_change_and_never_counts_where_it_is_retained() {
        let pager = || "pager".parse::<ReceiverName>().unwrap();
        let payload = br#"{"id":"4c1c1b1e-6f0d-5d0b-9a52-77a49d1c3e70","sequence":3,"status":"accepted"}"#;
        let confirmed = parse_confirmation(payload, false, pager()).unwrap();
        assert_eq!((confirmed.sequence, confirmed.status), (3, ConfirmationStatus::Accepted));
        assert!(matches!(parse_confirmation(payload, true, pager()), Err(ReceiverFault::Retained)));
        for payload in [&b""[..], b"{}", br#"{"id":"x","sequence":1,"status":"received"}"#] {
            let rejected = parse_confirmation(payload, false, pager());
            assert!(matches!(rejected, Err(ReceiverFault::Confirmation(_))));
        }
    }
}
