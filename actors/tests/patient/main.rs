//! One patient, from readings to what is published: the core as the actors drive it, on simulated time.

mod admission;
mod backlog;
mod former_stay;
mod identity;
mod limits;
mod restart;
mod rules;
mod scores;
mod silence;
mod speakers;
mod ward;
