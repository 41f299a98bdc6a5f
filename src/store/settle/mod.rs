//! Facts become entities, in one room: keys are touched, read in ranges, settled, and what differs is written.
//!
//! ```text
//! touch ──▶ range ──▶ run ──▶ replace
//!                      └────▶ fail
//! ```
//!
//! | module | what it does |
//! | --- | --- |
//! | [`touch`] | lists the keys whose facts, decisions or rules have changed |
//! | [`range`](mod@range) | cuts that list into parts, and finds the key that the database refuses |
//! | [`run`] | hands the facts of one key after the other to the processor |
//! | [`replace`] | writes the rows that differ |
//! | [`fail`] | stores why a key failed |
//! | [`apart`] | settles a key of many facts with the database let go of |
//!
//! The 64-bit hash of a key only narrows what is read. Keys that share one are told apart by their text: each
//! is settled, replaced and noted as failed by itself.

mod apart;
mod fail;
mod range;
pub(super) mod replace;
pub(super) mod run;
pub(super) mod touch;

pub use range::Range;
pub use run::{Settled, Unsettled};

use crate::error::Result;
use crate::failpoint;
use crate::store::rows::{Cell, value};
use crate::store::{Store, Transaction};
use chrono::{DateTime, Utc};
use duckdb::{Row, params};
use run::Run;
use sessionmill_contract::{FactRow, Manifest, Processor, Settlement, Table, Value};

/// A key of at least this many facts is settled apart.
const LARGE: i64 = 5_000;

/// The hashes of the keys that a transaction settles.
const SETTLING: &str = "CREATE OR REPLACE TEMP TABLE settling (key_hash BIGINT)";

impl Store {
    /// Settles the touched keys of a range in one transaction, but for those that have failed at this moment
    /// already. The entities of a key that fails stay what they were, and the reason is kept.
    ///
    /// Returns the keys that failed.
    ///
    /// # Errors
    ///
    /// If the database cannot be read or written.
    pub fn settle(
        &self,
        processor: &dyn Processor,
        settlement: &Settlement,
        (from, to): Range,
        now: DateTime<Utc>,
    ) -> Result<Vec<Unsettled>> {
        let manifest = processor.manifest();
        self.stage_settling()?;
        self.transaction(|transaction| {
            transaction.execute(
                "INSERT INTO settling SELECT DISTINCT key_hash FROM facts.touched_keys
                 WHERE processor_name = ? AND facts_table = ? AND key_hash BETWEEN ? AND ? AND key_hash NOT IN
                 (SELECT key_hash FROM settling_failures
                  WHERE processor_name = ? AND facts_table = ? AND last_failed_at = ?)",
                params![
                    manifest.name,
                    settlement.facts.name,
                    from,
                    to,
                    manifest.name,
                    settlement.facts.name,
                    Cell::Time(now)
                ],
            )?;
            let reviews = reviews(transaction, settlement)?;
            let mut run = Run::new(processor, settlement, &reviews, &[]);
            facts(transaction, settlement, "SELECT key_hash FROM settling", |hash, fact| run.push(hash, fact))?;
            let settled = run.end();
            write(transaction, manifest, settlement, &settled, now)?;
            failpoint::point("settle", settlement.facts.name);
            Ok(settled.failed)
        })
    }

    /// Makes the temporary tables of a transaction that settles.
    fn stage_settling(&self) -> Result<()> {
        Ok(self.connection.execute_batch(&format!("{SETTLING}; {}", fail::STAGING))?)
    }
}

/// Writes what the keys in `settling` came to.
fn write(
    transaction: &Transaction<'_>,
    manifest: &Manifest,
    settlement: &Settlement,
    settled: &Settled,
    now: DateTime<Utc>,
) -> Result<()> {
    let failed = settled.failed.iter().map(|failed| failed.key.as_str()).collect();
    for table in settlement.entities {
        replace::entities(transaction, table, settlement, &failed, || settled.entities.of(table))?;
    }
    fail::write(transaction, manifest, settlement, &settled.failed, now)
}

/// Hands on the facts of keys: key by key, and in the order that the settlement declares within a key. Finding
/// the rows by the one number first spares reading the other columns of all rows.
fn facts(
    transaction: &Transaction<'_>,
    settlement: &Settlement,
    hashes: &str,
    mut each: impl FnMut(i64, FactRow),
) -> Result<()> {
    let Settlement { facts, key, order, .. } = settlement;
    let sql = format!(
        "SELECT key_hash, session_file, username, {columns} FROM facts.{table} WHERE rowid IN
         (SELECT rowid FROM facts.{table} WHERE key_hash IN ({hashes}))
         ORDER BY key_hash, {key}, {order}",
        columns = facts.list(),
        table = facts.name,
        order = order.join(", ")
    );
    transaction.query(&sql, [], |row| {
        let (session_file, username) = (text(value(row, 1)?), text(value(row, 2)?));
        each(row.get(0)?, FactRow { session_file, username, values: values(row, 3, facts)? });
        Ok(())
    })
}

/// The reviews of a settlement, oldest first.
fn reviews(transaction: &Transaction<'_>, settlement: &Settlement) -> Result<Vec<Vec<Value>>> {
    settlement.reviews.map_or(Ok(Vec::new()), |table| all(transaction, "main", table))
}

/// All rows of a table, by its first columns.
pub(super) fn all(transaction: &Transaction<'_>, schema: &str, table: &Table) -> Result<Vec<Vec<Value>>> {
    let mut rows = Vec::new();
    let sql = format!("SELECT {} FROM {schema}.{} ORDER BY ALL", table.list(), table.name);
    transaction.query(&sql, [], |row| {
        rows.push(values(row, 0, table)?);
        Ok(())
    })?;
    Ok(rows)
}

/// The cells of a table's columns, which begin with this one.
fn values(row: &Row<'_>, first: usize, table: &Table) -> duckdb::Result<Vec<Value>> {
    (first..first + table.columns.len()).map(|column| value(row, column)).collect()
}

fn text(value: Value) -> Box<str> {
    if let Value::Text(text) = value { text } else { Box::default() }
}
