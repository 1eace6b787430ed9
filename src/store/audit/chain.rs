//! The chain: what of a row is hashed, and how its hash follows from that of the row before.

use std::fmt::{self, Write};
use std::str::FromStr;

use ring::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use thiserror::Error;

/// The hash of a row and of everything before it (SHA-256).
pub type AuditHash = [u8; SHA256_OUTPUT_LEN];

/// The hash before the first row of a chain.
pub const NO_HASH: AuditHash = [0; SHA256_OUTPUT_LEN];

/// The last row of a chain.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AuditHead {
    /// Its number; 0 before the first.
    pub row: u64,
    pub hash: AuditHash,
}

impl AuditHead {
    /// Before the first row of the first store.
    pub const NONE: Self = Self { row: 0, hash: NO_HASH };

    /// The head after a row with this content.
    pub fn after(&self, content: &AuditContent<'_>, bytes: &mut Vec<u8>) -> Self {
        let row = self.row + 1;
        Self { row, hash: content.hash(&self.hash, row, bytes) }
    }
}

impl fmt::Display for AuditHead {
    /// As it is noted elsewhere: `1042-9f86d081…`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.row, hex(&self.hash))
    }
}

/// A head that somebody noted: with the number of its row, or the hash alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotedHead {
    pub row: Option<u64>,
    pub hash: AuditHash,
}

/// Why a text is no head.
#[derive(Debug, Error)]
#[error(
    "`{0}` is no head of an audit; one is the number of a row, `-` and 64 digits of base 16, or these alone"
)]
pub struct HeadFault(String);

impl FromStr for NotedHead {
    type Err = HeadFault;

    fn from_str(text: &str) -> Result<Self, HeadFault> {
        let fault = || HeadFault(text.to_owned());
        let (row, digits) = match text.trim().rsplit_once('-') {
            Some((row, digits)) => (Some(row.parse().map_err(|_| fault())?), digits),
            None => (None, text.trim()),
        };
        Ok(Self { row, hash: unhex(digits).ok_or_else(fault)? })
    }
}

/// A hash in digits of base 16.
pub fn hex(hash: &[u8]) -> String {
    hash.iter().fold(String::with_capacity(2 * hash.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // a text takes everything
        text
    })
}

/// A hash from its digits.
pub fn unhex(digits: &str) -> Option<AuditHash> {
    let digits = digits.as_bytes();
    let mut hash = NO_HASH;
    if digits.len() != 2 * hash.len() {
        return None;
    }
    for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |at: usize| char::from(pair[at]).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        *byte = digit(0)? << 4 | digit(1)?;
    }
    Some(hash)
}

/// What a row of the audit says.
#[derive(Debug, Clone, Copy)]
pub struct AuditContent<'a> {
    /// When it was so, by our clock, in milliseconds since 1970.
    pub time: i64,
    pub kind: &'a str,
    pub subject: &'a str,
    /// In a few words.
    pub what: &'a str,
    pub said: AuditSource<'a>,
}

/// Where it is said.
#[derive(Debug, Clone, Copy)]
pub enum AuditSource<'a> {
    /// In the log of alert changes.
    Change(ChangeColumns<'a>),
    /// In the row itself, as JSON.
    Body(Option<&'a str>),
}

/// An alert change as it stands in the log, without whether the broker has it.
#[derive(Debug, Clone, Copy)]
pub struct ChangeColumns<'a> {
    pub number: i64,
    pub id: &'a [u8],
    pub sequence: i64,
    pub subject: &'a str,
    pub event: &'a str,
    pub time: i64,
    pub change: &'a str,
}

impl AuditContent<'_> {
    /// The hash of the row of this number, after a row with the hash `before`.
    ///
    /// Numbers are little-endian, texts have their length before them, so that no two rows are the same bytes.
    pub fn hash(&self, before: &AuditHash, row: u64, bytes: &mut Vec<u8>) -> AuditHash {
        bytes.clear();
        bytes.extend(before);
        bytes.extend(row.to_le_bytes());
        bytes.extend(self.time.to_le_bytes());
        [self.kind, self.subject, self.what].iter().for_each(|text| put(bytes, text.as_bytes()));
        match &self.said {
            AuditSource::Body(None) => bytes.push(0),
            AuditSource::Body(Some(body)) => {
                bytes.push(1);
                put(bytes, body.as_bytes());
            }
            AuditSource::Change(change) => {
                bytes.push(2);
                [change.number, change.sequence, change.time]
                    .iter()
                    .for_each(|number| bytes.extend(number.to_le_bytes()));
                let texts = [change.subject, change.event, change.change].map(str::as_bytes);
                texts.into_iter().chain([change.id]).for_each(|text| put(bytes, text));
            }
        }
        let mut hash = NO_HASH;
        hash.copy_from_slice(digest(&SHA256, bytes).as_ref());
        hash
    }
}

fn put(bytes: &mut Vec<u8>, text: &[u8]) {
    bytes.extend((text.len() as u64).to_le_bytes());
    bytes.extend(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTENT: AuditContent<'static> = AuditContent {
        time: 7,
        kind: "command",
        subject: "icu-1/p-17",
        what: "reset",
        said: AuditSource::Body(Some("{}")),
    };

    #[test]
    fn each_part_of_a_row_is_in_its_hash() {
        let change = ChangeColumns {
            number: 1,
            id: &[1],
            sequence: 1,
            subject: "a/b",
            event: "raised",
            time: 1,
            change: "{}",
        };
        let said = |change| AuditContent { said: AuditSource::Change(change), ..CONTENT };
        let contents = [
            CONTENT,
            AuditContent { time: 8, ..CONTENT },
            AuditContent { kind: "start", ..CONTENT },
            AuditContent { subject: "icu-1/p-1", what: "7reset", ..CONTENT },
            AuditContent { what: "accept", ..CONTENT },
            AuditContent { said: AuditSource::Body(None), ..CONTENT },
            AuditContent { said: AuditSource::Body(Some("")), ..CONTENT },
            said(change),
            said(ChangeColumns { number: 2, ..change }),
            said(ChangeColumns { id: &[2], ..change }),
            said(ChangeColumns { sequence: 2, ..change }),
            said(ChangeColumns { subject: "a/br", event: "aised", ..change }),
            said(ChangeColumns { time: 2, ..change }),
            said(ChangeColumns { change: "[]", ..change }),
        ];
        let bytes = &mut Vec::new();
        let mut hashes: Vec<_> = contents.iter().map(|content| content.hash(&NO_HASH, 1, bytes)).collect();
        hashes.push(CONTENT.hash(&NO_HASH, 2, bytes));
        hashes.push(CONTENT.hash(&[1; 32], 1, bytes));
        let count = hashes.len();
        hashes.sort();
        hashes.dedup();
        assert_eq!(hashes.len(), count);
    }

    #[test]
    fn a_head_is_read_as_it_is_written_and_its_hash_alone() {
        let head = AuditHead { row: 42, hash: CONTENT.hash(&NO_HASH, 1, &mut Vec::new()) };
        let noted: NotedHead = head.to_string().parse().unwrap();
        assert_eq!(noted, NotedHead { row: Some(42), hash: head.hash });
        let alone: NotedHead = hex(&head.hash).to_uppercase().parse().unwrap();
        assert_eq!(alone, NotedHead { row: None, hash: head.hash });
        for wrong in ["", "42", "-42", "x-00", &hex(&head.hash)[1..], &format!("{head}0")] {
            assert!(wrong.parse::<NotedHead>().is_err(), "{wrong}");
        }
    }
}
