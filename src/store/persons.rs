//! Single people within a user folder, such as the visitors of a site: finding their facts, erasing them, and keeping
//! them out.
//!
//! A file beside the database keeps their ids out. The database has a copy of its content, [`set`] in the transaction
//! that erases these ids. If file and copy differ, because the database was replaced by an older copy, an erasure was
//! interrupted or the file is lost, the next run makes both agree, and until then nothing is published.

use crate::base::error::{Error, Result, Status};
use crate::store::reader::Reader;
use crate::store::rows::{Cell, as_text, as_time};
use crate::store::schema::{PersonFacts, Persons, TakenOver};
use crate::store::settle::touch;
use crate::store::{DatabaseFile, Store, Transaction, beside, forget, lookup, snapshot};
use chrono::{DateTime, Utc};
use duckdb::params;
use sessionmill_contract::Manifest;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

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

/// Erases the facts about people of a user folder, who are in the file, and touches the keys of these facts. The
/// database must have followed the file before they were added. Returns the number of erased facts.
///
/// # Errors
///
/// If the database cannot be written.
pub fn erase(
    store: &Store,
    manifest: &Manifest,
    persons: &Persons,
    username: &str,
    names: &BTreeSet<String>,
    now: DateTime<Utc>,
) -> Result<u64> {
    let content = (persons.content)(store.lock.database())?;
    store.transaction(|transaction| {
        stage(transaction, &persons.facts, username, names)?;
        let erased = erase_staged(transaction, manifest, &persons.facts)?;
        set(transaction, manifest, content.as_deref(), Some(now))?;
        Ok(erased)
    })
}

/// Erases the facts about everybody in `stage_persons`. Returns their number.
fn erase_staged(transaction: &Transaction<'_>, manifest: &Manifest, persons: &PersonFacts) -> Result<u64> {
    let mut erased = 0;
    for (table, condition) in persons.facts {
        let settlements = manifest.settlements.iter().filter(|settlement| settlement.facts.name == *table);
        for settlement in settlements {
            touch::of_facts(transaction, manifest, settlement, condition, &[])?;
            // The ledger counts the facts of each file, and would show how many were erased.
            let sql = format!(
                "UPDATE session_processor_state AS state SET items_extracted = items_extracted - gone.facts
                 FROM (SELECT session_file, count(*) AS facts FROM facts.{table} WHERE {condition} GROUP BY ALL) AS gone
                 WHERE state.processor_name = ? AND state.session_file = gone.session_file"
            );
            transaction.execute(&sql, [manifest.name])?;
        }
        erased += transaction.execute(&format!("DELETE FROM facts.{table} WHERE {condition}"), [])? as u64;
    }
    for settlement in manifest.settlements {
        touch::failed(transaction, manifest, settlement)?;
    }
    if erased > 0 {
        lookup::note(transaction)?;
        forget::begin(transaction)?;
    }
    Ok(erased)
}

/// What [`enforce`] has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Enforced {
    /// The file that lacked ids which the database knows, and their number: they were added. A processor that was made
    /// before does not know them.
    pub added: Vec<(String, u64)>,
    /// The file whose key is another one than the database knows, and the number of ids that are not kept out any more.
    pub lost: Vec<(String, u64)>,
    /// The number of ids whose facts were erased.
    pub erased: u64,
}

/// Makes the database follow the files that keep people out. Where a file is not as the database knows it, ids that
/// only the database knows are added to the file, and all facts about ids in the file are erased; all snapshots are
/// removed before that. If nothing has changed, only the contents are compared. The caller holds the locks of these
/// processors.
///
/// # Errors
///
/// If a file or the database cannot be read or written, or a snapshot cannot be removed.
pub fn enforce(
    store: &Store,
    database: &DatabaseFile,
    manifests: &[&Manifest],
    now: DateTime<Utc>,
) -> Result<Enforced> {
    let mut enforced = Enforced::default();
    for (manifest, persons) in database.schema.persons() {
        let is_wanted = manifests.iter().any(|wanted| wanted.name == manifest.name);
        if !is_wanted || follows(store.reader(), database, manifest, &persons)? {
            continue;
        }
        if let Some(copy) = copy(store.reader(), manifest)? {
            let TakenOver { added, lost } = (persons.take_over)(database, &copy)?;
            let name = beside(database, persons.file).display().to_string();
            enforced.added.extend((added > 0).then(|| (name.clone(), added)));
            enforced.lost.extend((lost > 0).then_some((name, lost)));
        }
        let content = (persons.content)(database)?;
        let there = still_there(store, &persons)?;
        if !there.is_empty() {
            snapshot::remove(database)?;
        }
        store.transaction(|transaction| {
            for (username, names) in &there {
                stage(transaction, &persons.facts, username, names)?;
                erase_staged(transaction, manifest, &persons.facts)?;
                enforced.erased += names.len() as u64;
            }
            set(transaction, manifest, content.as_deref(), (!there.is_empty()).then_some(now))
        })?;
    }
    Ok(enforced)
}

