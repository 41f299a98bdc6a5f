//! What people decide about entities: rows that are added and never changed.

use crate::error::Result;
use crate::store::Store;
use crate::store::rows::{Cell, append_touched, key_hash};
use sessionmill_contract::{Manifest, Settlement, Value};

impl Store {
    /// Adds a row to the reviews of a settlement, after a number of its own, and touches the keys that
    /// it can change anything about. They wait for the next pass, unless they are settled at once.
    ///
    /// # Errors
    ///
    /// If the database cannot be written.
    pub fn review<const N: usize>(
        &self,
        manifest: &Manifest,
        settlement: &Settlement,
        row: &[Value; N],
        keys: &[String],
    ) -> Result<()> {
        let Some(table) = settlement.reviews else { return Ok(()) };
        self.transaction(|transaction| {
            let sql = format!("SELECT coalesce(max({}), 0) + 1 FROM {}", table.columns[0], table.name);
            let number = transaction.number(&sql, [])?;
            let row = std::iter::once(Cell::Int(number)).chain(row.iter().map(Cell::Value));
            transaction.append("main", table.name, std::iter::once(row))?;
            let hashes: Vec<_> = keys.iter().map(|key| key_hash(key)).collect();
            append_touched(transaction, manifest.name, settlement, &hashes)
        })
    }
}
