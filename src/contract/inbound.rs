//! The translator: what a message that came in says, or why it is rejected.
//!
//! Topic and bytes in, domain types out; it knows no clock, no broker and no census. It remembers only which unknown
//! names it has reported.

mod commands;
mod receivers;

use std::borrow::Cow;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use wardwatch_actors::admission::AdmissionRecord;
use wardwatch_actors::clock::Timestamp;
use wardwatch_actors::commands::{Command, MalformedCommand};
use wardwatch_actors::people::{DeviceId, PatientId, ReceiverName};
use wardwatch_actors::receivers::Confirmation;
use wardwatch_actors::settings::Settings;
use wardwatch_actors::vitals::Reading;

use super::payload::confirmation;
use super::payload::reading::{self, FieldFault, Rejection, UnknownFields};
use super::payload::record;
use super::payload::rejected::RejectedMessage;
use super::topics::{Address, Topics};
use super::unknown_names::{self, ReportedNames};
use crate::causes::Causes;
use crate::config::{MqttConfig, Sources};

/// Where whoever sent a message wants its answer, and with what.
#[derive(Debug, Clone, Copy, Default)]
pub struct ReplyRequest<'a> {
    /// The Response Topic.
    pub topic: Option<&'a str>,
    /// The Correlation Data.
    pub correlation: Option<&'a Bytes>,
}

/// One message from outside.
#[derive(Debug, Clone, Copy)]
pub struct InboundMessage<'t, 'p> {
    pub topic: &'t str,
    /// As much of it as has been read.
    pub payload: &'p [u8],
    /// Bytes of the payload as it was sent.
    pub size: usize,
    /// Whether the broker kept it from before we subscribed.
    pub retain: bool,
    /// Whether it waited in a queue before we listened.
    pub queued: bool,
    pub received_at: Timestamp,
    pub reply: ReplyRequest<'p>,
}

/// What a message says.
#[derive(Debug)]
pub enum Inbound<'t> {
    /// Readings of the patient `unit/patient`, in order of their time.
    Readings {
        patient: &'t str,
        readings: Vec<Reading>,
    },
    /// The admission record; none: the patient is discharged.
    Record {
        patient: PatientId,
        record: Option<AdmissionRecord>,
    },
    DeviceStatus {
        device: DeviceId,
        online: bool,
    },
    /// A command, or what is no whole one.
    Command(Result<Box<Command>, Box<MalformedCommand>>),
    /// A listed receiver is there, or gone.
    Registration {
        receiver: ReceiverName,
        online: bool,
    },
    /// A listed receiver has taken a change.
    Confirmation(Confirmation),
    /// Those whose discharge is held are gone indeed.
    ConfirmDischarges,
    /// Nothing that concerns anybody: an emptied topic, our own probe, or all of it was rejected.
    Nothing,
}

/// What a message says, and what of it is rejected.
#[derive(Debug)]
pub struct Translation<'t> {
    pub inbound: Inbound<'t>,
    pub rejected: Vec<RejectedMessage>,
    /// How many of its fields nobody knows.
    pub unknown_fields: usize,
}

impl<'t> Translation<'t> {
    fn of(inbound: Inbound<'t>) -> Self {
        Self { inbound, rejected: Vec::new(), unknown_fields: 0 }
    }

    fn rejected(message: InboundMessage<'_, '_>, fault: &(dyn std::error::Error + 'static)) -> Self {
        let InboundMessage { topic, payload, received_at, .. } = message;
        let rejected = RejectedMessage::new(received_at, topic, Causes(fault).to_string(), None, payload);
        Self { inbound: Inbound::Nothing, rejected: vec![rejected], unknown_fields: 0 }
    }
}

/// What the site says of its devices and limits; it changes while messages come.
#[derive(Clone)]
pub struct SitePolicy(Rc<RefCell<(Sources, Arc<Settings>)>>);

impl SitePolicy {
    /// Other devices and limits hold from now on.
    pub fn replace(&self, sources: Sources, settings: Arc<Settings>) {
        self.0.replace((sources, settings));
    }
}

/// Reads messages, with what the site says of its devices and limits.
pub struct Translator {
    topics: Topics,
    policy: SitePolicy,
    max_payload: usize,
    reported_names: RefCell<ReportedNames>,
}

impl Translator {
    /// A translator that has reported of no unknown name yet.
    pub fn new(topics: Topics, sources: Sources, settings: Arc<Settings>) -> Self {
        let max_payload = MqttConfig::default().max_payload.bytes();
        let policy = SitePolicy(Rc::new(RefCell::new((sources, settings))));
        Self { topics, policy, max_payload, reported_names: RefCell::default() }
    }

