//! People who are kept out of the database, or out of the facts of a processor: their data is erased, and their
//! transcripts are not read again.

use crate::base::error::Result;
use crate::store::made_with;
use crate::store::migrate;
use crate::store::origin::OriginFile;
use crate::store::reader::Reader;
use crate::store::rows::{Cell, as_text, as_time};
use crate::store::settle::touch;
use crate::store::snapshot::Audience;
use crate::store::{DatabaseFile, Store, Transaction, known, lookup, runs, snapshot, sources};
use chrono::{DateTime, Utc};
use duckdb::{Connection, Row, params};
use md5::{Digest, Md5};
use sessionmill_contract::{Manifest, Processor};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The number of files and facts that were erased.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Erased {
    pub files: u64,
    pub facts: u64,
}

/// Since when a person is kept out, and what was erased.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ban {
    /// `None` if only the origin file beside the database names the person. If a run took the ban from there, the time
    /// of that run.
    pub since: Option<DateTime<Utc>>,
    /// The [`digest`]s of the names of erased source files; `None` if they are unknown.
    pub files: Option<BTreeSet<String>>,
    /// The number of erased answers of a language model.
    pub answers: Option<u64>,
}

/// A hash that identifies an erased file without storing its name: the first 64 bits of the name's MD5 digest.
pub fn digest(session_file: &str) -> String {
    hex::encode(&Md5::digest(session_file)[..8])
}

/// Erases the data of a person and keeps them out from now on. The keys of their facts are touched. `answers` is the
/// number of their kept answers that the caller has erased.
///
/// # Errors
///
/// If the database cannot be written.
pub fn forget(
    store: &Store,
    manifests: &[&Manifest],
    username: &str,
    answers: u64,
    now: DateTime<Utc>,
) -> Result<Erased> {
    let erased = store.transaction(|transaction| {
        let mut erased = Erased::default();
        let mut files = BTreeSet::new();
        let sql = "SELECT session_file FROM session_files WHERE username = ?
                   UNION SELECT session_file FROM session_processor_state WHERE username = ?";
        transaction.query(sql, [username, username], |row| {
            files.insert(digest(as_text(row, 0)?));
            Ok(())
        })?;
        let mut before = None;
        let sql = format!("SELECT {BAN} FROM forgotten_users WHERE username = ?");
        transaction.query(&sql, [username], |row| {
            before = Some(ban(row, 0)?);
            Ok(())
        })?;
        for manifest in manifests {
            erased.facts += erase(transaction, manifest, username)?;
        }
        // These tables have names of files, which begin with the user's folder.
        for table in known::BY_FILE {
            let sql = format!("DELETE FROM {table} WHERE starts_with(session_file, ? || '/')");
            transaction.execute(&sql, [username])?;
        }
        transaction.execute("DELETE FROM people WHERE username = ?", [username])?;
        runs::forget(transaction, username)?;
        erased.files = transaction.execute("DELETE FROM session_files WHERE username = ?", [username])? as u64;
        // A person who is forgotten again keeps the date of the first time.
        let before = before.unwrap_or_else(|| Ban { since: Some(now), files: Some(files.clone()), answers: Some(0) });
        let files = before.files.map(|before| before.into_iter().chain(files).collect::<BTreeSet<_>>());
        let files = files.map(|files| files.into_iter().collect::<Vec<_>>().join(" "));
        let answers = before.answers.map(|before| before + answers);
        transaction.execute("DELETE FROM forgotten_users WHERE username = ?", [username])?;
        transaction.execute(
            "INSERT INTO forgotten_users (username, forgotten_at, erased_files, erased_answers) VALUES (?, ?, ?, ?)",
            params![username, Cell::Time(before.since.unwrap_or(now)), files, answers],
        )?;
        Ok(erased)
    })?;
    let database = store.lock.database();
    let forgotten = known::forgotten(store.reader(), database)?;
    OriginFile::of(&sources::of(store)?, forgotten, migrate::done(store.connection())?).write(database)?;
    Ok(erased)
}

