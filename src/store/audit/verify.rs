//! Whether the chain is whole: finds what was edited, is missing or was cut off, and names it.

use std::collections::HashSet;

use rusqlite::{Connection, OptionalExtension, Row};
use serde_json::Value;
use wardwatch_actors::clock::Timestamp;

use super::chain::{AuditContent, AuditHash, AuditHead, AuditSource, NotedHead, unhex};
use super::fault::{AuditFault, RowName};
use super::log::{AGED_OUT, BEGINNING, change_at, hash_at};

/// What came of a check.
#[derive(Debug)]
pub struct AuditReport {
    pub rows: u64,
    pub first: Option<RowName>,
    pub last: Option<RowName>,
    pub head: AuditHead,
    pub faults: Vec<AuditFault>,
    /// Changes of before the audit that are not taken into it yet.
    pub untaken: u64,
}

const ROWS: &str = "SELECT audit.position, audit.time, audit.kind, audit.subject, audit.what, audit.body, \
    audit.hash, audit.change, changes.number, changes.id, changes.sequence, changes.subject, changes.event, \
    changes.time, changes.change FROM audit LEFT JOIN changes ON changes.number = audit.change \
    ORDER BY audit.position";

/// Checks every row, and whether the head that somebody noted is among them.
pub fn verify(connection: &Connection, noted: Option<&NotedHead>) -> rusqlite::Result<AuditReport> {
    let mut walk = Walk::new(noted.copied());
    let mut statement = connection.prepare(ROWS)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        if walk.last.is_none() {
            walk.begin(connection, row)?;
        }
        walk.step(row)?;
    }
    walk.look_for_added(connection)?;
    walk.look_for_noted();
    let Walk { report, last, .. } = walk;
    Ok(AuditReport { last, ..report })
}

/// A row as it stands.
struct StandingRow<'a> {
    row: u64,
    content: AuditContent<'a>,
    hash: AuditHash,
    /// The change that it names, and whether that is missing in the log.
    change: Option<(i64, bool)>,
}

impl<'a> StandingRow<'a> {
    fn read(row: &'a Row<'_>) -> rusqlite::Result<Self> {
        let text =
            |column| -> rusqlite::Result<&str> { Ok(row.get_ref(column)?.as_str().unwrap_or_default()) };
        let change = row.get_ref(7)?.as_i64_or_null().unwrap_or_default();
        let stands = row.get_ref(8)?.as_i64_or_null().unwrap_or_default().is_some();
        let said = match change {
            Some(_) if stands => AuditSource::Change(change_at(row, 8)?),
            _ => AuditSource::Body(row.get_ref(5)?.as_str_or_null().unwrap_or_default()),
        };
        let (time, kind) = (row.get_ref(1)?.as_i64().unwrap_or_default(), text(2)?);
        Ok(Self {
            row: row.get::<_, i64>(0)?.max(0).cast_unsigned(),
            content: AuditContent { time, kind, subject: text(3)?, what: text(4)?, said },
            hash: hash_at(row, 6)?,
            change: change.map(|number| (number, !stands)),
        })
    }

    fn name(&self) -> RowName {
        let AuditContent { time, subject, what, .. } = self.content;
        RowName { row: self.row, time: Timestamp::from_unix_ms(time), words: format!("{what}, {subject}") }
    }
}

/// The way along the chain.
struct Walk {
    report: AuditReport,
    last: Option<RowName>,
    /// What the hash of the row before may be: as it stands, and as it should; nothing where that is unknown.
    before: Vec<AuditHash>,
    changes: HashSet<i64>,
    noted: Option<NotedHead>,
    /// Whether the noted head was found, and the row that has its number with another hash.
    found: bool,
    other: Option<RowName>,
    /// Up to this row everything has aged out.
    gone: u64,
    bytes: Vec<u8>,
}

impl Walk {
    fn new(noted: Option<NotedHead>) -> Self {
        let report = AuditReport {
            rows: 0,
            first: None,
            last: None,
            head: AuditHead::NONE,
            faults: Vec::new(),
            untaken: 0,
        };
        Self {
            report,
            last: None,
            before: Vec::new(),
            changes: HashSet::new(),
            noted,
            found: false,
            other: None,
            gone: 0,
            bytes: Vec::new(),
        }
    }

