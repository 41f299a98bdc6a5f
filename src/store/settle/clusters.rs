//! The facts of a key that have to do with each other, as the processor says: each such cluster is settled by itself.
//!
//! A fact is stored under the hash of its key when it arrives, and under the number of its cluster from then on. The
//! entities of a cluster are stored under that number, too. So everything that finds rows by the hash of their key
//! finds those of a cluster.
//!
//! For example, `a` and `b` say the same, and nothing else does: they are a cluster. When `c` arrives and says the same as
//! `b`, the three are one. When `b` leaves, its cluster is touched, and what is left of it is put into clusters anew.
//! Facts of clusters that nothing has touched stay where they are.

use super::touch;
use crate::base::error::Result;
use crate::base::guard;
use crate::store::rows::{Cell, as_text, key_hash, push_row};
use crate::store::{Store, Transaction};
use duckdb::params;
use sessionmill_contract::{Clusters, Columns, Manifest, Member, Processor, Settlement, Table};
use std::collections::BTreeSet;

impl Store {
    /// Puts the facts of touched clusters, and those that have arrived, into clusters, and touches these.
    ///
    /// # Errors
    ///
    /// If the database cannot be read or written.
    pub fn cluster(&self, processor: &dyn Processor, settlement: &Settlement) -> Result<()> {
        let Some(columns) = settlement.clusters else { return Ok(()) };
        self.transaction(|transaction| cluster(transaction, processor, settlement, columns))
    }
}

fn cluster(
    transaction: &Transaction<'_>,
    processor: &dyn Processor,
    settlement: &Settlement,
    columns: &'static Table,
) -> Result<()> {
    let manifest = processor.manifest();
    let touched = touched(transaction, manifest, settlement)?;
    let (mut moved, mut due) = (Vec::new(), BTreeSet::new());
    let reviews = super::reviews(transaction, settlement)?;
    for key in keys(transaction, settlement, &touched)? {
        let facts = facts(transaction, settlement, columns, &key)?;
        let known = |hash: i64| Some(hash).filter(|hash| !touched.contains(hash));
        let members = facts.stored.iter().zip(facts.rows.rows());
        let members: Vec<_> = members.map(|((_, hash), values)| Member { values, cluster: known(*hash) }).collect();
        let found = guard::processor("", || processor.clusters(settlement, &key, &members, &reviews));
        let found = found.unwrap_or_else(|_| Clusters { of: vec![key_hash(&key); members.len()], due: [].into() });
        for ((id, old), new) in facts.stored.into_iter().zip(found.of) {
            if old != new {
                moved.push([id, new]);
                due.extend([old, new]);
            }
        }
        due.extend(found.due);
    }
    if !moved.is_empty() {
        transaction.batch("CREATE OR REPLACE TEMP TABLE stage_moved (id BIGINT, new_hash BIGINT)")?;
        transaction.stage("stage_moved", moved.into_iter().map(|row| row.map(Cell::Int)))?;
        let sql = format!(
            "UPDATE facts.{} AS fact SET key_hash = new_hash FROM stage_moved WHERE fact.rowid = id",
            settlement.facts.name
        );
        transaction.execute(&sql, [])?;
    }
    let due: Vec<_> = due.difference(&touched).copied().collect();
    touch::hashes(transaction, manifest, settlement, &due)
}

/// The clusters that something has touched, and the hashes of keys that facts have arrived of, or reviews.
fn touched(transaction: &Transaction<'_>, manifest: &Manifest, settlement: &Settlement) -> Result<BTreeSet<i64>> {
    let mut touched = BTreeSet::new();
    let sql = "SELECT DISTINCT key_hash FROM facts.touched_keys WHERE processor_name = ? AND facts_table = ?";
    transaction.query(sql, params![manifest.name, settlement.facts.name], |row| {
        touched.insert(row.get(0)?);
        Ok(())
    })?;
    Ok(touched)
}

/// The keys of these, in order.
fn keys(transaction: &Transaction<'_>, settlement: &Settlement, touched: &BTreeSet<i64>) -> Result<BTreeSet<String>> {
    let mut keys = BTreeSet::new();
    super::stage_keys(transaction, touched.iter())?;
    let sql = format!(
        "SELECT {key}, bool_or(key_hash IN (SELECT key_hash FROM stage_keys)) FROM facts.{table} GROUP BY {key}",
        key = settlement.key,
        table = settlement.facts.name
    );
    transaction.query(&sql, [], |row| {
        let key = as_text(row, 0)?;
        if row.get(1)? || touched.contains(&key_hash(key)) {
            keys.insert(key.to_owned());
        }
        Ok(())
    })?;
    Ok(keys)
}

/// The facts of a key, each with its row id and the number under which it is stored.
struct Facts {
    stored: Vec<(i64, i64)>,
    rows: Columns,
}

fn facts(transaction: &Transaction<'_>, settlement: &Settlement, columns: &'static Table, key: &str) -> Result<Facts> {
    let mut facts = Facts { stored: Vec::new(), rows: Columns::new(columns) };
    let sql = format!(
        "SELECT rowid, key_hash, {} FROM facts.{} WHERE {} = ?",
        columns.list(),
        settlement.facts.name,
        settlement.key
    );
    transaction.query(&sql, [key], |row| {
        facts.stored.push((row.get(0)?, row.get(1)?));
        push_row(&mut facts.rows, row, 2)
    })?;
    Ok(facts)
}
