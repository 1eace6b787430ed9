//! A reading as a row: what is asked for stands in columns, the values in a few bytes.

use wardwatch_actors::clock::Timestamp;
use wardwatch_actors::people::PatientId;
use wardwatch_actors::vitals::{Consciousness, Quantity, Reading, Vital, VitalSet};

/// Names the form of the bytes; a later form has another.
const FORM: u8 = 1;
/// Bits of the byte that is neither number nor set.
const SIMULATED: u8 = 1 << 0;
const OXYGEN_KNOWN: u8 = 1 << 1;
const OXYGEN: u8 = 1 << 2;
/// Above these, the level of consciousness counted from 1; 0 is none.
const CONSCIOUSNESS_AT: u32 = 4;

const LEVELS: [Consciousness; 5] = [
    Consciousness::Alert,
    Consciousness::Confusion,
    Consciousness::Voice,
    Consciousness::Pain,
    Consciousness::Unresponsive,
];

/// The values of a reading: form, flags, which are present, which were not measured, each value as
/// hundredths in four bytes.
pub fn packed(reading: &Reading, bytes: &mut Vec<u8>) {
    let level = reading.consciousness.and_then(|level| LEVELS.iter().position(|known| *known == level));
    let mut flags = level.map_or(0, |level| (level as u8 + 1) << CONSCIOUSNESS_AT);
    flags |= if reading.simulated { SIMULATED } else { 0 };
    flags |= match reading.supplemental_oxygen {
        None => 0,
        Some(false) => OXYGEN_KNOWN,
        Some(true) => OXYGEN_KNOWN | OXYGEN,
    };
    bytes.clear();
    bytes.extend([FORM, flags]);
    bytes.extend(bits(reading.values.present()).to_le_bytes());
    bytes.extend(bits(reading.not_measured).to_le_bytes());
    for (_, value) in reading.values.iter() {
        bytes.extend(value.as_hundredths().to_le_bytes());
    }
}

/// Reads the values back into a reading without any; none where the bytes are of no known form.
pub fn unpack(bytes: &[u8], mut reading: Reading) -> Option<Reading> {
    let (&[FORM, flags, p0, p1, n0, n1], mut rest) = bytes.split_first_chunk::<6>()? else { return None };
    reading.simulated = flags & SIMULATED != 0;
    reading.supplemental_oxygen = (flags & OXYGEN_KNOWN != 0).then_some(flags & OXYGEN != 0);
    reading.consciousness = match flags >> CONSCIOUSNESS_AT {
        0 => None,
        level => Some(*LEVELS.get(usize::from(level) - 1)?),
    };
    for vital in set(u16::from_le_bytes([p0, p1])).iter() {
        let (value, after) = rest.split_first_chunk::<4>()?;
        reading.values.set(vital, Quantity::hundredths(i32::from_le_bytes(*value)));
        rest = after;
    }
    reading.not_measured = set(u16::from_le_bytes([n0, n1]));
    rest.is_empty().then_some(reading)
}

fn bits(set: VitalSet) -> u16 {
    set.iter().fold(0, |bits, vital| bits | 1 << vital.index())
}

fn set(bits: u16) -> VitalSet {
    let mut set = VitalSet::default();
    Vital::ALL.into_iter().filter(|vital| bits & 1 << vital.index() != 0).for_each(|vital| set.insert(vital));
    set
}

/// What distinguishes one reading from another: the same device's `seq`, or where it sends none, the same
/// values; together with the time as sent. None where a reading is never a repeat.
pub fn fingerprint(patient: &PatientId, reading: &Reading, packed: &[u8]) -> Option<i64> {
    if reading.seq.is_none() && reading.observed_at.is_none() {
        return None;
    }
    let device = reading.device.as_ref().map_or("", |device| device.as_str());
    let hash = [patient.as_str(), "\n", device, "\n"]
        .into_iter()
        .fold(FNV_START, |hash, part| fnv(hash, part.as_bytes()));
    let hash = match (reading.seq, reading.observed_at) {
        (Some(seq), Some(_)) => fnv(hash, &seq.to_le_bytes()),
        (seq, _) => fnv(fnv(hash, &seq.unwrap_or(0).to_le_bytes()), packed),
    };
    Some(hash.cast_signed())
}

