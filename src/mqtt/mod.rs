//! The bus: what comes in, what goes out, and the words on it.

pub mod bus_publisher;
mod connection;
mod delivery;
mod frames;
pub mod ingest;
mod marks;
mod outbox;
pub mod publisher;
pub mod ring;
mod wire;
mod wire5;
