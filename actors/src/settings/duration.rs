//! Lengths of time as a site writes them: `500ms`, `5s`, `10 min`, `6h`.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

use crate::clock::Span;

/// Why a text is no length of time.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is not a duration; allowed is a number with its unit, as 500ms, 5s, 10min or 24h")]
pub struct DurationFault(pub String);

/// Reads a length of time in whole milliseconds; one without a unit or below zero is none.
pub fn parse(text: &str) -> Result<Span, DurationFault> {
    let fault = || DurationFault(text.to_owned());
    let duration: jiff::SignedDuration = text.trim().parse().map_err(|_| fault())?;
    let ms = i64::try_from(duration.as_millis()).map_err(|_| fault())?;
    let whole = duration.subsec_nanos() % 1_000_000 == 0;
    if ms < 0 || ms > Span::from_hours(LONGEST_HOURS).as_ms() || !whole {
        return Err(fault());
    }
    Ok(Span::from_ms(ms))
}

/// A hundred years: longer is a slip of the pen.
const LONGEST_HOURS: i64 = 100 * 366 * 24;

/// Writes a length of time so that [`parse`] reads it again: `500ms`, `90s`, `5min`, `6h`.
pub fn write(span: Span) -> String {
    match span.as_ms() {
        0 => "0s".to_owned(),
        ms if ms % 3_600_000 == 0 => format!("{}h", ms / 3_600_000),
        ms if ms >= 120_000 && ms % 60_000 == 0 => format!("{}min", ms / 60_000),
        ms if ms % 1000 == 0 => format!("{}s", ms / 1000),
        ms => format!("{ms}ms"),
    }
}

/// A length of time that stands as text in a configuration or a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Written(pub Span);

impl Serialize for Written {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&write(self.0))
    }
}

impl<'de> Deserialize<'de> for Written {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Text)
    }
}

struct Text;

impl de::Visitor<'_> for Text {
    type Value = Written;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a duration in quotes, as \"500ms\", \"5s\", \"10min\" or \"24h\"")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Written, E> {
        parse(text).map(Written).map_err(E::custom)
    }
}

/// Reads a [`Span`] field, for `serde(with = …)`.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Span, D::Error> {
    Written::deserialize(deserializer).map(|written| written.0)
}

/// Writes a [`Span`] field, for `serde(with = …)`.
pub fn serialize<S: Serializer>(span: &Span, serializer: S) -> Result<S::Ok, S::Error> {
    Written(*span).serialize(serializer)
}

/// The same for `Option<Span>` fields.
pub mod option {
    use super::*;

    /// Reads an optional [`Span`] field, for `serde(with = …)`.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Span>, D::Error> {
        Option::<Written>::deserialize(deserializer).map(|written| written.map(|w| w.0))
    }

    /// Writes an optional [`Span`] field, for `serde(with = …)`.
    pub fn serialize<S: Serializer>(span: &Option<Span>, serializer: S) -> Result<S::Ok, S::Error> {
        span.map(Written).serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_of_time_is_a_number_and_its_unit() {
        let cases = [
            ("0s", 0),
            ("500ms", 500),
            ("5s", 5000),
            ("1.5 s", 1500),
            ("10min", 600_000),
            ("10 min", 600_000),
            ("6h", 21_600_000),
            ("24h", 86_400_000),
            ("1h 30min", 5_400_000),
        ];
        for (text, ms) in cases {
            assert_eq!(parse(text), Ok(Span::from_ms(ms)), "{text}");
        }
    }

    #[test]
    fn what_has_no_unit_no_size_or_no_sense_is_none() {
        for text in
            ["", "5", "s", "-5s", "5s ago", "five seconds", "5 parsecs", "1us", "1.0005s", "99999999h"]
        {
            assert_eq!(parse(text), Err(DurationFault(text.to_owned())), "{text}");
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        for ms in [0, 1, 500, 1000, 1500, 60_000, 90_000, 120_000, 300_000, 3_600_000, 86_400_000] {
            let span = Span::from_ms(ms);
            assert_eq!(parse(&write(span)), Ok(span), "{}", write(span));
        }
    }
}
