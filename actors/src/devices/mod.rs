//! Devices: whose clock, how often, what came before.

pub mod clock;
pub mod device_clock;
pub mod rhythm;
pub mod source;
