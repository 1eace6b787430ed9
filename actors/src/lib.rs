//! The decisions of WardWatch: who is here, what a reading means, which alert follows. No I/O.

#![forbid(unsafe_code)]

pub mod admission;
pub mod alerts;
pub mod analyzer_actor;
pub mod analyzers;
pub mod census;
pub mod census_actor;
pub mod chart;
pub mod clock;
pub mod commands;
pub mod conditions;
pub mod counters;
pub mod devices;
pub mod installation;
pub mod installation_actor;
pub mod outlet;
pub mod patient;
pub mod patient_actor;
pub mod people;
pub mod receipt;
pub mod receivers;
pub mod settings;
pub mod shard;
#[cfg(test)]
mod tests;
pub mod vitals;
