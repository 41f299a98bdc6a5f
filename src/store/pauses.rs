//! Pauses of processors, which an overloaded server asked for: a row per processor.

use crate::base::error::Result;
use crate::run::pause::Pause;
use crate::store::Store;
use crate::store::reader::Reader;
use crate::store::rows::Cell;
use duckdb::params;

/// The last pause of a processor. With `server`, only if that server asked for it. The pause can be over.
///
/// # Errors
///
/// If the database cannot be read.
pub fn of(reader: Reader<'_>, processor: &str, server: Option<&str>) -> Result<Option<Pause>> {
    let sql = "SELECT paused_until, strikes, reason, server FROM processor_pauses
               WHERE processor_name = $1 AND server = coalesce($2, server)";
    reader.first(sql, &[processor.into(), server.into()], |row| {
        let until = row.time(0)?.unwrap_or_default();
        Ok(Pause { until, strikes: row.get(1)?, reason: row.get(2)?, server: row.get(3)? })
    })
}

/// Replaces the pause of a processor; `None` removes it.
///
/// # Errors
///
/// If the database cannot be written.
pub fn set(store: &Store, processor: &str, pause: Option<&Pause>) -> Result<()> {
    store.transaction(|transaction| {
        transaction.execute("DELETE FROM processor_pauses WHERE processor_name = ?", [processor])?;
        if let Some(Pause { until, strikes, reason, server }) = pause {
            transaction.execute(
                "INSERT INTO processor_pauses VALUES (?, ?, ?, ?, ?)",
                params![processor, Cell::Time(*until), strikes, reason, server],
            )?;
        }
        Ok(())
    })
}
