//! The bus: what comes in, what goes out, and the words on it.

pub mod announcement;
mod connection;
mod delivery;
pub mod inbox;
pub mod ingest;
pub mod link;
mod marks;
mod outbox;
pub mod payload;
pub mod publisher;
pub mod rejections;
pub mod ring;
pub mod topics;
mod wire;
mod wire5;
