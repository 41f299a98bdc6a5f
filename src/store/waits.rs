//! Files that were changed too recently to process, and since when each waits: a row per processor and file.

use crate::base::error::Result;
use crate::run::quiet::Wait;
use crate::source::ledger::Ledger;
use crate::store::Store;
use crate::store::rows::{Cell, as_text, as_time};
use chrono::{DateTime, Utc};
use duckdb::{Connection, params};

/// Adds to the ledger since when files wait for a processor. A file that was processed after its wait began no longer
/// waits. A processing time later than `now` comes from a wrong clock and is ignored.
///
/// # Errors
///
/// If the database cannot be read.
pub(super) fn read(connection: &Connection, processor: &str, ledger: &mut Ledger, now: DateTime<Utc>) -> Result<()> {
    let mut statement = connection.prepare(
        "SELECT session_file, since FROM session_waits AS wait WHERE processor_name = ? AND NOT EXISTS
         (FROM session_processor_state AS state WHERE state.processor_name = wait.processor_name
          AND state.session_file = wait.session_file AND state.processed_at BETWEEN wait.since AND ?)",
    )?;
    let mut rows = statement.query(params![processor, Cell::Time(now)])?;
    while let Some(row) = rows.next()? {
        ledger.files.entry(as_text(row, 0)?.into()).or_default().waits_since = as_time(row, 1)?;
    }
    Ok(())
}

/// Stores the files that wait for a processor, if they differ from those in the ledger.
///
/// # Errors
///
/// If the database cannot be written.
pub fn set(store: &Store, processor: &str, ledger: &Ledger, waits: &[Wait]) -> Result<()> {
    let known = |file: &str| ledger.files.get(file).and_then(|known| known.waits_since);
    // Files that were processed meanwhile are in the table, but not in the ledger.
    let before: i64 = store.connection().query_row(
        "SELECT count(*) FROM session_waits WHERE processor_name = ?",
        [processor],
        |row| row.get(0),
    )?;
    if before == waits.len() as i64 && waits.iter().all(|wait| known(&wait.session_file) == Some(wait.since)) {
        return Ok(());
    }
    store.transaction(|transaction| {
        transaction.execute("DELETE FROM session_waits WHERE processor_name = ?", [processor])?;
        let rows = waits
            .iter()
            .map(|Wait { session_file, since }| [Cell::Text(processor), Cell::Text(session_file), Cell::Time(*since)]);
        transaction.append("main", "session_waits", rows)?;
        Ok(())
    })
}
