//! The keys of a settlement that are due, in parts that are small enough to settle in memory. Each part is settled in
//! one transaction.
//!
//! A part is a range of key hashes. Hashes are distributed evenly, so ranges of equal width hold about the same number
//! of keys. If the database refuses the entities of a part, the part is halved until the key at fault is found: that
//! key fails, and all others are settled.

use super::fail::{self, Untouched};
use super::run::Unsettled;
use super::{due, facts_hash, groups, islands, settle};
use crate::base::error::{Error, Result};
use crate::base::fault::Fault;
use crate::source::retry::Retries;
use crate::store::rows::as_text;
use crate::store::{SharedStore, Store, keep};
use sessionmill_contract::{Manifest, Processor, Settlement};

/// From the first key hash to the last one.
pub type Range = (i64, i64);

/// About how many facts are settled in one transaction.
const FACTS: u64 = 100_000;

/// A key counts as at least this many facts, on average over all keys that are due.
const WEIGHT: u64 = 10;

/// All hashes.
const ALL: Range = (i64::MIN, i64::MAX);

impl Store {
    /// The keys of a settlement that are due, in parts of about equal size.
    ///
    /// # Errors
    ///
    /// If the database cannot be read.
    pub fn due(&self, manifest: &Manifest, settlement: &Settlement, retries: Retries) -> Result<Vec<Range>> {
        let sql = format!(
            "SELECT greatest((SELECT count(DISTINCT key_hash) FROM settling) * {WEIGHT},
                 (SELECT count(*) FROM facts.{table} WHERE {hash} IN (SELECT key_hash FROM settling)))",
            table = settlement.facts.name,
            hash = facts_hash(manifest, settlement),
        );
        let facts = self.due_in(manifest, settlement, ALL, retries, &sql)?;
        let facts = facts.first().copied().unwrap_or_default().cast_unsigned();
        // Cuts the hashes from `i64::MIN` to `i64::MAX` into parts of equal width.
        let parts = i128::from(facts.div_ceil(FACTS));
        let bound = |part: i128| i64::try_from(i128::from(i64::MIN) + (part << 64) / parts).unwrap_or(i64::MAX);
        let end = |part: i128| if part + 1 == parts { i64::MAX } else { bound(part + 1) - 1 };
        Ok((0..parts).map(|part| (bound(part), end(part))).collect())
    }

    /// Whether any key of a processor can be due. In most passes none is, and this is the cheapest query to find out.
    ///
    /// # Errors
    ///
    /// If the database cannot be read.
    pub fn is_any_due(&self, manifest: &Manifest) -> Result<bool> {
        let sql = "SELECT EXISTS (FROM facts.touched_keys WHERE processor_name = $1)
                   OR EXISTS (FROM facts.touched_moments WHERE processor_name = $1)
                   OR EXISTS (FROM settling_failures WHERE processor_name = $1)";
        Ok(self.connection.query_row(sql, [manifest.name], |row| row.get(0))?)
    }

    /// Whether a key of the settlement can be due.
    ///
    /// # Errors
    ///
    /// If the database cannot be read.
    pub fn may_be_due(&self, manifest: &Manifest, settlement: &Settlement) -> Result<bool> {
        let sql = "SELECT EXISTS (FROM facts.touched_keys WHERE processor_name = $1 AND facts_table = $2)
                   OR EXISTS (FROM facts.touched_moments WHERE processor_name = $1 AND facts_table = $2)
                   OR EXISTS (FROM settling_failures WHERE processor_name = $1 AND facts_table = $2)";
        Ok(self.connection.query_row(sql, [manifest.name, settlement.facts.name], |row| row.get(0))?)
    }

    /// The numbers that a query returns about the due keys of a range, which are in `settling` when it runs.
    fn due_in(
        &self,
        manifest: &Manifest,
        settlement: &Settlement,
        range: Range,
        retries: Retries,
        sql: &str,
    ) -> Result<Vec<i64>> {
        self.stage_settling()?;
        self.transaction(|transaction| {
            due(transaction, manifest, settlement, range, retries)?;
            let mut numbers = Vec::new();
            transaction.query(sql, [], |row| {
                numbers.push(row.get(0)?);
                Ok(())
            })?;
            Ok(numbers)
        })
    }
}

