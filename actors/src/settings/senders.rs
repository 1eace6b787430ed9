//! Who may command what, and where.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::people::{PatientId, UnitId};

macro_rules! commands {
    ($($name:ident = $text:literal,)+) => {
        /// Everything that can be commanded, by its name on the wire.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum CommandName {
            $($name,)+
        }

        impl CommandName {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// Its name in JSON and configuration.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }
        }
    };
}

commands! {
    Acknowledge = "acknowledge",
    Unacknowledge = "unacknowledge",
    PauseAudio = "pause_audio",
    ResumeAudio = "resume_audio",
    AudioOff = "audio_off",
    AudioOn = "audio_on",
    PauseAlerts = "pause_alerts",
    ResumeAlerts = "resume_alerts",
    AlertsOff = "alerts_off",
    AlertsOn = "alerts_on",
    Reset = "reset",
    SetLimits = "set_limits",
    Admit = "admit",
    Transfer = "transfer",
    Discharge = "discharge",
    Standby = "standby",
    EndStandby = "end_standby",
    Accept = "accept",
    Reject = "reject",
    TestAlert = "test_alert",
}

impl CommandName {
    /// The command of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|command| command.name() == name)
    }
}

/// What one sender may do, `[senders.NAME]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SenderRights {
    /// The commands; nothing else.
    #[serde(default)]
    pub may: BTreeSet<CommandName>,
    /// The units; left out: every unit.
    #[serde(default)]
    pub units: Option<BTreeSet<UnitId>>,
}

impl SenderRights {
    /// Whether this may be commanded of this patient.
    pub fn permit(&self, command: CommandName, patient: &PatientId) -> bool {
        self.may.contains(&command) && self.reach(patient.unit())
    }

    /// Whether patients of this unit may be commanded of at all.
    pub fn reach(&self, unit: &str) -> bool {
        self.units.as_ref().is_none_or(|units| units.iter().any(|known| known.as_str() == unit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_written_as_it_is_read() {
        for command in CommandName::ALL {
            assert_eq!(serde_json::to_value(command).unwrap(), command.name());
            assert_eq!(CommandName::named(command.name()), Some(*command));
        }
        assert_eq!(CommandName::named("acknowledge "), None);
    }

    #[test]
    fn what_is_not_listed_is_not_permitted() {
        let rights: SenderRights =
            serde_json::from_str(r#"{"may":["acknowledge"],"units":["icu-1"]}"#).unwrap();
        let permits = |command, patient: &str| rights.permit(command, &patient.parse().unwrap());
        assert!(permits(CommandName::Acknowledge, "icu-1/p-17"));
        assert!(!permits(CommandName::Reset, "icu-1/p-17"));
        assert!(!permits(CommandName::Acknowledge, "icu-10/p-17"));
        let everywhere = SenderRights { units: None, ..rights };
        assert!(everywhere.permit(CommandName::Acknowledge, &"ward-2/p-1".parse().unwrap()));
    }
}
