//! Where an alert stands with those who listen: an automaton, with one table of every move and state.

use serde::{Deserialize, Serialize};

/// Where an alert stands with those who listen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attention {
    /// There is no alert.
    #[default]
    Over,
    /// The condition exists; its signal delay runs.
    Delayed,
    /// It asks for somebody.
    Signalled,
    /// Somebody has seen it.
    Acknowledged,
    /// The condition is over; the alert stays until it is reset.
    Latched,
}

/// What happens to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    /// The condition exists.
    Opened,
    /// The condition exists, and has a signal delay.
    OpenedWithDelay,
    /// The signal delay is over.
    DelayOver,
    /// Its priority rose above what was acknowledged.
    Worsened,
    /// The condition ended.
    Ended,
    /// The condition ended, and its alert latches.
    EndedLatching,
    Acknowledge,
    Unacknowledge,
    Reset,
}

impl Attention {
    /// Every state.
    pub const ALL: [Self; 5] =
        [Self::Over, Self::Delayed, Self::Signalled, Self::Acknowledged, Self::Latched];

    /// What a move makes of it: every case.
    pub const fn after(self, moved: Move) -> Self {
        use Attention::{Acknowledged, Delayed, Latched, Over, Signalled};
        use Move::{
            Acknowledge, DelayOver, Ended, EndedLatching, Opened, OpenedWithDelay, Reset, Unacknowledge,
            Worsened,
        };
        match (self, moved) {
            (Over, Opened) => Signalled,
            (Over, OpenedWithDelay) => Delayed,
            (Over, DelayOver | Worsened | Ended | EndedLatching | Acknowledge | Unacknowledge | Reset) => {
                Over
            }
            (Delayed, DelayOver) => Signalled,
            (Delayed, Acknowledge) => Acknowledged,
            // Nobody has heard of it yet, so nothing latches.
            (Delayed, Ended | EndedLatching) => Over,
            (Delayed, Opened | OpenedWithDelay | Worsened | Unacknowledge | Reset) => Delayed,
            (Signalled, Acknowledge) => Acknowledged,
            (Signalled, Ended) => Over,
            (Signalled, EndedLatching) => Latched,
            (Signalled, Opened | OpenedWithDelay | DelayOver | Worsened | Unacknowledge | Reset) => Signalled,
            (Acknowledged, Worsened | Unacknowledge) => Signalled,
            // Somebody has seen it: an acknowledgement ends with its condition.
            (Acknowledged, Ended | EndedLatching) => Over,
            (Acknowledged, Opened | OpenedWithDelay | DelayOver | Acknowledge | Reset) => Acknowledged,
            // The condition exists again.
            (Latched, Opened | OpenedWithDelay) => Signalled,
            (Latched, Reset) => Over,
            (Latched, DelayOver | Worsened | Ended | EndedLatching | Acknowledge | Unacknowledge) => Latched,
        }
    }

    /// Whether there is an alert whose condition is over.
    pub const fn is_latched(self) -> bool {
        match self {
            Self::Latched => true,
            Self::Over | Self::Delayed | Self::Signalled | Self::Acknowledged => false,
        }
    }

    /// Whether somebody is asked for, or will be.
    pub const fn is_unanswered(self) -> bool {
        match self {
            Self::Delayed | Self::Signalled => true,
            Self::Over | Self::Acknowledged | Self::Latched => false,
        }
    }
}
