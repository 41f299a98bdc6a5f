//! Groups facts that the processor considers related. Each group, a cluster, is settled by itself.
//!
//! A new fact is stored under the hash of the settlement's name, and from then on under the number of its cluster. The
//! entities of the cluster are stored under that number, too. So all code that finds rows by the hash of a key also
//! works with clusters.
//!
//! For example, facts `a` and `b` say the same, and no other fact does: they are a cluster. When `c` arrives and says
//! the same as `b`, all three are one cluster. When `b` leaves, its cluster is touched, and the facts that are left are
//! clustered again. Facts of clusters that are not touched stay where they are.

use super::touch;
use crate::base::error::Result;
use crate::base::guard;
use crate::store::rows::{Cell, key_hash};
use crate::store::{Store, Transaction};
use duckdb::params;
use sessionmill_contract::{Clusters, Columns, Manifest, Member, Processor, Settlement, Table};
use std::collections::BTreeSet;

impl Store {
    /// Assigns the facts of touched clusters, and new facts, to clusters, and touches the clusters that have changed.
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
    if touched.is_empty() {
        return Ok(());
    }
    let reviews = super::reviews(transaction, settlement)?;
    let facts = facts(transaction, settlement, columns)?;
    let known = |hash: i64| Some(hash).filter(|hash| !touched.contains(hash));
    let members = facts.stored.iter().zip(facts.rows.rows());
    let members: Vec<_> = members.map(|((_, hash), values)| Member { values, cluster: known(*hash) }).collect();
    let found = guard::processor("", || processor.clusters(settlement, &members, &reviews));
    let one = || Clusters { of: vec![key_hash(settlement.name); members.len()], due: [].into() };
    let found = found.unwrap_or_else(|_| one());
    let (mut moved, mut due) = (Vec::new(), BTreeSet::from_iter(found.due));
    for ((id, old), new) in facts.stored.into_iter().zip(found.of) {
        if old != new {
            moved.push([id, new]);
            due.extend([old, new]);
        }
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

/// The numbers of the touched clusters. For new facts and reviews, this includes the hash of the settlement's name.
fn touched(transaction: &Transaction<'_>, manifest: &Manifest, settlement: &Settlement) -> Result<BTreeSet<i64>> {
    let mut touched = BTreeSet::new();
    let sql = "SELECT DISTINCT key_hash FROM facts.touched_keys WHERE processor_name = ? AND facts_table = ?";
    transaction.query(sql, params![manifest.name, settlement.facts.name], |row| {
        touched.insert(row.get(0)?);
        Ok(())
    })?;
    Ok(touched)
}

/// All facts of a settlement, each with its row id and the number under which it is stored.
struct Facts {
    stored: Vec<(i64, i64)>,
    rows: Columns,
}

fn facts(transaction: &Transaction<'_>, settlement: &Settlement, columns: &'static Table) -> Result<Facts> {
    let mut facts = Facts { stored: Vec::new(), rows: Columns::new(columns) };
    let sql = format!("SELECT rowid, key_hash, {} FROM facts.{}", columns.list(), settlement.facts.name);
    transaction.scan(&sql, [], |row| {
        facts.stored.push((row.int(0), row.int(1)));
        facts.rows.push(row.cells(2, columns));
    })?;
    Ok(facts)
}
