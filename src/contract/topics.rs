//! Every topic of the contract: the one file that says how a topic is spelled.

use thiserror::Error;
use wardwatch_actors::commands::ReplyTo;
use wardwatch_actors::patient::outcome::{ArrivalKind, RejectedArrival};
use wardwatch_actors::people::{NameFault, PatientId, check_name, unit_and_patient};

/// Where Mosquitto says how many messages it has dropped since its start, for whichever client.
pub const BROKER_DROPPED: &str = "$SYS/broker/publish/messages/dropped";

/// What an incoming topic names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Address<'a> {
    /// A reading of the patient `unit/patient`, names checked.
    Vitals(&'a str),
    /// The admission record of the patient `unit/patient`, names checked.
    Record(&'a str),
    /// The status of a device, its name checked.
    DeviceStatus(&'a str),
    /// A command of this sender about the patient `unit/patient`, names checked.
    Command { sender: &'a str, patient: &'a str },
    /// What the receiver of this name, which is checked, or its last will says of itself.
    Receiver(&'a str),
    /// What the receiver of this name, which is checked, has taken.
    Confirmation(&'a str),
    /// A probe on the probe topic of the instance of this name.
    Probe(&'a str),
    /// What somebody says about the discharges that the instance of this name holds.
    Discharges(&'a str),
}

/// Why a topic cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TopicFault {
    /// A name in it is not allowed.
    #[error("topic `{topic}` names no patient, device or receiver")]
    Name { topic: String, source: NameFault },
    /// Its shape is none of the contract's.
    #[error("WardWatch does not subscribe to topic `{0}`; a reading goes to vitals/UNIT/PATIENT")]
    Unknown(String),
}

/// The contract's topics below one prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topics {
    prefix: String,
}

impl Topics {
    /// Topics below `prefix`, which may itself have several levels (`hospital/wardwatch`).
    pub fn new(prefix: &str) -> Self {
        Self { prefix: prefix.trim_end_matches('/').to_owned() }
    }

    /// Reads an incoming topic.
    pub fn read<'a>(&self, topic: &'a str) -> Result<Address<'a>, TopicFault> {
        let unknown = || TopicFault::Unknown(topic.to_owned());
        let below =
            topic.strip_prefix(&*self.prefix).and_then(|t| t.strip_prefix('/')).ok_or_else(unknown)?;
        let (kind, rest) = below.split_once('/').ok_or_else(unknown)?;
        let named = |source| TopicFault::Name { topic: topic.to_owned(), source };
        match kind {
            "vitals" => check_patient(rest).map(|()| Address::Vitals(rest)).map_err(named),
            "patients" => check_patient(rest).map(|()| Address::Record(rest)).map_err(named),
            "devices" => match rest.strip_suffix("/status") {
                Some(device) => check_name(device).map(|()| Address::DeviceStatus(device)).map_err(named),
                None => Err(unknown()),
            },
            "commands" => {
                let (sender, patient) = rest.split_once('/').ok_or_else(unknown)?;
                check_name(sender).and_then(|()| check_patient(patient)).map_err(named)?;
                Ok(Address::Command { sender, patient })
            }
            "receivers" => check_name(rest).map(|()| Address::Receiver(rest)).map_err(named),
            "confirmations" => check_name(rest).map(|()| Address::Confirmation(rest)).map_err(named),
            "probe" => Ok(Address::Probe(rest)),
            "discharges" => Ok(Address::Discharges(rest)),
            _ => Err(unknown()),
        }
    }

    /// Readings of one patient.
    pub fn vitals(&self, patient: &PatientId) -> String {
        format!("{}/vitals/{patient}", self.prefix)
    }

    /// Readings of everybody, malformed topics included.
    pub fn all_vitals(&self) -> String {
        format!("{}/vitals/#", self.prefix)
    }

    /// On which topic a rejected message came.
    pub fn of_rejected(&self, rejected: &RejectedArrival) -> String {
        match rejected.what {
            ArrivalKind::Reading => self.vitals(&rejected.patient),
            ArrivalKind::Record => self.record(&rejected.patient),
        }
    }

    /// The admission record of one patient.
    pub fn record(&self, patient: &PatientId) -> String {
        format!("{}/patients/{patient}", self.prefix)
    }

    /// Every admission record.
    pub fn all_records(&self) -> String {
        format!("{}/patients/#", self.prefix)
    }

    /// The status of one device, which is also its last will.
    pub fn device_status(&self, device: &str) -> String {
        format!("{}/devices/{device}/status", self.prefix)
    }

    /// The status of every device.
    pub fn all_devices(&self) -> String {
        format!("{}/devices/#", self.prefix)
    }

    /// Alert changes of one priority about one subject (`icu-1/p-17`, `icu-1/_` or `_/_`).
    pub fn alerts(&self, priority: &str, subject: &str) -> String {
        format!("{}/alerts/{priority}/{subject}", self.prefix)
    }

    /// Every alert change, for a listener.
    pub fn all_alerts(&self) -> String {
        format!("{}/alerts/#", self.prefix)
    }

    /// What a late subscriber needs about one patient.
    pub fn state(&self, patient: &PatientId) -> String {
        format!("{}/state/{patient}", self.prefix)
    }

    /// The states of all patients.
    pub fn all_states(&self) -> String {
        format!("{}/state/#", self.prefix)
    }

    /// A score of one patient.
    pub fn scores(&self, score: &str, patient: &PatientId) -> String {
        format!("{}/scores/{score}/{patient}", self.prefix)
    }

    /// A command of this sender.
    pub fn command(&self, sender: &str, patient: &PatientId) -> String {
        format!("{}/commands/{sender}/{patient}", self.prefix)
    }

    /// Every command.
    pub fn all_commands(&self) -> String {
        format!("{}/commands/#", self.prefix)
    }

    /// Answers to this sender.
    pub fn replies(&self, sender: &str) -> String {
        format!("{}/replies/{sender}", self.prefix)
    }

    /// Where this answer goes: to the Response Topic, where one was given.
    pub fn reply(&self, to: &ReplyTo) -> String {
        to.topic.clone().unwrap_or_else(|| self.replies(&to.sender))
    }

    /// Whether a Response Topic is the sender's own.
    pub fn may_reply_on(&self, sender: &str, topic: &str) -> bool {
        let own = self.replies(sender);
        let below = topic.strip_prefix(&own).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        below && !topic.contains(['+', '#', '\0'])
    }

    /// Whether one receiver is there, which is also its last will.
    pub fn receiver(&self, name: &str) -> String {
        format!("{}/receivers/{name}", self.prefix)
    }

    /// Which receivers are there.
    pub fn all_receivers(&self) -> String {
        format!("{}/receivers/#", self.prefix)
    }

    /// What one receiver has taken.
    pub fn confirmations(&self, name: &str) -> String {
        format!("{}/confirmations/{name}", self.prefix)
    }

    /// What all receivers have taken.
    pub fn all_confirmations(&self) -> String {
        format!("{}/confirmations/#", self.prefix)
    }

    /// A filter or topic that is written without the prefix.
    pub fn below(&self, filter: &str) -> String {
        format!("{}/{filter}", self.prefix)
    }

    /// What was rejected, and why.
    pub fn rejected(&self) -> String {
        format!("{}/rejected", self.prefix)
    }

    /// The heartbeat of one instance, which is also its last will.
    pub fn system(&self, instance: &str) -> String {
        format!("{}/system/{instance}", self.prefix)
    }

    /// Where the discharges that one instance holds are confirmed.
    pub fn discharges(&self, instance: &str) -> String {
        format!("{}/discharges/{instance}", self.prefix)
    }

    /// Where one instance sends its own probe to itself.
    pub fn probe(&self, instance: &str) -> String {
        format!("{}/probe/{instance}", self.prefix)
    }
}

/// Checks `unit/patient` without keeping it.
fn check_patient(id: &str) -> Result<(), NameFault> {
    let (unit, patient) = unit_and_patient(id)?;
    check_name(unit)?;
    check_name(patient)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_topics_of_the_contract_are_read() {
        let topics = Topics::new("wardwatch");
        assert_eq!(topics.read("wardwatch/vitals/icu-1/p-17"), Ok(Address::Vitals("icu-1/p-17")));
        assert_eq!(topics.read("wardwatch/patients/icu-1/p-17"), Ok(Address::Record("icu-1/p-17")));
        assert_eq!(topics.read("wardwatch/devices/mon-17/status"), Ok(Address::DeviceStatus("mon-17")));
        assert_eq!(topics.read("wardwatch/receivers/pager"), Ok(Address::Receiver("pager")));
        assert_eq!(topics.read("wardwatch/confirmations/pager"), Ok(Address::Confirmation("pager")));
        assert_eq!(topics.read("wardwatch/probe/wardwatch"), Ok(Address::Probe("wardwatch")));
        assert_eq!(topics.read("wardwatch/discharges/wardwatch"), Ok(Address::Discharges("wardwatch")));
    }

    #[test]
    fn an_answer_goes_to_its_sender_alone() {
        let topics = Topics::new("wardwatch");
        let command = Ok(Address::Command { sender: "pager", patient: "icu-1/p-17" });
        assert_eq!(topics.read("wardwatch/commands/pager/icu-1/p-17"), command);
        for (topic, own) in [
            ("wardwatch/replies/pager", true),
            ("wardwatch/replies/pager/7", true),
            ("wardwatch/replies/pager2", false),
            ("wardwatch/replies/pager/#", false),
            ("wardwatch/alerts/high/icu-1/p-17", false),
        ] {
            assert_eq!(topics.may_reply_on("pager", topic), own, "{topic}");
        }
    }

    #[test]
    fn a_malformed_topic_is_rejected_with_its_reason() {
        let topics = Topics::new("wardwatch");
        for bad in [
            "wardwatch/vitals/icu-1",
            "wardwatch/vitals/icu 1/p",
            "wardwatch/vitals/a/b/c",
            "wardwatch/vitals/_/p",
            "wardwatch/commands/_/a/b",
            "wardwatch/commands/pager/a",
            "wardwatch/receivers/a/b",
            "wardwatch/confirmations/",
        ] {
            assert!(matches!(topics.read(bad), Err(TopicFault::Name { .. })), "{bad}");
        }
        for bad in ["", "wardwatch", "other/vitals/a/b", "wardwatch/devices/mon-17", "wardwatchvitals/a/b"] {
            assert!(matches!(topics.read(bad), Err(TopicFault::Unknown(_))), "{bad}");
        }
    }
}
