//! Pauses, in the database: a row per processor that was asked to wait.

use crate::error::Result;
use crate::pause::Pause;
use crate::store::Store;
use crate::store::rows::{Cell, as_time};
use duckdb::{Connection, params};

/// The last pause of a processor, which can be over.
///
/// # Errors
///
/// If the database cannot be read.
pub fn of(connection: &Connection, processor: &str) -> Result<Option<Pause>> {
    let mut statement =
        connection.prepare("SELECT paused_until, strikes, reason FROM processor_pauses WHERE processor_name = ?")?;
    let mut rows = statement.query([processor])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    Ok(Some(Pause { until: as_time(row, 0)?.unwrap_or_default(), strikes: row.get(1)?, reason: row.get(2)? }))
}

/// Replaces the pause of a processor; `None` is none.
///
/// # Errors
///
/// If the database cannot be written.
pub fn set(store: &Store, processor: &str, pause: Option<&Pause>) -> Result<()> {
    store.transaction(|transaction| {
        transaction.execute("DELETE FROM processor_pauses WHERE processor_name = ?", [processor])?;
        if let Some(Pause { until, strikes, reason }) = pause {
            transaction.execute(
                "INSERT INTO processor_pauses VALUES (?, ?, ?, ?)",
                params![processor, Cell::Time(*until), strikes, reason],
            )?;
        }
        Ok(())
    })
}
