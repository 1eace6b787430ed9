//! The bus: what comes in, what goes out, and the words on it.

mod connection;
mod delivery;
pub mod ingest;
pub mod link;
mod marks;
pub mod outbox;
pub mod publisher;
pub mod ring;
pub mod topics;
mod wire;
mod wire5;
