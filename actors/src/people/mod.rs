//! Who is watched and where: ids, the admission record, the site's rules of admission.

mod backlog;
pub mod census;
pub mod class;
pub mod device_clock;
pub mod identity;
pub mod outcome;
pub mod patient;
pub mod record;
pub mod snapshot;
pub mod source;

pub use class::Class;
pub use identity::{DeviceId, PatientId, Subject, UnitId};
pub use record::{AdmissionRecord, Spo2Scale};
