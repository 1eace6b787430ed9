//! Who is meant: the ids of units, patients, devices and receivers, the age class, and how a stay ends.

mod class;
mod departure;
mod ids;

pub use class::Class;
pub use departure::Departure;
pub use ids::{DeviceId, NameFault, PatientId, ReceiverName, Subject, UnitId, check_name, unit_and_patient};