impl SharedStore {
    /// Settles the keys of a range that are due. If the database refuses the entities, halves the range until the key
    /// at fault is found, and stores a failure for it.
    ///
    /// # Errors
    ///
    /// If the database cannot be read or written, for a reason that no key has caused.
    pub fn settle(
        &mut self,
        processor: &dyn Processor,
        settlement: &Settlement,
        range: Range,
        retries: Retries,
    ) -> Result<()> {
        let Err(error) = self.get()?.settle(processor, settlement, range, retries) else { return Ok(()) };
        match error.fault {
            Some(Fault::Refused | Fault::Memory) => {}
            // After the database is opened again, keys that were settled are not due any more, so no key is settled
            // twice.
            Some(Fault::Unsure) => self.close(),
            _ => return Err(error),
        }
        let sql = "SELECT DISTINCT key_hash FROM settling ORDER BY key_hash";
        let keys = self.get()?.due_in(processor.manifest(), settlement, range, retries, sql)?;
        match keys[..] {
            [] => Ok(()),
            [_] if error.fault == Some(Fault::Unsure) => Err(error),
            [key_hash] => self.refused(processor, settlement, key_hash, error, retries),
            _ => {
                let middle = keys[keys.len() / 2];
                self.settle(processor, settlement, (range.0, middle - 1), retries)?;
                self.settle(processor, settlement, (middle, range.1), retries)
            }
        }
    }

    /// Stores that the database refused the entities of the keys with one hash. If several keys share the hash, each is
    /// then settled by itself, and only those that are refused again stay failed.
    pub(super) fn refused(
        &mut self,
        processor: &dyn Processor,
        settlement: &Settlement,
        key_hash: i64,
        error: Error,
        retries: Retries,
    ) -> Result<()> {
        let keys: Vec<_> = self.get()?.refuse(processor.manifest(), settlement, key_hash, error, retries)?;
        for key in keys.iter().filter(|_| keys.len() > 1) {
            match self.get()?.settle_one(processor, settlement, (key_hash, key), retries) {
                Err(Error { fault: Some(Fault::Refused | Fault::Memory), .. }) | Ok(()) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl Store {
    /// Stores that the database refused the entities of the keys with one hash. Returns these keys.
    fn refuse(
        &self,
        manifest: &Manifest,
        settlement: &Settlement,
        key_hash: i64,
        error: Error,
        retries: Retries,
    ) -> Result<Vec<String>> {
        let failure = keep::failure(error);
        let (from, key) = groups::keyed(manifest, settlement);
        let hash = facts_hash(manifest, settlement);
        let sql = format!("SELECT DISTINCT {key} FROM {from} WHERE {hash} = ? ORDER BY ALL");
        self.stage_settling()?;
        self.transaction(|transaction| {
            let known = due(transaction, manifest, settlement, (key_hash, key_hash), retries)?;
            let mut failed = Vec::new();
            transaction.query(&sql, [key_hash], |row| {
                let key = as_text(row, 0)?.to_owned();
                failed.push(Unsettled { key_hash, key, failure: failure.clone() });
                Ok(())
            })?;
            let held = known.held();
            failed.retain(|failed| !held.contains(&(key_hash, &failed.key)));
            let failed = known.after(&failed, retries.now);
            fail::write(transaction, manifest, settlement, &failed, &known.held)?;
            Ok(failed.into_keys().map(|(_, key)| key).collect())
        })
    }

    /// Settles one of the keys that share a hash.
    fn settle_one(
        &self,
        processor: &dyn Processor,
        settlement: &Settlement,
        (key_hash, key): (i64, &str),
        retries: Retries,
    ) -> Result<()> {
        self.stage_settling()?;
        self.transaction(|transaction| {
            let mut held = fail::known(transaction, processor.manifest(), settlement, (key_hash, key_hash))?;
            held.remove(&(key_hash, key.to_owned()));
            transaction.execute("INSERT INTO settling VALUES (?)", [key_hash])?;
            islands::whole(transaction, processor.manifest(), settlement)?;
            settle(transaction, processor, settlement, &Untouched { held, ..Untouched::default() }, retries)
        })
    }
}
