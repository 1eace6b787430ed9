//! Alerts: conditions, priorities, and the one life cycle of all of them.

pub mod change;
pub mod condition;
pub mod finding;
mod life_cycle;
mod of_subject;
pub mod priority;

pub use change::{AlertChange, Event};
pub use condition::{Condition, Kind, ScoreName};
pub use finding::{Cause, Finding, Presence, ReadingRef, Side, Timing};
pub use life_cycle::{Caption, Moment, RuleName, Stage};
pub use of_subject::{Alerts, Passed};
pub use priority::Priority;
