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
use sessionmill_contract::{Processor, Table, Value};

/// Does what is to be done about rows of a table of entities that arrived or left.
pub(super) fn differ(
    transaction: &Transaction<'_>,
    processor: &dyn Processor,
    table: &Table,
    rows: &[&[Value]],
) -> Result<()> {
    let manifest = processor.manifest();
    groups::differ(transaction, manifest, table, rows)?;
    let later = manifest.settlement_of(table).and_then(|later| Some((later, table.position(later.key)?)));
    let Some((later, key)) = later else { return Ok(()) };
    let key = |row: &&'_ [Value]| row.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let keys: Vec<_> = rows.iter().map(key).collect();
    let groups = Groups::of(transaction, manifest, later, keys.iter().map(String::as_str))?;
    let hashed = rows.iter().zip(&keys).map(|(row, key)| (groups.hash(key), *row));
    touch::facts(transaction, processor, later, hashed)
}
