//! Between the wire and the domain: what comes in is a domain type or rejected with a reason.

pub mod alert;
pub mod reading;
pub mod record;
pub mod rejected;
pub mod state;
pub mod system;

use serde::Serialize;

/// Writes a message as JSON.
///
/// The types of this folder have string keys and finite numbers, of which JSON can write everything;
/// should that ever fail, the message says so instead of being lost.
pub fn json<T: Serialize>(message: &T) -> Vec<u8> {
    serde_json::to_vec(message).unwrap_or_else(|fault| format!("{{\"fault\":\"{fault}\"}}").into_bytes())
}
