//! Alerts: conditions, priorities, and the one life cycle of all of them.

pub mod priority;

pub use priority::Priority;
