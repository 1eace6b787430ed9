//! Readings as PUBLISH packets, encoded beforehand: before it is sent, a packet only gets its number, count and time.

use std::time::Duration;

use anyhow::{Context, ensure};
use bytes::BytesMut;
use jiff::Timestamp;
use rumqttc::{Publish, QoS};

use super::MARKER_UNIT;
use crate::contract::topics::{Address, Topics};
use crate::simulator::{Act, Fleet};

/// The first count: every later one has as many digits.
const FIRST_SEQ: u64 = 1_000_000_000;

/// Length of a time as `2026-11-22T06:35:06.120Z`.
const TIME_LENGTH: usize = 24;

/// Where in the buffer one packet is, and where in the packet what changes.
#[derive(Debug, Clone, Copy)]
struct Offsets {
    begin: usize,
    end: usize,
    pkid: usize,
    time: usize,
    seq: usize,
}

/// One encoded packet.
#[derive(Debug, Clone, Copy)]
pub struct Encoded<'a> {
    bytes: &'a [u8],
    place: Offsets,
}

/// Encoded packets, each of which may be sent any number of times.
#[derive(Debug, Default)]
pub struct Packets {
    bytes: BytesMut,
    places: Vec<Offsets>,
}

impl Packets {
    /// Encodes a reading; its time and count are replaced at each sending.
    pub fn add(&mut self, topic: &str, payload: &[u8]) -> anyhow::Result<()> {
        let begin = self.bytes.len();
        let (payload, time, seq) = with_fixed_count(payload)?;
        let length = payload.len();
        let mut publish = Publish::new(topic, QoS::AtLeastOnce, payload);
        publish.pkid = 1;
        publish.write(&mut self.bytes).context("cannot encode a reading")?;
        let end = self.bytes.len();
        let payload_at = end - length - begin;
        self.places.push(Offsets {
            begin,
            end,
            pkid: payload_at - 2,
            time: payload_at + time,
            seq: payload_at + seq,
        });
        Ok(())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    fn get(&self, number: usize) -> Encoded<'_> {
        let place = self.places[number];
        Encoded { bytes: &self.bytes[place.begin..place.end], place }
    }
}

impl Encoded<'_> {
    fn write(&self, stamp: &FreshFields, out: &mut Vec<u8>) {
        let begin = out.len();
        out.extend_from_slice(self.bytes);
        let packet = &mut out[begin..];
        let mut put = |at: usize, what: &[u8]| packet[at..at + what.len()].copy_from_slice(what);
        put(self.place.pkid, &stamp.pkid.to_be_bytes());
        put(self.place.time, &stamp.time);
        put(self.place.seq, &stamp.count);
    }
}

/// Gives the count as many digits as any that is sent; answers where the time and the count stand.
fn with_fixed_count(payload: &[u8]) -> anyhow::Result<(Vec<u8>, usize, usize)> {
    let text = std::str::from_utf8(payload).context("a simulated reading is not text")?;
    let after = |key: &str| text.find(key).map(|at| at + key.len());
    let (Some(time), Some(seq)) = (after("\"time\":\""), after("\"seq\":")) else {
        anyhow::bail!("a simulated reading has no time or no count: {text}");
    };
    ensure!(time < seq, "a simulated reading has its count before its time: {text}");
    let digits = text[seq..].bytes().take_while(u8::is_ascii_digit).count();
    let (head, tail) = (&text[..seq], &text[seq + digits..]);
    Ok((format!("{head}{FIRST_SEQ}{tail}").into_bytes(), time, seq))
}

/// What is fresh in each packet.
#[derive(Debug)]
struct FreshFields {
    pkid: u16,
    time: [u8; TIME_LENGTH],
    count: [u8; 10],
}

/// Numbers the packets of one connection, and gives them the time.
#[derive(Debug)]
pub struct Stamper {
    stamp: FreshFields,
    seq: u64,
}

impl Stamper {
    /// Its counts begin anew after those of every connection before it.
    pub fn new(already_sent: u64) -> Self {
        let stamp = FreshFields { pkid: 0, time: [b'0'; TIME_LENGTH], count: [b'0'; 10] };
        Self { stamp, seq: FIRST_SEQ + already_sent }
    }

    /// The readings that follow are measured now.
    pub fn set_time(&mut self, now: Timestamp) {
        let text = format!("{now:.3}");
        if text.len() == TIME_LENGTH {
            self.stamp.time.copy_from_slice(text.as_bytes());
        }
    }

