//! The closed list of conditions, and what each is about.

mod priority;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::people::{DeviceId, ReceiverName};
use crate::vitals::Vital;
pub use priority::Priority;

/// Whether an alert is about the patient, the equipment, or only advice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Physiological,
    Technical,
    Advisory,
}

/// A score that a rule computes, by the name that stands in topics.
///
/// A new score needs no change here: its rule names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ScoreName(std::borrow::Cow<'static, str>);

impl ScoreName {
    /// A score of this name, as `news2`.
    pub const fn new(name: &'static str) -> Self {
        Self(std::borrow::Cow::Borrowed(name))
    }

    /// The name in topics and JSON.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A condition of which only its rule knows, by the name that stands in topics.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NamedCondition {
    pub name: std::borrow::Cow<'static, str>,
    pub kind: Kind,
}

/// A fact that is or may be hazardous. Alerts of one subject and condition are one at a time.
///
/// The order is the order in which what is due at the same time is published.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// A vital sign is below its limit.
    Low(Vital),
    /// A vital sign is above its limit.
    High(Vital),
    /// A score says the patient is at risk.
    Risk(ScoreName),
    /// What its rule names.
    Named(NamedCondition),
    /// A vital sign that used to come does not.
    Missing(Vital),
    /// A device from which nothing comes.
    DeviceSilent(DeviceId),
    /// A device whose last will says it is gone.
    DeviceOffline(DeviceId),
    /// Nothing is heard of a patient, or of most of a unit, though a record admitted them.
    PatientUnheard,
    /// A device's clock is wrong; of the installation (no device): our own.
    ClockWrong(Option<DeviceId>),
    /// A rule or the patient's own core failed on a reading.
    AnalysisFailed,
    /// Nobody answered an alert, and nobody is left to be called.
    AlertUnanswered,
    /// A receiver did not confirm a change in time; of the installation: the receiver that is gone.
    DeliveryUnconfirmed(Option<ReceiverName>),
    /// No condition at all: somebody tries the way to those who listen.
    AlertTest,
    /// A patient of the unit sends more than can be meant.
    DeviceFlooding(DeviceId),
    /// Nothing can be written to the store.
    StoreLost,
    /// The broker cannot be reached.
    BrokerLost,
    /// No more patients are admitted.
    AdmissionFull,
    /// The broker drops messages, whoever's they are.
    BrokerDropping,
    /// A certificate that the connection to the broker needs ends soon.
    CertificateExpiring,
    /// Discharges of so many at once that they are held.
    DischargeHeld,
    /// What came and went while nothing could be heard.
    BacklogSummary,
}

impl Condition {
    /// About whom or what.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Low(_) | Self::High(_) | Self::Risk(_) => Kind::Physiological,
            Self::Named(named) => named.kind,
            Self::BacklogSummary => Kind::Advisory,
            Self::Missing(_)
            | Self::DeviceSilent(_)
            | Self::DeviceOffline(_)
            | Self::PatientUnheard
            | Self::ClockWrong(_)
            | Self::AnalysisFailed
            | Self::AlertUnanswered
            | Self::DeliveryUnconfirmed(_)
            | Self::AlertTest
            | Self::DeviceFlooding(_)
            | Self::StoreLost
            | Self::BrokerLost
            | Self::AdmissionFull
            | Self::BrokerDropping
            | Self::CertificateExpiring
            | Self::DischargeHeld => Kind::Technical,
        }
    }

    /// Whether it is about what arrives, so that its times are those of arrival and no device's.
    pub const fn is_silence(&self) -> bool {
        matches!(
            self,
            Self::Missing(_) | Self::DeviceSilent(_) | Self::DeviceOffline(_) | Self::PatientUnheard
        )
    }

    /// The device it is about, where several of one patient can have it.
    pub const fn device(&self) -> Option<&DeviceId> {
        match self {
            Self::DeviceSilent(device) | Self::DeviceOffline(device) | Self::DeviceFlooding(device) => {
                Some(device)
            }
            Self::ClockWrong(device) => device.as_ref(),
            Self::Low(_)
            | Self::High(_)
            | Self::Risk(_)
            | Self::Named(_)
            | Self::Missing(_)
            | Self::PatientUnheard
            | Self::AnalysisFailed
            | Self::AlertUnanswered
            | Self::DeliveryUnconfirmed(_)
            | Self::AlertTest
            | Self::StoreLost
            | Self::BrokerLost
            | Self::AdmissionFull
            | Self::BrokerDropping
            | Self::CertificateExpiring
            | Self::DischargeHeld
            | Self::BacklogSummary => None,
        }
    }
}

impl fmt::Display for Condition {
    /// Its name in topics and JSON, as `heart_rate.high`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Low(vital) => write!(f, "{vital}.low"),
            Self::High(vital) => write!(f, "{vital}.high"),
            Self::Risk(score) => write!(f, "{}.risk", score.as_str()),
            Self::Named(named) => f.write_str(&named.name),
            Self::Missing(vital) => write!(f, "{vital}.missing"),
            Self::DeviceSilent(_) => f.write_str("device.silent"),
            Self::DeviceOffline(_) => f.write_str("device.offline"),
            Self::PatientUnheard => f.write_str("patient.unheard"),
            Self::ClockWrong(_) => f.write_str("clock.wrong"),
            Self::AnalysisFailed => f.write_str("analysis.failed"),
            Self::AlertTest => f.write_str("alert.test"),
            Self::AlertUnanswered => f.write_str("alert.unanswered"),
            Self::DeliveryUnconfirmed(_) => f.write_str("delivery.unconfirmed"),
            Self::DeviceFlooding(_) => f.write_str("device.flooding"),
            Self::StoreLost => f.write_str("store.lost"),
            Self::BrokerLost => f.write_str("broker.lost"),
            Self::AdmissionFull => f.write_str("admission.full"),
            Self::BrokerDropping => f.write_str("broker.dropping"),
            Self::CertificateExpiring => f.write_str("certificate.expiring"),
            Self::DischargeHeld => f.write_str("discharge.held"),
            Self::BacklogSummary => f.write_str("backlog.summary"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_contract() {
        assert_eq!(Condition::High(Vital::HeartRate).to_string(), "heart_rate.high");
        assert_eq!(Condition::Risk(ScoreName::new("news2")).to_string(), "news2.risk");
        assert_eq!(Condition::Missing(Vital::OxygenSaturation).to_string(), "oxygen_saturation.missing");
        assert_eq!(Condition::StoreLost.kind(), Kind::Technical);
    }
}
