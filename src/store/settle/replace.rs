//! Rows that take the place of others: only what differs is written.
//!
//! A file that grows by three lines says most of what it said before, and a key that gets one fact more
//! settles to nearly the same entities. Stored and new rows are compared as bags: a row that both
//! have as often stays untouched in the table.
//!
//! For example, `a a b` is stored and `a b c` is new: one `a` leaves, `c` arrives, the other `a` and `b` stay.

use super::islands::Knife;
use super::{chain, values};
use crate::base::error::Result;
use crate::store::Transaction;
use crate::store::rows::{append_entities, as_text};
use duckdb::Row;
use sessionmill_contract::{Processor, Settlement, Table, Value};
use std::collections::{HashMap, HashSet};

/// Rows that are to stand in a table, each with the number of times that it is still missing.
#[derive(Default)]
pub(in crate::store) struct Missing<'r>(HashMap<&'r [Value], usize>);

impl<'r> Missing<'r> {
    pub(in crate::store) fn add(&mut self, row: &'r [Value]) {
        *self.0.entry(row).or_default() += 1;
    }

    /// Whether the row is still missing; then it is missing once less.
    pub(in crate::store) fn take(&mut self, row: &[Value]) -> bool {
        match self.0.get_mut(row) {
            Some(count) if *count > 0 => {
                *count -= 1;
                true
            }
            _ => false,
        }
    }
}

/// Puts the entities of keys in the place of those that the keys in `settling` had, of those with islands the ones
/// in their ranges. Those of the keys in `keeping`, whose hash others can share, stay what they were.
pub(super) fn entities<'e, Rows: Iterator<Item = &'e [Value]>>(
    transaction: &Transaction<'_>,
    (processor, settlement): (&dyn Processor, &Settlement),
    table: &'static Table,
    keeping: &HashSet<&str>,
    rows: impl Fn() -> Rows,
) -> Result<()> {
    let mut missing = Missing::default();
    rows().for_each(|row| missing.add(row));
    let key = table.position(settlement.key);
    let is_kept = |row: &[Value]| {
        let name = key.and_then(|key| row.get(key)).and_then(Value::as_str);
        name.is_some_and(|name| keeping.contains(name))
    };
    let (mut ids, mut leaving) = (Vec::new(), Vec::new());
    let concerned = match Knife::of(processor, settlement) {
        Some(knife) => knife.entities(table),
        None => of_keys(table, "SELECT key_hash FROM settling"),
    };
    stored(transaction, table, &concerned, |id, row| {
        if !is_kept(&row) && !missing.take(&row) {
            ids.push(id);
            leaving.push(row);
        }
    })?;
    delete(transaction, table, &ids)?;
    let arriving: Vec<_> = rows().filter(|row| missing.take(row)).collect();
    append_entities(transaction, processor.manifest(), table, settlement, &arriving)?;
    let differing: Vec<_> = leaving.iter().map(Vec::as_slice).chain(arriving).collect();
    chain::differ(transaction, processor, table, &differing)
}

/// The row ids of the entities of key hashes, in SQL. Finding the rows by the one number first spares reading the
/// other columns of all rows.
pub(super) fn of_keys(table: &Table, hashes: &str) -> String {
    format!("SELECT rowid FROM facts.{} WHERE key_hash IN ({hashes})", table.name)
}

/// Hands on entities, each with its row id.
pub(super) fn stored(
    transaction: &Transaction<'_>,
    table: &Table,
    ids: &str,
    mut each: impl FnMut(i64, Vec<Value>),
) -> Result<()> {
    let (name, columns) = (table.name, table.list());
    let sql = format!("SELECT rowid, {columns} FROM facts.{name} WHERE rowid IN ({ids})");
    transaction.query(&sql, [], |row| {
        each(row.get(0)?, values(row, 1, table)?);
        Ok(())
    })
}

/// A stored fact of a file that is to be replaced.
pub(in crate::store) struct Stored<'r> {
    pub(in crate::store) session_file: &'r str,
    /// Of its key, where the table has one.
    pub(in crate::store) key_hash: Option<i64>,
    pub(in crate::store) values: Vec<Value>,
}

/// Deletes the facts of the staged files of a processor that `leaves` names. Returns how many these were.
pub(in crate::store) fn facts(
    transaction: &Transaction<'_>,
    table: &Table,
    is_keyed: bool,
    processor: &str,
    mut leaves: impl FnMut(Stored<'_>) -> bool,
) -> Result<u64> {
    let (name, columns) = (table.name, table.list());
    let key = if is_keyed { "key_hash" } else { "NULL::BIGINT" };
    let sql = format!(
        "SELECT rowid, session_file, {key}, {columns} FROM facts.{name} WHERE rowid IN
         (SELECT rowid FROM facts.{name} WHERE session_file IN
             (SELECT session_file FROM stage_states WHERE processor_name = ?))"
    );
    let mut leaving = Vec::new();
    let mut each = |row: &Row<'_>| {
        let stored = Stored { session_file: as_text(row, 1)?, key_hash: row.get(2)?, values: values(row, 3, table)? };
        if leaves(stored) {
            leaving.push(row.get(0)?);
        }
        Ok(())
    };
    transaction.query(&sql, [processor], &mut each)?;
    delete(transaction, table, &leaving)?;
    Ok(leaving.len() as u64)
}

/// Deletes rows by their ids, through a temporary table.
fn delete(transaction: &Transaction<'_>, table: &Table, leaving: &[i64]) -> Result<()> {
    if leaving.is_empty() {
        return Ok(());
    }
    transaction.batch("CREATE OR REPLACE TEMP TABLE leaving (id BIGINT)")?;
    transaction.stage("leaving", leaving.iter().map(|row| [row]))?;
    let sql = format!("DELETE FROM facts.{} WHERE rowid IN (SELECT id FROM leaving)", table.name);
    transaction.execute(&sql, [])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_compared_as_bags() {
        let row = |text: &str| [Value::from(text)];
        let new = [row("a"), row("b"), row("c")];
        let mut missing = Missing::default();
        new.iter().for_each(|row| missing.add(row));
        let stored = [row("a"), row("a"), row("b")];
        let leaving: Vec<_> = stored.iter().filter(|row| !missing.take(&row[..])).collect();
        let arriving: Vec<_> = new.iter().filter(|row| missing.take(&row[..])).collect();
        assert_eq!((leaving, arriving), (vec![&row("a")], vec![&row("c")]));
    }
}
