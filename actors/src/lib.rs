//! The decisions of WardWatch: who is here, what a reading means, which alert follows. No I/O.

pub mod alerts;
pub mod analyzers;
pub mod clock;
pub mod people;
pub mod receipt;
pub mod settings;
pub mod vitals;
