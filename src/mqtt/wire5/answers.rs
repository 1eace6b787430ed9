//! What the broker answers, cut into packets, in the short forms too.

use bytes::{Buf, Bytes, BytesMut};

use super::{LARGEST_ANSWER, Wire5Fault};

pub(super) const PUBLISH: u8 = 0x30;
pub(super) const PUBACK: u8 = 0x40;
const PUBREC: u8 = 0x50;
const PUBREL: u8 = 0x62;
const PUBCOMP: u8 = 0x70;
const SUBACK: u8 = 0x90;
const PINGRESP: u8 = 0xd0;
pub(super) const DISCONNECT: u8 = 0xe0;

/// What the broker says to us beside the messages that we subscribed to.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::mqtt) enum Answer {
    /// It has dealt with the message of this packet identifier.
    Puback { pkid: u16, reason: u8 },
    /// It ends the connection.
    Disconnect { reason: u8 },
    /// It is there.
    Pingresp,
    /// What becomes of a subscription, filter by filter.
    Suback { reasons: Bytes },
    /// Something that we did not ask for, a message to us, say; this is to be written so that it does not come again.
    Foreign { reply: Option<[u8; 4]> },
}

/// One whole packet: its first byte, and what follows its length.
pub(super) struct Frame {
    pub kind: u8,
    pub body: Bytes,
}

/// Takes the first packet off `input`, if all of it is there.
pub(super) fn take_frame(input: &mut BytesMut) -> Result<Option<Frame>, Wire5Fault> {
    let mut length = 0;
    for (at, &byte) in input.iter().enumerate().skip(1).take(4) {
        length |= usize::from(byte & 0x7f) << (7 * (at - 1));
        if length > LARGEST_ANSWER as usize {
            return Err(Wire5Fault::Malformed(format!("an answer of {length} bytes")));
        }
        if byte & 0x80 == 0 {
            let header = at + 1;
            if input.len() < header + length {
                return Ok(None);
            }
            let mut frame = input.split_to(header + length).freeze();
            let kind = frame[0];
            frame.advance(header);
            return Ok(Some(Frame { kind, body: frame }));
        }
    }
    if input.len() > 4 { Err(Wire5Fault::Malformed("a length without an end".to_owned())) } else { Ok(None) }
}

/// Reads an answer; a reason that is left out is 0, and properties say nothing that we need.
pub(super) fn read_answer(Frame { kind, mut body }: Frame) -> Result<Answer, Wire5Fault> {
    match kind {
        PUBACK if body.len() >= 2 => {
            let pkid = body.get_u16();
            Ok(Answer::Puback { pkid, reason: body.first().copied().unwrap_or(0) })
        }
        DISCONNECT => Ok(Answer::Disconnect { reason: body.first().copied().unwrap_or(0) }),
        PINGRESP => Ok(Answer::Pingresp),
        SUBACK if body.len() >= 3 => {
            body.advance(2);
            skip_properties(&mut body)?;
            Ok(Answer::Suback { reasons: body })
        }
        PUBREL if body.len() >= 2 => Ok(Answer::Foreign { reply: Some([PUBCOMP, 2, body[0], body[1]]) }),
        message if message & 0xf0 == PUBLISH => foreign(message, &body),
        other => Err(Wire5Fault::Malformed(format!("a packet of kind {other:#04x}"))),
    }
}

/// Leaves out the properties that come next.
fn skip_properties(body: &mut Bytes) -> Result<(), Wire5Fault> {
    let length = read_length(body).filter(|length| *length <= body.len());
    let length = length.ok_or_else(|| Wire5Fault::Malformed("properties without an end".to_owned()))?;
    body.advance(length);
    Ok(())
}

/// A length in one to four bytes, the lowest seven bits first.
pub(super) fn read_length(body: &mut Bytes) -> Option<usize> {
    let mut length = 0;
    for at in 0..4 {
        let byte = body.try_get_u8().ok()?;
        length |= usize::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some(length);
        }
    }
    None
}

