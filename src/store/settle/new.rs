//! Keys that the database has nothing of, which most keys of a first run are: they are settled from the facts at
//! hand, in the transaction that writes these.
//!
//! | a key of new facts | what happens |
//! | --- | --- |
//! | the database has no fact and no entity of it | settled here, without reading anything back |
//! | it has some | touched, to be settled with what is there |
//! | people have reviewed entities of the settlement | touched: what they decided counts |
//! | it is joined to others by edges | touched: theirs count |
//! | it shares its hash with another key, and facts can be entities | touched: which facts are is decided by key there |
//! | its facts fall into clusters | touched: which they are in is found when they are all there |
//! | its facts were refused before, in a larger group | touched: settling it can be why |
//!
//! Edges can arrive later in the same transaction: they touch the keys that they join.
//!
//! Both ways have the same result: a key's facts reach the processor in the same order, and a failure stands in
//! the same table. A test settles everything again and finds nothing to write.

use super::fail::{self, Untouched};
use super::run::{OtherInputs, Run};
use super::{Groups, chain, is_any, stage_keys, sweep, touch};
use crate::base::error::Result;
use crate::store::Transaction;
use crate::store::rows::{Fact, Key, append_entities};
use crate::store::stamp::Try;
use chrono::{DateTime, Utc};
use sessionmill_contract::{Cell, Cells as _, Processor, Settlement};
use std::cmp::Ordering;
use std::collections::{BTreeSet, HashSet};

/// Settles the keys of new facts that the database has nothing of, and touches the others.
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
        // Entities stand as their facts do: neighbours have much in common, and take less room then.
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

/// Whether facts are all that a new key is settled from.
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

/// What facts of one key are compared by: as the settlement declares it, and as the database does.
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

/// Nulls come last.
fn compare(a: Cell<'_>, b: Cell<'_>) -> Ordering {
    match (a, b) {
        (Cell::Bool(a), Cell::Bool(b)) => a.cmp(&b),
        (Cell::Int(a), Cell::Int(b)) => a.cmp(&b),
        (Cell::Text(a), Cell::Text(b)) => a.cmp(b),
        (Cell::Time(a), Cell::Time(b)) => a.cmp(&b),
        (a, b) => (a == Cell::Null).cmp(&(b == Cell::Null)),
    }
}

/// Those of the keys that the database has facts or entities of.
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
