//! Level of consciousness on the ACVPU scale.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// How conscious a patient is. LOINC 67775-7.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Consciousness {
    /// Alert.
    #[serde(rename = "A")]
    Alert,
    /// Newly confused.
    #[serde(rename = "C")]
    Confusion,
    /// Responds to voice.
    #[serde(rename = "V")]
    Voice,
    /// Responds to pain.
    #[serde(rename = "P")]
    Pain,
    /// Unresponsive.
    #[serde(rename = "U")]
    Unresponsive,
}

/// Why a text is no level of consciousness.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is not one of A, C, V, P, U (alert, confusion, voice, pain, unresponsive)")]
pub struct ConsciousnessFault(pub String);

impl Consciousness {
    /// The letter that stands for it.
    pub fn letter(self) -> &'static str {
        match self {
            Self::Alert => "A",
            Self::Confusion => "C",
            Self::Voice => "V",
            Self::Pain => "P",
            Self::Unresponsive => "U",
        }
    }
}

impl FromStr for Consciousness {
    type Err = ConsciousnessFault;

    /// Reads the letter or the word, in either case.
    fn from_str(text: &str) -> Result<Self, ConsciousnessFault> {
        match text.trim().to_ascii_lowercase().as_str() {
            "a" | "alert" => Ok(Self::Alert),
            "c" | "confusion" | "confused" | "new confusion" => Ok(Self::Confusion),
            "v" | "voice" => Ok(Self::Voice),
            "p" | "pain" => Ok(Self::Pain),
            "u" | "unresponsive" => Ok(Self::Unresponsive),
            _ => Err(ConsciousnessFault(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_letter_and_the_word_are_read() {
        assert_eq!("A".parse(), Ok(Consciousness::Alert));
        assert_eq!("unresponsive".parse(), Ok(Consciousness::Unresponsive));
        assert_eq!("Confusion".parse(), Ok(Consciousness::Confusion));
        assert!("X".parse::<Consciousness>().is_err());
        assert!("".parse::<Consciousness>().is_err());
    }
}
