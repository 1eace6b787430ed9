//! A message that we subscribed to, with what whoever sent it wants back.

use bytes::{Buf, Bytes};

use super::Wire5Fault;
use super::answers::{Frame, PUBLISH, read_length};

const RESPONSE_TOPIC: usize = 0x08;
const CORRELATION_DATA: usize = 0x09;

/// A message that we subscribed to.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::mqtt) struct IncomingMessage {
    pub topic: String,
    pub payload: Bytes,
    /// Whether it is kept for whoever subscribes; also of one that comes live, by the subscription's options.
    pub retain: bool,
    /// By which it is acknowledged; 0 where the broker wants no acknowledgement.
    pub pkid: u16,
    pub response_topic: Option<String>,
    pub correlation: Option<Bytes>,
}

impl IncomingMessage {
    /// Whether a packet is a message.
    pub(super) fn is_in(frame: &Frame) -> bool {
        frame.kind & 0xf0 == PUBLISH
    }

    /// Reads one of QoS 0 or 1: we subscribe to no more.
    pub(super) fn read(Frame { kind, mut body }: Frame) -> Result<Self, Wire5Fault> {
        let malformed = || Wire5Fault::Malformed(format!("a message of kind {kind:#04x}"));
        let topic = read_bytes(&mut body).ok_or_else(malformed)?;
        let pkid = match kind >> 1 & 3 {
            0 => 0,
            1 => body.try_get_u16().map_err(|_| malformed())?,
            _ => return Err(malformed()),
        };
        let length = read_length(&mut body).filter(|length| *length <= body.len()).ok_or_else(malformed)?;
        let properties = body.split_to(length);
        let mut message = Self {
            topic: String::from_utf8_lossy(&topic).into_owned(),
            payload: body,
            retain: kind & 1 != 0,
            pkid,
            response_topic: None,
            correlation: None,
        };
        message.take(properties).ok_or_else(malformed)?;
        Ok(message)
    }

    /// Takes from the properties what an answer needs; the others say nothing that we need.
    fn take(&mut self, mut properties: Bytes) -> Option<()> {
        while properties.has_remaining() {
            match read_length(&mut properties)? {
                RESPONSE_TOPIC => {
                    let topic = read_bytes(&mut properties)?;
                    self.response_topic = Some(String::from_utf8_lossy(&topic).into_owned());
                }
                CORRELATION_DATA => self.correlation = Some(read_bytes(&mut properties)?),
                // Payload format indicator; message expiry interval; content type; subscription identifier; user
                // property; topic alias.
                0x01 => properties.try_get_u8().map(drop).ok()?,
                0x02 => properties.try_get_u32().map(drop).ok()?,
                0x03 => drop(read_bytes(&mut properties)?),
                0x0b => drop(read_length(&mut properties)?),
                0x26 => drop((read_bytes(&mut properties)?, read_bytes(&mut properties)?)),
                0x23 => properties.try_get_u16().map(drop).ok()?,
                _ => return None,
            }
        }
        Some(())
    }
}

/// Bytes behind their length.
fn read_bytes(body: &mut Bytes) -> Option<Bytes> {
    let length = usize::from(body.try_get_u16().ok()?);
    (length <= body.len()).then(|| body.split_to(length))
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use rumqttc::v5::mqttbytes::QoS;
    use rumqttc::v5::mqttbytes::v5::{Publish, PublishProperties};

    use super::super::answers::take_frame;
    use super::*;

    fn read(publish: &Publish) -> IncomingMessage {
        let mut input = BytesMut::new();
        publish.write(&mut input).expect("a message");
        let frame = take_frame(&mut input).expect("a packet").expect("the whole of it");
        assert!(IncomingMessage::is_in(&frame) && input.is_empty());
        IncomingMessage::read(frame).expect("a message")
    }

    #[test]
    fn what_is_wanted_back_is_read_among_all_other_properties() {
        let properties = PublishProperties {
            payload_format_indicator: Some(1),
            message_expiry_interval: Some(60),
            topic_alias: Some(7),
            response_topic: Some("wardwatch/replies/desk/7".to_owned()),
            correlation_data: Some(Bytes::from_static(b"\0\xff42")),
            user_properties: vec![("a".to_owned(), "b".to_owned())],
            subscription_identifiers: vec![300],
            content_type: Some("application/json".to_owned()),
        };
        let mut publish = Publish::new("t/1", QoS::AtLeastOnce, "{}", Some(properties));
        (publish.pkid, publish.retain) = (258, true);
        let read = read(&publish);
        assert_eq!((&*read.topic, &*read.payload, read.retain, read.pkid), ("t/1", &b"{}"[..], true, 258));
        assert_eq!(read.response_topic.as_deref(), Some("wardwatch/replies/desk/7"));
        assert_eq!(read.correlation.as_deref(), Some(&b"\0\xff42"[..]));
    }

    #[test]
    fn a_plain_message_wants_nothing_back_and_no_acknowledgement() {
        let read = read(&Publish::new("t", QoS::AtMostOnce, "", None));
        assert_eq!((read.pkid, read.retain), (0, false));
        assert_eq!((read.response_topic, read.correlation), (None, None));
    }

    #[test]
    fn a_message_that_ends_within_its_lengths_is_rejected() {
        let whole = [0, 1, b't', 0, 1, 4, 0x08, 0, 1, b'r', b'x'];
        let read = |end: usize| {
            IncomingMessage::read(Frame { kind: 0x32, body: Bytes::copy_from_slice(&whole[..end]) })
        };
        assert!(read(whole.len()).is_ok());
        for end in 0..whole.len() - 1 {
            assert!(read(end).is_err(), "{end}");
        }
        let unknown =
            IncomingMessage::read(Frame { kind: 0x30, body: Bytes::from_static(&[0, 1, b't', 1, 0x7f]) });
        assert!(unknown.is_err());
    }
}
