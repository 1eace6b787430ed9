//! The bus: what comes in, what goes out, and the words on it.

pub mod bus_publisher;
pub mod commands;
mod connection;
mod cuts;
mod delivery;
mod frames;
mod in_flight;
pub mod ingest;
mod long_messages;
mod outbox;
mod outbox_state;
mod outgoing;
mod probes;
pub mod publisher;
mod rejected;
pub mod ring;
mod trial;
mod trust;
mod waiting;
mod wire;
mod wire5;
