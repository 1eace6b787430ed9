//! Respiratory rate.

use super::{Facts, Quantity, Resolution, Zero};
use crate::clock::Span;

/// Respiratory rate in /min, 0 to 150.
///
/// Zero is a measurement (apnoea). LOINC 9279-1, MDC_RESP_RATE 151562.
pub const RESPIRATORY_RATE: Facts = Facts {
    name: "respiratory_rate",
    words: "Respiratory rate",
    symbol: "/min",
    ucum: "/min",
    resolution: Resolution::Whole,
    plausible: (Quantity::whole(0), Quantity::whole(150)),
    zero: Zero::Measurement,
    valid_for: Span::from_mins(15),
    watched: true,
};
