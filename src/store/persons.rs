//! Single people within a user folder, such as the visitors of a site: finding their facts, and erasing them.

use crate::base::error::Result;
use crate::store::rows::{Cell, as_text};
use crate::store::settle::touch;
use crate::store::{Store, Transaction, forget};
use duckdb::params;
use sessionmill_contract::Manifest;
use std::collections::BTreeSet;

/// Which facts of a processor are about single people of a user folder.
#[derive(Clone, Copy)]
pub struct PersonFacts {
    /// Makes the name of a person in the processor's tables, from a user folder and an id: the prefix of the folder,
    /// then the id.
    pub name: fn(&str, &str) -> String,
    /// A query for the names of all ids that belong to the same person, with one parameter: the name of one of these
    /// ids. The result includes that name.
    pub joined: &'static str,
    /// Tables of facts, each with an SQL condition for the facts about anybody in `stage_persons`. That table has the
    /// columns `person` (the name), `username` and `id`.
    pub facts: &'static [(&'static str, &'static str)],
}

/// The names of all ids of the person to whom an id of a user folder belongs, including that id. Empty if there are no
/// facts about any of them.
///
/// # Errors
///
/// If the database cannot be read.
pub fn known(store: &Store, persons: &PersonFacts, username: &str, id: &str) -> Result<BTreeSet<String>> {
    store.transaction(|transaction| {
        let mut names = BTreeSet::new();
        transaction.query(persons.joined, [(persons.name)(username, id)], |row| {
            names.insert(as_text(row, 0)?.to_owned());
            Ok(())
        })?;
        stage(transaction, persons, username, &names)?;
        for (table, condition) in persons.facts {
            let sql = format!("SELECT count(*) FROM (FROM facts.{table} WHERE {condition} LIMIT 1)");
            if transaction.number(&sql, [])? > 0 {
                return Ok(names);
            }
        }
        Ok(BTreeSet::new())
    })
}

/// Erases the facts about people of a user folder and touches the keys of these facts. Returns the number of erased
/// facts.
///
/// # Errors
///
/// If the database cannot be written.
pub fn erase(
    store: &Store,
    manifest: &Manifest,
    persons: &PersonFacts,
    username: &str,
    names: &BTreeSet<String>,
) -> Result<u64> {
    store.transaction(|transaction| {
        stage(transaction, persons, username, names)?;
        let mut erased = 0;
        for (table, condition) in persons.facts {
            let settlements = manifest.settlements.iter().filter(|settlement| settlement.facts.name == *table);
            for settlement in settlements {
                touch::of_facts(transaction, manifest, settlement, condition, &[])?;
            }
            erased += transaction.execute(&format!("DELETE FROM facts.{table} WHERE {condition}"), [])? as u64;
        }
        for settlement in manifest.settlements {
            touch::failed(transaction, manifest, settlement)?;
        }
        if erased > 0 {
            forget::begin(transaction)?;
        }
        Ok(erased)
    })
}

/// Makes all files of a user folder due again for a processor. Their facts stay until the files are read.
///
/// # Errors
///
/// If the database cannot be written.
pub fn read_again(store: &Store, manifest: &Manifest, username: &str) -> Result<()> {
    store.transaction(|transaction| {
        let sql = "UPDATE session_processor_state SET processor_version = NULL
                   WHERE processor_name = ? AND username = ?";
        transaction.execute(sql, params![manifest.name, username])?;
        Ok(())
    })
}

/// Puts people into the temporary table `stage_persons`.
fn stage(transaction: &Transaction<'_>, persons: &PersonFacts, username: &str, names: &BTreeSet<String>) -> Result<()> {
    transaction.batch("CREATE OR REPLACE TEMP TABLE stage_persons (person VARCHAR, username VARCHAR, id VARCHAR)")?;
    let prefix = (persons.name)(username, "");
    let id = |name| Cell::Text(str::strip_prefix(name, &prefix).unwrap_or(name));
    let rows = names.iter().map(|name| [Cell::Text(name), Cell::Text(username), id(name)]);
    transaction.stage("stage_persons", rows)?;
    Ok(())
}
