//! Ids that edges join into one key, directly or through other ids. The key is the smallest of these ids.
//!
//! For example, edges `b–c` and `c–d` make `b` the key of all three. When an edge `a–d` arrives, the key of all four is
//! `a`. When `c–d` leaves, `b` and `c` have the key `b` again, and `a` and `d` have `a`.
//!
//! `facts.key_groups` has the key of each id with an edge; any other id is its own key. The facts of an id are stored
//! under the hash of its key, so all facts of a key are found at once. When edges are added or removed, only the ids of
//! these edges, and all ids in the same groups, are grouped again: no other edge connects them to the rest. Facts whose
//! key changes are moved to the new key. Old and new keys are touched in the transaction that changes the edges. A key
//! that stays the same is touched, too, because edges are an input of settling.

use super::{facts_hash, key_in_sql, touch};
use crate::base::error::Result;
use crate::store::Transaction;
use crate::store::rows::{Cell, as_text, key_hash};
use duckdb::params;
use sessionmill_contract::{self as contract, Cells as _, Manifest, RowRef, Settlement, Table, Value};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The keys of ids that edges join to others.
#[derive(Debug, Default)]
pub(in crate::store) struct Groups(HashMap<String, String>);

impl Groups {
    /// The groups of some ids.
    pub(in crate::store) fn of<'i>(
        transaction: &Transaction<'_>,
        manifest: &Manifest,
        settlement: &Settlement,
        ids: impl Iterator<Item = &'i str>,
    ) -> Result<Self> {
        let mut groups = Self::default();
        let place = params![manifest.name, settlement.facts.name];
        let any = "SELECT count(*) FROM (FROM facts.key_groups WHERE processor_name = ? AND facts_table = ? LIMIT 1)";
        if settlement.edges.is_none() || transaction.number(any, place)? == 0 {
            return Ok(groups);
        }
        stage(transaction, ids.collect())?;
        let sql = "SELECT id, key FROM facts.key_groups WHERE processor_name = ? AND facts_table = ?
                   AND id_hash IN (SELECT id_hash FROM stage_ids)";
        transaction.query(sql, place, |row| {
            groups.0.insert(as_text(row, 0)?.to_owned(), as_text(row, 1)?.to_owned());
            Ok(())
        })?;
        Ok(groups)
    }

    /// Whether edges join an id to others.
    pub(in crate::store) fn has(&self, id: &str) -> bool {
        self.0.contains_key(id)
    }

    /// The hash of the key of an id.
    pub(in crate::store) fn hash(&self, id: &str) -> i64 {
        key_hash(self.0.get(id).map_or(id, String::as_str))
    }
}

/// Puts ids into `stage_ids`.
fn stage(transaction: &Transaction<'_>, ids: BTreeSet<&str>) -> Result<()> {
    transaction.batch("CREATE OR REPLACE TEMP TABLE stage_ids (id VARCHAR, id_hash BIGINT)")?;
    transaction.stage("stage_ids", ids.into_iter().map(|id| [Cell::Text(id), Cell::Int(key_hash(id))]))?;
    Ok(())
}

/// The rows of `facts.key_groups` of a settlement, in SQL.
fn rows(manifest: &Manifest, settlement: &Settlement) -> String {
    let (processor, facts) = (manifest.name, settlement.facts.name);
    format!("FROM facts.key_groups WHERE processor_name = '{processor}' AND facts_table = '{facts}'")
}

/// A table of facts joined with the keys of its ids, in SQL: the source of the rows, called `fact`, and the expression
/// of the key.
pub(super) fn keyed(manifest: &Manifest, settlement: &Settlement) -> (String, String) {
    let (facts, key) = (settlement.facts.name, key_in_sql(settlement));
    match settlement.edges {
        None => (format!("facts.{facts} AS fact"), key),
        Some(_) => (
            format!(
                "facts.{facts} AS fact LEFT JOIN (SELECT id AS joined_id, key AS joined_key {rows}) AS joined
                 ON joined_id = {key}",
                rows = rows(manifest, settlement)
            ),
            format!("coalesce(joined_key, {key})"),
        ),
    }
}

/// The edges of each key; an edge is a list of the cells of its row.
pub(super) type Edges = HashMap<String, Vec<Vec<Value>>>;

/// The edges of the keys of some hashes.
pub(super) fn edges(
    transaction: &Transaction<'_>,
    manifest: &Manifest,
    settlement: &Settlement,
    hashes: &str,
) -> Result<Edges> {
    let mut edges = Edges::new();
    let Some(of) = settlement.edges else { return Ok(edges) };
    let sql = format!(
        "SELECT joined_key, {columns} FROM facts.{table} JOIN
         (SELECT id AS joined_id, key AS joined_key {rows} AND key_hash IN ({hashes})) AS joined
         ON joined_id = {id} ORDER BY ALL",
        columns = of.table.list(),
        table = of.table.name,
        rows = rows(manifest, settlement),
        id = of.ids[0]
    );
    transaction.scan(&sql, [], |row| {
        let cells = row.cells(1, of.table).map(contract::Cell::to_value).collect();
        match edges.get_mut(row.text(0)) {
            Some(of_key) => of_key.push(cells),
            None => drop(edges.insert(row.text(0).to_owned(), vec![cells])),
        }
    })?;
    Ok(edges)
}

