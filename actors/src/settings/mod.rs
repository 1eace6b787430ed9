//! What a site decides: admission, limits, delays, scores. Every value has a default, and every default its source.

mod consistency;
pub mod duration;
pub mod limits;
pub mod overrides;
pub mod silence;
mod tables;

use serde::{Deserialize, Serialize};

use crate::clock::Span;
use crate::vitals::Vital;
pub use limits::{LimitFault, LimitKey, Limits, VitalLimits};
pub use overrides::{ByClass, LimitOverrides, LimitSetting, PartialVitalLimits};
pub use silence::{LONGEST_SILENCE, MissingTable, SilenceOverrides, Watch};
pub use tables::{LimitTable, TableFault};

/// Everything a site decides about patients and alerts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    pub admission: AdmissionSettings,
    pub limits: LimitTable,
    pub missing: MissingTable,
    pub news2: News2Settings,
    pub alerts: AlertSettings,
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
    /// Readings of one patient a second, above which the device floods; 100 by default.
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

/// How the early warning score becomes an alert. The score itself is published and not a site's to change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct News2Settings {
    pub enabled: bool,
    /// For how long a risk must last before the condition exists; 60 s by default (clinical reference, section 1).
    #[serde(with = "duration")]
    pub delay: Span,
    /// For how long the risk must be lower before the alert falls or ends; 5 min by default (same section).
    #[serde(with = "duration")]
    pub clear_delay: Span,
    pub valid_for: ValidFor,
}

impl Default for News2Settings {
    fn default() -> Self {
        Self {
            enabled: true,
            delay: Span::from_secs(60),
            clear_delay: Span::from_mins(5),
            valid_for: ValidFor::default(),
        }
    }
}

/// For how long a value counts in a score. Defaults: clinical reference, section 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ValidFor {
    /// Heart and pulse rate, SpO2, respiratory rate; 15 min by default.
    #[serde(with = "duration")]
    pub continuous: Span,
    /// Systolic, diastolic and mean pressure; 6 h by default.
    #[serde(with = "duration")]
    pub blood_pressure: Span,
    /// 12 h by default.
    #[serde(with = "duration")]
    pub temperature: Span,
    /// 12 h by default.
    #[serde(with = "duration")]
    pub consciousness: Span,
}

impl ValidFor {
    /// For how long a value of this vital counts.
    pub const fn of(&self, vital: Vital) -> Span {
        match vital {
            Vital::SystolicPressure | Vital::DiastolicPressure | Vital::MeanPressure => self.blood_pressure,
            Vital::Temperature => self.temperature,
            Vital::HeartRate
            | Vital::PulseRate
            | Vital::OxygenSaturation
            | Vital::RespiratoryRate
            | Vital::Etco2
            | Vital::Fio2
            | Vital::OxygenFlow => self.continuous,
        }
    }
}

impl Default for ValidFor {
    fn default() -> Self {
        Self {
            continuous: Span::from_mins(15),
            blood_pressure: Span::from_hours(6),
            temperature: Span::from_hours(12),
            consciousness: Span::from_hours(12),
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
