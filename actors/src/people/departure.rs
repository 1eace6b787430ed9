//! How the stay of a patient ends.

/// How a stay ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Departure {
    /// The record was emptied, or a registered patient has none any more.
    Discharged,
    /// The stay goes on in another unit.
    Transferred,
    /// Nothing was heard of the patient for so long that it is taken to be gone.
    Left,
}

impl Departure {
    /// The reason that alerts give for their end, as CONTRACT has it.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Discharged => "discharged",
            Self::Transferred => "transferred",
            Self::Left => "left",
        }
    }

    /// Whether readings from then on are rejected for a while; of whoever left by itself they admit anew.
    pub const fn bars_readmission(self) -> bool {
        match self {
            Self::Discharged | Self::Transferred => true,
            Self::Left => false,
        }
    }
}
