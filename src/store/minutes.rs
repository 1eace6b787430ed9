//! What each patient's vital signs were in each minute, for trends over months.
//!
//! A minute gathers in memory and is written with the batch after its end. A crash loses none: which readings are in the rows is
//! noted, and the others are gathered anew from the readings at the next start.

use std::collections::{BTreeMap, VecDeque};

use rusqlite::{Connection, OptionalExtension, Transaction, params};
use wardwatch_actors::clock::{Span, Timestamp};
use wardwatch_actors::people::PatientId;
use wardwatch_actors::vitals::{Quantity, Values, Vital, VitalSet};

use super::recovery;

/// How long a minute is.
pub const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;
/// How many minutes are written with one batch, at least: all of a ward end at once.
const AT_ONCE: usize = 200;
/// Says the form of the bytes; a later form has another.
const FORM: u8 = 1;
/// What came later than this belongs to the time at which it was measured.
const LATE: Span = Span::from_mins(1);

/// The values of one vital in a minute, in hundredths of its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VitalSum {
    pub low: i32,
    pub high: i32,
    pub sum: i64,
    pub count: u32,
}

impl VitalSum {
    fn of(value: Quantity) -> Self {
        let value = value.as_hundredths();
        Self { low: value, high: value, sum: value.into(), count: 1 }
    }

    /// Both together.
    pub fn with(self, other: Self) -> Self {
        Self {
            low: self.low.min(other.low),
            high: self.high.max(other.high),
            sum: self.sum.saturating_add(other.sum),
            count: self.count.saturating_add(other.count),
        }
    }

    /// Rounded half away from zero.
    pub fn mean(&self) -> Quantity {
        let (count, half) = (i64::from(self.count.max(1)), i64::from(self.count / 2));
        let mean = if self.sum < 0 { (self.sum - half) / count } else { (self.sum + half) / count };
        Quantity::hundredths(i32::try_from(mean).unwrap_or_default())
    }
}

/// The values of each vital of one patient in some time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VitalSums {
    present: VitalSet,
    /// Those that are present, in their order.
    sums: Vec<VitalSum>,
}

impl VitalSums {
    /// Of a row; none where its bytes are of no known form.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let (&[FORM, p0, p1], mut rest) = bytes.split_first_chunk::<3>()? else { return None };
        let bits = u16::from_le_bytes([p0, p1]);
        let present: VitalSet =
            Vital::ALL.into_iter().filter(|vital| bits & 1 << vital.index() != 0).collect();
        let mut sums = Vec::new();
        for _ in present.iter() {
            let [count, low, range, above] = [(); 4].map(|()| take(&mut rest));
            let (count, low) = (u32::try_from(count?).ok()?, i32::try_from(unzigzag(low?)).ok()?);
            let high = low.checked_add(i32::try_from(range?).ok()?)?;
            let sum = i64::from(low) * i64::from(count) + i64::try_from(above?).ok()?;
            sums.push(VitalSum { low, high, sum, count });
        }
        rest.is_empty().then_some(Self { present, sums })
    }

    /// Form, which are present, then of each: how many, the lowest, and how far highest and sum are above that.
    fn written(&self) -> Vec<u8> {
        let bits = self.present.iter().fold(0_u16, |bits, vital| bits | 1 << vital.index());
        let mut bytes = Vec::with_capacity(3 + 10 * self.sums.len());
        bytes.push(FORM);
        bytes.extend(bits.to_le_bytes());
        for VitalSum { low, high, sum, count } in &self.sums {
            let range = i64::from(*high) - i64::from(*low);
            let above = sum - i64::from(*low) * i64::from(*count);
            put(&mut bytes, (*count).into());
            put(&mut bytes, zigzag((*low).into()));
            put(&mut bytes, range.unsigned_abs());
            put(&mut bytes, above.unsigned_abs());
        }
        bytes
    }

    /// Of one reading.
    pub fn of(values: &Values) -> Self {
        let mut sums = Self::default();
        sums.note(values);
        sums
    }

    fn note(&mut self, values: &Values) {
        values.iter().for_each(|(vital, value)| self.add(vital, VitalSum::of(value)));
    }

    fn add(&mut self, vital: Vital, sum: VitalSum) {
        let place = self.present.before(vital);
        if self.present.contains(vital) {
            self.sums[place] = self.sums[place].with(sum);
        } else {
            self.present.insert(vital);
            self.sums.insert(place, sum);
        }
    }

    /// Adds what was measured at another time.
    pub fn add_all(&mut self, other: &Self) {
        other.iter().for_each(|(vital, sum)| self.add(vital, sum));
    }

    /// Each vital that was measured.
    pub fn iter(&self) -> impl Iterator<Item = (Vital, VitalSum)> + '_ {
        self.present.iter().zip(self.sums.iter().copied())
    }
}

