//! Facts that are entities themselves. A settlement can [declare](sessionmill_contract::Alone) that facts need no
//! settling as long as only one source file has facts of their key.
//!
//! The column `alone` of the table of facts marks them. The view of the entities shows the marked facts together with
//! the rows of the table of entities, which holds only keys that several files share. Nearly all keys are in one file,
//! so nearly all data is stored once.
//!
//! | what happens to a key | what is written |
//! | --- | --- |
//! | a new key arrives in one file | its facts, with the mark |
//! | its only file changes the facts of the key | the new facts, with the mark |
//! | another file has the key, too | its facts, unmarked; settling removes the other marks and writes the entity |
//! | its only file no longer has the key | the marked facts move to the table of entities; settling deletes them |
//! | all files but one no longer have the key | settling marks the facts of that file and deletes the entity |
//!
//! Until a key is settled, the view shows its previous entity. So the mark of a fact only changes when its key is
//! settled, or when the view has shown nothing of that key before.

use super::{is_any, key_in_sql, replace, stage_keys};
use crate::base::error::Result;
use crate::store::rows::{Cell, Fact, Key, as_text};
use crate::store::{Transaction, lookup};
use sessionmill_contract::{Manifest, Settlement, Table};
use std::collections::{HashMap, HashSet};

/// The view that shows the entities of a settlement, in SQL; `None` if the settlement does not declare `alone`.
pub(in crate::store) fn view(settlement: &Settlement) -> Option<String> {
    let [entities, ..] = settlement.entities else { return None };
    let (name, facts) = (entities.name, settlement.facts.name);
    Some(format!(
        "CREATE VIEW {name} AS SELECT {values} FROM facts.{facts} WHERE alone UNION ALL SELECT {columns} FROM facts.{name};\n",
        values = values(settlement, entities)?,
        columns = entities.list(),
    ))
}

/// The columns of the entity of a fact, in SQL.
fn values(settlement: &Settlement, entities: &Table) -> Option<String> {
    let alone = settlement.alone.as_ref()?;
    let value = |name: &str| {
        let other = alone.columns.iter().find(|(column, _)| *column == name);
        other.map_or_else(|| name.to_owned(), |(_, sql)| format!("{sql} AS {name}"))
    };
    Some(entities.names().into_iter().map(value).collect::<Vec<_>>().join(", "))
}

/// Returns the hashes of the keys of arriving facts that only one source file will have after this transaction. If
/// `some_leave`, the facts listed in `leaving` do not count, because this transaction deletes them.
pub(in crate::store) fn once(
    transaction: &Transaction<'_>,
    manifest: &Manifest,
    settlement: &Settlement,
    arriving: &[Fact<'_>],
    some_leave: bool,
) -> Result<HashSet<i64>> {
    let key = Key::of(settlement, settlement.facts);
    // The file and key of the first fact of each hash; `None` once a fact of another file or key has the same hash.
    let mut once: HashMap<i64, Option<(&str, &str)>> = HashMap::new();
    for fact in arriving {
        let from = (&*fact.file.session_file, key.text(fact.row));
        let first = once.entry(fact.key_hash).or_insert(Some(from));
        *first = first.filter(|first| *first == from);
    }
    let (facts, entities) = (settlement.facts.name, settlement.entities[0].name);
    if !once.is_empty() && is_any(transaction, settlement)? {
        stage_keys(transaction, once.keys())?;
        let known = "key_hash IN (SELECT key_hash FROM stage_keys)";
        let stays = if some_leave { "AND rowid NOT IN (SELECT id FROM leaving)" } else { "" };
        let sql = format!(
            "SELECT key_hash, session_file, alone FROM facts.{facts} WHERE rowid IN
                 (SELECT rowid FROM facts.{facts} WHERE {known} {stays})
             UNION ALL SELECT key_hash, '', false FROM facts.{entities} WHERE {known}
             UNION ALL SELECT key_hash, '', false FROM settling_failures
             WHERE processor_name = ? AND facts_table = ? AND {known}"
        );
        transaction.query(&sql, [manifest.name, facts], |row| {
            let (hash, file, is_alone): (i64, _, bool) = (row.get(0)?, as_text(row, 1)?, row.get(2)?);
            if let Some(first) = once.get_mut(&hash) {
                *first = first.filter(|(first, _)| is_alone && *first == file);
            }
            Ok(())
        })?;
    }
    Ok(once.into_iter().filter_map(|(hash, once)| once.map(|_| hash)).collect())
}

/// Copies the entities of marked facts that are about to be deleted into the table of entities, so that the view shows
/// them until their key is settled. Keys in `but` are skipped, because their new facts are marked as entities.
pub(in crate::store) fn outlast(
    transaction: &Transaction<'_>,
    settlement: &Settlement,
    but: &HashSet<i64>,
) -> Result<()> {
    let entities = settlement.entities[0];
    let Some(values) = values(settlement, entities) else { return Ok(()) };
    stage_keys(transaction, but.iter())?;
    let sql = format!(
        "INSERT INTO facts.{name} (key_hash, {columns}) SELECT key_hash, {values} FROM facts.{facts}
         WHERE rowid IN (SELECT id FROM leaving) AND alone AND key_hash NOT IN (SELECT key_hash FROM stage_keys)",
        name = entities.name,
        columns = entities.list(),
        facts = settlement.facts.name
    );
    transaction.execute(&sql, [])?;
    Ok(())
}

/// Notes the source files whose entities can change when the keys in `settling` are settled: the files that have facts
/// of these keys, and the files that their entities name now.
pub(super) fn note_files(transaction: &Transaction<'_>, settlement: &Settlement) -> Result<()> {
    if settlement.alone.is_none() {
        return Ok(());
    }
    let tables = [settlement.facts.name, settlement.entities[0].name];
    let files = tables.map(|table| {
        format!("SELECT session_file FROM facts.{table} WHERE key_hash IN (SELECT key_hash FROM settling)")
    });
    lookup::note_files(transaction, settlement.facts.name, &files.join(" UNION ALL "), &[])
}

/// Marks the facts of those keys in `settling` that only one source file has, and removes the mark from all others. The
/// facts of the keys in `keeping` do not change.
pub(super) fn mark(
    transaction: &Transaction<'_>,
    settlement: &Settlement,
    keeping: &HashSet<(i64, &str)>,
) -> Result<()> {
    if settlement.alone.is_none() {
        return Ok(());
    }
    transaction.batch("CREATE OR REPLACE TEMP TABLE stage_kept (key VARCHAR)")?;
    transaction.stage("stage_kept", keeping.iter().map(|(_, key)| [Cell::Text(key)]))?;
    let sql = format!(
        "UPDATE facts.{facts} AS fact SET alone = now.alone FROM (
             SELECT key_hash, {key} AS key, min(session_file) = max(session_file) AS alone FROM facts.{facts} AS fact
             WHERE rowid IN ({rows}) GROUP BY ALL) AS now
         WHERE fact.rowid IN ({rows}) AND fact.key_hash = now.key_hash AND {key} = now.key
             AND fact.alone <> now.alone AND now.key NOT IN (SELECT key FROM stage_kept)",
        facts = settlement.facts.name,
        key = key_in_sql(settlement),
        rows = replace::of_keys(settlement.facts, "SELECT key_hash FROM settling"),
    );
    transaction.execute(&sql, [])?;
    Ok(())
}
