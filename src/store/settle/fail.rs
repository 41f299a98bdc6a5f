//! Keys that could not be settled, and when they are tried again. The rules are those for source files, in
//! [`crate::source::retry`].
//!
//! A key that fails is removed from the list of touched keys and stored in `settling_failures`; its entities stay as
//! they were. It is tried again when its wait is over, unless it is given up. When its facts, reviews, rules or
//! settings change, the key is touched, which ends the wait and restarts the count of its failures. So a failure need
//! not record what it depended on.

use super::Range;
use super::run::Unsettled;
use crate::base::error::Result;
use crate::source::retry::{Retries, Standing};
use crate::store::Transaction;
use crate::store::failures::{STANDING, chance, standing, standing_cells};
use crate::store::rows::{Cell, as_text};
use chrono::{DateTime, Utc};
use duckdb::params;
use sessionmill_contract::{Manifest, Settlement};
use std::collections::{BTreeMap, HashSet};

/// Stored failures, by the hash of the key and the key.
pub(super) type Failures = BTreeMap<(i64, String), Standing>;

/// Stored failures of keys that are not touched.
#[derive(Debug, Default)]
pub(super) struct Untouched {
    /// Keys whose wait is over.
    pub(super) due: Failures,
    /// Keys to leave alone, which share a hash with keys that are settled.
    pub(super) held: Failures,
}

impl Untouched {
    /// The keys to leave alone.
    pub(super) fn held(&self) -> HashSet<(i64, &str)> {
        self.held.keys().map(|(key_hash, key)| (*key_hash, key.as_str())).collect()
    }

    /// The failures to store after these keys have failed once more.
    pub(super) fn after(&self, failed: &[Unsettled], now: DateTime<Utc>) -> Failures {
        let after = |Unsettled { key_hash, key, failure }: &Unsettled| {
            let place = (*key_hash, key.clone());
            let last = self.due.get(&place);
            let standing = Standing::after(last, failure.clone(), now, chance(key, last));
            (place, standing)
        };
        failed.iter().map(after).collect()
    }
}

/// Stored failures in a range of keys: those that are due for another attempt, and those to leave alone that share a
/// hash with one that is due. Hashes in `settling` are omitted: their keys are touched, which ends the wait.
pub(super) fn untouched(
    transaction: &Transaction<'_>,
    manifest: &Manifest,
    settlement: &Settlement,
    range: Range,
    retries: Retries,
) -> Result<Untouched> {
    let is_held = |standing: &Standing| {
        // A key that already failed in this pass waits for the next one. Compared in microseconds, the precision of the
        // database.
        let is_of_this_pass = standing.last_failed_at.timestamp_micros() == retries.now.timestamp_micros();
        is_of_this_pass || standing.holds(retries)
    };
    let all = known(transaction, manifest, settlement, range)?;
    let (mut held, due): (Failures, Failures) = all.into_iter().partition(|(_, standing)| is_held(standing));
    let hashes: HashSet<i64> = due.keys().map(|(key_hash, _)| *key_hash).collect();
    held.retain(|(key_hash, _), _| hashes.contains(key_hash));
    Ok(Untouched { due, held })
}

/// The stored failures in a range of keys, except those whose hash is in `settling`.
pub(super) fn known(
    transaction: &Transaction<'_>,
    manifest: &Manifest,
    settlement: &Settlement,
    (from, to): Range,
) -> Result<Failures> {
    let sql = format!(
        "SELECT key_hash, key, {STANDING} FROM settling_failures WHERE processor_name = ? AND facts_table = ?
         AND key_hash BETWEEN ? AND ? AND key_hash NOT IN (SELECT key_hash FROM settling)"
    );
    let mut failures = Failures::new();
    transaction.query(&sql, params![manifest.name, settlement.facts.name, from, to], |row| {
        failures.insert((row.get(0)?, as_text(row, 1)?.to_owned()), standing(row, 2)?);
        Ok(())
    })?;
    Ok(failures)
}

/// Removes the keys in `settling` from the lists of touched keys, and stores the failures that remain: keys that failed
/// now, and keys that were left alone.
pub(super) fn write(
    transaction: &Transaction<'_>,
    manifest: &Manifest,
    settlement: &Settlement,
    failed: &Failures,
    held: &Failures,
) -> Result<()> {
    for table in ["settling_failures", "facts.touched_keys", "facts.touched_moments"] {
        let sql = format!(
            "DELETE FROM {table} WHERE processor_name = ? AND facts_table = ?
             AND key_hash IN (SELECT key_hash FROM settling)"
        );
        transaction.execute(&sql, params![manifest.name, settlement.facts.name])?;
    }
    append(transaction, manifest, settlement, failed)?;
    append(transaction, manifest, settlement, held)
}

/// Appends failures to the table.
pub(super) fn append(
    transaction: &Transaction<'_>,
    manifest: &Manifest,
    settlement: &Settlement,
    failures: &Failures,
) -> Result<()> {
    let rows = failures.iter().map(|((key_hash, key), standing)| {
        let [class, message, state, attempts, strikes, first_failed_at, last_failed_at, next_try_at] =
            standing_cells(standing);
        let of_key = [
            Cell::Text(manifest.name),
            Cell::Text(settlement.facts.name),
            Cell::Int(*key_hash),
            Cell::Text(key),
            class,
            message,
            strikes,
        ];
        of_key.into_iter().chain([first_failed_at, last_failed_at, state, attempts, next_try_at])
    });
    transaction.append("main", "settling_failures", rows)?;
    Ok(())
}
