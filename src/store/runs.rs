//! The history of runs: a row per run and processor, and the files that failed in it.

use crate::error::Result;
use crate::store::Store;
use crate::store::rows::Cell;
use crate::store::stamp::Stamp;
use crate::summary::{Counts, Summary};
use chrono::{DateTime, Utc};
use sessionmill_contract::Value;

/// The id of the next run. It is that run's own as long as the database is held.
///
/// # Errors
///
/// If the database cannot be read.
pub fn next(store: &Store) -> Result<i64> {
    let sql = "SELECT coalesce(max(run_id), 0) + 1 FROM processor_runs";
    Ok(store.connection().query_row(sql, [], |row| row.get(0))?)
}

/// Writes that a run has begun to work, so that one that is killed leaves a trace.
///
/// # Errors
///
/// If the database cannot be written.
pub fn begin(store: &Store, stamp: Stamp<'_>, trigger: &str) -> Result<()> {
    store.transaction(|transaction| {
        let names = stamp.manifests.iter().map(|manifest| manifest.name);
        let counts = names.map(|name| Counts { processor: name.to_owned(), ..Counts::default() });
        let rows = counts.map(|counts| row(stamp.run_id, trigger, stamp.now, None, "running", &counts));
        transaction.append("main", "processor_runs", rows)?;
        Ok(())
    })
}

/// Replaces the rows of a run's beginning by what the run came to.
///
/// # Errors
///
/// If the database cannot be written.
pub fn end(store: &Store, stamp: Stamp<'_>, trigger: &str, summary: &Summary) -> Result<()> {
    store.transaction(|transaction| {
        transaction.execute("DELETE FROM processor_runs WHERE run_id = ?", [stamp.run_id])?;
        for counts in &summary.processors {
            let ended_at = stamp.now + chrono::TimeDelta::milliseconds(counts.elapsed_ms.cast_signed());
            let outcome = if counts.is_failed() || !summary.notices.alarms.is_empty() { "failed" } else { "done" };
            let row = row(stamp.run_id, trigger, stamp.now, Some(ended_at), outcome, counts);
            transaction.append("main", "processor_runs", std::iter::once(row))?;
            let errors = counts.errors_detail.iter().map(|error| {
                [
                    Cell::Int(stamp.run_id),
                    Cell::Text(&counts.processor),
                    Cell::Text(&error.session),
                    Cell::Text(error.class),
                    Cell::Text(&error.error),
                ]
            });
            transaction.append("main", "processor_run_errors", errors)?;
        }
        Ok(())
    })
}

/// A row of `processor_runs`. A run without an end is running.
fn row(
    run_id: i64,
    trigger: &str,
    started_at: DateTime<Utc>,
    ended_at: Option<DateTime<Utc>>,
    outcome: &str,
    counts: &Counts,
) -> Vec<Cell<'static>> {
    let about: [Value; 6] = [
        run_id.into(),
        (&*counts.processor).into(),
        trigger.into(),
        started_at.into(),
        ended_at.into(),
        outcome.into(),
    ];
    let numbers = [
        counts.files,
        counts.unchanged,
        counts.scanned,
        counts.processed,
        counts.skipped,
        counts.touched,
        counts.deferred,
        counts.rejected,
        counts.errors,
        counts.items_extracted,
        counts.malformed_lines,
        counts.bytes_read,
        counts.elapsed_ms,
    ];
    about.into_iter().chain(numbers.map(Value::from)).map(Cell::Own).collect()
}
