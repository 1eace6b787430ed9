//! What goes over the bus, without the bus: topics, payloads, announcements, and what a message means.

pub mod announcement;
pub mod inbound;
pub mod payload;
pub mod rejections;
pub mod shorten;
pub mod topics;
pub mod unknown_names;
