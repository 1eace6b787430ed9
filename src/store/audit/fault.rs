//! What can be wrong with an audit, in words for whoever has to look into it.

use std::fmt;

use thiserror::Error;
use wardwatch_actors::clock::Timestamp;

/// A row by its number, its time, and what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowName {
    pub row: u64,
    pub time: Timestamp,
    pub words: String,
}

impl fmt::Display for RowName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "row {} ({}: {})", self.row, self.time, self.words)
    }
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AuditFault {
    #[error("{0} was edited")]
    Edited(RowName),
    #[error("{} missing before {behind}", rows(*.from, *.to))]
    Missing { from: u64, to: u64, behind: RowName },
    #[error("{0}: the alert change that it is about is missing in the log")]
    NoChange(RowName),
    #[error("alert change {number} of {subject} stands in the log, and no row is about it: it was added")]
    Added { number: i64, subject: String },
    #[error("nothing says what became of the rows before {0}")]
    Beginning(RowName),
    #[error("{} cut off behind {}", rows(*.from, *.to), named(.last))]
    CutOff { from: u64, to: u64, last: Option<RowName> },
    #[error("no row has the noted hash: rows are cut off behind {}, or the chain was written anew", named(.0))]
    NoHead(Option<RowName>),
    #[error(
        "{0} has another hash than was noted: it or one before it was changed, and the chain written anew"
    )]
    OtherHash(RowName),
}

fn rows(from: u64, to: u64) -> String {
    if from == to { format!("row {from} is") } else { format!("rows {from} to {to} are") }
}

fn named(last: &Option<RowName>) -> String {
    last.as_ref().map_or_else(|| "the beginning".to_owned(), RowName::to_string)
}
