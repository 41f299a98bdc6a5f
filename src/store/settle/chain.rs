//! Entities that are the facts of a later settlement: what differs of them touches its keys, in the same
//! transaction.
//!
//! For example, tasks settle by their id to states, and states settle by what they were made for. A task that
//! gets another state touches its own purpose and no other one.
//!
//! Entities can also be the edges that join keys of a later settlement: see [`groups`].
//!
//! Such a table has two hashes: `key_hash` of the key that its rows were settled from, and `chain_hash` of the key
//! that they are settled to.

use super::{Groups, groups, touch};
use crate::base::error::Result;
use crate::store::Transaction;
use crate::store::rows::Key;
use sessionmill_contract::{Processor, RowRef, Table};

/// Does what is to be done about rows of a table of entities that arrived or left.
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
