//! Systolic blood pressure.

use super::{Facts, Quantity, Resolution, Zero};
use crate::clock::Span;

/// Systolic pressure in mmHg, 1 to 350.
///
/// Where all three are given: systolic ≥ mean ≥ diastolic. LOINC 8480-6, MDC 150021.
pub const SYSTOLIC_PRESSURE: Facts = Facts {
    name: "systolic_pressure",
    words: "Systolic pressure",
    symbol: "mmHg",
    ucum: "mm[Hg]",
    resolution: Resolution::Whole,
    plausible: (Quantity::whole(1), Quantity::whole(350)),
    zero: Zero::NotMeasured,
    valid_for: Span::from_hours(6),
    watched: true,
};
