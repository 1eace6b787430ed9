//! The life cycle of an alert as tables that a nurse could check.

mod bedside;
mod delays;
mod identity;
mod signals;
mod standing;
mod walk;
mod well_formed;
