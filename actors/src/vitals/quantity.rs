//! An exact decimal: hundredths as a scaled integer, so that no binary float touches a limit.

use std::fmt;
use std::ops::{Add, Sub};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

/// A measured value or a limit, exact to 0.01 of its unit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quantity(i32);

/// The steps in which a chart shows a quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolution {
    /// Whole numbers.
    Whole,
    /// Tenths.
    Tenth,
}

/// Why a text is no quantity.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum QuantityFault {
    /// Not a decimal number.
    #[error("`{0}` is not a number")]
    NotANumber(String),
    /// Beyond what can be held.
    #[error("`{0}` is beyond ±20 million")]
    TooLarge(String),
}

impl Quantity {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// A whole number of units.
    pub const fn whole(units: i32) -> Self {
        Self(units * 100)
    }

    /// This many hundredths of the unit.
    pub const fn hundredths(hundredths: i32) -> Self {
        Self(hundredths)
    }

    /// As hundredths of the unit.
    pub const fn as_hundredths(self) -> i32 {
        self.0
    }

    /// Rounded half away from zero to the chart's resolution.
    ///
    /// 36.05 °C is 36.1 at tenths, 92.5 % is 93 at whole numbers.
    pub const fn rounded(self, resolution: Resolution) -> Self {
        let step = match resolution {
            Resolution::Whole => 100,
            Resolution::Tenth => 10,
        };
        let half = if self.0 < 0 { -step / 2 } else { step / 2 };
        Self((self.0 + half) / step * step)
    }
}

impl FromStr for Quantity {
    type Err = QuantityFault;

    /// Reads a decimal number as JSON writes it; digits beyond the second are cut off, never rounded.
    fn from_str(text: &str) -> Result<Self, QuantityFault> {
        let not_a_number = || QuantityFault::NotANumber(text.to_owned());
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = match digits.find(['e', 'E']) {
            Some(at) => (&digits[..at], exponent(&digits[at + 1..]).ok_or_else(not_a_number)?),
            None => (digits, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
        let decimal = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !decimal(whole) || !decimal(fraction) {
            return Err(not_a_number());
        }
        let hundredths =
            scaled(whole, fraction, exponent).ok_or_else(|| QuantityFault::TooLarge(text.to_owned()))?;
        Ok(Self(if negative { -hundredths } else { hundredths }))
    }
}

/// A signed exponent, held to ±1000, beyond which every number is nothing or too large anyway.
fn exponent(text: &str) -> Option<i32> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let size = digits.trim_start_matches('0');
    let size = if size.len() > 4 { 1000 } else { format!("0{size}").parse().unwrap_or(1000).min(1000) };
    Some(if negative { -size } else { size })
}

/// Hundredths of `whole.fraction × 10^exponent`, further digits cut off; none beyond ±2,000,000,000.
fn scaled(whole: &str, fraction: &str, exponent: i32) -> Option<i32> {
    let digits = whole.bytes().chain(fraction.bytes()).map(|b| i64::from(b - b'0'));
    // How many of the digits stand before the point of the value in hundredths.
    let keep = i64::try_from(whole.len()).ok()? + i64::from(exponent) + 2;
    let mut value: i64 = 0;
    let mut taken: i64 = 0;
    for digit in digits {
        if taken >= keep {
            return i32::try_from(value).ok();
        }
        value = value * 10 + digit;
        taken += 1;
        if value > 2_000_000_000 {
            return None;
        }
    }
    while taken < keep && value != 0 {
        value *= 10;
        taken += 1;
        if value > 2_000_000_000 {
            return None;
        }
    }
    i32::try_from(value).ok()
}

impl fmt::Display for Quantity {
    /// Without trailing zeros: `98`, `36.8`, `36.05`, `-0.5`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let (units, rest) = (self.0.unsigned_abs() / 100, self.0.unsigned_abs() % 100);
        match rest {
            0 => write!(f, "{sign}{units}"),
            r if r % 10 == 0 => write!(f, "{sign}{units}.{}", r / 10),
            r => write!(f, "{sign}{units}.{r:02}"),
        }
    }
}

impl Serialize for Quantity {
    /// A JSON number: an integer where it is whole.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0 % 100 == 0 {
            serializer.serialize_i32(self.0 / 100)
        } else {
            serializer.serialize_f64(f64::from(self.0) / 100.0)
        }
    }
}

impl<'de> Deserialize<'de> for Quantity {
    /// From a number in a configuration or a snapshot, where two digits are all that is written.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = f64::deserialize(deserializer)?;
        format!("{value}").parse().map_err(serde::de::Error::custom)
    }
}

impl Add for Quantity {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Quantity {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_exact_to_a_hundredth_and_further_digits_are_cut_off() {
        let cases = [
            ("0", 0),
            ("-0", 0),
            ("98", 9800),
            ("36.05", 3605),
            ("36.0499999999999999999", 3604),
            ("36.059", 3605),
            ("-3.5", -350),
            ("1e2", 10_000),
            ("1.5E+1", 1500),
            ("3605e-2", 3605),
            ("0.009", 0),
            ("1e-400", 0),
            ("0e999999", 0),
            ("20000000", 2_000_000_000),
            ("0.00000000000000000000001e22", 10),
            ("000000000000005", 500),
            ("0.1e1", 100),
            ("0.00123e3", 123),
        ];
        for (text, hundredths) in cases {
            assert_eq!(text.parse(), Ok(Quantity(hundredths)), "{text}");
        }
    }

    #[test]
    fn what_is_no_number_is_rejected() {
        for text in ["", "-", "abc", "1.", ".5", "1e", "1e+", "0x10", "1,5", "--1", "NaN", "+1", " 1"] {
            assert_eq!(text.parse::<Quantity>(), Err(QuantityFault::NotANumber(text.into())));
        }
        for text in ["20000001", "1e99", "123456789012345678901234567890"] {
            assert_eq!(text.parse::<Quantity>(), Err(QuantityFault::TooLarge(text.into())));
        }
    }

    #[test]
    fn a_half_is_rounded_away_from_zero() {
        assert_eq!(Quantity(3605).rounded(Resolution::Tenth), Quantity(3610));
        assert_eq!(Quantity(3604).rounded(Resolution::Tenth), Quantity(3600));
        assert_eq!(Quantity(9250).rounded(Resolution::Whole), Quantity(9300));
        assert_eq!(Quantity(9249).rounded(Resolution::Whole), Quantity(9200));
        assert_eq!(Quantity(-150).rounded(Resolution::Whole), Quantity(-200));
    }

    #[test]
    fn it_is_written_without_trailing_zeros() {
        for (hundredths, text) in [(9800, "98"), (3680, "36.8"), (3605, "36.05"), (-50, "-0.5"), (5, "0.05")]
        {
            assert_eq!(Quantity(hundredths).to_string(), text);
        }
    }
}
