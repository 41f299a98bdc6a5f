//! Facts that are entities as they stand: those of a key that only one source file knows, where the settlement
//! [declares](sessionmill_contract::Alone) that such a fact is one.
//!
//! A column `alone` of the table of facts marks them. The view of the entities shows the marked facts beside the rows of
//! the table of entities, which holds those of keys that several files know. So nearly everything is stored once.
//!
//! | what happens to a key | what is written |
//! | --- | --- |
//! | one file says it, and nothing is known of it | its facts, marked |
//! | the file that alone knows it says it in another way | its facts, marked |
//! | another file says it, too | the facts without a mark; settling takes the others' marks and writes the entity |
//! | its only file says it no more | the marked facts move to the table of entities; settling deletes them |
//! | one file is left that says it | settling marks its facts and deletes the entity |
//!
//! In between, the view shows what was: the mark of a fact is set or taken only when its key is settled, or
//! when nothing was shown of the key.

use super::{is_any, key_in_sql, replace, stage_keys};
use crate::base::error::Result;
use crate::store::rows::{Cell, Fact, Key, as_text};
use crate::store::{Transaction, lookup};
use sessionmill_contract::{Manifest, Settlement, Table};
use std::collections::{HashMap, HashSet};

/// The view that shows the entities of a settlement, in SQL; `None` where its facts are none.
pub(in crate::store) fn view(settlement: &Settlement) -> Option<String> {
    let [entities, ..] = settlement.entities else { return None };
    let (name, facts) = (entities.name, settlement.facts.name);
    Some(format!(
        "CREATE VIEW {name} AS SELECT {values} FROM facts.{facts} WHERE alone UNION ALL SELECT {columns} FROM facts.{name};\n",
        values = values(settlement, entities)?,
        columns = entities.list(),
    ))
}

/// The entity of a fact, in SQL.
fn values(settlement: &Settlement, entities: &Table) -> Option<String> {
    let alone = settlement.alone.as_ref()?;
    let value = |name: &str| {
        let other = alone.columns.iter().find(|(column, _)| *column == name);
        other.map_or_else(|| name.to_owned(), |(_, sql)| format!("{sql} AS {name}"))
    };
    Some(entities.names().into_iter().map(value).collect::<Vec<_>>().join(", "))
}

/// Hashes of the keys of arriving facts that only one source file will know after this transaction. With `some_leave`,
/// facts listed in `leaving` do not count, because this transaction deletes them.
pub(in crate::store) fn once(
    transaction: &Transaction<'_>,
    manifest: &Manifest,
    settlement: &Settlement,
    arriving: &[Fact<'_>],
    some_leave: bool,
) -> Result<HashSet<i64>> {
    let key = Key::of(settlement, settlement.facts);
    // The file and key of the first fact of each hash; nothing where another one is of another file or key.
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

/// Before marked facts are deleted, copies the entities that they stood for into the table of entities, so that the view
/// keeps showing them until their key is settled. Keys in `but` are skipped: their new facts are entities themselves.
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

/// Notes the source files whose entities can change when the keys in `settling` are settled: an entity stands for one of
/// the files that have facts of its key, or had some.
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

/// Marks the facts of the keys in `settling` that one source file alone knows, and takes the mark of the others. Those
/// of the keys in `keeping` stay what they were.
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
