//! Alerts: what a rule finds, the one life cycle of all of them, and what of it is published.

mod alert_set;
mod attending;
pub mod attention;
mod chain;
pub mod change;
pub mod finding;
pub mod identity;
mod inactivations;
mod level;
mod life_cycle;
mod orders;
mod place;
pub mod signal;
mod standing;
mod under_way;
pub mod wording;

pub use alert_set::AlertSet;
pub use attention::Attention;
pub use change::{AlertChange, Event};
pub use finding::{Cause, Finding, Presence, Side, Timing};
pub use inactivations::{Author, Inactivated};
pub use life_cycle::{Caption, Moment, RuleName, Stage};
pub use orders::{AlertOrder, ESCALATION, OrderFault, Ordered, end_of};
pub use signal::Signal;
pub use standing::{Onset, Passed, Standing};
pub use under_way::{Delay, UnderWay};
pub use wording::{Said, Words, WordsOf};
