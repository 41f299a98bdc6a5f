//! Facts become entities, in one room: keys are touched, read in ranges, settled, and what differs is written.
//!
//! ```text
//! touch ──▶ range ──▶ run ──▶ replace
//!   ▲                  └────▶ fail ──▶ range, when the wait is over
//!   └── new ──▶ run
//! ```
//!
//! | module | what it does |
//! | --- | --- |
//! | [`touch`] | lists the keys whose facts, decisions or rules have changed |
//! | [`new`] | settles keys that the database has nothing of, from the facts that were just read |
//! | [`range`](mod@range) | cuts that list into parts, and finds the key that the database refuses |
//! | [`alone`] | facts that are entities as they stand, because one source file alone knows their key |
//! | [`facts`](mod@facts) | reads the stored facts of keys |
//! | [`run`] | hands the facts of one key after the other to the processor |
//! | [`replace`] | writes the rows that differ |
//! | [`chain`] | touches the keys of a later settlement, whose facts are these rows |
//! | [`sweep`] | deletes rows that have ended |
//! | [`fail`] | stores why a key failed, and when it is tried again |
//! | [`groups`] | which ids are one key, because edges join them |
//! | [`clusters`] | which facts have to do with each other, as the processor says |
//! | [`islands`] | the parts that the facts of a key fall into, and which of them a change concerns |
//!
//! For example, `ada/a.jsonl` and `bob/b.jsonl` both said response r1, and Bob's file says it no more:
//!
//! 1. *touch*: the commit deletes Bob's fact and lists the hash of r1 in `facts.touched_keys`, in one transaction.
//! 2. *range*: the keys that are due are cut into ranges of hashes of about 100,000 facts. Each range is one
//!    transaction, which puts its hashes into the temporary table `settling`.
//! 3. *run*: the stored facts come back key by key, and the processor makes entities of them. Here one source file is
//!    left that says r1, so its fact is the entity ([`alone`]), and nothing is made.
//! 4. *replace*: the old entity is not among the new ones, so it is deleted. Ada's fact gets the mark.
//! 5. *fail*: r1 is taken off the list in the same transaction. If the processor had failed on it, the old entity
//!    would stay, and the reason would stand in `settling_failures`.
//!
//! A crash before that transaction commits leaves r1 on the list, and the next pass does steps 2 to 5 again.
//!
//! The 64-bit hash of a key only narrows what is read. Keys that share one are distinguished by their text: each
//! is settled, replaced and noted as failed by itself.

pub(super) mod alone;
mod chain;
mod clusters;
mod facts;
mod fail;
mod groups;
mod islands;
pub(super) mod new;
mod range;
pub(super) mod replace;
mod run;
mod sweep;
pub(super) mod touch;

pub(super) use groups::Groups;
pub use range::Range;

use crate::base::error::Result;
use crate::base::failpoint;
use crate::source::retry::Retries;
use crate::store::rows::{Cell, values};
use crate::store::{Store, Transaction, lookup};
use duckdb::params;
use facts::facts;
use fail::Untouched;
use islands::IslandCutter;
use run::{OtherInputs, Run, Settled};
use sessionmill_contract::{Manifest, Processor, Settlement, Table, Value};

impl Store {
    /// Settles the keys of a range that are due in one transaction: those that are touched, and those that have
    /// failed and are to be tried again. The entities of a key that fails stay what they were, and the reason
    /// is kept.
    ///
    /// # Errors
    ///
    /// If the database cannot be read or written.
    pub fn settle(
        &self,
        processor: &dyn Processor,
        settlement: &Settlement,
        range: Range,
        retries: Retries,
    ) -> Result<()> {
        self.stage_settling()?;
        self.transaction(|transaction| {
            let known = due(transaction, processor.manifest(), settlement, range, retries)?;
            settle(transaction, processor, settlement, &known, retries)
        })
    }

    /// Makes the temporary tables for the hashes of the keys that a transaction settles, and for the ranges of
    /// their times, in microseconds since 1970, where these have islands.
    fn stage_settling(&self) -> Result<()> {
        Ok(self.connection.execute_batch(
            "CREATE OR REPLACE TEMP TABLE settling (key_hash BIGINT);
             CREATE OR REPLACE TEMP TABLE settling_ranges (key_hash BIGINT, first BIGINT, last BIGINT)",
        )?)
    }
}

/// Puts the keys of a range that are due into `settling`. Returns the failures that stand among them.
fn due(
    transaction: &Transaction<'_>,
    manifest: &Manifest,
    settlement: &Settlement,
    range: Range,
    retries: Retries,
) -> Result<Untouched> {
    for table in ["touched_keys", "touched_moments"] {
        let sql = format!(
            "INSERT INTO settling SELECT DISTINCT key_hash FROM facts.{table}
             WHERE processor_name = ? AND facts_table = ? AND key_hash BETWEEN ? AND ?"
        );
        transaction.execute(&sql, params![manifest.name, settlement.facts.name, range.0, range.1])?;
    }
    let known = fail::untouched(transaction, manifest, settlement, range, retries)?;
    transaction.stage("settling", known.due.keys().map(|(key_hash, _)| [Cell::Int(*key_hash)]))?;
    islands::whole(transaction, manifest, settlement)?;
    Ok(known)
}