/// Computes the groups again after rows of a table of edges arrived or left.
pub(super) fn differ(
    transaction: &Transaction<'_>,
    manifest: &Manifest,
    table: &Table,
    edges: &[RowRef<'_>],
) -> Result<()> {
    for settlement in manifest.settlements {
        let Some(of) = settlement.edges.filter(|of| of.table.name == table.name) else { continue };
        let positions = of.ids.map(|column| table.position(column));
        let named = edges.iter().flat_map(|row| positions.map(|id| row.cell(id?).as_str())).flatten();
        let named: BTreeSet<&str> = named.collect();
        if !named.is_empty() {
            regroup(transaction, manifest, settlement, named)?;
        }
    }
    Ok(())
}

fn regroup(
    transaction: &Transaction<'_>,
    manifest: &Manifest,
    settlement: &Settlement,
    named: BTreeSet<&str>,
) -> Result<()> {
    let rows = rows(manifest, settlement);
    // All ids of the groups that a changed edge touches, with their old keys. An id without a group is its own key.
    let mut old: BTreeMap<String, String> = named.iter().map(|id| ((*id).to_owned(), (*id).to_owned())).collect();
    stage(transaction, named)?;
    let sql = format!(
        "SELECT id, key {rows} AND key_hash IN
             (SELECT key_hash {rows} AND id_hash IN (SELECT id_hash FROM stage_ids))"
    );
    transaction.query(&sql, [], |row| {
        old.insert(as_text(row, 0)?.to_owned(), as_text(row, 1)?.to_owned());
        Ok(())
    })?;
    stage(transaction, old.keys().map(String::as_str).collect())?;
    let new = components(transaction, settlement, &old)?;
    let sql = format!("DELETE {rows} AND id IN (SELECT id FROM stage_ids)");
    transaction.execute(&sql, [])?;
    let place = || [Cell::Text(manifest.name), Cell::Text(settlement.facts.name)];
    let rows = new.iter().map(|(id, key)| {
        place().into_iter().chain([Cell::Text(id), Cell::Int(key_hash(id)), Cell::Text(key), Cell::Int(key_hash(key))])
    });
    transaction.append("facts", "key_groups", rows)?;
    let key = |id: &'_ str| -> String { new.get(id).map_or(id, |key| *key).to_owned() };
    let moved: Vec<_> = old.iter().map(|(id, old)| (id, old, key(id))).collect();
    carry(transaction, manifest, settlement, moved.iter().filter(|(_, old, new)| *old != new))?;
    let keys: BTreeSet<&str> = moved.iter().flat_map(|(_, old, new)| [old.as_str(), new.as_str()]).collect();
    let hashes: Vec<_> = keys.into_iter().map(key_hash).collect();
    touch::hashes(transaction, manifest, settlement, &hashes)
}

/// The smallest id that each id in `stage_ids` is joined to; nothing for ids without an edge.
fn components<'i>(
    transaction: &Transaction<'_>,
    settlement: &Settlement,
    ids: &'i BTreeMap<String, String>,
) -> Result<BTreeMap<&'i str, &'i str>> {
    let Some(of) = settlement.edges else { return Ok(BTreeMap::new()) };
    let names: Vec<&str> = ids.keys().map(String::as_str).collect();
    let number: HashMap<&str, usize> = names.iter().enumerate().map(|(number, id)| (*id, number)).collect();
    // A forest: each id points to a smaller id, or to itself at the top of a tree; `None` if it has no edge.
    let mut above: Vec<Option<usize>> = vec![None; names.len()];
    let [a, b] = of.ids;
    let sql = format!("SELECT {a}, {b} FROM facts.{} WHERE {a} IN (SELECT id FROM stage_ids)", of.table.name);
    transaction.query(&sql, [], |row| {
        if let (Some(a), Some(b)) = (number.get(as_text(row, 0)?), number.get(as_text(row, 1)?)) {
            let (a, b) = (top(&mut above, *a), top(&mut above, *b));
            above[a.max(b)] = Some(a.min(b));
        }
        Ok(())
    })?;
    let joined: Vec<_> = (0..names.len()).filter(|number| above[*number].is_some()).collect();
    Ok(joined.into_iter().map(|number| (names[number], names[top(&mut above, number)])).collect())
}

/// Follows the pointers to the smallest id, and shortens the path on the way.
fn top(above: &mut [Option<usize>], mut id: usize) -> usize {
    loop {
        let next = *above[id].get_or_insert(id);
        let after = *above[next].get_or_insert(next);
        if next == after {
            return next;
        }
        above[id] = Some(after);
        id = after;
    }
}

/// Moves facts from the hash of their old key to that of their new key, by id.
fn carry<'m>(
    transaction: &Transaction<'_>,
    manifest: &Manifest,
    settlement: &Settlement,
    moved: impl Iterator<Item = &'m (&'m String, &'m String, String)>,
) -> Result<()> {
    transaction.batch("CREATE OR REPLACE TEMP TABLE stage_moved (id VARCHAR, old_hash BIGINT, new_hash BIGINT)")?;
    let rows = moved.map(|(id, old, new)| [Cell::Text(id), Cell::Int(key_hash(old)), Cell::Int(key_hash(new))]);
    if transaction.stage("stage_moved", rows)? > 0 {
        let sql = format!(
            "UPDATE facts.{table} AS fact SET {hash} = new_hash FROM stage_moved WHERE {hash} = old_hash AND {key} = id",
            table = settlement.facts.name,
            hash = facts_hash(manifest, settlement),
            key = key_in_sql(settlement)
        );
        transaction.execute(&sql, [])?;
    }
    Ok(())
}
