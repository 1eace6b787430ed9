//! What the last run left: read once, before anything else happens.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{Connection, Row};
use thiserror::Error;
use tracing::error;
use wardwatch_actors::alerts::AlertChange;
use wardwatch_actors::clock::Timestamp;
use wardwatch_actors::conditions::Condition;
use wardwatch_actors::patient::snapshot::{self, Memory, Restored as Patient, Snapshot};
use wardwatch_actors::people::PatientId;
use wardwatch_actors::vitals::Reading;

use super::packing;
use crate::feed::NumberedChange;

/// What the last run left.
#[derive(Debug, Default)]
pub struct Recovered {
    /// Who was here, with the readings after each memory, by id.
    pub patients: Vec<Patient>,
    /// Changes that the broker may not have, in the order in which they are to be published, each with the
    /// number in the feed.
    pub pending: Vec<NumberedChange>,
    /// Who was discharged or transferred, and when.
    pub departed: Vec<(PatientId, Timestamp)>,
    /// Open alerts about units and the installation, by their last changes.
    pub open: Vec<AlertChange>,
    /// Memories and rows that cannot be read.
    pub unreadable: usize,
}

/// Why a memory cannot be read.
#[derive(Debug, Error)]
enum Unreadable {
    #[error("it has version {0}, which only a newer WardWatch supports")]
    Newer(u32),
    #[error("it is damaged, or in a format that is no longer supported")]
    Damaged(#[from] serde_json::Error),
}

/// Reads everything.
pub fn recover(connection: &Connection) -> rusqlite::Result<Recovered> {
    let mut recovered = Recovered::default();
    snapshots(connection, &mut recovered)?;
    let pending = "SELECT number, change FROM changes WHERE published = 0 ORDER BY number";
    let pending = changes(connection, pending, &[], &mut recovered.unreadable)?;
    let numbered = |(number, change)| NumberedChange { number, change: Arc::new(change) };
    recovered.pending = pending.into_iter().map(numbered).collect();
    let elsewhere = open_alerts("substr(subject, -2) = '/_'");
    recovered.open = without_rows(changes(connection, &elsewhere, &[], &mut recovered.unreadable)?);
    departed(connection, &mut recovered)?;
    Ok(recovered)
}

/// The last change of each alert that has not ended, of the subjects that `which` chooses.
fn open_alerts(which: &str) -> String {
    format!(
        "SELECT number, change FROM changes AS last WHERE {which} AND event <> 'cleared' \
         AND sequence = (SELECT max(sequence) FROM changes WHERE id = last.id) ORDER BY number"
    )
}

fn snapshots(connection: &Connection, recovered: &mut Recovered) -> rusqlite::Result<()> {
    let mut after = HashMap::new();
    let open = open_alerts("subject = ?1");
    let mut statement = connection
        .prepare("SELECT patient, number, taken_at, version, memory FROM snapshots ORDER BY patient")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let Ok(id) = row.get_ref(0)?.as_str().unwrap_or_default().parse::<PatientId>() else {
            recovered.unreadable += 1;
            continue;
        };
        let since = Timestamp::from_unix_ms(row.get(2)?);
        let memory = match snapshot(row.get(3)?, row.get_ref(4)?.as_bytes().unwrap_or_default()) {
            Ok(snapshot) => Memory::Whole(snapshot),
            Err(fault) => {
                log_unreadable(&id, &fault);
                recovered.unreadable += 1;
                let open = changes(connection, &open, &[id.as_str()], &mut recovered.unreadable)?;
                Memory::Alerts { open: without_rows(open), since }
            }
        };
        after.insert(id.clone(), (recovered.patients.len(), row.get::<_, i64>(1)?));
        recovered.patients.push(Patient { patient: id, memory, readings: Vec::new() });
    }
    readings_after(connection, &after, recovered)
}

fn snapshot(version: u32, json: &[u8]) -> Result<Box<Snapshot>, Unreadable> {
    if version > snapshot::VERSION {
        return Err(Unreadable::Newer(version));
    }
    Ok(serde_json::from_slice(json)?)
}

fn log_unreadable(patient: &PatientId, fault: &Unreadable) {
    let error: &dyn std::error::Error = fault;
    error!(%patient, error, "the memory of a patient cannot be read; its open alerts are taken from the log");
}

/// Readings that no snapshot covers, each for its patient; those of others are history alone.
fn readings_after(
    connection: &Connection,
    after: &HashMap<PatientId, (usize, i64)>,
    recovered: &mut Recovered,
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(
        "SELECT number, patient, observed_at, received_at, device, seq, body FROM readings \
         WHERE number > (SELECT number FROM covered) ORDER BY number",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let number: i64 = row.get(0)?;
        match after.get(row.get_ref(1)?.as_str().unwrap_or_default()) {
            Some((place, covered)) if number > *covered => match reading(row)? {
                Some(reading) => recovered.patients[*place].readings.push(reading),
                None => recovered.unreadable += 1,
            },
            _ => {}
        }
    }
    Ok(())
}

/// A reading as it stands in a row; none where its bytes are of no known form.
pub fn reading(row: &Row<'_>) -> rusqlite::Result<Option<Reading>> {
    let device = row.get_ref(4)?.as_str_or_null().unwrap_or_default();
    let bare = packing::bare(row.get(3)?, row.get(2)?, device, row.get(5)?);
    Ok(packing::unpack(row.get_ref(6)?.as_blob().unwrap_or_default(), bare))
}

/// The changes that a query finds, with their rows, without those that cannot be read and those that are
/// never open.
fn changes(
    connection: &Connection,
    sql: &str,
    of: &[&str],
    unreadable: &mut usize,
) -> rusqlite::Result<Vec<(u64, AlertChange)>> {
    let mut changes = Vec::new();
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(rusqlite::params_from_iter(of))?;
    while let Some(row) = rows.next()? {
        match serde_json::from_slice(row.get_ref(1)?.as_bytes().unwrap_or_default()) {
            Ok(change) => changes.push((row.get::<_, i64>(0)?.cast_unsigned(), change)),
            Err(error) => {
                error!(%error, "an alert change in the log cannot be read");
                *unreadable += 1;
            }
        }
    }
    Ok(changes)
}

/// Of changes in the log: the alerts they leave open. A summary is never open.
fn without_rows(changes: Vec<(u64, AlertChange)>) -> Vec<AlertChange> {
    let changes = changes.into_iter().map(|(_, change)| change);
    changes.filter(|change| change.condition != Condition::BacklogSummary).collect()
}

/// Who was discharged or transferred, and is not here again.
fn departed(connection: &Connection, recovered: &mut Recovered) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(
        "SELECT patient, changed_at FROM admissions \
         WHERE record IS NULL AND patient NOT IN (SELECT patient FROM snapshots) ORDER BY patient",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        match row.get_ref(0)?.as_str().unwrap_or_default().parse() {
            Ok(patient) => recovered.departed.push((patient, Timestamp::from_unix_ms(row.get(1)?))),
            Err(_) => recovered.unreadable += 1,
        }
    }
    Ok(())
}
