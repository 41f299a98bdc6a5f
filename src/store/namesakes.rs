//! Files of different sources with the same name.
//!
//! While a source has a file, the name belongs to that file. If the file is gone, or its source is retired or not part
//! of the run, a file of another source can take over the name. If its content is the same, it counts as the same file
//! and takes over the rows. Otherwise the rows of the older file get a name that no walk finds. For example,
//! `ada/shop/s.jsonl` of source `old` becomes `ada/(old 1f3870be)/shop/s.jsonl`, with the first 8 digits of its hash.

use crate::base::error::Result;
use crate::store::Transaction;
use crate::store::schema::Schema;
use crate::store::settle::touch;
use sessionmill_contract::Manifest;

/// Tables with names of files, other than the ledger and tables of facts.
const TABLES: [&str; 6] = [
    "session_files",
    "session_dialects",
    "session_unknown_lines",
    "session_failures",
    "session_waits",
    "processor_run_errors",
];

/// Renames files if a staged file of another source has the same name and other content.
///
/// # Errors
///
/// If the database cannot be written.
pub(super) fn make_way(transaction: &Transaction<'_>, manifests: &[&Manifest], schema: &Schema) -> Result<()> {
    transaction.batch(
        "CREATE OR REPLACE TEMP TABLE stage_renamed AS
         SELECT known.session_file AS old_name, known.username || '/(' || known.source || ' ' ||
             left(known.file_hash, 8) || ')' || substr(known.session_file, len(known.username) + 1) AS new_name
         FROM session_files AS known
         JOIN stage_files AS staged ON staged.session_file = known.session_file
         WHERE known.source <> staged.source AND known.file_hash <> staged.file_hash;
         -- What it said then is kept already.
         DELETE FROM stage_renamed WHERE new_name IN (SELECT session_file FROM session_files)",
    )?;
    if transaction.number("SELECT count(*) FROM stage_renamed", [])? == 0 {
        return Ok(());
    }
    // The ledger has a primary key, and an update in place would have the old and the new name at the same time.
    transaction.batch(
        "CREATE OR REPLACE TEMP TABLE stage_moved_states AS FROM session_processor_state
             WHERE session_file IN (SELECT old_name FROM stage_renamed);
         DELETE FROM session_processor_state WHERE session_file IN (SELECT old_name FROM stage_renamed);
         UPDATE stage_moved_states SET session_file = new_name FROM stage_renamed WHERE session_file = old_name;
         INSERT INTO session_processor_state FROM stage_moved_states",
    )?;
    for table in TABLES {
        rename(transaction, table)?;
    }
    let all = schema.manifests();
    let others = all.iter().filter(|known| manifests.iter().all(|own| own.name != known.name));
    for manifest in manifests.iter().chain(others) {
        for table in manifest.facts {
            if let Some(settlement) = manifest.settlement_of(table) {
                let renamed = "session_file IN (SELECT old_name FROM stage_renamed)";
                touch::of_facts(transaction, manifest, settlement, renamed, &[])?;
            }
            rename(transaction, &format!("facts.{}", table.name))?;
        }
    }
    Ok(())
}

fn rename(transaction: &Transaction<'_>, table: &str) -> Result<()> {
    let sql = format!("UPDATE {table} SET session_file = new_name FROM stage_renamed WHERE session_file = old_name");
    transaction.execute(&sql, [])?;
    Ok(())
}
