//! Oxygen saturation by pulse oximetry.

use super::{Facts, Quantity, Resolution, Zero};
use crate::clock::Span;

/// SpO2 in %, 1 to 100.
///
/// LOINC 59408-5 with 2708-6, MDC_PULS_OXIM_SAT_O2 150456.
pub const OXYGEN_SATURATION: Facts = Facts {
    name: "oxygen_saturation",
    words: "SpO2",
    symbol: "%",
    ucum: "%",
    resolution: Resolution::Whole,
    plausible: (Quantity::whole(1), Quantity::whole(100)),
    zero: Zero::NotMeasured,
    valid_for: Span::from_mins(15),
    watched: true,
};
