//! What the broker writes, cut into packets; of a message that is too large only the beginning is kept.

use bytes::{Buf, Bytes, BytesMut};
use rumqttc::{Packet, Publish, mqttbytes};
use thiserror::Error;

use crate::contract::payload::rejected::PAYLOAD_KEPT;

/// What a message has beside its payload at most, in bytes: its topic, two lengths and a packet identifier.
const AROUND_A_PAYLOAD: usize = 2 + 0xffff + 2;
/// No answer of a broker is larger, in bytes: a SUBACK has a byte a filter.
const LARGEST_ANSWER: usize = 1 << 16;
/// Bytes that are read at a time, where no packet needs more.
const AT_A_TIME: usize = 8 * 1024;

const PUBLISH: u8 = 0x30;

/// What is not MQTT.
#[derive(Debug, Error)]
pub(crate) enum FrameFault {
    #[error("the broker sent an invalid MQTT packet")]
    Malformed(#[from] mqttbytes::Error),
    #[error("the broker sent an answer of {0} bytes")]
    Large(usize),
    #[error("the broker sent a message whose topic is not text")]
    Topic,
}

/// A packet of the broker.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Incoming {
    Packet(Packet),
    /// A message of more bytes than are read, with the beginning of its payload.
    Cut {
        publish: Publish,
        size: usize,
    },
}

/// The packets in a stream of bytes.
pub(crate) struct Frames {
    max_payload: usize,
    input: BytesMut,
    /// A message that is being left out, and how many bytes of it are still to come.
    cut: Option<(Publish, usize, usize)>,
}

/// The beginning of a packet.
struct Header {
    kind: u8,
    /// Bytes of the header itself.
    header: usize,
    /// Bytes that follow.
    length: usize,
}

impl Frames {
    /// Frames of a new connection. Payloads of more bytes are cut.
    pub fn new(max_payload: usize) -> Self {
        Self { max_payload, input: BytesMut::new(), cut: None }
    }

    /// Where to put what is read next.
    pub fn input(&mut self) -> &mut BytesMut {
        self.input.reserve(AT_A_TIME);
        &mut self.input
    }

    /// Takes the next packet, where all of it is there.
    pub fn take(&mut self) -> Result<Option<Incoming>, FrameFault> {
        if self.cut.is_some() {
            return Ok(self.go_on_cutting());
        }
        let Some(Header { kind, header, length }) = Header::read(&self.input)? else { return Ok(None) };
        let is_message = kind & 0xf0 == PUBLISH;
        if is_message && length > self.max_payload + AROUND_A_PAYLOAD {
            return self.begin_to_cut(kind, header, length);
        }
        if !is_message && length > LARGEST_ANSWER {
            return Err(FrameFault::Large(length));
        }
        if self.input.len() < header + length {
            self.input.reserve(header + length - self.input.len());
            return Ok(None);
        }
        Ok(Some(match Packet::read(&mut self.input, length)? {
            Packet::Publish(publish) if publish.payload.len() > self.max_payload => {
                let size = publish.payload.len();
                let payload = Bytes::copy_from_slice(&publish.payload[..PAYLOAD_KEPT.min(size)]);
                Incoming::Cut { publish: Publish { payload, ..publish }, size }
            }
            packet => Incoming::Packet(packet),
        }))
    }

    fn begin_to_cut(
        &mut self,
        kind: u8,
        header: usize,
        length: usize,
    ) -> Result<Option<Incoming>, FrameFault> {
        if self.input.len() < header + AROUND_A_PAYLOAD + PAYLOAD_KEPT {
            self.input.reserve(AROUND_A_PAYLOAD + PAYLOAD_KEPT);
            return Ok(None);
        }
        self.input.advance(header);
        let topic_length = usize::from(self.input.get_u16());
        let topic = String::from_utf8(self.input.split_to(topic_length).to_vec());
        let topic = topic.map_err(|_| FrameFault::Topic)?;
        let qos = mqttbytes::qos((kind & 0b0110) >> 1)?;
        let has_pkid = qos != rumqttc::QoS::AtMostOnce;
        let pkid = if has_pkid { self.input.get_u16() } else { 0 };
        let size = length - 2 - topic_length - if has_pkid { 2 } else { 0 };
        let payload = Bytes::copy_from_slice(&self.input[..PAYLOAD_KEPT]);
        let publish = Publish { dup: kind & 8 != 0, qos, retain: kind & 1 != 0, topic, pkid, payload };
        self.cut = Some((publish, size, size));
        Ok(self.go_on_cutting())
    }

