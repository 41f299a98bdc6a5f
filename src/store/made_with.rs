//! The rules, settings, limits and day with which parts of the database were last made. Each is a row of
//! `facts.settlements` with an owner, such as a processor, and a name. If a row differs from what the program has now,
//! the part is made again.

use crate::base::error::Result;
use crate::store::Transaction;
use duckdb::{Connection, params};
use std::collections::HashMap;
use std::sync::OnceLock;

/// The rows. All of them are read at the first call, since a pass or a report needs about a dozen. They stay valid as
/// long as nobody changes the table; a pass that uses this changes a row only after it has read it for the last time.
#[derive(Debug, Default)]
pub struct MadeWith(OnceLock<Rows>);

/// Versions and settings, by owner and name.
type Rows = HashMap<(String, String), (i64, String)>;

impl MadeWith {
    pub(super) fn get(&self, connection: &Connection, owner: &str, name: &str) -> Result<Option<&(i64, String)>> {
        if self.0.get().is_none() {
            let sql = "SELECT processor_name, name, version, settings FROM facts.settlements";
            let mut statement = connection.prepare(sql)?;
            let rows = statement.query_map([], |row| Ok(((row.get(0)?, row.get(1)?), (row.get(2)?, row.get(3)?))))?;
            let _ = self.0.set(rows.collect::<duckdb::Result<_>>()?);
        }
        Ok(self.0.get().and_then(|rows| rows.get(&(owner.to_owned(), name.to_owned()))))
    }
}

/// Stores what a part is made with now.
pub(super) fn set(transaction: &Transaction<'_>, owner: &str, name: &str, version: i64, settings: &str) -> Result<()> {
    transaction.execute("DELETE FROM facts.settlements WHERE processor_name = ? AND name = ?", [owner, name])?;
    transaction
        .execute("INSERT INTO facts.settlements VALUES (?, ?, ?, ?)", params![owner, name, version, settings])?;
    Ok(())
}