/// The names of those about whom there are facts although they are kept out, by user folder.
fn still_there(store: &Store, persons: &Persons) -> Result<BTreeMap<String, BTreeSet<String>>> {
    let is_out = (persons.is_out)(store.lock.database())?;
    let mut there: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    store.reader().each(persons.facts.everybody, &[], |row| {
        let Some(name) = row.text(1)?.filter(|name| is_out(name)) else { return Ok(()) };
        there.entry(row.get(0)?).or_default().insert(name.to_owned());
        Ok(())
    })?;
    Ok(there)
}

/// Refuses to go on where the database does not follow a file that keeps people out.
///
/// # Errors
///
/// If it does not, or a file or the database cannot be read.
pub(super) fn require(reader: Reader<'_>, database: &DatabaseFile) -> Result<()> {
    for (manifest, persons) in database.schema.persons() {
        if !follows(reader, database, manifest, &persons)? {
            return Err(behind(&beside(database, persons.file)));
        }
    }
    Ok(())
}

/// The number of ids that are kept out, by user folder. If the file is lost, those that the database knows, which the
/// next run puts back into it.
///
/// # Errors
///
/// If a file or the database cannot be read.
pub fn kept_out(reader: Reader<'_>, database: &DatabaseFile) -> Result<BTreeMap<String, u64>> {
    let mut all = BTreeMap::new();
    for (manifest, persons) in database.schema.persons() {
        let content = match (persons.content)(database)? {
            None => copy(reader, manifest)?,
            content => content,
        };
        for (username, ids) in content.map(|content| (persons.kept_out)(&content)).unwrap_or_default() {
            *all.entry(username).or_default() += ids;
        }
    }
    Ok(all)
}

/// Lets an id of a user folder in again, and makes all files of the folder due again. Their facts stay until the files
/// are read. If the process is killed in between, this can be repeated.
///
/// # Errors
///
/// If the database does not follow the file yet, or one of them cannot be written.
pub fn let_in(store: &Store, manifest: &Manifest, persons: &Persons, username: &str, id: &str) -> Result<()> {
    let database = store.lock.database();
    if !follows(store.reader(), database, manifest, persons)? {
        return Err(behind(&beside(database, persons.file)));
    }
    store.transaction(|transaction| {
        let sql = "UPDATE session_processor_state SET processor_version = NULL
                   WHERE processor_name = ? AND username = ?";
        transaction.execute(sql, params![manifest.name, username])?;
        // Otherwise, if the process is killed, the next run puts the id back into the file.
        set(transaction, manifest, None, None)
    })?;
    store.checkpoint()?;
    (persons.let_in)(database, username, &(persons.facts.name)(username, id))?;
    let content = (persons.content)(database)?;
    store.transaction(|transaction| set(transaction, manifest, content.as_deref(), None))
}

/// Whether the database follows the file.
fn follows(reader: Reader<'_>, database: &Path, manifest: &Manifest, persons: &Persons) -> Result<bool> {
    Ok((persons.content)(database)? == copy(reader, manifest)?)
}

/// The error where the database does not follow a file.
fn behind(file: &Path) -> Error {
    let message = format!("the database does not agree with `{}`, which keeps erased people out", file.display());
    Error::new(Status::CannotRun, message).hint("`sessionmill run` makes them agree")
}

/// The content of the file that the database follows.
fn copy(reader: Reader<'_>, manifest: &Manifest) -> Result<Option<String>> {
    let sql = "SELECT content FROM facts.erased_ids WHERE processor_name = ?";
    Ok(reader.first(sql, &[manifest.name.into()], |row| row.get(0))?.flatten())
}

/// Stores the content of the file that the database follows, and when facts were erased for it.
fn set(
    transaction: &Transaction<'_>,
    manifest: &Manifest,
    content: Option<&str>,
    erased_at: Option<DateTime<Utc>>,
) -> Result<()> {
    let mut before = None;
    let sql = "DELETE FROM facts.erased_ids WHERE processor_name = ? RETURNING erased_at";
    transaction.query(sql, [manifest.name], |row| {
        before = as_time(row, 0)?;
        Ok(())
    })?;
    let sql = "INSERT INTO facts.erased_ids (processor_name, content, erased_at) VALUES (?, ?, ?)";
    transaction.execute(sql, params![manifest.name, content, erased_at.or(before).map(Cell::Time)])?;
    Ok(())
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
