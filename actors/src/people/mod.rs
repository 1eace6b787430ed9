//! Who is meant: the ids of units, patients and devices, and the age class.

mod class;
mod ids;

pub use class::Class;
pub use ids::{DeviceId, NameFault, PatientId, Subject, UnitId, check_name};
