//! Databases of the older program. Its ledger is taken over; its other tables stay as they are.

use crate::base::error::{Error, Result, Status};
use crate::store::Transaction;
use crate::store::schema::Schema;
use duckdb::Connection;

/// The tables of the older program that are taken over, with the columns that they must have.
const OLDER: [(&str, &[&str]); 2] = [
    ("session_extraction_state", &["session_file", "username", "processed_at", "items_extracted", "file_hash"]),
    (
        "session_processor_state",
        &["processor_name", "session_file", "username", "processed_at", "items_extracted", "file_hash"],
    ),
];

/// Refuses a database that has foreign tables or views with our names. `ours` returns these names. Changes nothing.
///
/// # Errors
///
/// If there is such a table or view, or a table of the older program lacks a column.
pub(super) fn check(connection: &Connection, ours: impl FnOnce() -> Result<Vec<String>>) -> Result<()> {
    let theirs = tables(connection)?;
    if theirs.is_empty() {
        return Ok(());
    }
    let ours = ours()?;
    for name in &theirs {
        let older = OLDER.iter().find(|(older, _)| older == name);
        if let Some((_, expected)) = older {
            let columns = columns(connection, name)?;
            let missing: Vec<_> = expected.iter().filter(|column| !columns.iter().any(|c| c == *column)).collect();
            if !missing.is_empty() {
                let message = format!("table `{name}` of the database has no column `{}`", missing[0]);
                return Err(Error::new(Status::CannotRun, message).hint("name another file with --database FILE"));
            }
        } else if ours.contains(name) {
            let message = format!("the database has a `{name}` that is not of sessionmill");
            return Err(Error::new(Status::CannotRun, message)
                .hint("rename that table, or name another file with --database FILE"));
        }
    }
    Ok(())
}

/// Whether the database has no tables or views at all.
///
/// # Errors
///
/// If the database cannot be read.
pub(super) fn is_empty(connection: &Connection) -> Result<bool> {
    Ok(tables(connection)?.is_empty())
}

/// Whether the database has the ledger of an early version of the older program, which had only one processor.
///
/// # Errors
///
/// If the database cannot be read.
pub(super) fn is_older(connection: &Connection) -> Result<bool> {
    let tables = tables(connection)?;
    let has = |name: &str| tables.iter().any(|table| table == name);
    Ok(has("session_extraction_state") && !has("session_processor_state"))
}

/// Copies that ledger and drops it.
///
/// # Errors
///
/// If the database cannot be written.
pub(super) fn adopt(transaction: &Transaction<'_>, schema: &Schema) -> Result<()> {
    for processor in schema.processors().filter(|processor| processor.adopts) {
        transaction.execute(
            "INSERT INTO session_processor_state
                 (processor_name, session_file, username, processed_at, items_extracted, file_hash)
             SELECT ?, session_file, username, processed_at, items_extracted, file_hash
             FROM session_extraction_state",
            [processor.manifest().name],
        )?;
    }
    transaction.execute("DROP TABLE session_extraction_state", [])?;
    Ok(())
}

/// A query for the names of all tables and views. Those outside of `main` begin with their schema.
pub(super) const NAMES: &str = "
    SELECT CASE schema_name WHEN 'main' THEN '' ELSE schema_name || '.' END || table_name
    FROM duckdb_tables() WHERE NOT internal AND NOT temporary
    UNION ALL
    SELECT CASE schema_name WHEN 'main' THEN '' ELSE schema_name || '.' END || view_name
    FROM duckdb_views() WHERE NOT internal";

fn tables(connection: &Connection) -> Result<Vec<String>> {
    let mut statement = connection.prepare(NAMES)?;
    let names = statement.query_map([], |row| row.get(0))?.collect::<duckdb::Result<_>>()?;
    Ok(names)
}

fn columns(connection: &Connection, table: &str) -> Result<Vec<String>> {
    let mut statement =
        connection.prepare("SELECT column_name FROM duckdb_columns() WHERE schema_name = 'main' AND table_name = ?")?;
    let names = statement.query_map([table], |row| row.get(0))?.collect::<duckdb::Result<_>>()?;
    Ok(names)
}
