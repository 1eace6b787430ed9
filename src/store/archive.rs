//! The store as pages and programs ask it: on connections that only read, as many as ask at once.

use std::error::Error;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rusqlite::types::Value;
use rusqlite::{Connection, Row, params, params_from_iter};
use uuid::Uuid;
use wardwatch_actors::alerts::AlertChange;
use wardwatch_actors::clock::{Span, Timestamp};
use wardwatch_actors::people::{PatientId, Subject, UnitId};
use wardwatch_actors::vitals::{Quantity, Reading, Vital};

use super::alert_list::priority_of;
use super::insight;
use super::minutes::{MINUTE_MS, VitalSums, minute_of};
use super::reader::{ReadFault, StoreReader, readings};
use crate::config::StoreUrl;
use crate::feed::archive::{
    AlertPage, AlertQuery, AlertSpan, Archive, ArchiveFault, Insight, InsightQuery, PatientTrends, Period,
    TrendPoint, VitalTrend,
};

/// How many connections stay open for the next question.
const IDLE: usize = 4;
/// How many alerts are on a page at most, and how many points a trend has.
const MOST_ALERTS: usize = 1000;
const MOST_POINTS: usize = 10_000;

/// How long a point of a trend may stand for: below a minute readings are read, from there on minutes.
const SECONDS: [i64; 7] = [1, 2, 5, 10, 15, 20, 30];
const MINUTES: [i64; 14] = [1, 2, 3, 5, 10, 15, 20, 30, 60, 120, 180, 360, 720, 1440];
/// The longest period of which single readings are read.
const BY_SECONDS: Span = Span::from_mins(15);

/// The store of a service, as it is asked.
pub struct StoreArchive {
    /// None where nothing is kept.
    path: Option<PathBuf>,
    idle: Mutex<Vec<OpenedReader>>,
}

/// A connection, and which file it is to: another may take its name.
struct OpenedReader {
    reader: StoreReader,
    file: Option<(u64, u64)>,
}

impl StoreArchive {
    /// The store at this address; it need not be there yet.
    pub fn at(url: &StoreUrl) -> Self {
        let path = match url {
            StoreUrl::Memory => None,
            StoreUrl::Sqlite(path) => Some(path.clone()),
        };
        Self { path, idle: Mutex::default() }
    }

    fn ask<T>(&self, question: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, ArchiveFault> {
        let path = self.path.as_deref().ok_or(ArchiveFault::NothingKept)?;
        let unreadable =
            |fault: ReadFault| ArchiveFault::Unreadable(Box::<dyn Error + Send + Sync>::from(fault));
        let file = inode(path);
        let kept = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let opened = match kept.filter(|opened| opened.file == file && file.is_some()) {
            Some(opened) => opened,
            None => OpenedReader { reader: StoreReader::open(path).map_err(unreadable)?, file },
        };
        let answer = opened.reader.read(question).map_err(unreadable)?;
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE {
            idle.push(opened);
        }
        Ok(answer)
    }
}

fn inode(path: &Path) -> Option<(u64, u64)> {
    std::fs::metadata(path).ok().map(|file| (file.dev(), file.ino()))
}

impl Archive for StoreArchive {
    fn trends(
        &self,
        patient: &PatientId,
        period: Period,
        most_points: usize,
    ) -> Result<PatientTrends, ArchiveFault> {
        let most = i64::try_from(most_points.clamp(1, MOST_POINTS)).unwrap_or(1);
        let length = period.to.since(period.from).as_ms().max(0);
        let fits = |step: &i64| length / (step * 1000) < most;
        let by_seconds = SECONDS.into_iter().find(|step| fits(step) && length <= BY_SECONDS.as_ms());
        if let Some(step) = by_seconds {
            return self.ask(|connection| by_readings(connection, patient, period, step * 1000));
        }
        let step = MINUTES.into_iter().find(|step| fits(&(step * 60)));
        // Longer than a day a point: as long as it takes.
        let step = step.unwrap_or(length / MINUTE_MS / most + 1);
        self.ask(|connection| by_minutes(connection, patient, period, step))
    }

    fn alerts(&self, wanted: &AlertQuery) -> Result<AlertPage, ArchiveFault> {
        self.ask(|connection| page_of(connection, wanted))
    }

    fn changes_of(&self, alert: Uuid) -> Result<Vec<AlertChange>, ArchiveFault> {
        self.ask(|connection| {
            let mut statement =
                connection.prepare_cached("SELECT change FROM changes WHERE id = ?1 ORDER BY sequence")?;
            let json = statement.query_map([alert.as_bytes()], |row| row.get::<_, String>(0))?;
            let changes =
                json.filter_map(|json| json.map(|json| serde_json::from_str(&json).ok()).transpose());
            changes.collect()
        })
    }

    fn insight(&self, wanted: &InsightQuery) -> Result<Insight, ArchiveFault> {
        self.ask(|connection| insight::count(connection, wanted))
    }
}

/// Points in the making: each step that has any value, with its number.
#[derive(Default)]
struct Steps(Vec<(i64, VitalSums)>);

impl Steps {
    fn add(&mut self, step: i64, sums: &VitalSums) {
        match self.0.last_mut().filter(|(last, _)| *last == step) {
            Some((_, known)) => known.add_all(sums),
            None => self.0.push((step, sums.clone())),
        }
    }

