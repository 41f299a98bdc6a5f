//! Rows that take the place of others: only what differs is written.
//!
//! A file that grows by three lines says most of what it said before, and a key that gets one fact more
//! settles to nearly the same entities. Stored and new rows are compared as bags: a row that both
//! have as often stays untouched in the table.
//!
//! For example, `a a b` is stored and `a b c` is new: one `a` leaves, `c` arrives, the other `a` and `b` stay.

use super::chain;
use super::islands::IslandCutter;
use crate::base::error::Result;
use crate::store::Transaction;
use crate::store::rows::{Key, append_entities, as_text, push_row};
use duckdb::Row;
use sessionmill_contract::{Columns, Processor, RowRef, Settlement, Table};
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

/// Rows that are to stand in a table, each with the number of times that it is still missing, by the hash of the row
/// and of its key.
pub(in crate::store) struct Missing<'r>(Vec<(u64, (i64, RowRef<'r>), usize)>);

impl<'r> Missing<'r> {
    pub(in crate::store) fn new(rows: impl Iterator<Item = (i64, RowRef<'r>)>) -> Self {
        let mut all: Vec<_> = rows.map(|row| (hash(row), row, 1)).collect();
        all.sort_unstable_by_key(|(hash, ..)| *hash);
        all.dedup_by(|next, first| {
            let is_same = next.0 == first.0 && next.1 == first.1;
            first.2 += usize::from(is_same);
            is_same
        });
        Self(all)
    }

    /// Whether the row is still missing; then it is missing once less.
    pub(in crate::store) fn take(&mut self, row: (i64, RowRef<'_>)) -> bool {
        let hash = hash(row);
        let first = self.0.partition_point(|(other, ..)| *other < hash);
        let same = self.0[first..].iter_mut().take_while(|(other, ..)| *other == hash);
        let missing = same.filter(|(_, other, count)| *count > 0 && *other == row).map(|(.., count)| count).next();
        missing.map(|count| *count -= 1).is_some()
    }
}

fn hash(row: (i64, RowRef<'_>)) -> u64 {
    let mut hasher = DefaultHasher::new();
    row.hash(&mut hasher);
    hasher.finish()
}

/// Puts the entities of keys in the place of those that the keys in `settling` had, of those with islands the ones
/// in their ranges. Those of the keys in `keeping`, whose hash others can share, stay what they were.
pub(super) fn entities<'e, Rows: Iterator<Item = (i64, RowRef<'e>)>>(
    transaction: &Transaction<'_>,
    (processor, settlement): (&dyn Processor, &Settlement),
    table: &'static Table,
    keeping: &HashSet<(i64, &str)>,
    rows: impl Fn() -> Rows,
) -> Result<()> {
    // Most keys of a first run have nothing stored that theirs would have to be compared with.
    let mut missing = None;
    let key = Key::of(settlement, table);
    let is_kept = |(hash, row): (i64, RowRef<'_>)| keeping.contains(&(hash, key.text(row)));
    let (mut ids, mut leaving) = (Vec::new(), Columns::new(table));
    let concerned = match IslandCutter::of(processor, settlement) {
        Some(cutter) => cutter.entities(table),
        None => of_keys(table, "SELECT key_hash FROM settling"),
    };
    stored(transaction, table, &concerned, |id, row| {
        if !is_kept(row) && !missing.get_or_insert_with(|| Missing::new(rows())).take(row) {
            ids.push(id);
            leaving.push(row.1.cells());
        }
    })?;
    if !ids.is_empty() {
        stage(transaction, &ids)?;
        delete(transaction, table)?;
    }
    let arriving: Vec<_> = match &mut missing {
        Some(missing) => rows().filter(|row| missing.take(*row)).collect(),
        None => rows().collect(),
    };
    append_entities(transaction, processor.manifest(), table, &arriving)?;
    chain::differ(transaction, processor, table, leaving.rows().chain(arriving.iter().map(|(_, row)| *row)))
}

/// The row ids of the entities of key hashes, in SQL. Finding the rows by the one number first spares reading the
/// other columns of all rows.
pub(super) fn of_keys(table: &Table, hashes: &str) -> String {
    format!("SELECT rowid FROM facts.{} WHERE key_hash IN ({hashes})", table.name)
}

/// Hands on entities, each with its row id and the hash of its key.
pub(super) fn stored(
    transaction: &Transaction<'_>,
    table: &'static Table,
    ids: &str,
    mut each: impl FnMut(i64, (i64, RowRef<'_>)),
) -> Result<()> {
    let (name, columns) = (table.name, table.list());
    let mut cells = Columns::new(table);
    let sql = format!("SELECT rowid, key_hash, {columns} FROM facts.{name} WHERE rowid IN ({ids})");
    transaction.query(&sql, [], |row| {
        cells.clear();
        push_row(&mut cells, row, 2)?;
        each(row.get(0)?, (row.get(1)?, cells.row(0)));
        Ok(())
    })
}

/// A stored fact of a file that is to be replaced.
pub(in crate::store) struct Stored<'r> {
    pub(in crate::store) session_file: &'r str,
    /// Of its key, where the table has one.
    pub(in crate::store) key_hash: Option<i64>,
    pub(in crate::store) row: RowRef<'r>,
}

/// Puts the ids of those facts of the staged files of a processor into `leaving` that `leaves` names. Returns how many
/// these are.
pub(in crate::store) fn facts(
    transaction: &Transaction<'_>,
    table: &'static Table,
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
    let (mut leaving, mut cells) = (Vec::new(), Columns::new(table));
    let mut each = |row: &Row<'_>| {
        cells.clear();
        push_row(&mut cells, row, 3)?;
        let stored = Stored { session_file: as_text(row, 1)?, key_hash: row.get(2)?, row: cells.row(0) };
        if leaves(stored) {
            leaving.push(row.get(0)?);
        }
        Ok(())
    };
    transaction.query(&sql, [processor], &mut each)?;
    stage(transaction, &leaving)?;
    Ok(leaving.len() as u64)
}

/// Puts the ids of rows into `leaving`.
pub(in crate::store) fn stage(transaction: &Transaction<'_>, leaving: &[i64]) -> Result<()> {
    transaction.batch("CREATE OR REPLACE TEMP TABLE leaving (id BIGINT)")?;
    transaction.stage("leaving", leaving.iter().map(|row| [row]))?;
    Ok(())
}

/// Deletes the rows in `leaving`.
pub(in crate::store) fn delete(transaction: &Transaction<'_>, table: &Table) -> Result<()> {
    let sql = format!("DELETE FROM facts.{} WHERE rowid IN (SELECT id FROM leaving)", table.name);
    transaction.execute(&sql, [])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::rows::text;
    use sessionmill_contract::{Cell, table};

    table! {
        static WORDS: Table = "test_words", Hidden;

        struct WordRow<'a> {
            word: &'a str,
        }
    }

    #[test]
    fn rows_are_compared_as_bags() {
        let columns = |texts: &[&'static str]| {
            let mut columns = Columns::new(&WORDS);
            texts.iter().for_each(|text| columns.push([Cell::from(*text)]));
            columns
        };
        let (new, stored) = (columns(&["a", "b", "c", "d", "d"]), columns(&["a", "a", "b", "d"]));
        let mut missing = Missing::new(new.rows().map(|row| (0, row)));
        let leaving: Vec<_> = stored.rows().filter(|row| !missing.take((0, *row))).map(|row| text(row, 0)).collect();
        let arriving: Vec<_> = new.rows().filter(|row| missing.take((0, *row))).map(|row| text(row, 0)).collect();
        assert_eq!((leaving, arriving), (vec!["a"], vec!["c", "d"]));
    }
}
