//! Reads what a pass must know in advance: sources, people and the ledger.

use crate::base::error::Result;
use crate::base::hash;
use crate::base::moment::Steady;
#[cfg(feature = "console")]
use crate::source::events::Extent;
use crate::source::ledger::{Known, Ledger, LedgerRow};
use crate::source::look::{Look, Trust};
use crate::source::retry::FileFailure;
use crate::source::{Layout, Source};
use crate::store::failures::{self, Failed};
use crate::store::origin::OriginFile;
use crate::store::reader::Reader;
use crate::store::rows::{as_hash, as_stat, as_text, as_time};
use crate::store::{Store, waits};
use chrono::{DateTime, Utc};
use duckdb::Row;
use sessionmill_contract::{Bound, Manifest};
use std::collections::BTreeSet;
#[cfg(feature = "console")]
use std::collections::HashMap;
use std::path::Path;

/// The sources in use, by name.
///
/// # Errors
///
/// If the database cannot be read.
pub fn sources(reader: Reader<'_>) -> Result<Vec<Source>> {
    let sql = "SELECT name, root, layout, username FROM sources WHERE retired_at IS NULL ORDER BY name";
    reader.rows(sql, &[], |row| {
        let (name, root, layout): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(Source { user: row.get(3)?, ..Source::new(name, root, Layout::by_name(&layout).unwrap_or_default()) })
    })
}

/// The folders of all people about whom the database has anything.
///
/// # Errors
///
/// If the database cannot be read.
pub fn people(reader: Reader<'_>) -> Result<BTreeSet<String>> {
    let sql = "SELECT username FROM session_files UNION SELECT username FROM session_processor_state";
    users(reader, sql)
}

/// Tables that name people only through their files.
pub(super) const BY_FILE: [&str; 5] =
    ["files_left_out", "processor_run_errors", "session_dialects", "session_unknown_lines", "session_waits"];

/// The folders of all people about whom the database has any row, even if none of their files was read, and of all
/// forgotten people.
///
/// # Errors
///
/// If the database cannot be read.
pub fn everybody(store: &Store, manifests: &[&Manifest]) -> Result<BTreeSet<String>> {
    let facts = manifests.iter().flat_map(|manifest| manifest.facts).map(|table| format!("facts.{}", table.name));
    let facts = facts.map(|table| format!("SELECT username FROM {table}"));
    // These tables have names of files, which begin with the user's folder.
    let files = BY_FILE.map(|table| format!("SELECT split_part(session_file, '/', 1) FROM {table}"));
    let mut everybody = users(store.reader(), &facts.chain(files).collect::<Vec<_>>().join(" UNION "))?;
    everybody.extend(users(store.reader(), READ)?);
    everybody.extend(forgotten(store.reader(), store.lock.database())?);
    Ok(everybody)
}

/// The people of whom a file is known, was read, or failed. Nobody else has facts.
const READ: &str = "SELECT username FROM session_files UNION SELECT username FROM session_processor_state
                    UNION SELECT username FROM session_failures";

/// Those of the forgotten people of whom the database has something nevertheless, as after it was replaced by an older
/// copy.
///
/// # Errors
///
/// If the database cannot be read.
pub(super) fn still_there(reader: Reader<'_>, forgotten: BTreeSet<String>) -> Result<BTreeSet<String>> {
    match forgotten.is_empty() {
        true => Ok(forgotten),
        false => Ok(users(reader, READ)?.intersection(&forgotten).cloned().collect()),
    }
}

/// The people who were forgotten. `None` if that is unknown: a snapshot does not name them, and the reader may not be
/// allowed to read the origin file beside the database.
///
/// # Errors
///
/// If the database cannot be read.
pub fn forgotten_if_told(reader: Reader<'_>, database: &Path) -> Result<Option<BTreeSet<String>>> {
    let sql = "SELECT count(*) > 0 FROM duckdb_tables() WHERE schema_name = 'main' AND table_name = 'forgotten_users'";
    match reader.one(sql, &[], |row| row.get(0))? {
        true => forgotten(reader, database).map(Some),
        false => Ok(OriginFile::read(database).map(|origin| origin.forgotten)),
    }
}

/// The people who were forgotten. The origin file names them, too, in case the database has lost them.
///
/// # Errors
///
/// If the database cannot be read.
pub fn forgotten(reader: Reader<'_>, database: &Path) -> Result<BTreeSet<String>> {
    let mut forgotten = users(reader, "SELECT username FROM forgotten_users")?;
    forgotten.extend(OriginFile::read(database).into_iter().flat_map(|origin| origin.forgotten));
    Ok(forgotten)
}

