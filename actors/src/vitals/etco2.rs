//! Carbon dioxide at the end of a breath.

use super::{Facts, Quantity, Resolution, Zero};
use crate::clock::Span;

/// etCO2 in mmHg, 0 to 150.
///
/// Zero is a measurement. LOINC 19889-5, MDC_AWAY_CO2_ET 151728.
pub const ETCO2: Facts = Facts {
    name: "etco2",
    words: "etCO2",
    symbol: "mmHg",
    ucum: "mm[Hg]",
    resolution: Resolution::Whole,
    plausible: (Quantity::whole(0), Quantity::whole(150)),
    zero: Zero::Measurement,
    valid_for: Span::from_mins(15),
    watched: true,
};