/// Makes the database follow all bans, also after it was made anew or replaced by an older copy: takes those that only
/// the origin file knows, and erases what is there of anybody who is forgotten. All snapshots are removed before that.
/// Returns whose data was erased.
///
/// # Errors
///
/// If the database or a kept answer cannot be written, or a snapshot cannot be removed.
pub fn enforce(store: &Store, database: &DatabaseFile, now: DateTime<Utc>) -> Result<BTreeSet<String>> {
    let told = known::users(store.reader(), "SELECT username FROM forgotten_users")?;
    let forgotten = known::forgotten(store.reader(), database)?;
    let lost: Vec<_> = forgotten.difference(&told).collect();
    if !lost.is_empty() {
        store.transaction(|transaction| {
            for username in lost {
                let sql = "INSERT INTO forgotten_users (username, forgotten_at) VALUES (?, ?)";
                transaction.execute(sql, params![username, Cell::Time(now)])?;
            }
            Ok(())
        })?;
    }
    let there = known::still_there(store.reader(), forgotten)?;
    if !there.is_empty() {
        snapshot::remove(database)?;
    }
    for username in &there {
        let answers = database.schema.forget(database, &BTreeSet::from([username.as_str()]))?;
        forget(store, &database.schema.manifests(), username, answers, now)?;
    }
    Ok(there)
}

/// Removes all snapshots if one of them was made before the last erasure. Erasing removes all snapshots, so somebody has
/// put an older one back, which can show who is forgotten. Returns the number of removed snapshots.
///
/// # Errors
///
/// If the database cannot be read, or a snapshot cannot be removed.
pub fn remove_older_snapshots(store: &Store, database: &Path, now: DateTime<Utc>) -> Result<u64> {
    let snapshots = Audience::ALL.iter().flat_map(|audience| audience.all(database));
    let Some(oldest) = snapshots.map(|snapshot| snapshot.time).min() else { return Ok(0) };
    // A ban that was taken from the origin file has the time of that run, and no list of files. A time in the future was
    // stored with a wrong clock, and would remove every new snapshot.
    let sql = "SELECT max(date_trunc('second', erased_at)) FROM (
                   SELECT forgotten_at AS erased_at FROM forgotten_users WHERE erased_files IS NOT NULL
                   UNION ALL SELECT erased_at FROM facts.erased_ids)
               WHERE erased_at <= ?";
    let last = store.reader().one(sql, &[now.into()], |row| row.time(0))?;
    if last.is_some_and(|last| oldest < last) { snapshot::remove(database) } else { Ok(0) }
}

/// Whether the database has something of people who are forgotten. The next run erases it.
///
/// # Errors
///
/// If the database cannot be read.
pub(super) fn is_due(reader: Reader<'_>, database: &Path) -> Result<bool> {
    known::still_there(reader, known::forgotten(reader, database)?).map(|there| !there.is_empty())
}

/// The columns of a [`Ban`].
const BAN: &str = "forgotten_at, erased_files, erased_answers";

fn ban(row: &Row<'_>, first: usize) -> duckdb::Result<Ban> {
    let (files, answers): (Option<String>, Option<i64>) = (row.get(first + 1)?, row.get(first + 2)?);
    Ok(Ban {
        since: as_time(row, first)?,
        files: files.map(|files| files.split_whitespace().map(str::to_owned).collect()),
        answers: answers.map(|answers| u64::try_from(answers).unwrap_or_default()),
    })
}

/// Everybody who is kept out, by folder.
///
/// # Errors
///
/// If the database cannot be read.
pub fn bans(reader: Reader<'_>, database: &Path) -> Result<BTreeMap<String, Ban>> {
    let mut statement = reader.connection().prepare(&format!("SELECT username, {BAN} FROM forgotten_users"))?;
    let rows = statement.query_map([], |row| Ok((as_text(row, 0)?.to_owned(), ban(row, 1)?)))?;
    let mut bans = rows.collect::<duckdb::Result<BTreeMap<_, _>>>()?;
    for username in known::forgotten(reader, database)? {
        bans.entry(username).or_default();
    }
    Ok(bans)
}

/// Allows the next run to read the transcripts of these people again.
///
/// # Errors
///
/// If the database, or the origin file beside it, cannot be written. A person who is still in one of them stays out.
pub fn lift(store: &Store, usernames: &BTreeSet<&str>) -> Result<()> {
    store.transaction(|transaction| {
        for username in usernames {
            transaction.execute("DELETE FROM forgotten_users WHERE username = ?", [username])?;
        }
        Ok(())
    })?;
    let database = store.lock.database();
    let mut forgotten = known::forgotten(store.reader(), database)?;
    forgotten.retain(|username| !usernames.contains(username.as_str()));
    OriginFile::of(&sources::of(store)?, forgotten, migrate::done(store.connection())?).write(database)
}