/// A message to us, by a subscription that is not ours: acknowledged, so that it does not pile up at the broker.
fn foreign(kind: u8, body: &Bytes) -> Result<Answer, Wire5Fault> {
    let topic_length = body.first_chunk::<2>().map_or(0, |length| usize::from(u16::from_be_bytes(*length)));
    let pkid = body.get(2 + topic_length..).and_then(|rest| rest.first_chunk::<2>());
    match (kind >> 1 & 3, pkid) {
        (0, _) => Ok(Answer::Foreign { reply: None }),
        (1, Some([high, low])) => Ok(Answer::Foreign { reply: Some([PUBACK, 2, *high, *low]) }),
        (2, Some([high, low])) => Ok(Answer::Foreign { reply: Some([PUBREC, 2, *high, *low]) }),
        _ => Err(Wire5Fault::Malformed(format!("a message of kind {kind:#04x}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_to_us_is_acknowledged_and_otherwise_ignored() {
        let reply = |reply| Answer::Foreign { reply };
        assert_eq!(answers(&[0x30, 5, 0, 1, b't', 0, b'x']), [reply(None)]);
        assert_eq!(answers(&[0x3b, 7, 0, 1, b't', 1, 2, 0, b'x']), [reply(Some([0x40, 2, 1, 2]))]);
        assert_eq!(answers(&[0x34, 6, 0, 1, b't', 1, 2, 0]), [reply(Some([0x50, 2, 1, 2]))]);
        assert_eq!(answers(&[0x62, 2, 1, 2]), [reply(Some([0x70, 2, 1, 2]))]);
    }

    fn answers(bytes: &[u8]) -> Vec<Answer> {
        let mut input = BytesMut::from(bytes);
        let next =
            || take_frame(&mut input).expect("a frame").map(|frame| read_answer(frame).expect("an answer"));
        std::iter::from_fn(next).collect()
    }

    #[test]
    fn short_and_long_forms_of_an_answer_are_read_alike() {
        let puback = |reason| Answer::Puback { pkid: 0x0102, reason };
        assert_eq!(answers(&[0x40, 2, 1, 2]), [puback(0)]);
        assert_eq!(answers(&[0x40, 3, 1, 2, 0x10]), [puback(0x10)]);
        assert_eq!(answers(&[0x40, 8, 1, 2, 0x95, 4, 0x1f, 0, 1, b'x']), [puback(0x95)]);
        assert_eq!(answers(&[0xe0, 0]), [Answer::Disconnect { reason: 0 }]);
        assert_eq!(answers(&[0xe0, 1, 0x8e]), [Answer::Disconnect { reason: 0x8e }]);
        assert_eq!(answers(&[0xe0, 2, 0x8e, 0]), [Answer::Disconnect { reason: 0x8e }]);
        let granted = Answer::Suback { reasons: Bytes::from_static(&[1, 0x87]) };
        assert_eq!(answers(&[0x90, 5, 0, 1, 0, 1, 0x87]), [granted]);
        assert_eq!(answers(&[0xd0, 0, 0x40, 2, 1, 2]), [Answer::Pingresp, puback(0)]);
    }

    #[test]
    fn an_answer_that_is_not_whole_is_waited_for() {
        let whole = [0x40, 3, 1, 2, 0];
        for end in 0..whole.len() {
            assert_eq!(answers(&whole[..end]), []);
        }
    }

    #[test]
    fn what_is_not_mqtt_is_rejected_and_never_waited_for() {
        for bytes in [&[0x40, 0xff, 0xff, 0xff, 0xff, 0xff][..], &[0x40, 0x80, 0x80, 0x80, 0x80]] {
            assert!(take_frame(&mut BytesMut::from(bytes)).is_err(), "{bytes:x?}");
        }
        for bytes in [&[0x40, 1, 1][..], &[0x32, 2, 0, 9], b"\x48\x00"] {
            let frame = take_frame(&mut BytesMut::from(bytes)).expect("a frame").expect("a whole one");
            assert!(read_answer(frame).is_err(), "{bytes:x?}");
        }
    }
}
