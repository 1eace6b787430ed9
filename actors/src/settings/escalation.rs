//! Who is called when nobody answers.

use serde::{Deserialize, Serialize};

use super::duration;
use crate::clock::Span;
use crate::conditions::Priority;

/// One step of the chain, `[[escalation]]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EscalationStep {
    /// How long the step before, or for the first one the alert itself, has had no answer.
    #[serde(with = "duration")]
    pub after: Span,
    /// The route: who is called from then on.
    pub to: String,
    /// Whether the alert rises by one priority.
    #[serde(default)]
    pub raise_priority: bool,
    /// The lowest priority of an alert that comes here; high by default.
    #[serde(default = "high")]
    pub priority: Priority,
}

const fn high() -> Priority {
    Priority::High
}
