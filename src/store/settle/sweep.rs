//! Entities that end at some time, which the settlement gives in a column.
//!
//! Settling sees no clock: it only sets the end time. The sweep at the end of each pass deletes the rows whose end time
//! has passed. A row that has ended already is not written at all, so settling again does not bring it back. The sweep
//! touches no keys, because no facts have changed.
//!
//! If the clock is years ahead during one pass, the sweep deletes all such rows. To recover from that, the day of each
//! pass is stored, and if a later pass runs on an earlier day, it settles all keys again.

use super::touch;
use crate::base::error::Result;
use crate::store::Store;
use crate::store::made_with::{self, MadeWith};
use crate::store::rows::Cell;
use chrono::{DateTime, Utc};
use sessionmill_contract::{Cells as _, Manifest, RowRef, Settlement, Table};

/// The rows of a table that have not ended by `now`. Only the first table of a settlement has an end column.
pub(super) fn lasting<'e>(
    settlement: &Settlement,
    table: &Table,
    now: DateTime<Utc>,
    rows: impl Iterator<Item = (i64, RowRef<'e>)>,
) -> impl Iterator<Item = (i64, RowRef<'e>)> {
    let is_first = settlement.entities.first().is_some_and(|first| first.name == table.name);
    let end = settlement.expires.filter(|_| is_first).and_then(|column| table.position(column));
    // Compared in microseconds, the precision of the database.
    let has_ended = move |time: DateTime<Utc>| time.timestamp_micros() <= now.timestamp_micros();
    rows.filter(move |(_, row)| !end.and_then(|end| row.cell(end).as_time()).is_some_and(has_ended))
}

/// The name of the row of `facts.settlements` that stores the day of the last pass, as a version: days since 1970.
const CLOCK: &str = "(clock)";

impl Store {
    /// Stores the day of this pass; called before anything is settled. If the last pass ran at least two days later
    /// than this one, touches all keys of the settlements with an end column, and returns true. One day later is
    /// ignored, because the clock can have been seconds ahead at midnight.
    ///
    /// # Errors
    ///
    /// If the database cannot be read or written.
    pub fn note_day(&self, manifest: &Manifest, made_with: &MadeWith, now: DateTime<Utc>) -> Result<bool> {
        let settlements = || manifest.settlements.iter().filter(|settlement| settlement.expires.is_some());
        if settlements().next().is_none() {
            return Ok(false);
        }
        let before = made_with.get(&self.connection, CLOCK, manifest.name)?.map(|(day, _)| *day);
        let day = now.timestamp().div_euclid(24 * 60 * 60);
        if before == Some(day) {
            return Ok(false);
        }
        let was_ahead = before.is_some_and(|before| before > day + 1);
        self.transaction(|transaction| {
            for settlement in settlements().filter(|_| was_ahead) {
                touch::all(transaction, manifest, settlement)?;
            }
            made_with::set(transaction, CLOCK, manifest.name, day, "")
        })?;
        Ok(was_ahead)
    }

    /// Deletes entities of a processor that have ended.
    ///
    /// # Errors
    ///
    /// If the database cannot be written.
    pub fn sweep(&self, manifest: &Manifest, now: DateTime<Utc>) -> Result<()> {
        for settlement in manifest.settlements {
            let (Some(table), Some(end)) = (settlement.entities.first(), settlement.expires) else { continue };
            let ended = format!("FROM facts.{} WHERE {end} <= ?", table.name);
            // Most sweeps find nothing, and this query is cheaper than a transaction.
            let sql = format!("SELECT EXISTS ({ended})");
            if self.connection.query_row(&sql, [Cell::Time(now)], |row| row.get(0))? {
                self.transaction(|transaction| transaction.execute(&format!("DELETE {ended}"), [Cell::Time(now)]))?;
            }
        }
        Ok(())
    }
}
