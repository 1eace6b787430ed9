//! What is heard of an alert.

use serde::{Deserialize, Serialize};

/// How an alert is signalled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Signal {
    On,
    #[default]
    Off,
}

/// What its level does to the signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    /// The condition exists.
    Opened,
    /// Its priority rose.
    Rose,
    /// Its priority fell.
    Fell,
    /// The condition ended.
    Ended,
}

impl Signal {
    /// What a move of the level makes of it: every case.
    pub const fn after(self, moved: Move) -> Self {
        match (self, moved) {
            (Self::On, Move::Opened | Move::Rose | Move::Fell) => Self::On,
            (Self::Off, Move::Opened) => Self::On,
            (Self::Off, Move::Rose | Move::Fell) => Self::Off,
            (Self::On | Self::Off, Move::Ended) => Self::Off,
        }
    }
}