    /// Finds from which hash the first row goes on.
    fn begin(&mut self, connection: &Connection, row: &Row<'_>) -> rusqlite::Result<()> {
        let first = StandingRow::read(row)?;
        self.report.first = Some(first.name());
        let begins = first.content.kind == BEGINNING;
        let said = match first.content.said {
            AuditSource::Body(body) if begins => body.map(str::to_owned),
            _ => {
                let last = "SELECT body FROM audit WHERE kind = ?1 ORDER BY position DESC LIMIT 1";
                connection.query_row(last, [AGED_OUT], |row| row.get::<_, String>(0)).optional()?
            }
        };
        let said = said.and_then(|body| serde_json::from_str::<Value>(&body).ok());
        let upto = said.as_ref().and_then(|said| said["row"].as_u64());
        let hash = said.as_ref().and_then(|said| said["hash"].as_str()).and_then(unhex);
        let (Some(upto), Some(hash)) = (upto, hash) else {
            self.report.faults.push(AuditFault::Beginning(first.name()));
            return Ok(());
        };
        (self.gone, self.before) = (upto, vec![hash]);
        self.found |= self.noted.is_some_and(|noted| noted.hash == hash);
        // What aged out does not stand any more, unless somebody put it back.
        if first.row <= upto {
            self.report.faults.push(AuditFault::Beginning(first.name()));
            self.before.clear();
        } else if first.row > upto + 1 {
            self.missing(upto + 1, &first);
        }
        Ok(())
    }

    fn missing(&mut self, from: u64, behind: &StandingRow<'_>) {
        let fault = AuditFault::Missing { from, to: behind.row - 1, behind: behind.name() };
        self.report.faults.push(fault);
        self.before.clear();
    }

    fn step(&mut self, row: &Row<'_>) -> rusqlite::Result<()> {
        let standing = StandingRow::read(row)?;
        let next = self.last.as_ref().map(|last| last.row + 1);
        if let Some(next) = next.filter(|next| standing.row > *next) {
            self.missing(next, &standing);
        }
        self.check(&standing);
        self.note(&standing);
        Ok(())
    }

    fn check(&mut self, standing: &StandingRow<'_>) {
        if let Some((number, missing)) = standing.change {
            self.changes.insert(number);
            if missing {
                self.report.faults.push(AuditFault::NoChange(standing.name()));
                self.before = vec![standing.hash];
                return;
            }
        }
        let (content, row, bytes) = (&standing.content, standing.row, &mut self.bytes);
        let hashes: Vec<_> = self.before.iter().map(|before| content.hash(before, row, bytes)).collect();
        self.before = vec![standing.hash];
        if !hashes.is_empty() && !hashes.contains(&standing.hash) {
            // Where only its hash was edited, the next row fits the one that it should have.
            self.before.extend(hashes);
            self.report.faults.push(AuditFault::Edited(standing.name()));
        }
    }

    fn note(&mut self, standing: &StandingRow<'_>) {
        self.report.rows += 1;
        self.report.head = AuditHead { row: standing.row, hash: standing.hash };
        self.last = Some(standing.name());
        if let Some(noted) = self.noted {
            self.found |= noted.hash == standing.hash;
            if noted.row == Some(standing.row) && noted.hash != standing.hash {
                self.other = Some(standing.name());
            }
        }
    }

    /// Changes in the log that no row is about.
    fn look_for_added(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let (chained, last): (i64, i64) =
            connection.query_row("SELECT chained, to_chain FROM covered", [], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?;
        let mut statement =
            connection.prepare("SELECT subject, number FROM changes ORDER BY subject, number")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let number = row.get(1)?;
            if self.changes.contains(&number) {
                continue;
            }
            if number > chained && number <= last {
                self.report.untaken += 1;
                continue;
            }
            let subject = row.get_ref(0)?.as_str().unwrap_or_default().to_owned();
            self.report.faults.push(AuditFault::Added { number, subject });
        }
        Ok(())
    }

    /// Whether the chain still holds the head that somebody noted.
    fn look_for_noted(&mut self) {
        let Some(noted) = self.noted.filter(|_| !self.found) else { return };
        let last = self.last.as_ref();
        let fault = match (noted.row, self.other.take()) {
            (_, Some(row)) => AuditFault::OtherHash(row),
            (Some(row), None) if row <= self.gone => return, // it aged out, with what is said of it
            (Some(row), None) if row > self.report.head.row => {
                AuditFault::CutOff { from: self.report.head.row + 1, to: row, last: last.cloned() }
            }
            (_, None) => AuditFault::NoHead(last.cloned()),
        };
        self.report.faults.push(fault);
    }
}
