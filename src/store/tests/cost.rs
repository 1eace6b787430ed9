//! What the audit, the minutes and the list of alerts cost beside what is written anyway: measurements, each a ratio in one run.

use std::time::Duration;

use super::*;
use crate::feed::NumberedChange;
use crate::store::alert_list::AlertList;
use crate::store::audit::{AuditChain, AuditContent, AuditHead, AuditSource, ChangeColumns};
use crate::store::batch::{Batch, Row};
use crate::store::minutes::Minutes;
use crate::store::{numbering::Numbering, tables};

/// How many batches are written, and how long each is.
const BATCHES: i64 = 60;
const LONG: i64 = 1000;

/// A row of a patient: a second of 500 patients is a batch of 500.
fn row(number: i64, changes: Vec<AlertChange>) -> Row {
    let patient: PatientId = format!("icu-1/p-{}", number % 500).parse().unwrap();
    let second = number / 500;
    let reading = changes.is_empty().then(|| {
        let mut reading = reading(second);
        Vital::ALL.into_iter().take(8).for_each(|vital| reading.values.set(vital, Quantity::whole(60)));
        reading.device = Some(format!("mon-{}", number % 500).parse().unwrap());
        reading
    });
    let numbered =
        |change: AlertChange| NumberedChange { number: number.cast_unsigned(), change: change.into() };
    Row {
        number: number.cast_unsigned(),
        at: at(second),
        subject: Subject::Patient(patient),
        reading,
        changes: changes.into_iter().map(numbered).collect(),
        stay: None,
        notes: Vec::new(),
    }
}

/// Writes batches of such rows; how long that took in all, and what is done beside it with each, by `beside`.
fn written(
    row: impl Fn(i64) -> Row,
    mut beside: impl FnMut(
        &rusqlite::Transaction<'_>,
        &Batch,
        Vec<crate::store::minutes::WrittenReading>,
    ) -> Duration,
) -> (Duration, Duration) {
    let trial = StoreTrial::new();
    let mut connection = database::connect(&trial.path(), Synchronous::Normal).unwrap();
    let (mut whole, mut part, mut chain) = (Duration::ZERO, Duration::ZERO, AuditChain::NONE);
    for batch in 0..BATCHES {
        let rows: Vec<Row> = (1 + batch * LONG..=(batch + 1) * LONG).map(&row).collect();
        let batch = Batch { upto: ((batch + 1) * LONG).cast_unsigned(), rows, ..Batch::default() };
        let begun = Instant::now();
        let transaction = connection.transaction().unwrap();
        let done = tables::write(&transaction, &batch, &Numbering::default(), chain).unwrap();
        part += beside(&transaction, &batch, done.readings);
        transaction.commit().unwrap();
        whole += begun.elapsed();
        chain = done.chain;
    }
    (whole, part)
}

fn report(what: &str, (whole, part): (Duration, Duration)) {
    let rows = u32::try_from(BATCHES * LONG).unwrap();
    let ratio = part.as_secs_f64() / (whole - part).as_secs_f64();
    println!(
        "{what}: {:?} a row, of all {:?}; {ratio:.3} of what is written anyway",
        part / rows,
        whole / rows
    );
}

#[test]
#[ignore = "a measurement, to be run alone"]
fn what_the_minutes_cost_beside_the_readings() {
    let mut minutes = Minutes::default();
    let gathered = written(
        |number| row(number, Vec::new()),
        |transaction, batch, readings| {
            let begun = Instant::now();
            let count = minutes.write(transaction, batch.rows.len(), false).unwrap();
            minutes.written(count);
            minutes.gather(readings.into_iter());
            begun.elapsed()
        },
    );
    report("minutes", gathered);
}

#[test]
#[ignore = "a measurement, to be run alone"]
fn what_the_list_of_alerts_costs_beside_their_log() {
    // The list is written with the log already: once more, under other ids, is what it costs.
    let listed = written(
        |number| row(number, vec![raised(number)]),
        |transaction, batch, _| {
            let changes: Vec<_> = batch.rows.iter().flat_map(|row| &row.changes).collect();
            let again: Vec<_> = changes.iter().map(|of| raised(of.change.time.unix_ms() * 7 + 1)).collect();
            let begun = Instant::now();
            let mut list = AlertList::open(transaction).unwrap();
            for (change, numbered) in again.iter().zip(&changes) {
                list.note(numbered.number.cast_signed() + 1_000_000, change).unwrap();
            }
            begun.elapsed()
        },
    );
    report("list of alerts", listed);
}

/// What a row costs to hash: an alert change as it stands in the log, 900 bytes of it.
#[test]
#[ignore = "a measurement, to be run alone"]
fn what_hashing_a_row_costs() {
    let change = serde_json::to_string(&raised(1)).unwrap();
    let words = format!("{:?}", "Heart rate 158 /min, above 150 /min for 5 s ".repeat(8));
    let change = change.replace("\"second 1\"", &words);
    let id = *raised(1).id.as_bytes();
    let (mut head, mut bytes, rounds) = (AuditHead::NONE, Vec::new(), 200_000_u32);
    let begun = Instant::now();
    for number in 0..rounds {
        let said = AuditSource::Change(ChangeColumns {
            number: number.into(),
            id: &id,
            sequence: 1,
            subject: "icu-1/p-17",
            event: "raised",
            time: 1_800_000_000_000,
            change: &change,
        });
        let (kind, what) = ("change", "raised heart_rate.high");
        head = head.after(&AuditContent { time: 7, kind, subject: "icu-1/p-17", what, said }, &mut bytes);
    }
    let each = begun.elapsed() / rounds;
    println!("{} bytes: {each:?} a row; head {head}", bytes.len());
}