    /// Appends a packet, and answers its count.
    pub fn write(&mut self, packet: Encoded<'_>, out: &mut Vec<u8>) -> u64 {
        self.stamp.pkid = self.stamp.pkid.checked_add(1).unwrap_or(1);
        self.seq += 1;
        let mut rest = self.seq;
        for digit in self.stamp.count.iter_mut().rev() {
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        packet.write(&self.stamp, out);
        self.seq
    }
}

/// A ward of healthy patients, whose readings go round for ever.
#[derive(Debug)]
pub struct BenchWard {
    packets: Packets,
    /// `unit/patient` of each.
    pub patients: Vec<String>,
    next: usize,
}

impl BenchWard {
    /// Encodes the next readings of each patient of a fleet.
    pub fn draw(mut fleet: Fleet, readings_each: usize) -> anyhow::Result<Self> {
        let topics = fleet.topics().clone();
        let name = |patient| match topics.read(fleet.topic(patient)) {
            Ok(Address::Vitals(name)) => Some(name.to_owned()),
            _ => None,
        };
        let patients: Vec<_> = (0..fleet.patients()).filter_map(name).collect();
        let mut packets = Packets::default();
        while packets.len() < patients.len() * readings_each {
            let event = fleet.next_before(Duration::MAX).context("the simulated ward fell silent")?;
            if let Act::Report(payload) = event.act {
                packets.add(fleet.topic(event.patient), &payload)?;
            }
        }
        Ok(Self { packets, patients, next: 0 })
    }

    /// The packet whose turn it is.
    pub fn take_turn(&mut self) -> Encoded<'_> {
        let turn = self.next;
        self.next = if turn + 1 == self.packets.len() { 0 } else { turn + 1 };
        self.packets.get(turn)
    }
}

/// The name of one of the patients that are markers.
pub fn marker(number: usize) -> String {
    format!("{MARKER_UNIT}/m-{number}")
}

/// Patients whose SpO2 falls below 80 % and is well again, by turns: each fall is an alert at once.
#[derive(Debug)]
pub struct Markers {
    packets: Packets,
    turns: usize,
}

impl Markers {
    /// Falls of so many patients.
    pub fn of(patients: usize, topics: &Topics) -> anyhow::Result<Self> {
        let mut packets = Packets::default();
        for saturation in [79, 98] {
            for patient in 0..patients {
                let topic = topics.vitals(&marker(patient).parse()?);
                let payload = format!(
                    r#"{{"time":"2026-11-22T06:35:06.120Z","device":"bench-{patient}","seq":1,"heart_rate":72,"oxygen_saturation":{saturation},"respiratory_rate":16,"blood_pressure":"120/80","temperature":36.8,"simulated":true}}"#
                );
                packets.add(&topic, payload.as_bytes())?;
            }
        }
        Ok(Self { packets, turns: 0 })
    }

    /// The packet whose turn it is, and whether it is a fall.
    pub fn take_turn(&mut self) -> (Encoded<'_>, bool) {
        let turn = self.turns;
        self.turns = (turn + 1) % self.packets.len();
        (self.packets.get(turn), turn < self.packets.len() / 2)
    }
}

#[cfg(test)]
mod tests {
    use rumqttc::Packet;

    use super::*;

    fn read_back(bytes: &[u8]) -> Publish {
        match Packet::read(&mut BytesMut::from(bytes), 10_000) {
            Ok(Packet::Publish(publish)) => publish,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_packet_is_sent_with_its_own_number_count_and_time() {
        let mut packets = Packets::default();
        let reading = br#"{"time":"2020-01-01T00:00:00.000Z","device":"d","seq":7,"heart_rate":72}"#;
        packets.add("w/vitals/icu-1/p-1", reading).unwrap();
        packets.add("w/vitals/icu-1/p-2", reading).unwrap();
        let mut stamper = Stamper::new(41);
        stamper.set_time("2026-11-22T06:35:06.12Z".parse().unwrap());
        let mut out = Vec::new();
        assert_eq!(stamper.write(packets.get(0), &mut out), 1_000_000_042);
        out.clear();
        assert_eq!(stamper.write(packets.get(1), &mut out), 1_000_000_043);
        let sent = read_back(&out);
        assert_eq!((sent.pkid, sent.topic.as_str()), (2, "w/vitals/icu-1/p-2"));
        assert_eq!(
            sent.payload,
            r#"{"time":"2026-11-22T06:35:06.120Z","device":"d","seq":1000000043,"heart_rate":72}"#
        );
    }

    #[test]
    fn packet_numbers_go_round_without_zero() {
        let mut packets = Packets::default();
        packets.add("w/vitals/icu-1/p-1", br#"{"time":"2020-01-01T00:00:00.000Z","seq":7}"#).unwrap();
        let mut stamper = Stamper::new(0);
        let mut out = Vec::new();
        for expected in (1..=u16::MAX).chain([1]) {
            out.clear();
            stamper.write(packets.get(0), &mut out);
            assert_eq!(read_back(&out).pkid, expected);
        }
    }

    #[test]
    fn all_patients_fall_before_the_first_is_well_again() {
        let mut markers = Markers::of(2, &Topics::new("w")).unwrap();
        let turns: Vec<_> = (0..5).map(|_| markers.take_turn().1).collect();
        assert_eq!(turns, [true, true, false, false, true]);
    }
}