/// Settles the keys in `settling`.
fn settle(
    transaction: &Transaction<'_>,
    processor: &dyn Processor,
    settlement: &Settlement,
    known: &Untouched,
    retries: Retries,
) -> Result<()> {
    const KEYS: &str = "SELECT key_hash FROM settling";
    let manifest = processor.manifest();
    if let Some(cutter) = IslandCutter::of(processor, settlement) {
        cutter.ranges(transaction, manifest, settlement)?;
    }
    let others = OtherInputs::of(transaction, manifest, settlement, KEYS)?;
    let mut run = Run::new(processor, settlement, &others).leaving(known.held());
    facts(transaction, processor, settlement, KEYS, |hash, key, facts| run.settle(hash, key, &facts.rows()))?;
    let settled = run.end();
    write(transaction, processor, settlement, &settled, known, retries)?;
    failpoint::point("settle", settlement.facts.name);
    Ok(())
}

/// Writes the results of the keys in `settling`.
fn write(
    transaction: &Transaction<'_>,
    processor: &dyn Processor,
    settlement: &Settlement,
    settled: &Settled,
    known: &Untouched,
    retries: Retries,
) -> Result<()> {
    alone::note_files(transaction, settlement)?;
    let mut keeping = known.held();
    keeping.extend(settled.failed.iter().map(|failed| (failed.key_hash, failed.key.as_str())));
    for table in settlement.entities {
        let rows = || sweep::lasting(settlement, table, retries.now, settled.entities(table));
        replace::entities(transaction, (processor, settlement), table, &keeping, rows)?;
    }
    alone::mark(transaction, settlement, &keeping)?;
    lookup::note(transaction)?;
    let manifest = processor.manifest();
    fail::write(transaction, manifest, settlement, &known.after(&settled.failed, retries.now), &known.held)
}

/// Whether the database has any fact or entity of a settlement: most keys of a first run come when there is nothing yet.
fn is_any(transaction: &Transaction<'_>, settlement: &Settlement) -> Result<bool> {
    let tables = std::iter::once(&settlement.facts).chain(settlement.entities);
    let tables: Vec<_> = tables.map(|table| format!("EXISTS (FROM facts.{})", table.name)).collect();
    Ok(transaction.number(&format!("SELECT ({})::BIGINT", tables.join(" OR ")), [])? > 0)
}

/// Puts key hashes into `stage_keys`.
fn stage_keys<'h>(transaction: &Transaction<'_>, hashes: impl Iterator<Item = &'h i64>) -> Result<()> {
    transaction.batch("CREATE OR REPLACE TEMP TABLE stage_keys (key_hash BIGINT)")?;
    transaction.stage("stage_keys", hashes.map(|hash| [Cell::Int(*hash)]))?;
    Ok(())
}

/// The column by which the facts of a key are found: entities have one of their own key before.
fn facts_hash(manifest: &Manifest, settlement: &Settlement) -> &'static str {
    if manifest.is_chained(settlement) { "chain_hash" } else { "key_hash" }
}

/// The key of the row `fact` of the facts, in SQL.
fn key_in_sql(settlement: &Settlement) -> String {
    settlement.key.map_or_else(|| format!("'{}'", settlement.name), |column| format!("fact.{column}"))
}

/// The source file and the person of a fact, in SQL. Entities have them where their table has such columns.
fn origin(manifest: &Manifest, settlement: &Settlement) -> String {
    let is_there = |name: &str| !manifest.is_chained(settlement) || settlement.facts.position(name).is_some();
    ["session_file", "username"].map(|name| if is_there(name) { name } else { "''" }).join(", ")
}

/// The reviews of a settlement, oldest first.
fn reviews(transaction: &Transaction<'_>, settlement: &Settlement) -> Result<Vec<Vec<Value>>> {
    settlement.reviews.map_or(Ok(Vec::new()), |table| all(transaction, "main", table))
}

/// All rows of a table, by its first columns.
pub(super) fn all(transaction: &Transaction<'_>, schema: &str, table: &Table) -> Result<Vec<Vec<Value>>> {
    let mut rows = Vec::new();
    let sql = format!("SELECT {} FROM {schema}.{} ORDER BY ALL", table.list(), table.name);
    transaction.query(&sql, [], |row| {
        rows.push(values(row, 0, table)?);
        Ok(())
    })?;
    Ok(rows)
}
