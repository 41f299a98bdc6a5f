//! Entities whose source files no longer contain them, because a log was rewritten and became shorter, or because a
//! processor now reads it differently.

use crate::base::error::Result;
use crate::store::Store;
use duckdb::params;
use sessionmill_contract::{Manifest, Settlement, Table};

impl Store {
    /// Counts the entities of touched keys without any facts, by the source file that they came from. Settling will
    /// delete these entities.
    ///
    /// # Errors
    ///
    /// If the database cannot be read.
    pub fn dropped(&self, manifest: &Manifest) -> Result<Vec<(String, u64)>> {
        let mut dropped = Vec::new();
        // With edges, a key without facts can have been joined to another key. Its entities are then not lost but
        // settled under that key.
        let is_of_files = |settlement: &Settlement| !manifest.is_chained(settlement) && settlement.edges.is_none();
        for settlement in manifest.settlements.iter().filter(|settlement| is_of_files(settlement)) {
            let of_files = |table: &&&Table| table.position("session_file").is_some();
            let Some(entities) = settlement.entities.first().filter(of_files) else { continue };
            let sql = format!(
                "WITH touched AS (
                     SELECT key_hash FROM facts.touched_keys WHERE processor_name = $1 AND facts_table = $2
                     UNION SELECT key_hash FROM facts.touched_moments WHERE processor_name = $1 AND facts_table = $2),
                 lost AS (FROM touched ANTI JOIN facts.{facts} USING (key_hash))
                 SELECT session_file, count(*) FROM facts.{entities} SEMI JOIN lost USING (key_hash)
                 GROUP BY session_file ORDER BY session_file",
                facts = settlement.facts.name,
                entities = entities.name
            );
            let mut statement = self.connection.prepare(&sql)?;
            let mut rows = statement.query(params![manifest.name, settlement.facts.name])?;
            while let Some(row) = rows.next()? {
                dropped.push((row.get(0)?, row.get::<_, i64>(1)?.cast_unsigned()));
            }
        }
        Ok(dropped)
    }
}
