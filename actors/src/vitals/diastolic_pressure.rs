//! Diastolic blood pressure.

use super::{Facts, Quantity, Resolution, Zero};
use crate::clock::Span;

/// Diastolic pressure in mmHg, 1 to 350.
///
/// LOINC 8462-4, MDC 150022.
pub const DIASTOLIC_PRESSURE: Facts = Facts {
    name: "diastolic_pressure",
    words: "Diastolic pressure",
    symbol: "mmHg",
    ucum: "mm[Hg]",
    resolution: Resolution::Whole,
    plausible: (Quantity::whole(1), Quantity::whole(350)),
    zero: Zero::NotMeasured,
    valid_for: Span::from_hours(6),
    watched: true,
};
