//! Until when a certificate holds: the one thing of it that rustls does not say.

use wardwatch_actors::clock::Timestamp;

const SEQUENCE: u8 = 0x30;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// The version, which may be left out, stands under this tag before everything else.
const VERSION: u8 = 0xa0;

/// A certificate, for a person, and the end of the time for which it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateEnd {
    /// Which one, as `our certificate (mqtt.certificate_file)`.
    pub of: &'static str,
    pub at: Timestamp,
}

/// When an X.509 certificate in DER ends; none where it cannot be read.
pub fn end_of(der: &[u8]) -> Option<Timestamp> {
    let (certificate, _) = element(der, SEQUENCE)?;
    let (mut rest, _) = element(certificate, SEQUENCE)?;
    if rest.first() == Some(&VERSION) {
        (_, rest) = any(rest)?;
    }
    // Serial number, signature algorithm, issuer.
    for _ in 0..3 {
        (_, rest) = any(rest)?;
    }
    let (validity, _) = element(rest, SEQUENCE)?;
    let (_, after) = any(validity)?;
    let (text, _) = any(after)?;
    time(*after.first()?, std::str::from_utf8(text).ok()?)
}

/// The content of the first element, if it has this tag, and what follows it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    if der.first() == Some(&tag) { any(der) } else { None }
}

/// The content of the first element, and what follows it.
fn any(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&first, after) = der.get(1..)?.split_first()?;
    let (length, content) = match first {
        0..=0x7f => (usize::from(first), after),
        // That many bytes of length follow; a certificate has less than 16 MiB.
        0x81..=0x83 => {
            let (bytes, content) = after.split_at_checked(usize::from(first - 0x80))?;
            (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), content)
        }
        _ => return None,
    };
    content.split_at_checked(length)
}

/// A point in time as `YYMMDDHHMMSSZ`, of a year from 1950 to 2049, or with all four digits of the year.
fn time(tag: u8, text: &str) -> Option<Timestamp> {
    let digits = text.strip_suffix('Z').filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    let digits = match (tag, digits.len()) {
        (UTC_TIME, 12) => format!("{}{digits}", if &digits[..2] < "50" { "20" } else { "19" }),
        (GENERALIZED_TIME, 14) => digits.to_owned(),
        _ => return None,
    };
    let part = |from: usize, to: usize| &digits[from..to];
    let (year, month, day) = (part(0, 4), part(4, 6), part(6, 8));
    let (hour, minute, second) = (part(8, 10), part(10, 12), part(12, 14));
    format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(year: i32, month: u8, day: u8) -> Vec<u8> {
        let mut parameters = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        parameters.not_after = rcgen::date_time_ymd(year, month, day);
        let key = rcgen::KeyPair::generate().unwrap();
        parameters.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn the_end_of_a_certificate_is_read() {
        for (year, month, day, end) in [
            (2026, 12, 6, "2026-12-06T00:00:00Z"),
            (2049, 12, 31, "2049-12-31T00:00:00Z"),
            (2051, 1, 1, "2051-01-01T00:00:00Z"),
        ] {
            assert_eq!(end_of(&certificate(year, month, day)), end.parse().ok(), "{end}");
        }
    }

    #[test]
    fn what_is_no_certificate_has_no_end() {
        let whole = certificate(2026, 12, 6);
        let read = (0..whole.len()).filter(|length| end_of(&whole[..*length]).is_some());
        assert_eq!(read.count(), 0);
        for bytes in
            [&b""[..], b"\x30", b"\x30\x84\xff\xff\xff\xff", b"\x30\x03\x30\x01\xa0", b"no certificate"]
        {
            assert_eq!(end_of(bytes), None, "{bytes:?}");
        }
    }
}