/// A number in as few bytes as it needs, seven bits each.
fn put(bytes: &mut Vec<u8>, mut number: u64) {
    while number > 0x7f {
        bytes.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    bytes.push(number.to_le_bytes()[0]);
}

fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

const fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)).cast_unsigned()
}

const fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -((number & 1).cast_signed())
}

/// A reading that was written, to be gathered once that is committed.
#[derive(Debug)]
pub struct WrittenReading {
    pub number: i64,
    pub patient: PatientId,
    pub minute: i64,
    pub values: Values,
}

impl WrittenReading {
    /// A reading that came at `received`, and was measured at `measured` as far as that is known.
    pub fn new(
        number: i64,
        patient: &PatientId,
        (received, measured): (Timestamp, Option<Timestamp>),
        values: Values,
    ) -> Self {
        let at = measured.filter(|at| received.since(*at) > LATE).unwrap_or(received);
        Self { number, patient: patient.clone(), minute: minute_of(at), values }
    }
}

/// The number of the minute of this moment, since 1970.
pub fn minute_of(at: Timestamp) -> i64 {
    at.unix_ms().div_euclid(MINUTE_MS)
}

#[derive(Debug)]
struct GatheredMinute {
    minute: i64,
    /// The first and the last reading in it.
    first: i64,
    last: i64,
    sums: VitalSums,
}

/// Minutes that are not written yet.
#[derive(Debug, Default)]
pub struct Minutes {
    newest: i64,
    /// The minute that each patient is in.
    open: BTreeMap<PatientId, GatheredMinute>,
    over: VecDeque<(PatientId, GatheredMinute)>,
}

impl Minutes {
    /// What the last run measured and did not write as minutes.
    pub fn of(connection: &Connection) -> rusqlite::Result<Self> {
        let mut minutes = Self::default();
        let mut written =
            connection.prepare("SELECT last FROM minutes WHERE minute = ?1 AND patient = ?2")?;
        let mut statement = connection.prepare(
            "SELECT number, patient, observed_at, received_at, device, seq, body FROM readings \
             WHERE number > (SELECT in_minutes FROM covered) ORDER BY number",
        )?;
        let mut rows = statement.query([])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let Ok(patient) = row.get_ref(1)?.as_str().unwrap_or_default().parse() else { continue };
            let Some(reading) = recovery::reading(row)? else { continue };
            let times = (reading.received_at, None);
            let reading = WrittenReading::new(row.get(0)?, &patient, times, reading.values);
            let last: Option<i64> =
                written.query_row(params![reading.minute, patient.as_str()], |row| row.get(0)).optional()?;
            if last.is_none_or(|last| last < reading.number) {
                found.push(reading);
            }
        }
        minutes.gather(found.into_iter());
        Ok(minutes)
    }

    /// These readings are committed.
    pub fn gather(&mut self, readings: impl Iterator<Item = WrittenReading>) {
        for WrittenReading { number, patient, minute, values } in readings {
            let sums = || VitalSums::of(&values);
            let begin = || GatheredMinute { minute, first: number, last: number, sums: sums() };
            match self.open.get_mut(&patient) {
                Some(open) if open.minute == minute => {
                    open.last = number;
                    open.sums.note(&values);
                }
                // What comes from the past is added to what is written of its time.
                Some(open) if open.minute > minute => self.over.push_back((patient, begin())),
                _ => {
                    if let Some(over) = self.open.insert(patient.clone(), begin()) {
                        self.over.push_back((patient, over));
                    }
                }
            }
            if minute > self.newest {
                self.newest = minute;
                let past = self.open.extract_if(.., |_, open| open.minute < minute);
                self.over.extend(past);
            }
        }
    }

    /// Writes some of what is over, or all there is at the end; how many that is, for [`Minutes::written`].
    pub fn write(&self, transaction: &Transaction<'_>, most: usize, all: bool) -> rusqlite::Result<usize> {
        let count = if all { self.over.len() } else { self.over.len().min(AT_ONCE.max(most)) };
        if count == 0 && !all {
            return Ok(0);
        }
        self.over.iter().take(count).try_for_each(|(patient, minute)| write(transaction, patient, minute))?;
        if all {
            self.open.iter().try_for_each(|(patient, minute)| write(transaction, patient, minute))?;
        }
        if count == self.over.len() {
            let first = if all { None } else { self.open.values().map(|open| open.first).min() };
            let last = "UPDATE covered SET in_minutes = ifnull(?1 - 1, (SELECT ifnull(max(number), 0) FROM readings))";
            transaction.prepare_cached(last)?.execute([first])?;
        }
        Ok(count)
    }

    /// Writes all there is, at the end.
    pub fn finish(&mut self, connection: &mut Connection) -> rusqlite::Result<()> {
        let transaction = connection.transaction()?;
        self.write(&transaction, 0, true)?;
        transaction.commit()?;
        (self.over, self.open) = (VecDeque::new(), BTreeMap::new());
        Ok(())
    }

    /// So many of them are committed.
    pub fn written(&mut self, count: usize) {
        self.over.drain(..count);
    }

    /// Deletes a few of the oldest, where all that is in them came up to this number.
    pub fn delete_old(transaction: &Transaction<'_>, upto: i64, most: i64) -> rusqlite::Result<()> {
        let delete = "DELETE FROM minutes WHERE (minute, patient) IN (SELECT minute, patient FROM \
                      (SELECT minute, patient, last FROM minutes ORDER BY minute, patient LIMIT ?2) WHERE last <= ?1)";
        transaction.prepare_cached(delete)?.execute(params![upto, most])?;
        let days = "DELETE FROM bed_days WHERE day < (SELECT min(minute) FROM minutes) / 1440";
        transaction.prepare_cached(days)?.execute([])?;
        Ok(())
    }
}

