//! Admission: the record that says who is here, and how.

mod record;

pub use record::{AdmissionRecord, Spo2Scale};
