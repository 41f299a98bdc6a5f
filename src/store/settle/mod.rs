//! Settling: makes entities from facts. Keys with changes are listed, read in ranges and settled; only rows that differ
//! are written.
//!
//! A *fact* is a row that a processor made from one source file. An *entity* is a row that it makes from all facts of
//! one *key*, such as the id of a response. To *touch* a key is to put it on the list of keys to settle again.
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
//! | [`new`] | settles keys of which the database has nothing yet, from the facts that were just read |
//! | [`range`](mod@range) | cuts the list into ranges, and finds the key whose rows the database refuses |
//! | [`alone`] | facts that are stored as entities themselves, because only one source file has facts of their key |
//! | [`facts`](mod@facts) | reads the stored facts of keys |
//! | [`run`] | passes the facts of each key to the processor |
//! | [`replace`] | writes the rows that differ |
//! | [`chain`] | touches the keys of a later settlement whose facts are these entities |
//! | [`sweep`] | deletes entities whose end time has passed |
//! | [`fail`] | stores why a key failed, and when to try again |
//! | [`groups`] | ids that are joined into one key by edges |
//! | [`clusters`] | facts that are settled together because the processor says that they are related |
//! | [`islands`] | parts of a key's facts, separated by time gaps; a change concerns only some of them |
//!
//! For example, `ada/a.jsonl` and `bob/b.jsonl` both contained response r1, and Bob's file no longer does:
//!
//! 1. *touch*: the commit deletes Bob's fact and lists the hash of r1 in `facts.touched_keys`, in one transaction.
//! 2. *range*: the keys that are due are cut into ranges of hashes with about 100,000 facts each. Each range is one
//!    transaction, which puts its hashes into the temporary table `settling`.
//! 3. *run*: the stored facts are read key by key, and the processor makes entities from them. Here only one source
//!    file with r1 is left, so its fact is itself the entity ([`alone`]), and the processor is not called.
//! 4. *replace*: the old entity is not among the new ones, so it is deleted. Ada's fact is marked as the entity.
//! 5. *fail*: r1 is removed from the list in the same transaction. If the processor had failed on r1, the old entity
//!    would stay, and the reason would be stored in `settling_failures`.
//!
//! A crash before that transaction commits leaves r1 on the list, and the next pass does steps 2 to 5 again.
//!
//! Rows are found by a 64-bit hash of their key. Two keys can share a hash, so their texts are compared, too: each key
//! is settled and replaced, or recorded as failed, by itself.

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
use crate::store::rows::Cell;
use crate::store::{Store, Transaction, lookup};
use duckdb::params;
use facts::facts;
use fail::Untouched;
use islands::IslandCutter;
use run::{OtherInputs, Run, Settled};
use sessionmill_contract::{self as contract, Manifest, Processor, Settlement, Table, Value};

impl Store {
    /// Settles the keys of a range that are due, in one transaction. Keys are due if they are touched, or if they
    /// failed and the wait for the next attempt is over. If a key fails, its entities stay as they were, and the reason
    /// is stored.
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

    /// Creates the temporary tables for the hashes of the keys to settle and, for a settlement with islands, for the
    /// time ranges to settle in each key (in microseconds since 1970).
    fn stage_settling(&self) -> Result<()> {
        Ok(self.connection.execute_batch(
            "CREATE OR REPLACE TEMP TABLE settling (key_hash BIGINT);
             CREATE OR REPLACE TEMP TABLE settling_ranges (key_hash BIGINT, first BIGINT, last BIGINT)",
        )?)
    }
}

/// Puts the keys of a range that are due into `settling`. Returns the stored failures of keys that are not touched.
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

/// Whether the database has any fact or entity of a settlement. During a first run it mostly has none.
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

/// The column by which the facts of a key are found. Where the facts are entities of an earlier settlement, `key_hash`
/// is the hash of their own key there.
fn facts_hash(manifest: &Manifest, settlement: &Settlement) -> &'static str {
    if manifest.is_chained(settlement) { "chain_hash" } else { "key_hash" }
}

/// The key of the row `fact` of the facts, in SQL.
fn key_in_sql(settlement: &Settlement) -> String {
    settlement.key.map_or_else(|| format!("'{}'", settlement.name), |column| format!("fact.{column}"))
}

/// The columns for the source file and the person of a fact, in SQL. Entities used as facts may lack these columns;
/// then the values are empty.
fn origin(manifest: &Manifest, settlement: &Settlement) -> String {
    let is_there = |name: &str| !manifest.is_chained(settlement) || settlement.facts.position(name).is_some();
    ["session_file", "username"].map(|name| if is_there(name) { name } else { "''" }).join(", ")
}

/// The reviews of a settlement, oldest first.
fn reviews(transaction: &Transaction<'_>, settlement: &Settlement) -> Result<Vec<Vec<Value>>> {
    settlement.reviews.map_or(Ok(Vec::new()), |table| all(transaction, "main", table))
}

/// All rows of a table, sorted by its columns from left to right.
pub(super) fn all(transaction: &Transaction<'_>, schema: &str, table: &Table) -> Result<Vec<Vec<Value>>> {
    let mut rows = Vec::new();
    let sql = format!("SELECT {} FROM {schema}.{} ORDER BY ALL", table.list(), table.name);
    transaction.scan(&sql, [], |row| rows.push(row.cells(0, table).map(contract::Cell::to_value).collect()))?;
    Ok(rows)
}
