//! What is kept for how long.

use rusqlite::{Transaction, params};
use wardwatch_actors::clock::Span;

use super::batch::Batch;

/// How many old readings go at once, at least.
const DELETION_STEP: usize = 500;

/// Deletes the oldest readings that are kept no longer: more than came with this batch, but few at once.
///
/// Readings lie in the order of their arrival, so the first that is young enough ends it.
pub fn delete_old(transaction: &Transaction<'_>, batch: &Batch, keep: Span) -> rusqlite::Result<()> {
    let Some(newest) = batch.rows.last() else { return Ok(()) };
    let before = (newest.at - keep).unix_ms();
    let step = i64::try_from(DELETION_STEP.max(2 * batch.rows.len())).unwrap_or(i64::MAX);
    transaction
        .prepare_cached(
            "DELETE FROM readings WHERE (SELECT received_at FROM readings ORDER BY number LIMIT 1) < ?1 \
             AND number <= (SELECT max(number) FROM \
             (SELECT number, received_at FROM readings ORDER BY number LIMIT ?2) WHERE received_at < ?1)",
        )?
        .execute(params![before, step])?;
    if batch.rows.iter().any(|row| row.stay.is_some()) {
        let departed = "DELETE FROM admissions WHERE record IS NULL AND changed_at < ?1";
        transaction.prepare_cached(departed)?.execute([before])?;
    }
    Ok(())
}