/// FNV-1a, which is the same in every version of the program.
const FNV_START: u64 = 0xcbf2_9ce4_8422_2325;

fn fnv(start: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(start, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// A reading without values, as its columns say.
pub fn bare(received_at: i64, observed_at: Option<i64>, device: Option<&str>, seq: Option<i64>) -> Reading {
    let mut reading = Reading::empty(Timestamp::from_unix_ms(received_at));
    reading.observed_at = observed_at.map(Timestamp::from_unix_ms);
    reading.device = device.and_then(|device| device.parse().ok());
    reading.seq = seq.map(i64::cast_unsigned);
    reading
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> Reading {
        let mut reading = bare(7, Some(5), Some("mon-17"), Some(-1));
        for vital in Vital::ALL {
            reading.values.set(vital, Quantity::hundredths(-3605 + vital.index() as i32));
        }
        reading.values.remove(Vital::PulseRate);
        reading.not_measured.insert(Vital::PulseRate);
        reading.consciousness = Some(Consciousness::Unresponsive);
        reading.supplemental_oxygen = Some(true);
        reading.simulated = true;
        reading
    }

    fn through_a_row(reading: &Reading) -> Option<Reading> {
        let mut bytes = Vec::new();
        packed(reading, &mut bytes);
        let seq = reading.seq.map(u64::cast_signed);
        let (received_at, observed_at) =
            (reading.received_at.unix_ms(), reading.observed_at.map(|t| t.unix_ms()));
        unpack(&bytes, bare(received_at, observed_at, reading.device.as_ref().map(|d| d.as_str()), seq))
    }

    #[test]
    fn a_reading_comes_back_as_it_was() {
        let mut plain = Reading::empty(Timestamp::from_unix_ms(1));
        plain.supplemental_oxygen = Some(false);
        for reading in [full(), plain, Reading::empty(Timestamp::from_unix_ms(-1))] {
            assert_eq!(through_a_row(&reading).as_ref(), Some(&reading));
        }
        assert_eq!(full().seq, Some(u64::MAX));
    }

    #[test]
    fn bytes_of_an_unknown_form_are_no_reading() {
        let mut bytes = Vec::new();
        packed(&full(), &mut bytes);
        let empty = || Reading::empty(Timestamp::from_unix_ms(0));
        for length in 0..bytes.len() {
            assert_eq!(unpack(&bytes[..length], empty()), None, "{length} bytes");
        }
        bytes[0] = 2;
        assert_eq!(unpack(&bytes, empty()), None);
    }

    #[test]
    fn a_reading_is_known_by_what_makes_it_a_repeat() {
        let fingerprint_of = |change: &dyn Fn(&mut Reading)| {
            let mut reading = full();
            change(&mut reading);
            let mut bytes = Vec::new();
            packed(&reading, &mut bytes);
            fingerprint(&"icu-1/p-17".parse().unwrap(), &reading, &bytes)
        };
        let other_value = |reading: &mut Reading| reading.values.remove(Vital::HeartRate);
        assert_eq!(fingerprint_of(&|_| ()), fingerprint_of(&other_value));
        assert_ne!(fingerprint_of(&|_| ()), fingerprint_of(&|reading| reading.seq = Some(1)));
        assert_ne!(fingerprint_of(&|_| ()), fingerprint_of(&|reading| reading.device = None));
        let unnumbered = fingerprint_of(&|reading| reading.seq = None);
        assert_ne!(
            unnumbered,
            fingerprint_of(&|reading| {
                reading.seq = None;
                other_value(reading)
            })
        );
        assert_eq!(
            fingerprint_of(&|reading| {
                reading.seq = None;
                reading.observed_at = None
            }),
            None
        );
    }
}
