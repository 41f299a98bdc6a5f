//! Keys that could not be settled, and when they are tried again: by the rules of [`crate::source::retry`], as
//! source files are.
//!
//! A key that fails is taken off the list of touched ones and stands in `settling_failures`; its entities stay
//! what they were. It is tried again when its wait is over, unless it is given up. Whatever changes about it
//! touches it: facts, decisions, rules, settings. That ends the wait, and its failures are counted anew. So
//! a failure does not have to say what it was about.

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

/// Failures that stand, by the hash of the key and the key.
pub(super) type Failures = BTreeMap<(i64, String), Standing>;

/// What stands of keys that are not touched.
#[derive(Debug, Default)]
pub(super) struct Untouched {
    /// Their time has come.
    pub(super) due: Failures,
    /// They are left alone, but have the hash of others that are settled.
    pub(super) held: Failures,
}

impl Untouched {
    /// The keys that are left alone.
    pub(super) fn held(&self) -> HashSet<(i64, &str)> {
        self.held.keys().map(|(key_hash, key)| (*key_hash, key.as_str())).collect()
    }

    /// What stands after keys have failed once more.
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

/// Stored failures in a range of keys: those due for another try, and those left alone that share a hash with one. Keys
/// whose hash is in `settling` are omitted: they are touched, which ends their wait.
pub(super) fn untouched(
    transaction: &Transaction<'_>,
    manifest: &Manifest,
    settlement: &Settlement,
    range: Range,
    retries: Retries,
) -> Result<Untouched> {
    let is_held = |standing: &Standing| {
        // What failed in this pass already is left to the next one. The database knows microseconds.
        let is_of_this_pass = standing.last_failed_at.timestamp_micros() == retries.now.timestamp_micros();
        is_of_this_pass || standing.holds(retries)
    };
    let all = known(transaction, manifest, settlement, range)?;
    let (mut held, due): (Failures, Failures) = all.into_iter().partition(|(_, standing)| is_held(standing));
    let hashes: HashSet<i64> = due.keys().map(|(key_hash, _)| *key_hash).collect();
    held.retain(|(key_hash, _), _| hashes.contains(key_hash));
    Ok(Untouched { due, held })
}

/// The failures of a range of keys, except those of the hashes in `settling`.
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

/// Writes what stands of the keys in `settling`, which are touched no longer: those that failed, and those that
/// were left alone.
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

/// Adds failures to the table.
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
