//! Keys of which the database has nothing yet, as most keys of a first run. They are settled from the facts that were
//! just read, in the transaction that writes these facts.
//!
//! | a key of new facts | what happens |
//! | --- | --- |
//! | the database has no fact and no entity of the key | settled here, without reading anything back |
//! | it has some | touched, to be settled together with the stored ones |
//! | there are reviews of entities of the settlement | touched, because decisions of people are an input |
//! | edges join the key to others | touched, because the facts of the others count, too |
//! | its hash is that of another key, too, and the settlement declares `alone` | touched: settling compares texts |
//! | the settlement has clusters | touched, because the cluster of a fact is known only when all facts are stored |
//! | the database refused the group of files before | touched, because settling the key can be the cause |
//!
//! If edges of a key arrive later in the same transaction, they touch the keys that they join.
//!
//! Both ways give the same result: the facts of a key reach the processor in the same order, and failures are stored in
//! the same table. A test settles everything again and finds nothing to write.

use super::fail::{self, Untouched};
use super::replace::append_entities;
use super::run::{OtherInputs, Run};
use super::{Groups, chain, is_any, stage_keys, sweep, touch};
use crate::base::error::Result;
use crate::store::Transaction;
use crate::store::rows::{Fact, Key};
use crate::store::stamp::Try;
use chrono::{DateTime, Utc};
use sessionmill_contract::{Cell, Cells as _, Processor, Settlement};
use std::cmp::Ordering;
use std::collections::{BTreeSet, HashSet};

/// Settles the keys of new facts of which the database has nothing, and touches all other keys.
pub(in crate::store) fn settle(
    transaction: &Transaction<'_>,
    processor: &dyn Processor,
    settlement: &Settlement,
    facts: &[Fact<'_>],
    groups: &Groups,
    (nth, now): (Try, DateTime<Utc>),
) -> Result<()> {
    let manifest = processor.manifest();
    if facts.is_empty() {
        return Ok(());
    }
    let key = Key::of(settlement, settlement.facts);
    let mut touched: Vec<_> = facts.iter().collect();
    if nth == Try::First && is_settled_at_once(transaction, settlement)? {
        let mut known = known(transaction, settlement, facts.iter().map(|fact| fact.key_hash))?;
        known.extend(facts.iter().filter(|fact| groups.has(key.text(fact.row))).map(|fact| fact.key_hash));
        let order = Order::of(settlement);
        let others = OtherInputs::default();
        let mut run = Run::new(processor, settlement, &others);
        let mut by_hash: Vec<_> = (0..).zip(facts).map(|(at, fact): (usize, _)| (fact.key_hash, at)).collect();
        by_hash.sort_unstable();
        if settlement.alone.is_some() {
            let of = |(_, at): &(i64, usize)| key.text(facts[*at].row);
            let shared = by_hash
                .chunk_by(|a, b| a.0 == b.0)
                .filter(|of_hash| of_hash.iter().any(|fact| of(fact) != of(&of_hash[0])));
            known.extend(shared.map(|of_hash| of_hash[0].0));
        }
        let mut of_hashes: Vec<_> =
            by_hash.chunk_by(|a, b| a.0 == b.0).filter(|of| !known.contains(&of[0].0)).collect();
        // Entities are stored in the order of their facts. Neighbouring rows then have similar values, which compress
        // better.
        of_hashes.sort_unstable_by_key(|of_hash| of_hash[0].1);
        for of_hash in of_hashes {
            let mut of_hash: Vec<_> = of_hash.iter().map(|(_, at)| &facts[*at]).collect();
            of_hash.sort_by(|a, b| key.text(a.row).cmp(key.text(b.row)).then_with(|| order.compare(a, b)));
            for of_key in of_hash.chunk_by(|a, b| key.text(a.row) == key.text(b.row)) {
                let rows: Vec<_> = of_key.iter().map(|fact| fact.as_row()).collect();
                run.settle(of_key[0].key_hash, key.text(of_key[0].row), &rows);
            }
        }
        let settled = run.end();
        for table in settlement.entities {
            let rows: Vec<_> = sweep::lasting(settlement, table, now, settled.entities(table)).collect();
            append_entities(transaction, manifest, table, &rows)?;
            chain::differ(transaction, processor, table, rows.iter().map(|(_, row)| *row))?;
        }
        let failed = Untouched::default().after(&settled.failed, now);
        fail::append(transaction, manifest, settlement, &failed)?;
        touched.retain(|fact| known.contains(&fact.key_hash));
    }
    touch::facts(transaction, processor, settlement, touched.iter().map(|fact| (fact.key_hash, fact.row)))
}

/// Whether the settlement lets new keys be settled at once: it has no clusters, and there are no reviews.
fn is_settled_at_once(transaction: &Transaction<'_>, settlement: &Settlement) -> Result<bool> {
    if settlement.clusters.is_some() {
        return Ok(false);
    }
    match settlement.reviews {
        Some(reviews) => is_empty(transaction, reviews.name),
        None => Ok(true),
    }
}

fn is_empty(transaction: &Transaction<'_>, table: &str) -> Result<bool> {
    Ok(transaction.number(&format!("SELECT count(*) FROM (FROM {table} LIMIT 1)"), [])? == 0)
}

/// The columns by which the facts of one key are compared, as the settlement declares. The result is the same as that
/// of the database's `ORDER BY`.
struct Order(Vec<By>);

enum By {
    SessionFile,
    Username,
    Column(usize),
}

impl Order {
    fn of(settlement: &Settlement) -> Self {
        let by = |column: &&str| match *column {
            "session_file" => Some(By::SessionFile),
            "username" => Some(By::Username),
            column => settlement.facts.position(column).map(By::Column),
        };
        Self(settlement.order.iter().filter_map(by).collect())
    }

    fn compare(&self, a: &Fact<'_>, b: &Fact<'_>) -> Ordering {
        let by = |by: &By| match *by {
            By::SessionFile => a.file.session_file.cmp(&b.file.session_file),
            By::Username => a.file.username.cmp(&b.file.username),
            By::Column(position) => compare(a.row.cell(position), b.row.cell(position)),
        };
        self.0.iter().map(by).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    }
}

/// Nulls come last, as in the database.
fn compare(a: Cell<'_>, b: Cell<'_>) -> Ordering {
    match (a, b) {
        (Cell::Bool(a), Cell::Bool(b)) => a.cmp(&b),
        (Cell::Int(a), Cell::Int(b)) => a.cmp(&b),
        (Cell::Text(a), Cell::Text(b)) => a.cmp(b),
        (Cell::Time(a), Cell::Time(b)) => a.cmp(&b),
        (a, b) => (a == Cell::Null).cmp(&(b == Cell::Null)),
    }
}

/// The hashes of which the database has facts or entities.
fn known(
    transaction: &Transaction<'_>,
    settlement: &Settlement,
    hashes: impl Iterator<Item = i64>,
) -> Result<HashSet<i64>> {
    let mut known = HashSet::new();
    if !is_any(transaction, settlement)? {
        return Ok(known);
    }
    let hashes: BTreeSet<i64> = hashes.collect();
    stage_keys(transaction, hashes.iter())?;
    for table in std::iter::once(&settlement.facts).chain(settlement.entities) {
        let sql =
            format!("SELECT key_hash FROM facts.{} WHERE key_hash IN (SELECT key_hash FROM stage_keys)", table.name);
        transaction.query(&sql, [], |row| {
            known.insert(row.get(0)?);
            Ok(())
        })?;
    }
    Ok(known)
}
