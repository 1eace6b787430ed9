//! What a site decides: admission, limits, delays, scores. Every value has a default, and every default its source.

pub mod bounds;
mod consistency;
pub mod duration;
mod escalation;
pub mod limits;
mod night;
pub mod overrides;
mod policy;
mod receivers;
pub mod scores;
mod senders;
mod silence;
mod tables;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::clock::Span;
pub use bounds::{BoundTable, LimitBounds};
pub use escalation::EscalationStep;
pub use limits::{LimitFault, LimitKey, Limits, VitalLimits};
pub use night::{NightSettings, TimeOfDay, Zone};
pub use overrides::{ByClass, LimitOverrides, LimitSetting, PartialVitalLimits};
pub use policy::{DelayByPriority, Inactivation, SignalPolicy, SignalSettings};
pub use receivers::{AlertFilter, FilterFault, ReceiverSettings, Receivers};
pub use scores::{News2Settings, RuleSettings, ScoreSettings, SpanSetting, ValidFor};
pub use senders::{CommandName, SenderRights};
pub use silence::{LONGEST_SILENCE, MissingTable, SilenceOverrides, Watch};
pub use tables::{LimitTable, TableFault};

/// Everything a site decides about patients and alerts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    pub admission: AdmissionSettings,
    pub limits: LimitTable,
    pub missing: MissingTable,
    pub scores: ScoreSettings,
    pub alerts: AlertSettings,
    /// What is heard of an alert.
    pub policy: SignalPolicy,
    /// Who may command what, by the sender's name; whoever is not here may nothing.
    pub senders: BTreeMap<String, SenderRights>,
    /// Who confirms the alerts that it receives.
    pub receivers: Receivers,
    /// What a command may set limits to.
    pub bounds: BoundTable,
}

/// Who admits a patient.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// A first reading admits, and so does a record.
    #[default]
    Open,
    /// Only a record admits.
    Registered,
}

impl Mode {
    /// Its name in the configuration and the heartbeat.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Registered => "registered",
        }
    }
}

/// Who is admitted, and for how long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdmissionSettings {
    pub mode: Mode,
    /// How many patients may be here in open mode; 20,000 by default.
    pub max_patients: usize,
    /// After how long without a reading a patient leaves in open mode; 24 h by default.
    #[serde(with = "duration")]
    pub leave_after: Span,
    /// After how long of silence a reading admits a discharged patient anew in open mode; 15 min by default.
    #[serde(with = "duration")]
    pub readmit_after: Span,
    /// Readings a second of one device of one patient, and of all devices first heard in the last minute; what is
    /// beyond waits its turn. 100 by default.
    pub max_rate: u32,
}

impl Default for AdmissionSettings {
    fn default() -> Self {
        Self {
            mode: Mode::Open,
            max_patients: 20_000,
            leave_after: Span::from_hours(24),
            readmit_after: Span::from_mins(15),
            max_rate: 100,
        }
    }
}

/// When a reading counts as of now, and how fast an alert must be out. Defaults: contract, readings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AlertSettings {
    /// A reading older than this is backlog; 30 s by default.
    #[serde(with = "duration")]
    pub live_within: Span,
    /// For how long a lag may stay unexplained before the clock is called wrong; 10 s by default.
    #[serde(with = "duration")]
    pub catch_up: Span,
    /// By how much a device's clock may be off; 5 s by default.
    #[serde(with = "duration")]
    pub clock_tolerance: Span,
    /// For how long a change may wait for the store before it goes out all the same; 50 ms by default.
    #[serde(with = "duration")]
    pub publish_within: Span,
    /// How long devices may take to come back to the broker after we did; 5 s by default. No timer runs out before.
    #[serde(with = "duration")]
    pub devices_back_within: Span,
}

impl Default for AlertSettings {
    fn default() -> Self {
        Self {
            live_within: Span::from_secs(30),
            catch_up: Span::from_secs(10),
            clock_tolerance: Span::from_secs(5),
            publish_within: Span::from_ms(50),
            devices_back_within: Span::from_secs(5),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_and_the_state_agree_on_how_long_a_vital_speaks_for_the_patient() {
        for vital in Limits::VITALS {
            assert_eq!(ValidFor::default().of(vital), vital.facts().valid_for, "{vital}");
        }
    }
}
