//! The other side of the bus: who gives commands, and who receives alerts.

pub mod command;
pub mod heartbeat_watch;
pub mod receiver;