    /// What the site says, to be replaced.
    pub fn policy(&self) -> SitePolicy {
        self.policy.clone()
    }

    /// The same, for payloads of at most so many bytes.
    pub fn with_max_payload(self, max_payload: usize) -> Self {
        Self { max_payload, ..self }
    }

    /// Whose readings are on this topic, if they are somebody's.
    pub fn patient_of(&self, topic: &str) -> Option<PatientId> {
        match self.topics.read(topic) {
            Ok(Address::Vitals(patient)) => patient.parse().ok(),
            _ => None,
        }
    }

    /// Reads one message.
    pub fn translate<'t>(&self, message: InboundMessage<'t, '_>) -> Translation<'t> {
        let (size, max) = (message.size, self.max_payload);
        if size > max {
            return Translation::rejected(message, &Rejection::TooLarge { size, max });
        }
        match self.topics.read(message.topic) {
            Ok(Address::Vitals(patient)) => self.vitals(patient, message),
            Ok(Address::Record(patient)) => self.record(patient, message),
            Ok(Address::DeviceStatus(device)) => status(device, message),
            Ok(Address::Command { sender, patient }) => self.command(sender, patient, message),
            Ok(Address::Receiver(receiver)) => self.registration(receiver, message),
            Ok(Address::Confirmation(receiver)) => self.confirmation(receiver, message),
            Ok(Address::Probe(_)) => Translation::of(Inbound::Nothing),
            Ok(Address::Discharges(_)) => discharges(message),
            Err(fault) => Translation::rejected(message, &fault),
        }
    }

    fn vitals<'t>(&self, patient: &'t str, message: InboundMessage<'t, '_>) -> Translation<'t> {
        let InboundMessage { topic, payload, retain, received_at, .. } = message;
        // A broker delivers an emptied retained reading as an empty message; it says nothing.
        if retain {
            return match payload.is_empty() {
                true => Translation::of(Inbound::Nothing),
                false => Translation::rejected(message, &Rejection::Retained),
            };
        }
        let parsed = match reading::parse(payload, &self.policy.0.borrow().0, received_at) {
            Ok(parsed) => parsed,
            Err(rejection) => return Translation::rejected(message, &rejection),
        };
        let reading::ParsedReadings { readings, faults, more_faults, unknown } = parsed;
        let mut rejected = Rejected { message, all: Vec::new() };
        for UnknownFields { device, names } in &unknown {
            let whom = device.as_ref().map_or(topic, DeviceId::as_str);
            let news = self.reported_names.borrow_mut().news(whom, names);
            if !news.is_empty() {
                rejected.add(unknown_names::described(&news, &reading::known_names()), None);
            }
        }
        for FieldFault { field, reason } in faults {
            rejected.add(reason, Some(field));
        }
        if let Some(last) = rejected.all.last_mut() {
            last.count += more_faults;
        }
        let unknown_fields = unknown.iter().map(|fields| fields.names.len()).sum();
        Translation {
            inbound: Inbound::Readings { patient, readings },
            rejected: rejected.all,
            unknown_fields,
        }
    }

    fn record<'t>(&self, patient: &'t str, message: InboundMessage<'t, '_>) -> Translation<'t> {
        let Ok(patient) = patient.parse() else { return Translation::of(Inbound::Nothing) };
        let settings = Arc::clone(&self.policy.0.borrow().1);
        match record::parse(message.payload, &patient, &settings, message.received_at) {
            Ok(parsed) => {
                let unknown = parsed.unknown();
                let news = self.reported_names.borrow_mut().news(message.topic, &unknown);
                let mut rejected = Rejected { message, all: Vec::new() };
                if !news.is_empty() {
                    rejected.add(parsed.describe(&news), None);
                }
                let unknown_fields = unknown.len();
                if let Some(contradicted) = &parsed.contradicted {
                    let reason = contradicted.to_string();
                    let once = [Cow::Borrowed(&*reason)];
                    if !self.reported_names.borrow_mut().news(message.topic, &once).is_empty() {
                        rejected.add(reason, Some("class".into()));
                    }
                }
                let inbound = Inbound::Record { patient, record: parsed.record };
                Translation { inbound, rejected: rejected.all, unknown_fields }
            }
            Err(fault) => Translation::rejected(message, &fault),
        }
    }
}

/// What of one message is rejected.
struct Rejected<'m> {
    message: InboundMessage<'m, 'm>,
    all: Vec<RejectedMessage>,
}

impl Rejected<'_> {
    fn add(&mut self, reason: String, field: Option<Cow<'static, str>>) {
        let InboundMessage { topic, payload, received_at, .. } = self.message;
        self.all.push(match self.all.first() {
            Some(first) => first.also(reason, field),
            None => RejectedMessage::new(received_at, topic, reason, field, payload),
        });
    }
}

