//! What parts of the database were last made with: versions of rules, settings, limits, the day. They are rows of
//! `facts.settlements`, each of an owner, such as a processor, and with a name. A part is due where its row says
//! something else than the program does.

use crate::base::error::Result;
use crate::store::Transaction;
use duckdb::{Connection, params};
use std::collections::HashMap;
use std::sync::OnceLock;

/// The rows, which are read together when the first one is asked for, since a pass or a report needs about a dozen.
/// They hold as long as nobody else changes them, and their holder does so only after its last question.
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

/// Notes what a part is made with now.
pub(super) fn set(transaction: &Transaction<'_>, owner: &str, name: &str, version: i64, settings: &str) -> Result<()> {
    transaction.execute("DELETE FROM facts.settlements WHERE processor_name = ? AND name = ?", [owner, name])?;
    transaction
        .execute("INSERT INTO facts.settlements VALUES (?, ?, ?, ?)", params![owner, name, version, settings])?;
    Ok(())
}
