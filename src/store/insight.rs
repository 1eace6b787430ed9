//! How a ward fared with its alerts: counted over the list of alerts.

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};
use wardwatch_actors::clock::Span;

use super::archive::of_unit;
use crate::feed::archive::{Insight, InsightCount, InsightQuery};

/// An alert that is over within this, without anybody doing anything, cleared itself.
const CLEARED_ITSELF_WITHIN: Span = Span::from_secs(30);
/// How many patients and conditions are named.
const TOP: usize = 10;
const DAY_MS: i64 = 24 * 3_600_000;

/// Which alerts count: those of patients, without tests.
struct Counted<'a> {
    connection: &'a Connection,
    which: &'static str,
    of: Vec<Value>,
    /// The same of the beds and days.
    which_days: &'static str,
    of_days: Vec<Value>,
}

/// Counts them.
pub fn count(connection: &Connection, wanted: &InsightQuery) -> rusqlite::Result<Insight> {
    let counted = Counted::new(connection, wanted);
    let bed_days = counted.bed_days("1")?.first().map_or(0, |(_, days)| *days);
    let by_unit = "substr(subject, 1, instr(subject, '/') - 1)";
    let conditions = counted.alerts("condition")?;
    let units = counted.alerts(by_unit)?;
    let unit_days = counted.bed_days("substr(patient, 1, instr(patient, '/') - 1)")?;
    let mut patients = counted.alerts("subject")?;
    patients.truncate(TOP);
    let patient_days = counted.bed_days("patient")?;
    let with_days = |found: Vec<(String, u64)>, days: &dyn Fn(&str) -> u64| -> Vec<InsightCount> {
        let rate = |alerts: u64, days: u64| (days > 0).then(|| alerts as f64 / days as f64);
        let count = |(name, alerts): (String, u64)| {
            let a_bed_and_day = rate(alerts, days(&name));
            InsightCount { name, alerts, a_bed_and_day }
        };
        found.into_iter().map(count).collect()
    };
    let of = |days: &[(String, u64)], name: &str| {
        days.iter().find(|(of, _)| of == name).map_or(0, |(_, days)| *days)
    };
    let by_condition = with_days(conditions, &|_| bed_days);
    let mut insight = Insight {
        alerts: by_condition.iter().map(|count| count.alerts).sum(),
        bed_days,
        conditions: by_condition.iter().take(TOP).cloned().collect(),
        by_condition,
        by_unit: with_days(units, &|unit| of(&unit_days, unit)),
        by_hour: counted.by_hour(wanted.utc_offset)?,
        patients: with_days(patients, &|patient| of(&patient_days, patient)),
        ..Insight::default()
    };
    counted.endings(&mut insight)?;
    Ok(insight)
}

impl<'a> Counted<'a> {
    fn new(connection: &'a Connection, InsightQuery { period, unit, .. }: &InsightQuery) -> Self {
        let (from, to) = (period.from.unix_ms(), period.to.unix_ms());
        let mut of = vec![Value::Integer(from), Value::Integer(to)];
        let mut of_days = [from, to].map(|at| Value::Integer(at.div_euclid(DAY_MS))).to_vec();
        let (which, which_days) = match unit {
            None => ("", ""),
            Some(unit) => {
                of.extend(of_unit(unit));
                of_days.extend(of_unit(unit));
                (" AND subject >= ?3 AND subject < ?4", " AND patient >= ?3 AND patient < ?4")
            }
        };
        Self { connection, which, of, which_days, of_days }
    }

    /// What is wanted of the alerts that count.
    fn select_alerts(&self, columns: &str, rest: &str) -> String {
        format!(
            "SELECT {columns} FROM alerts WHERE raised >= ?1 AND raised <= ?2 AND NOT test \
             AND substr(subject, -2) <> '/_'{} {rest}",
            self.which
        )
    }

    /// How many there are of each, the most frequent first, those that are equal by name.
    fn alerts(&self, of_each: &str) -> rusqlite::Result<Vec<(String, u64)>> {
        let sql = self.select_alerts(&format!("{of_each}, count(*)"), "GROUP BY 1 ORDER BY 2 DESC, 1");
        self.counts(&sql, &self.of)
    }

    fn bed_days(&self, of_each: &str) -> rusqlite::Result<Vec<(String, u64)>> {
        let sql = format!(
            "SELECT CAST({of_each} AS TEXT), count(*) FROM bed_days WHERE day >= ?1 AND day <= ?2{} GROUP BY 1",
            self.which_days
        );
        self.counts(&sql, &self.of_days)
    }

    fn counts(&self, sql: &str, of: &[Value]) -> rusqlite::Result<Vec<(String, u64)>> {
        let count = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get::<_, i64>(1)?.cast_unsigned()));
        self.connection.prepare_cached(sql)?.query_map(params_from_iter(of), count)?.collect()
    }

    fn by_hour(&self, utc_offset: Span) -> rusqlite::Result<Vec<u64>> {
        let hour = format!("((raised + {}) % {DAY_MS} + {DAY_MS}) % {DAY_MS} / 3600000", utc_offset.as_ms());
        let mut hours = vec![0; 24];
        for (hour, count) in self.alerts(&format!("CAST({hour} AS TEXT)"))? {
            if let Some(of) = hour.parse::<usize>().ok().and_then(|hour| hours.get_mut(hour)) {
                *of = count;
            }
        }
        Ok(hours)
    }

    /// How they ended, and who came.
    fn endings(&self, insight: &mut Insight) -> rusqlite::Result<()> {
        let within = CLEARED_ITSELF_WITHIN.as_ms();
        let columns = format!(
            "count(ended), count(iif(by_itself AND acknowledged IS NULL AND ended - raised <= {within}, 1, NULL))"
        );
        let sql = self.select_alerts(&columns, "");
        let (ended, itself): (i64, i64) = self
            .connection
            .prepare_cached(&sql)?
            .query_row(params_from_iter(&self.of), |row| Ok((row.get(0)?, row.get(1)?)))?;
        (insight.ended, insight.cleared_itself) = (ended.cast_unsigned(), itself.cast_unsigned());
        let sql = self.select_alerts("acknowledged - raised", "AND acknowledged IS NOT NULL ORDER BY 1");
        let waits: Vec<i64> = self
            .connection
            .prepare_cached(&sql)?
            .query_map(params_from_iter(&self.of), |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        insight.acknowledged = waits.len() as u64;
        // What that many hundredths of them took at most.
        let percentile = |of_100: usize| {
            let place = (waits.len() * of_100).div_ceil(100).checked_sub(1)?;
            waits.get(place).map(|ms| Span::from_ms(*ms))
        };
        (insight.to_acknowledge_median, insight.to_acknowledge_p90) = (percentile(50), percentile(90));
        Ok(())
    }
}
