//! The lists of keys to settle again.
//!
//! `facts.touched_keys` lists key hashes per settlement. A row is added in the transaction that changes an input of the
//! key. It is removed in the transaction that settles the key or stores its failure, so a crash in between only delays
//! settling. A hash can be listed more than once.
//!
//! For a settlement with [islands], changed facts are listed in `facts.touched_moments` instead, with their time. A key
//! in `facts.touched_keys` is then settled as a whole.

use super::facts_hash;
use super::islands::{self, IslandCutter, Moment};
use crate::base::error::Result;
use crate::store::made_with::{self, MadeWith};
use crate::store::rows::{Cell, key_hash};
use crate::store::{Store, Transaction, lookup};
use chrono::DateTime;
use duckdb::params;
use sessionmill_contract::{Manifest, Processor, RowRef, Settlement, Value};
use std::collections::BTreeSet;

/// Touches keys by their hashes.
pub(in crate::store) fn hashes(
    transaction: &Transaction<'_>,
    manifest: &Manifest,
    settlement: &Settlement,
    hashes: &[i64],
) -> Result<()> {
    let row = |hash: &i64| [Cell::Text(manifest.name), Cell::Text(settlement.facts.name), Cell::Int(*hash)];
    transaction.append("facts", "touched_keys", hashes.iter().map(row))?;
    Ok(())
}

/// Touches the keys of facts that arrived or left, each given with its hash. For a settlement with islands, only the
/// islands around these facts are touched.
pub(in crate::store) fn facts<'f>(
    transaction: &Transaction<'_>,
    processor: &dyn Processor,
    settlement: &Settlement,
    facts: impl Iterator<Item = (i64, RowRef<'f>)>,
) -> Result<()> {
    let manifest = processor.manifest();
    let Some(cutter) = IslandCutter::of(processor, settlement) else {
        let all: BTreeSet<i64> = facts.map(|(hash, _)| hash).collect();
        return hashes(transaction, manifest, settlement, &all.into_iter().collect::<Vec<_>>());
    };
    let moments = cutter.moments(facts);
    let rows = moments.iter().map(|Moment { key_hash, extent: (first, last), span }| {
        let [first, last] = [first, last].map(|at| Cell::Own(DateTime::from_timestamp_micros(*at).into()));
        let span = span.map_or(Cell::Own(Value::Null), Cell::Text);
        [Cell::Text(manifest.name), Cell::Text(settlement.facts.name), Cell::Int(*key_hash), first, last, span]
    });
    transaction.append("facts", "touched_moments", rows)?;
    Ok(())
}

/// Touches keys, given by their texts.
pub(in crate::store) fn keys(
    transaction: &Transaction<'_>,
    manifest: &Manifest,
    settlement: &Settlement,
    keys: &[String],
) -> Result<()> {
    let all: Vec<_> = keys.iter().map(|key| key_hash(key)).collect();
    hashes(transaction, manifest, settlement, &all)
}

/// Touches the keys of the facts that an SQL condition selects. If the settlement declares `alone`, also notes the
/// source files of these facts, because the entities shown for these files change.
pub(in crate::store) fn of_facts(
    transaction: &Transaction<'_>,
    manifest: &Manifest,
    settlement: &Settlement,
    condition: &str,
    parameters: &[&str],
) -> Result<()> {
    let facts = settlement.facts.name;
    let hash = facts_hash(manifest, settlement);
    let sql =
        format!("INSERT INTO facts.touched_keys SELECT DISTINCT ?, ?, {hash} FROM facts.{facts} WHERE {condition}");
    let of_facts = [manifest.name, facts].into_iter().chain(parameters.iter().copied());
    transaction.execute(&sql, duckdb::params_from_iter(of_facts))?;
    if settlement.alone.is_some() {
        let files = format!("SELECT session_file FROM facts.{facts} WHERE {condition}");
        lookup::note_files(transaction, facts, &files, parameters)?;
    }
    Ok(())
}

/// Touches the keys that could not be settled: their old entities can come from facts that no longer exist.
pub(in crate::store) fn failed(
    transaction: &Transaction<'_>,
    manifest: &Manifest,
    settlement: &Settlement,
) -> Result<()> {
    let sql = "INSERT INTO facts.touched_keys
               SELECT DISTINCT processor_name, facts_table, key_hash FROM settling_failures
               WHERE processor_name = ? AND facts_table = ?";
    transaction.execute(sql, params![manifest.name, settlement.facts.name])?;
    Ok(())
}

/// Touches every key that has facts or entities.
pub(in crate::store) fn all(transaction: &Transaction<'_>, manifest: &Manifest, settlement: &Settlement) -> Result<()> {
    let facts = settlement.facts.name;
    let entities = settlement.entities.iter().map(|table| ("key_hash", table.name));
    let tables = std::iter::once((facts_hash(manifest, settlement), facts)).chain(entities);
    let hashes: Vec<_> = tables.map(|(hash, table)| format!("SELECT {hash} AS key_hash FROM facts.{table}")).collect();
    let sql =
        format!("INSERT INTO facts.touched_keys SELECT DISTINCT ?, ?, key_hash FROM ({})", hashes.join(" UNION ALL "));
    transaction.execute(&sql, params![manifest.name, facts])?;
    Ok(())
}

/// The settings with which a settlement is made now.
fn settings(processor: &dyn Processor, settlement: &Settlement) -> String {
    let settings = processor.settings(settlement);
    match settlement.islands {
        Some(_) => format!("{settings} gap {} µs", islands::gap(processor, settlement)).trim_start().to_owned(),
        None => settings,
    }
}

impl Store {
    /// Compares the version and settings of each settlement with those it was last made with. Where they differ,
    /// touches all keys and stores the new ones. A settlement without a stored row counts as version 1 without
    /// settings. Returns the names of the settlements that were stored with others.
    ///
    /// # Errors
    ///
    /// If the database cannot be read or written.
    pub fn touch_changed_rules(&self, processor: &dyn Processor, made_with: &MadeWith) -> Result<Vec<&'static str>> {
        let manifest = processor.manifest();
        let mut changed = Vec::new();
        for settlement in manifest.settlements {
            let (version, settings) = (i64::from(settlement.version), settings(processor, settlement));
            let stored = made_with.get(self.connection(), manifest.name, settlement.name)?;
            if stored.map_or((1, ""), |(version, settings)| (*version, settings.as_str())) == (version, &*settings) {
                continue;
            }
            self.transaction(|transaction| {
                all(transaction, manifest, settlement)?;
                made_with::set(transaction, manifest.name, settlement.name, version, &settings)
            })?;
            changed.extend(stored.map(|_| settlement.name));
        }
        Ok(changed)
    }
}
