//! A key with facts in such numbers that settling it takes longer than others should wait for the database: it is read,
//! settled with the database let go of, and written if nothing that it was settled from has changed
//! meanwhile.

use super::facts::{Facts, facts};
use super::fail::Untouched;
use super::run::{OtherInputs, Run};
use super::{due, facts_hash, islands, origin, replace, write};
use crate::base::error::Result;
use crate::base::failpoint;
use crate::base::fault::Fault;
use crate::source::retry::Retries;
use crate::store::{SharedStore, Transaction};
use sessionmill_contract::{Manifest, Processor, Settlement};

/// What a large key is settled from, as of one moment.
#[derive(Debug)]
struct Basis {
    /// By key: keys of one hash are settled together.
    facts: Vec<(String, Facts)>,
    others: OtherInputs,
    /// Of the facts.
    mark: String,
    /// What stood of it.
    known: Untouched,
}

impl SharedStore {
    /// Settles a large key. One that has changed meanwhile stays touched, and is settled with the others.
    ///
    /// # Errors
    ///
    /// If the database cannot be read or written, for a reason that does not lie in the key.
    pub fn settle_apart(
        &mut self,
        processor: &dyn Processor,
        settlement: &Settlement,
        key_hash: i64,
        retries: Retries,
    ) -> Result<()> {
        let manifest = processor.manifest();
        let store = self.get()?;
        store.stage_settling()?;
        let mut basis =
            store.transaction(|transaction| basis(transaction, processor, settlement, key_hash, retries))?;
        self.end()?;
        let facts = std::mem::take(&mut basis.facts);
        let mut run = Run::new(processor, settlement, &basis.others).leaving(basis.known.held());
        for (key, facts) in &facts {
            run.settle(key_hash, key, &facts.rows());
        }
        let settled = run.end();
        let store = self.get()?;
        store.stage_settling()?;
        let written = store.transaction(|transaction| {
            if is_same(transaction, manifest, settlement, (key_hash, &basis))? {
                transaction.execute("INSERT INTO settling VALUES (?)", [key_hash])?;
                islands::whole(transaction, manifest, settlement)?;
                write(transaction, processor, settlement, &settled, &basis.known, retries)?;
                failpoint::point("settle", settlement.facts.name);
            }
            Ok(())
        });
        match written {
            // It is settled with the others if nothing of it was kept.
            Err(error) if error.fault == Some(Fault::Unsure) => {
                self.close();
                Ok(())
            }
            Err(error) if matches!(error.fault, Some(Fault::Refused | Fault::Memory)) => {
                self.refused(processor, settlement, key_hash, error, retries)
            }
            written => written,
        }
    }
}

fn basis(
    transaction: &Transaction<'_>,
    processor: &dyn Processor,
    settlement: &Settlement,
    key_hash: i64,
    retries: Retries,
) -> Result<Basis> {
    let (manifest, hash) = (processor.manifest(), key_hash.to_string());
    let known = due(transaction, manifest, settlement, (key_hash, key_hash), retries)?;
    // It is settled as a whole, also if nothing of it is due any more.
    transaction.execute("INSERT INTO settling VALUES (?)", [key_hash])?;
    islands::whole(transaction, manifest, settlement)?;
    let mut of_key = Vec::new();
    facts(transaction, processor, settlement, &hash, |_, key, facts| of_key.push((key.to_owned(), facts.take())))?;
    let mut others = OtherInputs::of(transaction, manifest, settlement, &hash)?;
    if let Some(table) = settlement.memo {
        let of_key = replace::of_keys(table, &hash);
        replace::stored(transaction, table, &of_key, |_, row| others.memo.push(row.to_vec()))?;
    }
    let mark = mark(transaction, manifest, settlement, key_hash)?;
    Ok(Basis { facts: of_key, others, mark, known })
}

/// Whether a key would be settled from the same as before.
fn is_same(
    transaction: &Transaction<'_>,
    manifest: &Manifest,
    settlement: &Settlement,
    (key_hash, from): (i64, &Basis),
) -> Result<bool> {
    Ok(mark(transaction, manifest, settlement, key_hash)? == from.mark
        && OtherInputs::of(transaction, manifest, settlement, &key_hash.to_string())?.is_as(&from.others))
}

/// Identifies the facts of a key: their number, and the sum of their hashes.
fn mark(transaction: &Transaction<'_>, manifest: &Manifest, settlement: &Settlement, key_hash: i64) -> Result<String> {
    let mut mark = String::new();
    let sql = format!(
        "SELECT count(*) || ' ' || coalesce(sum(hash({origin}, {columns})), 0)
         FROM facts.{table} WHERE {hash} = {key_hash}",
        origin = origin(manifest, settlement),
        hash = facts_hash(manifest, settlement),
        columns = settlement.facts.list(),
        table = settlement.facts.name
    );
    transaction.query(&sql, [], |row| {
        mark = row.get(0)?;
        Ok(())
    })?;
    Ok(mark)
}
