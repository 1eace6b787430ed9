//! The audit: what happened, in order, each row with the hash of all before it.
//!
//! A row about an alert change names it in the log of changes, and its hash is over both; whether the broker has a change
//! is not in it. Deliberately absent: readings, which are history, and a signature: who can write to the store can
//! write the chain anew, and only a head that was noted elsewhere, as the heartbeat is, shows that.

mod ageing;
mod chain;
mod configuration;
mod fault;
mod log;
mod note;
mod verify;

pub use ageing::{OldEnough, age_out, take_in_earlier};
#[cfg(test)]
pub use chain::{AuditContent, AuditSource};
pub use chain::{AuditHead, ChangeColumns, NotedHead};
pub use configuration::write;
pub use fault::{AuditFault, RowName};
pub use log::{AuditChain, AuditLog, CHANGE, go_on};
pub use note::{AuditNote, NoteWords};
pub use verify::{AuditReport, verify};
