//! Receivers: whether one is listed, and what it says.

use wardwatch_actors::people::ReceiverName;

use super::{Inbound, InboundMessage, Translation, Translator};
use crate::contract::payload::receiver::{ReceiverFault, parse_confirmation, parse_registration};

impl Translator {
    /// A receiver says that it is there or gone.
    pub(super) fn registration<'t>(&self, name: &str, message: InboundMessage<'t, '_>) -> Translation<'t> {
        let said =
            self.listed(name).and_then(|receiver| Ok((receiver, parse_registration(message.payload)?)));
        match said {
            Ok((receiver, online)) => Translation::of(Inbound::Registration { receiver, online }),
            // Whoever is listed no more takes back what the broker keeps of it.
            Err(ReceiverFault::Unlisted(_)) if message.payload.is_empty() => {
                Translation::of(Inbound::Nothing)
            }
            Err(fault) => Translation::rejected(message, &fault),
        }
    }

    /// A receiver says what it took.
    pub(super) fn confirmation<'t>(&self, name: &str, message: InboundMessage<'t, '_>) -> Translation<'t> {
        let InboundMessage { payload, retain, .. } = message;
        let said = self.listed(name).and_then(|receiver| parse_confirmation(payload, retain, receiver));
        match said {
            Ok(confirmation) => Translation::of(Inbound::Confirmation(confirmation)),
            Err(fault) => Translation::rejected(message, &fault),
        }
    }

    /// The receiver of this name, where the site lists it.
    fn listed(&self, name: &str) -> Result<ReceiverName, ReceiverFault> {
        let policy = self.policy.0.borrow();
        let listed = policy.1.receivers.get_key_value(name).map(|(receiver, _)| receiver.clone());
        listed.ok_or_else(|| ReceiverFault::Unlisted(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use wardwatch_actors::clock::Timestamp;
    use wardwatch_actors::settings::Settings;

    use super::super::ReplyRequest;
    use super::*;
    use crate::config::Sources;
    use crate::contract::topics::Topics;

    /// What it says, or why it is rejected.
    fn said(topic: &str, payload: &str) -> String {
        let receivers = r#"{"pager":{"filters":["alerts/#"],"fallback":"desk"}}"#;
        let settings =
            Settings { receivers: serde_json::from_str(receivers).unwrap(), ..Settings::default() };
        let translator = Translator::new(Topics::new("wardwatch"), Sources::default(), Arc::new(settings));
        let translation = translator.translate(InboundMessage {
            topic,
            payload: payload.as_bytes(),
            size: payload.len(),
            retain: false,
            queued: false,
            received_at: Timestamp::from_unix_ms(0),
            reply: ReplyRequest::default(),
        });
        match (translation.inbound, translation.rejected.first()) {
            (_, Some(rejected)) => rejected.reason.clone(),
            (Inbound::Registration { receiver, online }, _) => format!("{receiver} {online}"),
            (Inbound::Confirmation(confirmation), _) => {
                format!("{} {:?}", confirmation.receiver, confirmation.status)
            }
            _ => "nothing".to_owned(),
        }
    }

    #[test]
    fn only_a_listed_receiver_is_heard() {
        let confirmation =
            r#"{"id":"4c1c1b1e-6f0d-5d0b-9a52-77a49d1c3e70","sequence":1,"status":"received"}"#;
        let unlisted = "receiver `stranger` is not listed (receivers.NAME)";
        assert_eq!(said("wardwatch/receivers/pager", r#"{"online":true}"#), "pager true");
        assert_eq!(said("wardwatch/receivers/pager", ""), "pager false");
        assert_eq!(said("wardwatch/receivers/stranger", r#"{"online":true}"#), unlisted);
        assert_eq!(said("wardwatch/receivers/stranger", ""), "nothing");
        assert_eq!(said("wardwatch/confirmations/pager", confirmation), "pager Received");
        assert_eq!(said("wardwatch/confirmations/stranger", confirmation), unlisted);
        assert!(said("wardwatch/confirmations/pager", "{}").starts_with("payload is no confirmation"));
    }
}
