//! The bus: what comes in, what goes out, and the words on it.

pub mod ingest;
pub mod payload;
pub mod publisher;
pub mod ring;
pub mod topics;
