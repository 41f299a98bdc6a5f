//! The touched keys of a settlement, in parts that are small enough to settle in memory, one transaction
//! each.
//!
//! A part is a range of key hashes. Hashes are spread evenly, so equal parts of their range hold about as
//! many keys. When the database refuses what a part settles to, the part is halved until the one key that is
//! to blame is found: the others settle, and that key fails.

use super::{LARGE, Unsettled, fail};
use crate::error::{Error, Result};
use crate::store::fault::Fault;
use crate::store::{Store, Turns, keep};
use chrono::{DateTime, Utc};
use duckdb::params;
use sessionmill_contract::{Manifest, Processor, Settlement};

/// From the first key hash to the last one.
pub type Range = (i64, i64);

/// Keys that are settled in one transaction, about.
const KEYS: u64 = 25_000;

impl Store {
    /// The touched keys of a settlement, in parts of about equal size.
    ///
    /// # Errors
    ///
    /// If the database cannot be read.
    pub fn touched(&self, manifest: &Manifest, settlement: &Settlement) -> Result<Vec<Range>> {
        let keys: i64 = self.connection.query_row(
            "SELECT count(DISTINCT key_hash) FROM facts.touched_keys WHERE processor_name = ? AND facts_table = ?",
            params![manifest.name, settlement.facts.name],
            |row| row.get(0),
        )?;
        let parts = i128::from(keys.cast_unsigned().div_ceil(KEYS));
        let bound = |part: i128| i64::try_from(i128::from(i64::MIN) + (part << 64) / parts).unwrap_or(i64::MAX);
        let end = |part: i128| if part + 1 == parts { i64::MAX } else { bound(part + 1) - 1 };
        Ok((0..parts).map(|part| (bound(part), end(part))).collect())
    }

    /// The touched keys of a range, in their order.
    fn touched_in(&self, manifest: &Manifest, settlement: &Settlement, (from, to): Range) -> Result<Vec<i64>> {
        let mut statement = self.connection.prepare(
            "SELECT DISTINCT key_hash FROM facts.touched_keys
             WHERE processor_name = ? AND facts_table = ? AND key_hash BETWEEN ? AND ? ORDER BY key_hash",
        )?;
        let keys = statement.query_map(params![manifest.name, settlement.facts.name, from, to], |row| row.get(0))?;
        Ok(keys.collect::<duckdb::Result<_>>()?)
    }

    /// The touched keys that are to be settled apart, because they have many facts.
    ///
    /// # Errors
    ///
    /// If the database cannot be read.
    pub fn large(&self, manifest: &Manifest, settlement: &Settlement) -> Result<Vec<i64>> {
        let sql = format!(
            "SELECT key_hash FROM facts.{} WHERE key_hash IN
             (SELECT key_hash FROM facts.touched_keys WHERE processor_name = ? AND facts_table = ?)
             GROUP BY key_hash HAVING count(*) >= ? ORDER BY key_hash",
            settlement.facts.name
        );
        let mut statement = self.connection.prepare(&sql)?;
        let keys = statement.query_map(params![manifest.name, settlement.facts.name, LARGE], |row| row.get(0))?;
        Ok(keys.collect::<duckdb::Result<_>>()?)
    }
}

impl Turns {
    /// Settles the touched keys of a range. Returns those that failed.
    ///
    /// # Errors
    ///
    /// If the database cannot be read or written, for a reason that lies in no key.
    pub fn settle(
        &mut self,
        processor: &dyn Processor,
        settlement: &Settlement,
        range: Range,
        now: DateTime<Utc>,
    ) -> Result<Vec<Unsettled>> {
        let error = match self.get()?.settle(processor, settlement, range, now) {
            Ok(failed) => return Ok(failed),
            Err(error) => error,
        };
        match error.fault {
            Some(Fault::Refused | Fault::Memory) => {}
            // Keys that are settled already are not touched any more, so none is settled twice.
            Some(Fault::Unsure) => self.close(),
            _ => return Err(error),
        }
        let keys = self.get()?.touched_in(processor.manifest(), settlement, range)?;
        match keys[..] {
            [] => Ok(Vec::new()),
            [_] if error.fault == Some(Fault::Unsure) => Err(error),
            [key_hash] => Ok(vec![self.get()?.refused(processor, settlement, key_hash, error, now)?]),
            _ => {
                let middle = keys[keys.len() / 2];
                let mut failed = self.settle(processor, settlement, (range.0, middle - 1), now)?;
                failed.append(&mut self.settle(processor, settlement, (middle, range.1), now)?);
                Ok(failed)
            }
        }
    }
}

impl Store {
    /// Keeps that the database refuses what a key settles to.
    pub(super) fn refused(
        &self,
        processor: &dyn Processor,
        settlement: &Settlement,
        key_hash: i64,
        error: Error,
        now: DateTime<Utc>,
    ) -> Result<Unsettled> {
        let sql = format!(
            "SELECT coalesce(min({}), '') FROM facts.{} WHERE key_hash = ?",
            settlement.key, settlement.facts.name
        );
        let key: String = self.connection.query_row(&sql, [key_hash], |row| row.get(0))?;
        let failed = Unsettled { key_hash, key, failure: keep::failure(error) };
        self.stage_settling()?;
        self.transaction(|transaction| {
            transaction.execute("INSERT INTO settling VALUES (?)", [key_hash])?;
            fail::write(transaction, processor.manifest(), settlement, std::slice::from_ref(&failed), now)
        })?;
        Ok(failed)
    }
}
