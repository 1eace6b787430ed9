//! Pulse rate, counted at the periphery (oximeter, cuff).

use super::{Facts, Quantity, Resolution, Zero};
use crate::clock::Span;

/// Pulse rate in /min, 1 to 350.
///
/// Judged as heart rate while no fresh heart rate is there. LOINC 8867-4, MDC_PULS_OXIM_PULS_RATE 149530.
pub const PULSE_RATE: Facts = Facts {
    name: "pulse_rate",
    words: "Pulse rate",
    symbol: "/min",
    ucum: "/min",
    resolution: Resolution::Whole,
    plausible: (Quantity::whole(1), Quantity::whole(350)),
    zero: Zero::NotMeasured,
    valid_for: Span::from_mins(15),
    watched: true,
};
