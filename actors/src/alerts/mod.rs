//! Alerts: what a rule finds, the one life cycle of all of them, and what of it is published.

mod alert_set;
pub mod change;
pub mod finding;
pub mod identity;
mod level;
mod life_cycle;
mod place;
pub mod signal;
mod standing;
mod under_way;
pub mod wording;

pub use alert_set::AlertSet;
pub use change::{AlertChange, Event};
pub use finding::{Cause, Finding, Presence, Side, Timing};
pub use life_cycle::{Caption, Moment, RuleName, Stage};
pub use signal::Signal;
pub use standing::{Onset, Passed, Standing};
pub use under_way::{Delay, UnderWay};
pub use wording::{Said, Words, WordsOf};
