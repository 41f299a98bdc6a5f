//! Replaces rows by others, and writes only the difference.
//!
//! A file that grows by three lines still contains most of its earlier facts, and a key with one more fact has nearly
//! the same entities. Stored and new rows are compared as multisets: a row that occurs equally often in both stays
//! untouched in the table.
//!
//! For example, `a a b` is stored and `a b c` is new: one `a` is deleted, `c` is added, the other `a` and `b` stay.

use super::Groups;
use super::chain;
use super::islands::IslandCutter;
use crate::base::error::Result;
use crate::store::Transaction;
use crate::store::batch::{self, Lead};
use crate::store::rows::Key;
use crate::store::scan::Scanned;
use sessionmill_contract::{Cells as _, Columns, Manifest, Processor, RowRef, Settlement, Table};
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

/// New rows that were not yet found among the stored rows. Each has the hash of the row, the row with the hash of its
/// key, and how often it is still missing.
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

    /// Whether the row is still missing. If so, it counts as found once.
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

/// Replaces the entities of the keys in `settling`; of a settlement with islands, only those in the ranges in
/// `settling_ranges`. The entities of the keys in `keeping` stay as they are; they are listed because other keys can
/// share their hash.
pub(super) fn entities<'e, Rows: Iterator<Item = (i64, RowRef<'e>)>>(
    transaction: &Transaction<'_>,
    (processor, settlement): (&dyn Processor, &Settlement),
    table: &'static Table,
    keeping: &HashSet<(i64, &str)>,
    rows: impl Fn() -> Rows,
) -> Result<()> {
    // Built only if something is stored. During a first run, most keys have no stored entities to compare with.
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

/// A query for the row ids of the entities with some key hashes. Selecting by this one numeric column first means that
/// the other columns are read for matching rows only.
pub(super) fn of_keys(table: &Table, hashes: &str) -> String {
    format!("SELECT rowid FROM facts.{} WHERE key_hash IN ({hashes})", table.name)
}

/// Calls `each` for stored entities, with the row id and the hash of the key.
pub(super) fn stored(
    transaction: &Transaction<'_>,
    table: &'static Table,
    ids: &str,
    mut each: impl FnMut(i64, (i64, RowRef<'_>)),
) -> Result<()> {
    let (name, columns) = (table.name, table.list());
    let mut cells = Columns::new(table);
    let sql = format!("SELECT rowid, key_hash, {columns} FROM facts.{name} WHERE rowid IN ({ids})");
    transaction.scan(&sql, [], |row| {
        cells.clear();
        cells.push(row.cells(2, table));
        each(row.int(0), (row.int(1), cells.row(0)));
    })
}

/// A stored fact of a file whose facts are being replaced.
pub(in crate::store) struct Stored<'r> {
    pub(in crate::store) session_file: &'r str,
    /// The hash of its key; `None` if the table has no keys.
    pub(in crate::store) key_hash: Option<i64>,
    pub(in crate::store) row: RowRef<'r>,
}

/// Puts the ids of stored facts of the staged files of a processor into `leaving` if `leaves` says so. Returns their
/// number.
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
    let each = |row: Scanned<'_>| {
        cells.clear();
        cells.push(row.cells(3, table));
        let stored = Stored { session_file: row.text(1), key_hash: row.cell(2).as_int(), row: cells.row(0) };
        if leaves(stored) {
            leaving.push(row.int(0));
        }
    };
    transaction.scan(&sql, [processor], each)?;
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

/// Appends entities to a table, each with the hash of its key and, if they are facts of a later settlement, the hash of
/// their key there.
pub(super) fn append_entities(
    transaction: &Transaction<'_>,
    manifest: &Manifest,
    table: &Table,
    rows: &[(i64, RowRef<'_>)],
) -> Result<()> {
    let later = manifest.settlement_of(table).map(|later| (later, Key::of(later, table)));
    let (hashes, rows): (Vec<i64>, Vec<RowRef<'_>>) = rows.iter().copied().unzip();
    let rows = &*rows;
    let groups = match later {
        Some((later, key)) => Groups::of(transaction, manifest, later, rows.iter().map(|row| key.text(*row)))?,
        None => Groups::default(),
    };
    let groups = &groups;
    let mut lead = vec![Lead::Int("key_hash", Box::new(|at| hashes[at]))];
    let chain_hash = |(_, key): (_, Key)| Lead::Int("chain_hash", Box::new(move |at| groups.hash(key.text(rows[at]))));
    lead.extend(later.map(chain_hash));
    batch::append(transaction, table, &lead, rows)?;
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
