//! Entities that are gone from some time on, which their settlement says in a column.
//!
//! Settling sees no clock: it gives the time of the end, and the sweep at the end of each pass deletes what has
//! ended by then. A row that has ended already is not written at all, so settling again brings nothing back. No key
//! is touched: its facts have not changed.

use crate::base::error::Result;
use crate::store::Store;
use crate::store::rows::Cell;
use chrono::{DateTime, Utc};
use sessionmill_contract::{Cells as _, Manifest, RowRef, Settlement, Table};

/// The rows of a table that have not ended yet.
pub(super) fn lasting<'e>(
    settlement: &Settlement,
    table: &Table,
    now: DateTime<Utc>,
    rows: impl Iterator<Item = RowRef<'e>>,
) -> impl Iterator<Item = RowRef<'e>> {
    let is_first = settlement.entities.first().is_some_and(|first| first.name == table.name);
    let end = settlement.expires.filter(|_| is_first).and_then(|column| table.position(column));
    // The database knows microseconds.
    let has_ended = move |time: DateTime<Utc>| time.timestamp_micros() <= now.timestamp_micros();
    rows.filter(move |row| !end.and_then(|end| row.cell(end).as_time()).is_some_and(has_ended))
}

impl Store {
    /// Deletes entities of a processor that have ended.
    ///
    /// # Errors
    ///
    /// If the database cannot be written.
    pub fn sweep(&self, manifest: &Manifest, now: DateTime<Utc>) -> Result<()> {
        for settlement in manifest.settlements {
            let (Some(table), Some(end)) = (settlement.entities.first(), settlement.expires) else { continue };
            let ended = format!("FROM facts.{} WHERE {end} <= ?", table.name);
            // Most sweeps find nothing, and asking is cheaper than a transaction.
            let sql = format!("SELECT EXISTS ({ended})");
            if self.connection.query_row(&sql, [Cell::Time(now)], |row| row.get(0))? {
                self.transaction(|transaction| transaction.execute(&format!("DELETE {ended}"), [Cell::Time(now)]))?;
            }
        }
        Ok(())
    }
}
