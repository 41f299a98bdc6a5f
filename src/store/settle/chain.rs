//! Entities that are the facts of a later settlement: what differs of them touches its keys, in the same
//! transaction.
//!
//! For example, tasks settle by their id to states, and states settle by what they were made for. A task that
//! gets another state touches its own purpose and no other one.
//!
//! Such a table has two hashes: `key_hash` of the key that its rows were settled from, and `chain_hash` of the key
//! that they are settled to.

use super::touch;
use crate::base::error::Result;
use crate::store::Transaction;
use crate::store::rows::key_hash;
use sessionmill_contract::{Manifest, Table, Value};

/// Touches the keys of the settlement that takes a table of entities, for rows that arrived or left.
pub(super) fn differ<'e>(
    transaction: &Transaction<'_>,
    manifest: &Manifest,
    table: &Table,
    rows: impl Iterator<Item = &'e [Value]>,
) -> Result<()> {
    let later = manifest.settlement_of(table).and_then(|later| Some((later, table.position(later.key)?)));
    let Some((later, key)) = later else { return Ok(()) };
    let mut hashes: Vec<_> = rows.filter_map(|row| Some(key_hash(row.get(key)?.as_str()?))).collect();
    hashes.sort_unstable();
    hashes.dedup();
    touch::hashes(transaction, manifest, later, &hashes)
}