/// Erases the people whom a processor excludes from its facts. If there were facts, all snapshots are removed, too,
/// before the erasure is committed. Returns the excluded people of whom something was known.
///
/// # Errors
///
/// If the database cannot be used, or a snapshot cannot be removed.
pub fn exclude(store: &Store, processors: &[&dyn Processor]) -> Result<BTreeSet<String>> {
    let mut excluded = BTreeSet::new();
    // Only people of whom the processor has something are erased: erasing is noted as a change, so a new snapshot is
    // due and failed keys are tried again.
    let known: BTreeSet<(String, String)> = store
        .reader()
        .rows(
            "SELECT processor_name, username FROM session_processor_state WHERE username IS NOT NULL
             UNION SELECT processor_name, username FROM session_failures WHERE username IS NOT NULL",
            &[],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?
        .into_iter()
        .collect();
    for processor in processors {
        let manifest = processor.manifest();
        let known = known.iter().filter(|(name, _)| name == manifest.name).map(|(_, username)| username);
        for username in known.filter(|username| processor.excludes(username)) {
            store.transaction(|transaction| {
                let facts = erase(transaction, manifest, username)?;
                if facts > 0 { snapshot::remove(store.lock.database()).map(drop) } else { Ok(()) }
            })?;
            excluded.insert(username.clone());
        }
    }
    Ok(excluded)
}

/// Erases what a processor has about a person. Returns the number of erased facts.
fn erase(transaction: &Transaction<'_>, manifest: &Manifest, username: &str) -> Result<u64> {
    let mut facts = 0;
    for table in manifest.facts {
        let name = table.name;
        if let Some(settlement) = manifest.settlement_of(table) {
            touch::of_facts(transaction, manifest, settlement, "username = ?", &[username])?;
        }
        facts += transaction.execute(&format!("DELETE FROM facts.{name} WHERE username = ?"), [username])? as u64;
    }
    for settlement in manifest.settlements {
        touch::failed(transaction, manifest, settlement)?;
    }
    for table in ["session_processor_state", "session_failures"] {
        let sql = format!("DELETE FROM {table} WHERE processor_name = ? AND username = ?");
        transaction.execute(&sql, [manifest.name, username])?;
    }
    lookup::note(transaction)?;
    if facts > 0 {
        begin(transaction)?;
    }
    Ok(facts)
}

/// The name of the row in `facts.settlements` that is there as long as entities or sums of erased facts can be left.
const ERASING: &str = "(erasing)";

/// Notes that facts were erased whose entities and sums may still exist. Until [`end`], nothing is published.
pub(super) fn begin(transaction: &Transaction<'_>) -> Result<()> {
    made_with::set(transaction, ERASING, "", 1, "")
}

/// Whether entities or sums of erased facts can be left, because settling has failed or the process was killed.
pub(super) fn is_unfinished(connection: &Connection) -> Result<bool> {
    let sql = "SELECT count(*) > 0 FROM facts.settlements WHERE processor_name = ?";
    Ok(connection.query_row(sql, [ERASING], |row| row.get(0))?)
}

/// Notes that nothing made from erased facts is left, unless keys are still to be settled. Called when the lookup
/// tables are up to date.
///
/// The database file, its log and the rollback file have what was erased until a checkpoint. If the process is killed
/// before that, the next run does it.
///
/// # Errors
///
/// If the database cannot be read or written.
pub fn end(store: &Store) -> Result<()> {
    let touched = "SELECT EXISTS (FROM facts.touched_keys) OR EXISTS (FROM facts.touched_moments)";
    if !is_unfinished(store.connection())? || store.connection().query_row(touched, [], |row| row.get(0))? {
        return Ok(());
    }
    store.checkpoint()?;
    store.transaction(|transaction| {
        transaction.execute("DELETE FROM facts.settlements WHERE processor_name = ?", [ERASING])
    })?;
    Ok(())
}
