//! The bus: what comes in, what goes out, and the words on it.

pub mod announcement;
pub mod inbox;
pub mod ingest;
pub mod payload;
pub mod publisher;
pub mod rejections;
pub mod ring;
pub mod topics;
