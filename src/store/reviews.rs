//! What people decide about entities, and what was found out about them: rows that are added and never
//! changed.

use crate::error::Result;
use crate::failpoint;
use crate::store::Store;
use crate::store::rows::{Cell, append_touched, key_hash};
use crate::store::settle::all;
use sessionmill_contract::{Manifest, Settlement, Value};

/// Rows of a table, which follow its columns.
type Values = Vec<Vec<Value>>;

impl Store {
    /// Adds rows to the reviews of a settlement, each after a number of its own, and touches the keys
    /// that they can change anything about. These wait for the next pass, unless they are settled at once.
    ///
    /// # Errors
    ///
    /// If the database cannot be written.
    pub fn review(
        &self,
        manifest: &Manifest,
        settlement: &Settlement,
        rows: &[impl AsRef<[Value]>],
        keys: &[String],
    ) -> Result<()> {
        let Some(table) = settlement.reviews else { return Ok(()) };
        failpoint::point("before-review", table.name);
        self.transaction(|transaction| {
            let sql = format!("SELECT coalesce(max({}), 0) + 1 FROM {}", table.columns[0], table.name);
            let first = transaction.number(&sql, [])?;
            let rows = (first..)
                .zip(rows)
                .map(|(number, row)| std::iter::once(Cell::Int(number)).chain(row.as_ref().iter().map(Cell::Value)));
            transaction.append("main", table.name, rows)?;
            let hashes: Vec<_> = keys.iter().map(|key| key_hash(key)).collect();
            append_touched(transaction, manifest.name, settlement, &hashes)
        })
    }

    /// The entities of a settlement, which are the rows of its first table, and their reviews.
    ///
    /// # Errors
    ///
    /// If the database cannot be read.
    pub fn reviewed(&self, settlement: &Settlement) -> Result<(Values, Values)> {
        self.transaction(|transaction| {
            let entities = settlement.entities.first().map(|table| all(transaction, "facts", table));
            let reviews = settlement.reviews.map(|table| all(transaction, "main", table));
            Ok((entities.transpose()?.unwrap_or_default(), reviews.transpose()?.unwrap_or_default()))
        })
    }
}
