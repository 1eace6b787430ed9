//! Mean blood pressure.

use super::{Facts, Quantity, Resolution, Zero};
use crate::clock::Span;

/// Mean pressure in mmHg, 1 to 350.
///
/// LOINC 8478-0, MDC 150023.
pub const MEAN_PRESSURE: Facts = Facts {
    name: "mean_pressure",
    words: "Mean pressure",
    symbol: "mmHg",
    ucum: "mm[Hg]",
    resolution: Resolution::Whole,
    plausible: (Quantity::whole(1), Quantity::whole(350)),
    zero: Zero::NotMeasured,
    valid_for: Span::from_hours(6),
    watched: true,
};
