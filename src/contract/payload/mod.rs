//! Between the wire and the domain: what comes in is a domain type or rejected with a reason.

pub mod alert;
pub mod command;
pub mod confirmation;
pub mod given_command;
pub mod published_state;
pub mod reading;
pub mod receiver;
pub mod record;
pub mod rejected;
pub mod state;
pub mod system;

use serde::Serialize;

/// Few messages are longer, in bytes: the state of a patient with six vitals and a score has some 1100.
const USUAL_LENGTH: usize = 1280;

/// Writes a message as JSON.
///
/// The types of this folder have string keys and finite numbers, of which JSON can write everything;
/// should that ever fail, the message says so instead of being lost.
pub fn json<T: Serialize>(message: &T) -> Vec<u8> {
    let mut written = Vec::with_capacity(USUAL_LENGTH);
    match serde_json::to_writer(&mut written, message) {
        Ok(()) => written,
        Err(fault) => format!("{{\"fault\":\"{fault}\"}}").into_bytes(),
    }
}
