//! Files of different sources that have one name.
//!
//! As long as its source has the file, a name is its own. When the file is gone, or the source is retired or
//! not named by the run, the file of another source can take the name. If its bytes are the same, it is the same
//! file, and the row is its own from then on. If not, the older file keeps what it said under a name that
//! no walk finds: `ada/shop/s.jsonl` of source `old` is `ada/(old 1f3870be)/shop/s.jsonl` then, with the
//! beginning of its hash.

use crate::base::error::Result;
use crate::store::Transaction;
use crate::store::schema::Schema;
use crate::store::settle::touch;
use sessionmill_contract::Manifest;

/// Tables that name files, beside those of facts.
const TABLES: [&str; 6] = [
    "session_files",
    "session_dialects",
    "session_unknown_lines",
    "session_failures",
    "session_waits",
    "processor_run_errors",
];

/// Gives another name to files whose name a staged file of another source and of other bytes has.
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
    // The ledger has a primary key, under which a changed name would be there twice for a moment.
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
