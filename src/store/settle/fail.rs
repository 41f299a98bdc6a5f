//! Keys that could not be settled, and why. They stay touched, so that the next pass tries again, and their
//! entities stay what they were.

use super::Unsettled;
use crate::error::Result;
use crate::store::Transaction;
use crate::store::rows::Cell;
use chrono::{DateTime, Utc};
use duckdb::params;
use sessionmill_contract::{Manifest, Settlement};

pub(super) const STAGING: &str = "CREATE OR REPLACE TEMP TABLE unsettled AS FROM settling_failures LIMIT 0";

/// Writes what failed among the keys in `settling`, forgets the failures of the others, and takes the hashes
/// of which no key failed off the list of touched ones.
pub(super) fn write(
    transaction: &Transaction<'_>,
    manifest: &Manifest,
    settlement: &Settlement,
    failed: &[Unsettled],
    now: DateTime<Utc>,
) -> Result<()> {
    let place = params![manifest.name, settlement.facts.name];
    if !failed.is_empty() {
        stage(transaction, manifest, settlement, failed, now)?;
    }
    transaction.execute(
        "DELETE FROM settling_failures WHERE processor_name = ? AND facts_table = ?
         AND key_hash IN (SELECT key_hash FROM settling)",
        place,
    )?;
    if !failed.is_empty() {
        transaction.execute("INSERT INTO settling_failures SELECT * FROM unsettled", [])?;
        transaction.execute("DELETE FROM settling WHERE key_hash IN (SELECT key_hash FROM unsettled)", [])?;
    }
    transaction.execute(
        "DELETE FROM facts.touched_keys WHERE processor_name = ? AND facts_table = ?
         AND key_hash IN (SELECT key_hash FROM settling)",
        place,
    )?;
    Ok(())
}

/// Stages failures, each with how often the key has failed before and since when.
fn stage(
    transaction: &Transaction<'_>,
    manifest: &Manifest,
    settlement: &Settlement,
    failed: &[Unsettled],
    now: DateTime<Utc>,
) -> Result<()> {
    let rows = failed.iter().map(|Unsettled { key_hash, key, failure }| {
        [
            Cell::Text(manifest.name),
            Cell::Text(settlement.facts.name),
            Cell::Int(*key_hash),
            Cell::Text(key),
            Cell::Text(failure.class.name()),
            Cell::Text(&failure.message),
            Cell::Int(1),
            Cell::Time(now),
            Cell::Time(now),
        ]
    });
    transaction.stage("unsettled", rows)?;
    transaction.execute(
        "UPDATE unsettled SET strikes = known.strikes + 1,
             first_failed_at = least(known.first_failed_at, unsettled.first_failed_at)
         FROM settling_failures AS known WHERE known.processor_name = unsettled.processor_name
             AND known.facts_table = unsettled.facts_table AND known.key = unsettled.key",
        [],
    )?;
    Ok(())
}
