//! People who are not to be in the database, or not in the facts of a processor: what was said of them is
//! erased, and what they write is not read again.

use crate::error::Result;
use crate::scan::Walk;
use crate::store::origin::Origin;
use crate::store::rows::Cell;
use crate::store::{Store, Transaction, known, runs, snapshot, sources};
use chrono::{DateTime, Utc};
use duckdb::params;
use sessionmill_contract::{Manifest, Processor};
use std::collections::BTreeSet;

/// The reason for taking no file of a person who was forgotten.
pub const FORGOTTEN: &str = "its user is forgotten";

/// What the database held of people.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Erased {
    pub files: u64,
    pub facts: u64,
}

/// Erases a person, and remembers to keep them out. The keys that they had facts of are touched.
///
/// # Errors
///
/// If the database cannot be written.
pub fn forget(store: &Store, manifests: &[&Manifest], username: &str, now: DateTime<Utc>) -> Result<Erased> {
    let erased = store.transaction(|transaction| {
        let mut erased = Erased::default();
        for manifest in manifests {
            erased.facts += erase(transaction, manifest, username)?;
        }
        // Every table below names files, and a file is named by its user first.
        for table in ["session_unknown_lines", "processor_run_errors", "session_waits", "files_left_out"] {
            let sql = format!("DELETE FROM {table} WHERE starts_with(session_file, ? || '/')");
            transaction.execute(&sql, [username])?;
        }
        runs::forget(transaction, username)?;
        erased.files = transaction.execute("DELETE FROM session_files WHERE username = ?", [username])? as u64;
        transaction.execute("DELETE FROM forgotten_users WHERE username = ?", [username])?;
        transaction.execute("INSERT INTO forgotten_users VALUES (?, ?)", params![username, Cell::Time(now)])?;
        Ok(erased)
    })?;
    let database = store.lock.database();
    Origin::of(&sources::of(store)?, known::forgotten(store.connection(), database)?).write(database)?;
    Ok(erased)
}

/// Erases from each processor's facts the people that it excludes. Snapshots that can tell of them go before.
/// Returns who of them was known.
///
/// # Errors
///
/// If the database cannot be used, or a snapshot not be removed.
pub fn exclude(store: &Store, processors: &[&dyn Processor]) -> Result<BTreeSet<String>> {
    let mut excluded = BTreeSet::new();
    let known = known::users(store.connection(), "SELECT DISTINCT username FROM session_processor_state")?;
    for processor in processors {
        let manifest = processor.manifest();
        for username in known.iter().filter(|username| processor.excludes(username)) {
            store.transaction(|transaction| {
                let facts = erase(transaction, manifest, username)?;
                if facts > 0 { snapshot::remove(store.lock.database()).map(drop) } else { Ok(()) }
            })?;
            excluded.insert(username.clone());
        }
    }
    Ok(excluded)
}

/// Takes no file of those who were forgotten.
pub fn hide(forgotten: &BTreeSet<String>, walk: &mut Walk) {
    for found in walk.found.iter_mut().filter(|found| forgotten.contains(&found.file.username)) {
        found.stat = Err(FORGOTTEN);
    }
}

/// Erases what a processor says of a person. Returns how many facts that was.
fn erase(transaction: &Transaction<'_>, manifest: &Manifest, username: &str) -> Result<u64> {
    let mut facts = 0;
    for table in manifest.facts {
        let name = table.name;
        if manifest.settlement_of(table).is_some() {
            let sql = format!(
                "INSERT INTO facts.touched_keys SELECT DISTINCT ?, ?, key_hash FROM facts.{name} WHERE username = ?"
            );
            transaction.execute(&sql, params![manifest.name, name, username])?;
        }
        facts += transaction.execute(&format!("DELETE FROM facts.{name} WHERE username = ?"), [username])? as u64;
    }
    for table in ["session_processor_state", "session_failures"] {
        let sql = format!("DELETE FROM {table} WHERE processor_name = ? AND username = ?");
        transaction.execute(&sql, [manifest.name, username])?;
    }
    Ok(facts)
}
