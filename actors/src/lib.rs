//! The decisions of WardWatch: who is here, what a reading means, which alert follows. No I/O.

pub mod people;
pub mod receipt;
