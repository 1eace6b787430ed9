//! Inspired oxygen fraction.

use super::{Facts, Quantity, Resolution, Zero};
use crate::clock::Span;

/// FiO2 in %, 21 to 100.
///
/// In percent; a ratio such as 0.4 is outside the range and rejected, never guessed. LOINC 3150-0, MDC_CONC_AWAY_O2_INSP 152196.
pub const FIO2: Facts = Facts {
    name: "fio2",
    words: "FiO2",
    symbol: "%",
    ucum: "%",
    resolution: Resolution::Whole,
    plausible: (Quantity::whole(21), Quantity::whole(100)),
    zero: Zero::Measurement,
    valid_for: Span::from_hours(12),
    watched: false,
};
