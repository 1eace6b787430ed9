//! Sizes as a site writes them: `64KiB`, `1MiB`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer};
use thiserror::Error;

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// A size in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(usize);

/// Why a text is no size.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is no size; allowed is a whole number with its unit, as 512KiB or 1MiB")]
pub struct SizeFault(String);

impl ByteSize {
    /// So many KiB.
    pub const fn from_kib(kib: usize) -> Self {
        Self(kib * KIB)
    }

    /// The same in bytes.
    pub const fn bytes(self) -> usize {
        self.0
    }
}

impl FromStr for ByteSize {
    type Err = SizeFault;

    fn from_str(text: &str) -> Result<Self, SizeFault> {
        let fault = || SizeFault(text.to_owned());
        let text = text.trim();
        let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(fault)?;
        let (number, unit) = text.split_at(digits);
        let unit = match unit.trim() {
            "KiB" => KIB,
            "MiB" => MIB,
            _ => return Err(fault()),
        };
        let number: usize = number.parse().map_err(|_| fault())?;
        number.checked_mul(unit).map(Self).ok_or_else(fault)
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            bytes if bytes % MIB == 0 => write!(f, "{}MiB", bytes / MIB),
            bytes => write!(f, "{}KiB", bytes / KIB),
        }
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_a_whole_number_with_its_unit() {
        for (text, bytes) in [("512KiB", 524_288), ("1 MiB", 1_048_576), ("64KiB", 65_536)] {
            assert_eq!(text.parse::<ByteSize>().map(ByteSize::bytes), Ok(bytes), "{text}");
        }
        for text in ["", "512", "KiB", "0.5MiB", "512kb", "-1KiB", "99999999999999999999MiB"] {
            assert!(text.parse::<ByteSize>().is_err(), "{text}");
        }
        assert_eq!(ByteSize::from_kib(512).to_string(), "512KiB");
        assert_eq!(ByteSize::from_kib(2048).to_string(), "2MiB");
    }
}