    /// Leaves out what has come of the message; answers with it once that is all.
    fn go_on_cutting(&mut self) -> Option<Incoming> {
        let (_, _, left) = self.cut.as_mut()?;
        let come = self.input.len().min(*left);
        self.input.advance(come);
        *left -= come;
        let (publish, size, _) = self.cut.take_if(|(_, _, left)| *left == 0)?;
        Some(Incoming::Cut { publish, size })
    }
}

impl Header {
    /// The header at the beginning of `input`, if all of it is there.
    fn read(input: &[u8]) -> Result<Option<Self>, FrameFault> {
        let mut length = 0;
        for (at, &byte) in input.iter().enumerate().skip(1).take(4) {
            length |= usize::from(byte & 0x7f) << (7 * (at - 1));
            if byte & 0x80 == 0 {
                return Ok(Some(Self { kind: input[0], header: at + 1, length }));
            }
        }
        match input.len() > 4 {
            true => Err(mqttbytes::Error::MalformedRemainingLength.into()),
            false => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use rumqttc::{PubAck, QoS};

    use super::*;

    const MAX: usize = 20_000;

    fn message(payload: usize, qos: QoS) -> Publish {
        let mut publish = Publish::new("wardwatch/vitals/icu-1/p-17", qos, vec![b'x'; payload]);
        publish.pkid = if qos == QoS::AtMostOnce { 0 } else { 7 };
        publish
    }

    /// What is taken where the bytes of these packets come so many at a time, and the most that was ever kept.
    fn taken(packets: &[Packet], at_a_time: usize) -> (Vec<Incoming>, usize) {
        let mut bytes = BytesMut::new();
        for packet in packets {
            packet.write(&mut bytes, usize::MAX).expect("a packet");
        }
        let (mut frames, mut taken, mut most) = (Frames::new(MAX), Vec::new(), 0);
        for bytes in bytes.chunks(at_a_time) {
            frames.input().extend_from_slice(bytes);
            while let Some(incoming) = frames.take().expect("MQTT") {
                taken.push(incoming);
            }
            most = most.max(frames.input.capacity());
        }
        assert!(frames.input.is_empty());
        (taken, most)
    }

    /// Seen to fail with the cut taken out of `take`: 30 MB are kept.
    #[test]
    fn of_a_message_that_is_too_large_the_beginning_is_kept_and_what_follows_is_read() {
        for (size, qos) in
            [(MAX + 1, QoS::AtMostOnce), (100_000, QoS::AtLeastOnce), (30_000_000, QoS::AtLeastOnce)]
        {
            let packets = [
                Packet::Publish(message(MAX, qos)),
                Packet::Publish(message(size, qos)),
                Packet::PubAck(PubAck::new(9)),
            ];
            let large = Publish { payload: message(PAYLOAD_KEPT, qos).payload, ..message(0, qos) };
            let [whole, _, after] = packets.clone();
            let expected =
                [Incoming::Packet(whole), Incoming::Cut { publish: large, size }, Incoming::Packet(after)];
            for at_a_time in [997, 8192, 65_536] {
                let (taken, most) = taken(&packets, at_a_time);
                assert!(taken == expected, "{size} bytes, {at_a_time} at a time");
                assert!(most < 300_000, "{most} bytes kept");
            }
        }
    }

    #[test]
    fn packets_are_found_wherever_the_stream_is_cut() {
        let packets: Vec<_> = (0..5).map(|size| Packet::Publish(message(size, QoS::AtLeastOnce))).collect();
        for at_a_time in 1..40 {
            let (taken, _) = taken(&packets, at_a_time);
            assert!(taken.into_iter().eq(packets.iter().cloned().map(Incoming::Packet)), "{at_a_time}");
        }
    }

    #[test]
    fn what_is_not_mqtt_is_rejected_and_never_waited_for() {
        for bytes in [&[0x30, 0xff, 0xff, 0xff, 0xff, 1][..], &[0x90, 0xff, 0xff, 0xff, 0x7f], &[0x00, 0]] {
            let mut frames = Frames::new(MAX);
            frames.input().extend_from_slice(bytes);
            assert!(frames.take().is_err(), "{bytes:x?}");
        }
    }
}
