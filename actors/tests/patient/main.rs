//! One patient, from readings to what is told: the core as the actors drive it, on simulated time.

mod admission;
mod backlog;
mod limits;
mod restart;
mod rules;
mod silence;
mod speakers;
mod ward;
