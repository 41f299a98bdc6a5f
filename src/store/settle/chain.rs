//! Entities that are the facts of a later settlement. When they change, the keys of the later settlement are touched in
//! the same transaction.
//!
//! For example, the first settlement makes the state of each task id. The second settles these states by the purpose of
//! the task. When a task gets another state, only its own purpose is touched.
//!
//! Entities can also be the edges that join keys of a later settlement: see [`groups`].
//!
//! A table of such entities has two hashes: `key_hash` is that of the key from which a row was settled, and
//! `chain_hash` that of its key in the later settlement.

use super::{Groups, groups, touch};
use crate::base::error::Result;
use crate::store::Transaction;
use crate::store::rows::Key;
use sessionmill_contract::{Processor, RowRef, Table};

/// Updates groups and touches keys of later settlements after rows of a table of entities were added or removed.
pub(super) fn differ<'r>(
    transaction: &Transaction<'_>,
    processor: &dyn Processor,
    table: &Table,
    rows: impl Iterator<Item = RowRef<'r>>,
) -> Result<()> {
    let (manifest, rows) = (processor.manifest(), rows.collect::<Vec<_>>());
    groups::differ(transaction, manifest, table, &rows)?;
    let Some(later) = manifest.settlement_of(table) else { return Ok(()) };
    let key = Key::of(later, table);
    let groups = Groups::of(transaction, manifest, later, rows.iter().map(|row| key.text(*row)))?;
    let hashed = rows.iter().map(|row| (groups.hash(key.text(*row)), *row));
    touch::facts(transaction, processor, later, hashed)
}
