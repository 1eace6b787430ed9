//! Receivers of alerts as decisions: what each has yet to confirm, and who is gone.
//!
//! MQTT's promise ends at the broker. Whoever is listed under `[receivers]` confirms each change that concerns it; what is
//! not confirmed in time is an alert of its own, and the fallback route is called.

mod deliveries;
mod presence;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::alerts::RuleName;
use crate::conditions::Condition;
use crate::people::ReceiverName;

pub use deliveries::{Deliveries, Overdue};
pub use presence::{Absence, ReceiverPresence};

/// The rule that says what was not confirmed.
pub const DELIVERY: RuleName = RuleName::Borrowed("delivery");

/// What a receiver says of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConfirmationStatus {
    /// It has it; nobody has looked yet.
    Received,
    /// Somebody takes responsibility.
    Accepted,
    /// Somebody rejects, or it cannot be shown to anybody.
    Rejected,
}

/// A receiver confirms a change, and with it all earlier ones of the same alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmation {
    pub receiver: ReceiverName,
    pub alert: Uuid,
    pub sequence: u32,
    pub status: ConfirmationStatus,
}

/// Whether a change of this condition asks for a confirmation: what says that nobody confirms or answers does not.
pub const fn asks_for_confirmation(condition: &Condition) -> bool {
    !matches!(condition, Condition::DeliveryUnconfirmed(_) | Condition::AlertUnanswered)
}
