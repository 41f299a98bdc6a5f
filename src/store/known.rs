//! Reads what the database knows before a pass: its sources and its ledger.

use crate::error::Result;
use crate::ledger::{self, Known, Ledger, Seen, State};
use crate::source::{Layout, Source};
use crate::stat::Stat;
use chrono::{DateTime, Utc};
use duckdb::types::ValueRef;
use duckdb::{Connection, Row};
use sessionmill_contract::Manifest;

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

/// The ledger, with the states of the pass's processors.
///
/// # Errors
///
/// If the database cannot be read.
pub fn ledger(connection: &Connection, manifests: &[&Manifest], sources: &[&str]) -> Result<Ledger> {
    let mut ledger = Ledger::default();
    let mut statement = connection.prepare(
        "SELECT session_file, size, mtime_ns, ctime_ns, inode, file_hash, verified_at, gone_since IS NOT NULL,
             source
         FROM session_files",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let source = text(row, 8)?;
        let known = Known {
            seen: seen(row)?,
            states: vec![None; manifests.len()],
            source: sources.iter().position(|name| *name == source),
            gone: row.get(7)?,
        };
        ledger.files.insert(text(row, 0)?.into(), known);
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
                hash: ledger::from_hex(text(row, 2)?),
            };
            let known = match ledger.files.get_mut(text(row, 0)?) {
                Some(known) => known,
                None => ledger.files.entry(text(row, 0)?.into()).or_default(),
            };
            known.states.resize(manifests.len(), None);
            known.states[processor] = Some(state);
        }
    }
    Ok(ledger)
}

fn seen(row: &Row<'_>) -> duckdb::Result<Option<Seen>> {
    let number = |column: usize| row.get::<_, i64>(column);
    let stat = Stat {
        size: number(1)?.cast_unsigned(),
        mtime_ns: number(2)?,
        ctime_ns: number(3)?,
        inode: number(4)?.cast_unsigned(),
    };
    let verified_at = match row.get_ref(6)? {
        ValueRef::Timestamp(unit, time) => DateTime::<Utc>::from_timestamp_micros(unit.to_micros(time)),
        _ => None,
    };
    let hash = ledger::from_hex(text(row, 5)?);
    Ok(hash.zip(verified_at).map(|(hash, verified_at)| Seen { stat, hash, verified_at }))
}

fn text<'r>(row: &'r Row<'_>, column: usize) -> duckdb::Result<&'r str> {
    match row.get_ref(column)? {
        ValueRef::Text(text) => Ok(std::str::from_utf8(text).unwrap_or_default()),
        _ => Ok(""),
    }
}
