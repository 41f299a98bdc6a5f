//! Reads what the database knows before a pass: its sources, its people and its ledger.

use crate::error::Result;
use crate::hash;
use crate::ledger::{Known, Ledger, State};
use crate::look::{Look, Trust};
use crate::moment::Steady;
use crate::source::{Layout, Source};
use crate::store::failures::{self, Failed};
use crate::store::origin::Origin;
use crate::store::rows::{as_hash, as_stat, as_text, as_time};
use crate::store::{Store, waits};
use chrono::{DateTime, Utc};
use duckdb::{Connection, Row};
use sessionmill_contract::{Bound, Manifest};
use std::collections::BTreeSet;
use std::path::Path;

/// The sources that the database is made of.
///
/// # Errors
///
/// If the database cannot be read.
pub fn sources(connection: &Connection) -> Result<Vec<Source>> {
    let mut statement = connection.prepare("SELECT name, root, layout FROM sources ORDER BY name")?;
    let rows = statement.query_map([], |row| {
        let (name, root, layout): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(Source { name, root: root.into(), layout: Layout::by_name(&layout).unwrap_or_default() })
    })?;
    Ok(rows.collect::<duckdb::Result<_>>()?)
}

/// Everybody of whom the database has anything, by their folders.
///
/// # Errors
///
/// If the database cannot be read.
pub fn people(store: &Store) -> Result<BTreeSet<String>> {
    let sql = "SELECT username FROM session_files UNION SELECT username FROM session_processor_state";
    users(store.connection(), sql)
}

/// Those who were forgotten: the database's origin knows them too, where the database has lost them.
///
/// # Errors
///
/// If the database cannot be read.
pub fn forgotten(connection: &Connection, database: &Path) -> Result<BTreeSet<String>> {
    let mut forgotten = users(connection, "SELECT username FROM forgotten_users")?;
    forgotten.extend(Origin::read(database).into_iter().flat_map(|origin| origin.forgotten));
    Ok(forgotten)
}

pub(super) fn users(connection: &Connection, sql: &str) -> Result<BTreeSet<String>> {
    let mut statement = connection.prepare(sql)?;
    let users = statement.query_map([], |row| Ok(as_text(row, 0)?.to_owned()))?;
    Ok(users.collect::<duckdb::Result<_>>()?)
}

/// What is wrong with sources, by name: what the last walk found, or a root that is missing now.
///
/// # Errors
///
/// If the database cannot be read.
pub fn alarms(connection: &Connection) -> Result<Vec<(String, String)>> {
    let mut statement = connection.prepare("SELECT name, alarm FROM sources WHERE alarm IS NOT NULL ORDER BY name")?;
    let alarms = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let mut alarms = alarms.collect::<duckdb::Result<Vec<_>>>()?;
    for Source { name, root, .. } in sources(connection)? {
        if matches!(root.try_exists(), Ok(false)) {
            alarms.retain(|(other, _)| *other != name);
            alarms.push((name, format!("`{}` is missing: is it mounted?", root.display())));
        }
    }
    Ok(alarms)
}

/// The ledger, with the states of the pass's processors.
///
/// # Errors
///
/// If the database cannot be read.
pub fn ledger(
    connection: &Connection,
    manifests: &[&Manifest],
    sources: &[&str],
    now: DateTime<Utc>,
) -> Result<Ledger> {
    let mut ledger = Ledger::default();
    let mut statement = connection.prepare(
        "SELECT session_file, size, mtime_ns, ctime_ns, inode, file_hash, verified_at, gone_since IS NOT NULL,
             source, settled, first_look_boot, first_look_ns
         FROM session_files",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let source = as_text(row, 8)?;
        let known = Known {
            look: look(row)?,
            states: vec![None; manifests.len()],
            failures: Vec::new(),
            source: sources.iter().position(|name| *name == source),
            gone: row.get(7)?,
            waits_since: None,
        };
        ledger.files.insert(as_text(row, 0)?.into(), known);
    }
    for (processor, manifest) in manifests.iter().enumerate() {
        let mut statement = connection.prepare(
            "SELECT session_file, processor_version, file_hash FROM session_processor_state WHERE processor_name = ?",
        )?;
        let mut rows = statement.query([manifest.name])?;
        while let Some(row) = rows.next()? {
            let version: Option<i64> = row.get(1)?;
            let state = State {
                version: version.and_then(|version| u32::try_from(version).ok()),
                hash: hash::from_hex(as_text(row, 2)?),
            };
            let known = match ledger.files.get_mut(as_text(row, 0)?) {
                Some(known) => known,
                None => ledger.files.entry(as_text(row, 0)?.into()).or_default(),
            };
            known.states.resize(manifests.len(), None);
            known.states[processor] = Some(state);
        }
    }
    for manifest in manifests.iter().filter(|manifest| manifest.bound == Bound::Network) {
        waits::read(connection, manifest.name, &mut ledger, now)?;
    }
    for Failed { processor, session_file, source, standing } in failures::all(connection)? {
        let Some(processor) = manifests.iter().position(|manifest| manifest.name == processor) else { continue };
        let known = ledger.files.entry(session_file.into()).or_default();
        known.source = known.source.or_else(|| sources.iter().position(|name| *name == source));
        known.failures.push((processor, standing));
    }
    Ok(ledger)
}

fn look(row: &Row<'_>) -> duckdb::Result<Option<Look>> {
    let (stat, hash, verified_at) = (as_stat(row, 1)?, as_hash(row, 5)?, as_time(row, 6)?);
    let trust = if row.get(9)? {
        Trust::Settled
    } else {
        let boot: Option<String> = row.get(10)?;
        let ns: Option<i64> = row.get(11)?;
        Trust::Since(Steady { boot: boot.map(Into::into), ns: ns.unwrap_or_default() })
    };
    Ok(hash.zip(verified_at).map(|(hash, verified_at)| Look { stat, hash, verified_at, trust }))
}
