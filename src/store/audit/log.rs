//! Rows as they are written: each follows the one before, in the transaction of what it is about.

use rusqlite::types::ToSql;
use rusqlite::{CachedStatement, Connection, OptionalExtension, Transaction, params};
use serde_json::json;

use super::chain::{AuditContent, AuditHash, AuditHead, AuditSource, ChangeColumns, NO_HASH, hex};
use super::note::NoteWords;

/// How a chain begins, and how a row of the log of changes is called in it.
pub const BEGINNING: &str = "begin";
pub const CHANGE: &str = "change";
/// A change that was in the store before the audit was.
pub const EARLIER: &str = "earlier";
/// A change that stays though the rows about its time age out, since its alert is open or not delivered.
pub const KEPT: &str = "kept";
/// Rows up to a number are not kept any longer.
pub const AGED_OUT: &str = "aged_out";

/// About whom a row is that is about nobody in particular.
pub const INSTALLATION: &str = "_/_";

/// How far the chain of a store is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditChain {
    pub head: AuditHead,
    /// Whether its first row stands.
    begun: bool,
}

impl AuditChain {
    /// Of a store that nobody has looked at.
    pub const NONE: Self = Self { head: AuditHead::NONE, begun: false };

    /// As it stands in this database.
    pub fn of(connection: &Connection) -> rusqlite::Result<Self> {
        let last = "SELECT position, hash FROM audit ORDER BY position DESC LIMIT 1";
        let head = |row: &rusqlite::Row<'_>| -> rusqlite::Result<AuditHead> {
            Ok(AuditHead { row: row.get::<_, i64>(0)?.max(0).cast_unsigned(), hash: hash_at(row, 1)? })
        };
        if let Some(head) = connection.query_row(last, [], head).optional()? {
            return Ok(Self { head, begun: true });
        }
        let head = connection.query_row("SELECT position, hash FROM audit_before", [], head)?;
        Ok(Self { head, begun: false })
    }

    /// Which of two goes on: what stands in a database, or what this process wrote to one before. Where rows are
    /// gone the chain goes on behind them, so that they are missing.
    pub fn or_longer(self, written: Self) -> Self {
        if written.head.row > self.head.row { written } else { self }
    }
}

/// Has the chain of a new store go on behind the last row of one that was damaged, with the changes that were rescued.
pub fn go_on(connection: &Connection, last: AuditHead) -> rusqlite::Result<()> {
    let why = "the store before was damaged";
    connection.execute(
        "UPDATE audit_before SET position = ?1, hash = ?2, why = ?3",
        params![last.row.cast_signed(), last.hash, why],
    )?;
    let rescued = "UPDATE covered SET to_chain = ifnull((SELECT max(number) FROM changes), 0)";
    connection.execute(rescued, [])?;
    Ok(())
}

/// The hash in a column; what is none never fits.
pub fn hash_at(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<AuditHash> {
    let bytes = row.get_ref(column)?.as_blob().unwrap_or_default();
    Ok(AuditHash::try_from(bytes).unwrap_or(NO_HASH))
}

/// The columns of a change, from this one on; what was written over by something of another type is empty.
pub fn change_at<'a>(row: &'a rusqlite::Row<'_>, first: usize) -> rusqlite::Result<ChangeColumns<'a>> {
    let number = |column| -> rusqlite::Result<i64> { Ok(row.get_ref(first + column)?.as_i64().unwrap_or(0)) };
    let text =
        |column| -> rusqlite::Result<&str> { Ok(row.get_ref(first + column)?.as_str().unwrap_or_default()) };
    Ok(ChangeColumns {
        number: number(0)?,
        id: row.get_ref(first + 1)?.as_blob().unwrap_or_default(),
        sequence: number(2)?,
        subject: text(3)?,
        event: text(4)?,
        time: number(5)?,
        change: text(6)?,
    })
}

/// Appends rows within one transaction.
pub struct AuditLog<'a> {
    transaction: &'a Transaction<'a>,
    insert: CachedStatement<'a>,
    chain: AuditChain,
    bytes: Vec<u8>,
}

impl<'a> AuditLog<'a> {
    /// Goes on behind `chain`.
    pub fn open(transaction: &'a Transaction<'a>, chain: AuditChain) -> rusqlite::Result<Self> {
        let insert = transaction.prepare_cached(
            "INSERT INTO audit (position, time, kind, subject, what, change, body, hash) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?;
        Ok(Self { transaction, insert, chain, bytes: Vec::with_capacity(2048) })
    }

    /// How far the chain is, once the transaction is committed.
    pub fn chain(&self) -> AuditChain {
        self.chain
    }

    /// A row about a change that stands in the log.
    pub fn change(
        &mut self,
        kind: &str,
        time: i64,
        change: ChangeColumns<'_>,
        what: &str,
    ) -> rusqlite::Result<()> {
        let said = AuditSource::Change(change);
        self.append(&AuditContent { time, kind, subject: change.subject, what, said })
    }

    /// A row that says all by itself.
    pub fn note(&mut self, time: i64, subject: &str, words: &NoteWords) -> rusqlite::Result<()> {
        let NoteWords { kind, what, body } = words;
        self.append(&AuditContent { time, kind, subject, what, said: AuditSource::Body(body.as_deref()) })
    }

    fn append(&mut self, content: &AuditContent<'_>) -> rusqlite::Result<()> {
        if !self.chain.begun {
            self.begin(content.time)?;
        }
        self.write(content)
    }

    /// The first row of a store says from where its chain goes on.
    fn begin(&mut self, time: i64) -> rusqlite::Result<()> {
        self.chain.begun = true;
        let why = "SELECT why FROM audit_before";
        let why: String = self.transaction.query_row(why, [], |row| row.get(0))?;
        let AuditHead { row, hash } = self.chain.head;
        let body = json!({ "row": row, "hash": hex(&hash), "why": why }).to_string();
        let said = AuditSource::Body(Some(&body));
        self.write(&AuditContent { time, kind: BEGINNING, subject: INSTALLATION, what: &why, said })
    }

    fn write(&mut self, content: &AuditContent<'_>) -> rusqlite::Result<()> {
        let AuditContent { time, kind, subject, what, said } = content;
        let head = self.chain.head.after(content, &mut self.bytes);
        let (change, body): (Option<i64>, &dyn ToSql) = match said {
            AuditSource::Change(change) => (Some(change.number), &None::<&str>),
            AuditSource::Body(body) => (None, body),
        };
        let row = head.row.cast_signed();
        self.insert.execute(params![row, time, kind, subject, what, change, body, head.hash])?;
        self.chain.head = head;
        Ok(())
    }
}
