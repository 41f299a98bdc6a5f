//! Tables that say what the configuration knows about values of the database, such as what a model costs or who
//! a folder belongs to. Views join them, so that SQL, snapshots and Parquet files show the same as reports.
//!
//! They are brought up to date at the end of a pass: where something has changed, or where the configuration is
//! not the one that the table was made with. For example, a `[[price]]` that is added to the configuration counts
//! in `usage_costs` after the next run, and no response is read or settled again for it.
//!
//! That something has changed is noted in the transaction that changes it. So a process that ends before it gets to the
//! tables leaves them due.

use crate::base::error::Result;
use crate::base::hash;
use crate::store::reader::Reader;
use crate::store::{Store, Transaction};
use duckdb::{Connection, params};
use md5::{Digest, Md5};

/// A row of a lookup table: a text for each column, which DuckDB casts to the column's type.
pub type Cells = Vec<Option<String>>;

/// The rows about all values.
pub type About = Box<dyn Fn(&[Cells]) -> Vec<Cells> + Send + Sync>;

/// A table that is made of values of the database and of the configuration.
pub struct Lookup {
    /// In schema `main`.
    pub table: &'static str,
    /// The query for the values: texts, without doubles.
    pub values: &'static str,
    /// What the rows are made from, as text. If the text changes, the rows are made again.
    pub settings: String,
    pub rows: About,
}

/// Under which name the settings of lookup tables stand among those of settlements.
const OWNER: &str = "(lookup)";

/// Stands before what a table was made with that is due.
const DUE: char = '!';

/// Under which name the number of changes stands there, as a version.
const NEWS: &str = "(news)";

/// Notes that a transaction changes what the database says: lookup tables are due, and no snapshot of before is
/// up to date.
pub(super) fn note(transaction: &Transaction<'_>) -> Result<()> {
    let sql = "UPDATE facts.settlements SET settings = ? || settings
               WHERE processor_name = ? AND NOT starts_with(settings, ?)";
    let due = DUE.to_string();
    transaction.execute(sql, [&due, OWNER, &due])?;
    let sql = "UPDATE facts.settlements SET version = version + 1 WHERE processor_name = ?";
    if transaction.execute(sql, [NEWS])? == 0 {
        transaction.execute("INSERT INTO facts.settlements VALUES (?, '', 1, '')", [NEWS])?;
    }
    Ok(())
}

/// The number of changes that were noted.
pub(super) fn news(connection: &Connection) -> duckdb::Result<i64> {
    let sql = "SELECT coalesce(max(version), 0)::BIGINT FROM facts.settlements WHERE processor_name = ?";
    connection.query_row(sql, [NEWS], |row| row.get(0))
}

/// Brings tables up to date that are due, or that were made with other settings.
///
/// # Errors
///
/// If the database cannot be read or written.
pub fn refresh(store: &Store, lookups: &[Lookup]) -> Result<()> {
    for lookup in lookups {
        let settings = digest([lookup.settings.as_str()]);
        let made_with = made_with(store.connection(), lookup.table)?;
        if !made_with.as_ref().is_some_and(|made_with| made_with.starts_with(&settings)) {
            store.transaction(|transaction| make(transaction, lookup, &settings, made_with.as_deref()))?;
        }
    }
    Ok(())
}

/// Whether a table has what it is made of as the database is now.
///
/// # Errors
///
/// If the database cannot be read.
pub fn is_in_step(reader: Reader<'_>, table: &str) -> Result<bool> {
    Ok(made_with(reader.connection(), table)?.is_some_and(|made_with| !made_with.starts_with(DUE)))
}

/// What a table was last made with: the hashes of its settings and of its values.
fn made_with(connection: &Connection, table: &str) -> Result<Option<String>> {
    let sql = "SELECT settings FROM facts.settlements WHERE processor_name = ? AND name = ?";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query(params![OWNER, table])?;
    Ok(rows.next()?.map(|row| row.get(0)).transpose()?)
}

/// Writes a table anew, unless it was made of the same, and notes that it is up to date.
fn make(transaction: &Transaction<'_>, lookup: &Lookup, settings: &str, made_with: Option<&str>) -> Result<()> {
    let Lookup { table, values, rows, .. } = lookup;
    let mut all: Vec<Cells> = Vec::new();
    transaction.query(values, [], |row| {
        let count = row.as_ref().column_count();
        all.push((0..count).map(|column| row.get(column)).collect::<duckdb::Result<Cells>>()?);
        Ok(())
    })?;
    all.sort_unstable();
    let cells: Vec<_> = all.iter().map(|value| format!("{value:?}")).collect();
    let made_of = format!("{settings} {}", digest(cells.iter().map(String::as_str)));
    if made_with.and_then(|made_with| made_with.strip_prefix(DUE)) != Some(&*made_of) {
        transaction.batch(&format!("DELETE FROM main.{table}"))?;
        transaction.append("main", table, rows(&all).into_iter())?;
    }
    transaction
        .execute("DELETE FROM facts.settlements WHERE processor_name = ? AND name = ?", params![OWNER, table])?;
    transaction.execute("INSERT INTO facts.settlements VALUES (?, ?, 1, ?)", params![OWNER, table, made_of])?;
    Ok(())
}

/// A hash of texts.
fn digest<'t>(texts: impl IntoIterator<Item = &'t str>) -> String {
    let mut hash = Md5::new();
    texts.into_iter().for_each(|text| hash.update(text));
    hash::to_hex(&hash.finalize().into())
}
