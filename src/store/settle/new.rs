//! Keys that the database has nothing of, which most keys of a first run are: they are settled from the facts at
//! hand, in the transaction that writes these.
//!
//! | a key of new facts | what happens |
//! | --- | --- |
//! | the database has no fact and no entity of it | settled here, without reading anything back |
//! | it has some | touched, to be settled with what is there |
//! | people have reviewed entities of the settlement | touched: what they decided counts |
//! | it is joined to others by edges | touched: theirs count |
//! | its settlement has a memo | touched: what is at hand is a small part of it |
//! | its facts were refused before, in a larger group | touched: settling it can be why |
//!
//! Edges can arrive later in the same transaction: they touch the keys that they join.
//!
//! Both ways come to the same: a key's facts reach the processor in the same order, and a failure stands in
//! the same table. A test settles everything again and finds nothing to write.

use super::fail::{self, Untouched};
use super::run::{Beside, Run, Settled};
use super::{Groups, chain, sweep, touch};
use crate::base::error::Result;
use crate::store::Transaction;
use crate::store::rows::{Cell, append_entities};
use crate::store::stamp::Try;
use chrono::{DateTime, Utc};
use sessionmill_contract::{FactRow, Processor, Settlement, SourceFile, Value};
use std::cmp::Ordering;
use std::collections::{BTreeSet, HashSet};

/// Settles the keys of new facts that the database has nothing of, and touches the others.
pub(in crate::store) fn settle(
    transaction: &Transaction<'_>,
    processor: &dyn Processor,
    settlement: &Settlement,
    facts: &[(&SourceFile, &[Value])],
    groups: &Groups,
    (nth, now): (Try, DateTime<Utc>),
) -> Result<()> {
    let manifest = processor.manifest();
    let Some(key) = settlement.facts.position(settlement.key) else { return Ok(()) };
    let hashed = facts.iter().filter_map(|(file, row)| {
        let key = row.get(key)?.as_str()?;
        Some((groups.hash(key), key, *file, *row))
    });
    let mut hashed: Vec<_> = hashed.collect();
    if nth == Try::First && is_settled_at_once(transaction, settlement)? {
        hashed.sort_by(|a, b| (a.0, a.1).cmp(&(b.0, b.1)).then_with(|| declared(settlement, (a.2, a.3), (b.2, b.3))));
        let mut known = known(transaction, settlement, hashed.iter().map(|(hash, ..)| *hash))?;
        known.extend(hashed.iter().filter(|(_, key, ..)| groups.has(key)).map(|(hash, ..)| *hash));
        let beside = Beside::default();
        let mut run = Run::new(processor, settlement, &beside);
        for (hash, key, file, row) in hashed.iter().filter(|(hash, ..)| !known.contains(hash)) {
            let (session_file, username) = ((*file.session_file).into(), (*file.username).into());
            run.push(*hash, key, FactRow { session_file, username, values: row.to_vec() });
        }
        let Settled { entities, failed } = run.end();
        for table in settlement.entities {
            let rows: Vec<_> = sweep::lasting(settlement, table, now, entities.of(table)).collect();
            append_entities(transaction, manifest, table, settlement, &rows)?;
            chain::differ(transaction, processor, table, &rows)?;
        }
        let failed = Untouched::default().after(&failed, now);
        fail::append(transaction, manifest, settlement, &failed)?;
        hashed.retain(|(hash, ..)| known.contains(hash));
    }
    touch::facts(transaction, processor, settlement, hashed.iter().map(|(hash, _, _, row)| (*hash, *row)))
}

/// Whether facts are all that a new key is settled from, and are likely to be all that it has. Keys of a settlement
/// with a memo grow large: what is at hand is a small part of one.
fn is_settled_at_once(transaction: &Transaction<'_>, settlement: &Settlement) -> Result<bool> {
    if settlement.memo.is_some() {
        return Ok(false);
    }
    match settlement.reviews {
        Some(reviews) => {
            Ok(transaction.number(&format!("SELECT count(*) FROM (FROM {} LIMIT 1)", reviews.name), [])? == 0)
        }
        None => Ok(true),
    }
}

/// Compares facts of one key by the order that the settlement declares, as the database does.
fn declared(settlement: &Settlement, a: (&SourceFile, &[Value]), b: (&SourceFile, &[Value])) -> Ordering {
    let by = |column: &&str| match *column {
        "session_file" => a.0.session_file.cmp(&b.0.session_file),
        "username" => a.0.username.cmp(&b.0.username),
        column => {
            let position = settlement.facts.position(column);
            position.map_or(Ordering::Equal, |position| compare(a.1.get(position), b.1.get(position)))
        }
    };
    settlement.order.iter().map(by).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

/// Nulls come last.
fn compare(a: Option<&Value>, b: Option<&Value>) -> Ordering {
    match (a, b) {
        (Some(Value::Bool(a)), Some(Value::Bool(b))) => a.cmp(b),
        (Some(Value::Int(a)), Some(Value::Int(b))) => a.cmp(b),
        (Some(Value::Text(a)), Some(Value::Text(b))) => a.cmp(b),
        (Some(Value::Time(a)), Some(Value::Time(b))) => a.cmp(b),
        (a, b) => (a == Some(&Value::Null)).cmp(&(b == Some(&Value::Null))),
    }
}

/// Those of the keys that the database has facts or entities of.
fn known(
    transaction: &Transaction<'_>,
    settlement: &Settlement,
    hashes: impl Iterator<Item = i64>,
) -> Result<HashSet<i64>> {
    let hashes: BTreeSet<i64> = hashes.collect();
    transaction.batch("CREATE OR REPLACE TEMP TABLE stage_keys (key_hash BIGINT)")?;
    transaction.stage("stage_keys", hashes.into_iter().map(|hash| [Cell::Int(hash)]))?;
    let mut known = HashSet::new();
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
