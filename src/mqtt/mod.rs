//! The bus: what comes in, what goes out, and the words on it.

pub mod bus_publisher;
pub mod commands;
mod connection;
mod cuts;
mod delivery;
mod frames;
pub mod ingest;
mod outbox;
mod outgoing;
mod probes;
pub mod publisher;
mod rejected;
pub mod ring;
mod waiting;
mod wire;
mod wire5;
