//! Flow of supplemental oxygen.

use super::{Facts, Quantity, Resolution, Zero};
use crate::clock::Span;

/// Oxygen flow in L/min, 0 to 100.
///
/// Zero is a measurement (no oxygen). LOINC 3151-8.
pub const OXYGEN_FLOW: Facts = Facts {
    name: "oxygen_flow",
    words: "Oxygen flow",
    symbol: "L/min",
    ucum: "L/min",
    resolution: Resolution::Tenth,
    plausible: (Quantity::whole(0), Quantity::whole(100)),
    zero: Zero::Measurement,
    valid_for: Span::from_hours(12),
    watched: false,
};
