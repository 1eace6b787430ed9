//! Heart rate, from the electrocardiogram.

use super::{Facts, Quantity, Resolution, Zero};
use crate::clock::Span;

/// Heart rate in /min, 0 to 350.
///
/// Zero is a measurement (asystole); some sources mean "no measurement" by it, see `sources` in the configuration.
/// LOINC 8867-4, MDC_ECG_HEART_RATE 147842.
pub const HEART_RATE: Facts = Facts {
    name: "heart_rate",
    words: "Heart rate",
    symbol: "/min",
    ucum: "/min",
    resolution: Resolution::Whole,
    plausible: (Quantity::whole(0), Quantity::whole(350)),
    zero: Zero::Measurement,
    valid_for: Span::from_mins(15),
    watched: true,
};
