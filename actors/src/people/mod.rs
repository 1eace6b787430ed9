//! Who is watched and where: ids, the admission record, the site's rules of admission.

pub mod class;
pub mod identity;

pub use class::Class;
pub use identity::{DeviceId, PatientId, Subject, UnitId};
