//! What is heard of an alert: the contract's words, and two tables: what is heard when, and which event a change of it is.

use serde::{Deserialize, Serialize};

use crate::alerts::attention::Attention;
use crate::alerts::change::Event;
use crate::settings::Inactivation;

/// How an alert is signalled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Signal {
    On,
    Acknowledged,
    AudioPaused,
    AudioOff,
    AlertPaused,
    AlertOff,
    Latched,
    #[default]
    Off,
}

impl Signal {
    /// Every word, in the order of the contract.
    pub const ALL: [Self; 8] = [
        Self::On,
        Self::Acknowledged,
        Self::AudioPaused,
        Self::AudioOff,
        Self::AlertPaused,
        Self::AlertOff,
        Self::Latched,
        Self::Off,
    ];

    /// What is heard of an alert that stands so, under the strongest inactivation that covers it: every case.
    pub const fn of(attention: Attention, inactivated: Option<Inactivation>) -> Self {
        use Inactivation::{AlertOff, AlertPaused, AudioOff, AudioPaused};
        match (attention, inactivated) {
            (Attention::Over, None | Some(AudioPaused | AudioOff | AlertPaused | AlertOff)) => Self::Off,
            (Attention::Acknowledged, None | Some(AudioPaused | AudioOff | AlertPaused | AlertOff)) => {
                Self::Acknowledged
            }
            (Attention::Delayed, None) => Self::Off,
            (Attention::Signalled, None) => Self::On,
            (Attention::Latched, None) => Self::Latched,
            (Attention::Delayed | Attention::Signalled | Attention::Latched, Some(AudioPaused)) => {
                Self::AudioPaused
            }
            (Attention::Delayed | Attention::Signalled | Attention::Latched, Some(AudioOff)) => {
                Self::AudioOff
            }
            (Attention::Delayed | Attention::Signalled | Attention::Latched, Some(AlertPaused)) => {
                Self::AlertPaused
            }
            (Attention::Delayed | Attention::Signalled | Attention::Latched, Some(AlertOff)) => {
                Self::AlertOff
            }
        }
    }

    /// Which event it is that what was heard becomes `to`: every case.
    pub const fn event_to(self, to: Self) -> Option<Event> {
        use Signal::{Acknowledged, AlertOff, AlertPaused, AudioOff, AudioPaused, Latched, Off, On};
        match (self, to) {
            (On, On) | (Acknowledged, Acknowledged) | (Latched, Latched) | (Off, Off) => None,
            (AudioPaused, AudioPaused) | (AudioOff, AudioOff) => None,
            (AlertPaused, AlertPaused) | (AlertOff, AlertOff) => None,
            (On | AudioPaused | AudioOff | AlertPaused | AlertOff | Latched | Off, Acknowledged) => {
                Some(Event::Acknowledged)
            }
            (Acknowledged, On | Latched | Off) => Some(Event::Unacknowledged),
            (On | Acknowledged | AudioOff | AlertPaused | AlertOff | Latched | Off, AudioPaused)
            | (On | Acknowledged | AudioPaused | AlertPaused | AlertOff | Latched | Off, AudioOff)
            | (On | Acknowledged | AudioPaused | AudioOff | AlertOff | Latched | Off, AlertPaused)
            | (On | Acknowledged | AudioPaused | AudioOff | AlertPaused | Latched | Off, AlertOff) => {
                Some(Event::Paused)
            }
            (AudioPaused | AudioOff | AlertPaused | AlertOff, On | Off | Latched) => Some(Event::Resumed),
            (On | Off, Latched) => Some(Event::Latched),
            // Its signal delay is over, or what had latched is so again.
            (Off | Latched, On) | (On | Latched, Off) => Some(Event::Updated),
        }
    }

    /// Whether it is quiet for longer than a pause, so that a reminder is due.
    pub const fn is_quiet(self) -> bool {
        match self {
            Self::Acknowledged | Self::AudioOff | Self::AlertOff => true,
            Self::On | Self::AudioPaused | Self::AlertPaused | Self::Latched | Self::Off => false,
        }
    }

    /// Its name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::On => "on",
            Self::Acknowledged => "acknowledged",
            Self::AudioPaused => "audio-paused",
            Self::AudioOff => "audio-off",
            Self::AlertPaused => "alert-paused",
            Self::AlertOff => "alert-off",
            Self::Latched => "latched",
            Self::Off => "off",
        }
    }
}

impl From<Inactivation> for Signal {
    fn from(inactivation: Inactivation) -> Self {
        match inactivation {
            Inactivation::AudioPaused => Self::AudioPaused,
            Inactivation::AudioOff => Self::AudioOff,
            Inactivation::AlertPaused => Self::AlertPaused,
            Inactivation::AlertOff => Self::AlertOff,
        }
    }
}
