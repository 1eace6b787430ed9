//! The decisions of WardWatch: who is here, what a reading means, which alert follows. No I/O.

pub mod alerts;
pub mod analyzer_actor;
pub mod analyzers;
pub mod census_actor;
pub mod clock;
pub mod counters;
pub mod outlet;
pub mod patient_actor;
pub mod people;
pub mod receipt;
pub mod settings;
pub mod shard;
#[cfg(test)]
mod tests;
pub mod vitals;