    fn into_trends(self, step_ms: i64) -> PatientTrends {
        let points = |vital: Vital| -> Vec<TrendPoint> {
            let of = |(step, sums): &(i64, VitalSums)| {
                let (_, sum) = sums.iter().find(|(of, _)| *of == vital)?;
                Some(TrendPoint {
                    at: Timestamp::from_unix_ms(step * step_ms),
                    low: Quantity::hundredths(sum.low),
                    mean: sum.mean(),
                    high: Quantity::hundredths(sum.high),
                    count: sum.count,
                })
            };
            self.0.iter().filter_map(of).collect()
        };
        let trends = Vital::ALL.into_iter().map(|vital| VitalTrend { vital, points: points(vital) });
        let vitals = trends.filter(|trend| !trend.points.is_empty()).collect();
        PatientTrends { step: Span::from_ms(step_ms), vitals }
    }
}

fn by_readings(
    connection: &Connection,
    patient: &PatientId,
    period: Period,
    step_ms: i64,
) -> rusqlite::Result<PatientTrends> {
    let mut found: Vec<Reading> = Vec::new();
    readings(connection, patient, period, |reading| found.extend(reading))?;
    found.sort_by_key(|reading| reading.received_at);
    let mut steps = Steps::default();
    for reading in found {
        let step = reading.received_at.unix_ms().div_euclid(step_ms);
        steps.add(step, &VitalSums::of(&reading.values));
    }
    Ok(steps.into_trends(step_ms))
}

/// One look-up a minute: they lie in the order of time, and of one patient one minute lies far from the next.
fn by_minutes(
    connection: &Connection,
    patient: &PatientId,
    period: Period,
    step: i64,
) -> rusqlite::Result<PatientTrends> {
    let ends = "SELECT ifnull(min(minute), 0), ifnull(max(minute), -1) FROM minutes";
    let (first, last): (i64, i64) = connection.query_row(ends, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let (from, to) = (first.max(minute_of(period.from)), last.min(minute_of(period.to)));
    let mut minute_at =
        connection.prepare_cached("SELECT body FROM minutes WHERE minute = ?1 AND patient = ?2")?;
    let mut steps = Steps::default();
    for minute in from..=to {
        let mut rows = minute_at.query(params![minute, patient.as_str()])?;
        let Some(row) = rows.next()? else { continue };
        if let Some(sums) = VitalSums::read(row.get_ref(0)?.as_blob().unwrap_or_default()) {
            steps.add(minute.div_euclid(step), &sums);
        }
    }
    Ok(steps.into_trends(step * MINUTE_MS))
}

/// The subjects of a unit, as a condition of SQL: what begins with its name and `/`, which `0` follows.
pub fn of_unit(unit: &UnitId) -> [Value; 2] {
    [Value::Text(format!("{unit}/")), Value::Text(format!("{unit}0"))]
}

fn page_of(connection: &Connection, wanted: &AlertQuery) -> rusqlite::Result<AlertPage> {
    let most = wanted.most.clamp(1, MOST_ALERTS);
    let mut sql =
        "SELECT number, id, subject, bed, condition, priority, message, onset, raised, acknowledged, \
                   acknowledged_by, ended, simulated FROM alerts WHERE number < ?"
            .to_owned();
    let before = wanted.before.and_then(|before| i64::try_from(before).ok()).unwrap_or(i64::MAX);
    let mut of = vec![Value::Integer(before)];
    if let Some(unit) = &wanted.unit {
        sql += " AND subject >= ? AND subject < ?";
        of.extend(of_unit(unit));
    }
    if let Some(patient) = &wanted.patient {
        sql += " AND subject = ?";
        of.push(Value::Text(patient.as_str().to_owned()));
    }
    if let Some(period) = wanted.period {
        sql += " AND raised >= ? AND raised <= ?";
        of.extend([period.from, period.to].map(|at| Value::Integer(at.unix_ms())));
    }
    sql += match wanted.open {
        None => "",
        Some(true) => " AND ended IS NULL",
        Some(false) => " AND ended IS NOT NULL",
    };
    sql += &format!(" ORDER BY number DESC LIMIT {}", most + 1);
    let mut statement = connection.prepare_cached(&sql)?;
    let found: Vec<(i64, Option<AlertSpan>)> = statement
        .query_map(params_from_iter(of), |row| Ok((row.get(0)?, span_at(row)?)))?
        .collect::<Result<_, _>>()?;
    let more = found.len() > most;
    let shown = &found[..found.len().min(most)];
    let next = shown.last().filter(|_| more).map(|(number, _)| number.cast_unsigned());
    Ok(AlertPage { alerts: shown.iter().filter_map(|(_, alert)| alert.clone()).collect(), next })
}

/// Whom a text is about, as it stands in the store: `icu-1/p-17`, `icu-1/_`, `_/_`.
fn subject_of(text: &str) -> Option<Subject> {
    match text.strip_suffix("/_") {
        Some("_") => Some(Subject::Installation),
        Some(unit) => unit.parse().ok().map(Subject::Unit),
        None => text.parse().ok().map(Subject::Patient),
    }
}

/// An alert of the list; none where somebody wrote over it.
fn span_at(row: &Row<'_>) -> rusqlite::Result<Option<AlertSpan>> {
    let at = |ms: i64| Timestamp::from_unix_ms(ms);
    let id = Uuid::from_slice(row.get_ref(1)?.as_blob().unwrap_or_default());
    let (Ok(id), Some(subject)) = (id, subject_of(row.get_ref(2)?.as_str().unwrap_or_default())) else {
        return Ok(None);
    };
    Ok(Some(AlertSpan {
        id,
        subject,
        bed: row.get(3)?,
        condition: row.get(4)?,
        priority: priority_of(row.get(5)?),
        message: row.get(6)?,
        onset: at(row.get(7)?),
        raised: at(row.get(8)?),
        acknowledged: row.get::<_, Option<i64>>(9)?.map(at),
        acknowledged_by: row.get(10)?,
        ended: row.get::<_, Option<i64>>(11)?.map(at),
        simulated: row.get(12)?,
    }))
}
