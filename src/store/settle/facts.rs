//! Reads the stored facts, key by key; within a key, in the order that the settlement declares.

use super::islands::IslandCutter;
use super::{facts_hash, groups, origin};
use crate::base::error::Result;
use crate::store::Transaction;
use crate::store::scan::Scanned;
use sessionmill_contract::{Cells as _, Columns, FactRow, Processor, RowRef, Settlement, Table, table};

table! {
    static ORIGINS: Table = "origins", Hidden;

    /// The source file and the person of a fact.
    struct OriginRow<'a> {
        session_file: &'a str,
        username: &'a str,
    }
}

/// The facts of one key.
#[derive(Debug)]
pub(super) struct Facts {
    origins: Columns,
    rows: Columns,
}

impl Facts {
    fn new(table: &'static Table) -> Self {
        Self { origins: Columns::new(&ORIGINS), rows: Columns::new(table) }
    }

    fn push(&mut self, row: Scanned<'_>, first: usize) {
        self.origins.push(row.cells(first, &ORIGINS));
        self.rows.push(row.cells(first + ORIGINS.columns.len(), self.rows.table()));
    }

    fn clear(&mut self) {
        self.origins.clear();
        self.rows.clear();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The facts in the form that a processor takes.
    pub(super) fn rows<'a>(&'a self) -> Vec<FactRow<'a>> {
        let text = |origin: RowRef<'a>, column| origin.cell(column).as_str().unwrap_or_default();
        let facts = self.origins.rows().zip(self.rows.rows());
        facts.map(|(from, values)| FactRow { session_file: text(from, 0), username: text(from, 1), values }).collect()
    }
}

/// Calls `each` once per key, with the hash and all facts of the key. For a settlement with islands, only the facts
/// within the ranges in `settling_ranges` are read. Selecting rows by the numeric hash first means that the other
/// columns are read for matching rows only.
pub(super) fn facts(
    transaction: &Transaction<'_>,
    processor: &dyn Processor,
    settlement: &Settlement,
    hashes: &str,
    mut each: impl FnMut(i64, &str, &mut Facts),
) -> Result<()> {
    let manifest = processor.manifest();
    let Settlement { facts: table, order, .. } = settlement;
    let hash = facts_hash(manifest, settlement);
    let rows = match IslandCutter::of(processor, settlement) {
        Some(cutter) => cutter.facts(manifest, settlement),
        None => format!("SELECT rowid FROM facts.{} WHERE {hash} IN ({hashes})", table.name),
    };
    let (from, key) = groups::keyed(manifest, settlement);
    let sql = format!(
        "SELECT {hash}, {key} AS settled_key, {origin}, {columns} FROM {from} WHERE fact.rowid IN ({rows})
         ORDER BY {hash}, settled_key, {order}",
        origin = origin(manifest, settlement),
        columns = table.list(),
        order = order.join(", ")
    );
    let (mut hash, mut key, mut facts) = (0, String::new(), Facts::new(table));
    transaction.scan(&sql, [], |row| {
        let (next_hash, next_key) = (row.int(0), row.text(1));
        if (next_hash, next_key) != (hash, &*key) {
            if !facts.is_empty() {
                each(hash, &key, &mut facts);
                facts.clear();
            }
            hash = next_hash;
            next_key.clone_into(&mut key);
        }
        facts.push(row, 2);
    })?;
    if !facts.is_empty() {
        each(hash, &key, &mut facts);
    }
    Ok(())
}