pub(super) fn users(reader: Reader<'_>, sql: &str) -> Result<BTreeSet<String>> {
    let users = reader.rows(sql, &[], |row| row.get::<Option<String>>(0))?;
    Ok(users.into_iter().map(Option::unwrap_or_default).collect())
}

/// Problems with sources, by name: an alarm of the last walk, or a root that is missing now.
///
/// # Errors
///
/// If the database cannot be read.
pub fn alarms(reader: Reader<'_>) -> Result<Vec<(String, String)>> {
    let sql = "SELECT name, alarm FROM sources WHERE alarm IS NOT NULL AND retired_at IS NULL ORDER BY name";
    let mut alarms: Vec<(String, String)> = reader.rows(sql, &[], |row| Ok((row.get(0)?, row.get(1)?)))?;
    for (name, alarm) in missing(&sources(reader)?) {
        alarms.retain(|(other, _)| *other != name);
        alarms.push((name, alarm));
    }
    Ok(alarms)
}

/// Sources whose root is missing now: the name and an alarm.
pub fn missing(sources: &[Source]) -> impl Iterator<Item = (String, String)> {
    let is_missing = |source: &&Source| matches!(source.root.try_exists(), Ok(false));
    let alarm =
        |source: &Source| (source.name.clone(), format!("`{}` is missing: is it mounted?", source.root.display()));
    sources.iter().filter(is_missing).map(alarm)
}

/// How far a processor has read these files, by path. A file of which it has not read what the ledger saw last is left
/// out.
///
/// # Errors
///
/// If the database cannot be read.
#[cfg(feature = "console")]
pub fn read_to(reader: Reader<'_>, processor: &str, paths: &[String]) -> Result<HashMap<String, Extent>> {
    // Paths can contain any character, so they are sent as hexadecimal digits with commas in between.
    let paths: Vec<_> = paths.iter().map(hex::encode).collect();
    let sql = "WITH named AS (
                   SELECT decode(unhex(path)) AS path FROM (SELECT DISTINCT unnest(string_split(?, ',')) AS path)
               )
               SELECT named.path, file.inode, file.size FROM session_files AS file
               JOIN sources AS source ON source.name = file.source
               JOIN named ON named.path = source.root || '/' || file.session_file
               JOIN session_processor_state AS state ON state.session_file = file.session_file
                   AND state.processor_name = ? AND state.file_hash = file.file_hash";
    let rows = reader.rows(sql, &[paths.join(",").into(), processor.to_owned().into()], |row| {
        let (inode, bytes): (i64, i64) = (row.get(1)?, row.get(2)?);
        let extent = Extent { inode: inode.cast_unsigned(), bytes: bytes.cast_unsigned() };
        Ok((row.get::<String>(0)?, extent))
    })?;
    Ok(rows.into_iter().collect())
}

/// The ledger, with the states of these processors.
///
/// # Errors
///
/// If the database cannot be read.
pub fn ledger(reader: Reader<'_>, manifests: &[&Manifest], sources: &[&str], now: DateTime<Utc>) -> Result<Ledger> {
    let connection = reader.connection();
    let mut ledger = Ledger::default();
    let frozen = users(reader, "SELECT name FROM sources WHERE alarm IS NOT NULL AND retired_at IS NULL")?;
    let mut statement = connection.prepare(
        "SELECT session_file, size, mtime_ns, ctime_ns, inode, file_hash, verified_at, gone_since IS NOT NULL,
             source, settled, first_look_boot, first_look_ns
         FROM session_files",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let source = as_text(row, 8)?;
        let position = sources.iter().position(|name| *name == source);
        let known = Known {
            look: look(row)?,
            states: vec![None; manifests.len()],
            failures: Vec::new(),
            source: position,
            is_held: position.is_none() && frozen.contains(source),
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
            let state = LedgerRow {
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
    for Failed { processor, session_file, source, basis, standing } in failures::all(reader)? {
        let Some(processor) = manifests.iter().position(|manifest| manifest.name == processor) else { continue };
        let known = ledger.files.entry(session_file.into()).or_default();
        known.source = known.source.or_else(|| sources.iter().position(|name| *name == source));
        known.failures.push((processor, FileFailure { basis, standing }));
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