fn discharges<'t>(message: InboundMessage<'t, '_>) -> Translation<'t> {
    match confirmation::parse(message.payload, message.retain, message.received_at) {
        Ok(()) => Translation::of(Inbound::ConfirmDischarges),
        Err(fault) => Translation::rejected(message, &fault),
    }
}

fn status<'t>(device: &'t str, message: InboundMessage<'t, '_>) -> Translation<'t> {
    let Ok(device) = device.parse() else { return Translation::of(Inbound::Nothing) };
    match record::parse_status(message.payload) {
        Ok(Some(online)) => Translation::of(Inbound::DeviceStatus { device, online }),
        Ok(None) => Translation::of(Inbound::Nothing),
        Err(fault) => Translation::rejected(message, &fault),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn translator() -> Translator {
        Translator::new(Topics::new("wardwatch"), Sources::default(), Arc::default())
    }

    /// What is rejected of this message, as `field: reason`.
    fn rejected(translator: &Translator, topic: &str, payload: &str) -> Vec<String> {
        let received_at = Timestamp::from_unix_ms(0);
        let size = payload.len();
        let message = InboundMessage {
            topic,
            payload: payload.as_bytes(),
            size,
            retain: false,
            queued: false,
            received_at,
            reply: ReplyRequest::default(),
        };
        let rejected = translator.translate(message).rejected;
        let line = |message: &RejectedMessage| {
            format!("{}: {}", message.field.as_deref().unwrap_or("-"), message.reason)
        };
        rejected.iter().map(line).collect()
    }

    #[test]
    fn unknown_fields_are_reported_once_a_device_and_the_reading_is_used() {
        let translator = translator();
        let reading = |device: &str, name: &str| {
            let payload = format!(r#"{{"device":"{device}","heart_rate":72,"{name}":97}}"#);
            rejected(&translator, "wardwatch/vitals/icu-1/p-17", &payload)
        };
        let reported = ["-: unknown: spo2; did you mean oxygen_saturation?"];
        assert_eq!(reading("mon-1", "spo2"), reported);
        assert_eq!(reading("mon-1", "spo2"), [""; 0]);
        assert_eq!(reading("mon-2", "spo2"), reported);
        assert_eq!(reading("mon-1", "glucose"), ["-: unknown: glucose"]);
    }

    #[test]
    fn unknown_keys_of_a_record_are_reported_once_and_the_record_holds() {
        let translator = translator();
        let topic = "wardwatch/patients/icu-1/p-17";
        let payload = r#"{"clas":"neonate","bed":"B"}"#;
        assert_eq!(rejected(&translator, topic, payload), ["-: unknown: clas; did you mean class?"]);
        assert_eq!(rejected(&translator, topic, payload), [""; 0]);
        let received_at = Timestamp::from_unix_ms(0);
        let size = payload.len();
        let message = InboundMessage {
            topic,
            payload: payload.as_bytes(),
            size,
            retain: true,
            queued: false,
            received_at,
            reply: ReplyRequest::default(),
        };
        let Inbound::Record { record: Some(record), .. } = translator.translate(message).inbound else {
            panic!("no record");
        };
        assert_eq!(record.bed.as_deref(), Some("B"));
    }

    #[test]
    fn of_an_array_full_of_faults_the_first_are_reported_singly_and_the_rest_are_counted() {
        let payload = format!("[{}0]", "0,".repeat(998));
        let message = InboundMessage {
            topic: "wardwatch/vitals/icu-1/p-17",
            payload: payload.as_bytes(),
            size: payload.len(),
            retain: false,
            queued: false,
            received_at: Timestamp::from_unix_ms(0),
            reply: ReplyRequest::default(),
        };
        let rejected = translator().translate(message).rejected;
        assert!(rejected.len() < 100, "{}", rejected.len());
        assert_eq!(rejected.iter().map(|message| message.count).sum::<u64>(), 999);
        assert_eq!(rejected[31].field.as_deref(), Some("[31]"));
    }

    #[test]
    fn every_bad_element_and_value_of_an_array_is_rejected_by_itself() {
        let payload = r#"[{"heart_rate":72},{"heart_rate":999,"etco2":30},{}]"#;
        let rejected = rejected(&translator(), "wardwatch/vitals/icu-1/p-17", payload);
        assert!(rejected[0].starts_with("[1].heart_rate: heart_rate 999"), "{rejected:?}");
        assert!(rejected[1].starts_with("[2]: the reading has no vital sign"), "{rejected:?}");
        assert_eq!(rejected.len(), 2);
    }
}
