//! What a site decides: limits, delays, admission. Every value has a default.
