//! Age class, which chooses the default limits.

use serde::{Deserialize, Serialize};

/// The age class of a patient, which chooses the default limits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// From 13 years, and whoever has no record.
    #[default]
    Adult,
    /// From 29 days to 12 years.
    Paediatric,
    /// To 28 days.
    Neonate,
}

impl Class {
    /// Every class.
    pub const ALL: [Self; 3] = [Self::Adult, Self::Paediatric, Self::Neonate];

    /// Its name in JSON and configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Adult => "adult",
            Self::Paediatric => "paediatric",
            Self::Neonate => "neonate",
        }
    }
}