/// Writes a minute, with what is there of it already.
fn write(transaction: &Transaction<'_>, patient: &PatientId, of: &GatheredMinute) -> rusqlite::Result<()> {
    let known = "SELECT body FROM minutes WHERE minute = ?1 AND patient = ?2";
    let known: Option<Vec<u8>> = transaction
        .prepare_cached(known)?
        .query_row(params![of.minute, patient.as_str()], |row| row.get(0))
        .optional()?;
    let mut sums = known.and_then(|known| VitalSums::read(&known)).unwrap_or_default();
    sums.add_all(&of.sums);
    let insert = "INSERT OR REPLACE INTO minutes (minute, patient, last, body) VALUES (?1, ?2, ?3, ?4)";
    let body = sums.written();
    transaction.prepare_cached(insert)?.execute(params![of.minute, patient.as_str(), of.last, body])?;
    let day = of.minute * MINUTE_MS / DAY_MS;
    let insert = "INSERT OR IGNORE INTO bed_days (day, patient) VALUES (?1, ?2)";
    transaction.prepare_cached(insert)?.execute(params![day, patient.as_str()])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_read_as_they_are_written_and_nothing_else_is() {
        let mut values = Values::default();
        values.set(Vital::HeartRate, Quantity::whole(70));
        values.set(Vital::Temperature, Quantity::hundredths(3651));
        let mut sums = VitalSums::default();
        sums.note(&values);
        values.set(Vital::HeartRate, Quantity::whole(81));
        values.set(Vital::OxygenSaturation, Quantity::whole(97));
        sums.note(&values);
        let bytes = sums.written();
        assert_eq!(VitalSums::read(&bytes), Some(sums.clone()));
        (0..bytes.len()).for_each(|length| assert_eq!(VitalSums::read(&bytes[..length]), None));
        let of = |vital| sums.iter().find(|(of, _)| *of == vital).map(|(_, sum)| (sum.mean(), sum.count));
        assert_eq!(of(Vital::HeartRate), Some((Quantity::hundredths(7550), 2)));
        assert_eq!(of(Vital::OxygenSaturation), Some((Quantity::whole(97), 1)));
        assert_eq!(of(Vital::Temperature), Some((Quantity::hundredths(3651), 2)));
        assert!(bytes.len() < 30, "{} bytes for three vitals", bytes.len());
    }

    #[test]
    fn a_mean_is_rounded_half_away_from_zero() {
        let mean = |sum, count| VitalSum { low: 0, high: 0, sum, count }.mean().as_hundredths();
        assert_eq!([mean(5, 2), mean(-5, 2), mean(7, 3), mean(8, 3), mean(-8, 3)], [3, -3, 2, 3, -3]);
    }
}
