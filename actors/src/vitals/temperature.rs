//! Body temperature.

use super::{Facts, Quantity, Resolution, Zero};
use crate::clock::Span;

/// Temperature in °C, 20 to 45.
///
/// Zero is outside the plausible range. LOINC 8310-5, MDC_TEMP 150344.
pub const TEMPERATURE: Facts = Facts {
    name: "temperature",
    words: "Temperature",
    symbol: "°C",
    ucum: "Cel",
    resolution: Resolution::Tenth,
    plausible: (Quantity::whole(20), Quantity::whole(45)),
    zero: Zero::Measurement,
    valid_for: Span::from_hours(12),
    watched: true,
};
