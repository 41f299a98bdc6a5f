//! Publishes snapshots of the database for users who may not write it.
//!
//! The database is held only while it is copied; everything else works on the copy. The rows of a snapshot are written
//! into a new file, because pages of the database can contain remains of deleted or private rows. The new file is read
//! back before it gets its name. Its Parquet files get their names next, and the links to the newest snapshot change
//! last.

use crate::base::acl;
use crate::base::error::{Error, Result, Status};
use crate::base::failpoint;
use crate::base::lock::WorkLock;
use crate::config::publish::Publish;
use crate::store::copy::{self, Copy};
use crate::store::schema::{Private, Schema};
use crate::store::snapshot::{self, Audience, Snapshot, quoted, with};
use crate::store::{
    Access, DatabaseFile, Store, cannot_open, config, forget, is_begun, log, lookup, migrate, parquet, persons, room,
    service_state, try_connect,
};
use chrono::{DateTime, TimeDelta, Utc};
use duckdb::Connection;
use sessionmill_contract::Sensitive;
use std::collections::BTreeSet;
use std::fs::{File, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// The result of publishing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Published {
    New(Snapshot),
    /// Nothing has changed since this snapshot.
    Before(Snapshot),
}

/// Tables that are in neither snapshots nor Parquet files.
const UNPUBLISHED: [&str; 1] = ["forgotten_users"];

/// Tables of facts that are not published, because they contain ids of people, or tell whether somebody was erased.
const OF_IDS: [&str; 2] = ["erased_ids", "key_groups"];

/// The number of snapshots to keep. A process that has an older one open can still read it.
const KEPT: usize = 3;

/// After this time, a snapshot is made even if only runs were added, because it shows runs, too.
const AGE: TimeDelta = TimeDelta::hours(1);

/// Publishes a snapshot if something has changed since the newest one, or if that is an hour old.
///
/// # Errors
///
/// With status `Busy` if another process or thread publishes, or if people were erased during each of 3 attempts; the
/// next call then publishes what this one has missed. With another status if people are not completely erased yet, the
/// database cannot be read, or the snapshot cannot be written or differs from the database. Existing snapshots then
/// stay.
pub fn publish(database: &DatabaseFile, wanted: &Publish, now: DateTime<Utc>) -> Result<Published> {
    publish_until(database, wanted, Instant::now(), &|| now)
}

/// Publishes as [`publish`] does, after waiting for other publishers until this time. If it fails, the state of the
/// service says so until a snapshot is published.
///
/// # Errors
///
/// As [`publish`].
pub fn publish_until(
    database: &DatabaseFile,
    wanted: &Publish,
    until: Instant,
    now: &dyn Fn() -> DateTime<Utc>,
) -> Result<Published> {
    let publisher = Publisher::take(database, until)?;
    let now = now();
    let published = publisher.publish(wanted, now);
    let noted = match &published {
        Ok(_) => service_state::note_publication(database, None, now),
        // Another process has the database for now.
        Err(error) if error.status == Status::Busy => Ok(()),
        Err(error) => service_state::note_publication(database, Some(error), now),
    };
    if let Err(error) = noted {
        tracing::warn!(error = error.to_string(), "cannot write whether a snapshot was published");
    }
    published
}

/// Publishes a snapshot if the newest one has another schema than this program, which readers cannot use. Does nothing
/// if there is no snapshot.
///
/// # Errors
///
/// As [`publish`].
pub fn renew(database: &DatabaseFile, wanted: &Publish, now: DateTime<Utc>) -> Result<Option<Published>> {
    let Some(newest) = Snapshot::newest(database) else { return Ok(None) };
    let connection = try_connect(&newest.path, Access::ReadOnly, None);
    if connection.is_ok_and(|connection| migrate::is_current(&connection, &database.schema).unwrap_or_default()) {
        return Ok(None);
    }
    publish(database, wanted, now).map(Some)
}

/// Whether the newest snapshot is older than the database, or there is none.
pub fn is_due(database: &DatabaseFile) -> bool {
    let newest = Snapshot::newest(database).map(|newest| newest.time);
    is_begun(database) && newest < log::last_written(database)
}

/// Holds the publisher's lock: the only publisher of a database.
#[derive(Debug)]
pub struct Publisher<'d> {
    database: &'d DatabaseFile,
    _lock: WorkLock,
}

impl<'d> Publisher<'d> {
    /// Waits for other publishers until this time and then excludes them. Removes what a killed publisher has left.
    ///
    /// # Errors
    ///
    /// With status `Busy` if another publisher still works at `until`.
    pub fn take(database: &'d DatabaseFile, until: Instant) -> Result<Self> {
        let lock = WorkLock::take(database, "publish", until)?;
        Audience::ALL.iter().for_each(|audience| snapshot::remove_partial(&audience.link(database)));
        Ok(Self { database, _lock: lock })
    }

    /// Publishes a snapshot if something has changed since the newest one, or if that is an hour old.
    ///
    /// # Errors
    ///
    /// As [`publish`].
    pub fn publish(&self, wanted: &Publish, now: DateTime<Utc>) -> Result<Published> {
        let published = self.publish_for(Audience::Readers, wanted, now)?;
        match wanted.content_uids.is_empty() {
            true => drop(Audience::Content.remove(self.database)?),
            false => drop(self.publish_for(Audience::Content, &wanted.content(), now)?),
        }
        Ok(published)
    }

    fn publish_for(&self, audience: Audience, wanted: &Publish, now: DateTime<Utc>) -> Result<Published> {
        let mut tries = 1;
        let clean = |_: &Error| snapshot::remove_partial(&audience.link(self.database));
        loop {
            match attempt(self.database, audience, wanted, now).inspect_err(clean)? {
                Some(published) => return Ok(published),
                None if tries < TRIES => tries += 1,
                None => {
                    let message = "people were erased from the database while the snapshot was made";
                    return Err(Error::new(Status::Busy, message).hint("try again in a moment"));
                }
            }
        }
    }
}

/// Removes what a killed publisher has left.
pub(super) fn sweep(database: &DatabaseFile) {
    if Audience::ALL.iter().any(|audience| snapshot::is_partial(&audience.link(database))) {
        let _ = Publisher::take(database, Instant::now());
    }
}

/// The most attempts. An attempt is discarded if somebody was erased meanwhile.
const TRIES: u32 = 3;

/// Makes and publishes a snapshot. Returns `None` if somebody was erased since its copy was made, because it can
/// contain their data.
fn attempt(
    database: &DatabaseFile,
    audience: Audience,
    wanted: &Publish,
    now: DateTime<Utc>,
) -> Result<Option<Published>> {
    let _ = copy::sweep(database, Instant::now());
    let schema = &database.schema;
    let state_of = |snapshot: &Snapshot| state_of(snapshot, schema);
    let (said, is_unfinished, is_due) = Store::open_current(database, Access::ReadOnly, now)?.read(|reader| {
        let connection = reader.connection();
        let is_unfinished = forget::is_unfinished(connection)?;
        persons::require(reader, database)?;
        Ok((state(connection, schema)?, is_unfinished, forget::is_due(reader, database)?))
    })?;
    if is_due {
        let message = "the database has data of people who are forgotten, as an older copy of it does";
        return Err(Error::new(Status::CannotRun, message).hint("`sessionmill run` erases it"));
    }
    if is_unfinished {
        let message = "transcripts of a person are erased, but the data made from them is not yet";
        return Err(Error::new(Status::CannotRun, message).hint("`sessionmill run` finishes it"));
    }
    let newest = audience.newest(database);
    let shown = newest.as_ref().and_then(state_of);
    if let Some(newest) = newest
        && (now - newest.time).abs() < AGE
        && shown == Some(said.clone().of(wanted))
        && (!wanted.parquet || newest.parquet().is_dir())
    {
        return Ok(Some(Published::Before(newest)));
    }
    let link = audience.link(database);
    prepare(&link, audience, wanted)?;
    let copy = Copy::make(database)?;
    let new = with(&link, ".new");
    let size = std::fs::metadata(copy.path()).map_or(0, |file| file.len());
    room::require(database, size, "a snapshot")?;
    let counts = write(&new, copy, wanted, schema)?;
    failpoint::point("written", "");
    if read(&new)? != counts {
        return Err(Error::cannot("publish", link.display(), "its content differs from the database"));
    }
    let snapshot = audience.at(database, now);
    let cannot = |error: std::io::Error| Error::cannot("publish", snapshot.path.display(), error);
    sync(&new).map_err(cannot)?;
    let people_shown = people(&try_connect(&new, Access::ReadOnly, None)?)?;
    failpoint::point("checked", "");
    // Erasing holds the database, too. If somebody is erased after this snapshot gets its name, erasing removes it with
    // the others. If somebody was erased before, the comparison here finds it.
    let held = Store::open(database, Access::ReadOnly)?;
    if !people(held.connection())?.is_superset(&people_shown) {
        snapshot::remove_partial(&link);
        return Ok(None);
    }
    if let Err(error) = allow(&new, audience, wanted).and_then(|()| show(&new, &snapshot, &link)) {
        // If the link does not point to the file, no reader finds it, and the next attempt makes another one.
        let newest = audience.newest(database);
        if newest.as_ref().is_none_or(|newest| newest.path.file_name() != snapshot.path.file_name()) {
            snapshot::remove_partial(&link);
            remove(&snapshot);
            let files = newest.map(|newest| newest.parquet()).filter(|files| files.is_dir());
            let _ = files.map(|files| point(&link, &with(&link, ".parquet"), &files));
        }
        return Err(cannot(error));
    }
    drop(held);
    // An older snapshot is removed if it has data about people who are not in the new one, or texts that are no longer
    // wanted.
    let says_more = |old: &Snapshot| {
        let names = || people(&try_connect(&old.path, Access::ReadOnly, None)?);
        state_of(old).is_none_or(|old| old.sensitive.iter().any(|what| !wanted.has(*what)))
            || !names().is_ok_and(|old| people_shown.is_superset(&old))
    };
    // The time of the new one has fractions of a second, and the time in a name has none.
    let others = audience.all(database).into_iter().rev().filter(|other| other.path != snapshot.path);
    for (_, old) in others.enumerate().filter(|(number, old)| *number >= KEPT - 1 || says_more(old)) {
        remove(&old);
    }
    Ok(Some(Published::New(snapshot)))
}

/// Removes a snapshot and its Parquet files.
fn remove(snapshot: &Snapshot) {
    let _ = std::fs::remove_dir_all(snapshot.parquet());
    let _ = std::fs::remove_file(&snapshot.path);
}

/// The people about whom a database has data, by processor. People who were erased are not among them.
fn people(connection: &Connection) -> Result<BTreeSet<(String, String)>> {
    let sql = "SELECT DISTINCT processor_name, username FROM session_processor_state";
    let mut statement = connection.prepare(sql)?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<duckdb::Result<_>>()?)
}

/// The state of a database, to find out whether a snapshot of it is up to date.
#[derive(Clone, Debug, PartialEq, Eq)]
struct State {
    /// The number of noted changes, and the id of the last one.
    news: (i64, String),
    /// The number of rows of each table that also changes between runs, when people decide something or are excluded.
    rows: Vec<i64>,
    /// The kinds of sensitive text in it.
    sensitive: BTreeSet<Sensitive>,
}

impl State {
    /// The state that a snapshot of this database would have: only with the wanted kinds of text.
    fn of(mut self, wanted: &Publish) -> Self {
        self.sensitive.retain(|what| wanted.has(*what));
        self
    }
}

fn state(connection: &Connection, schema: &Schema) -> Result<State> {
    let number = |sql: &str| connection.query_row(sql, [], |row| row.get(0));
    let (settlements, private) =
        (schema.manifests().into_iter().flat_map(|manifest| manifest.settlements), schema.private());
    let changing = settlements.flat_map(|settlement| {
        let alone = settlement.alone.as_ref().map(|_| settlement.facts);
        settlement.entities.iter().copied().chain(alone).chain(settlement.reviews).map(|table| table.name)
    });
    let changing: BTreeSet<&str> = changing.chain(private.iter().map(|column| column.table)).collect();
    let database: String = connection.query_row("SELECT current_database()", [], |row| row.get(0))?;
    let shown = shown(connection, schema, &database)?;
    let (mut rows, mut sensitive) = (Vec::new(), BTreeSet::new());
    for shown in shown.iter().filter(|shown| changing.contains(shown.table.as_str())) {
        let from = shown.from(&format!("\"{database}\""));
        rows.push(number(&format!("SELECT count(*) FROM {from}"))?);
        for column in private.iter().filter(|column| column.table == shown.table) {
            let sql = format!("SELECT EXISTS (SELECT 1 FROM (FROM {from}) WHERE \"{}\" <> '')::BIGINT", column.column);
            if number(&sql)? > 0 {
                sensitive.insert(column.kind);
            }
        }
    }
    // The lookup tables, which depend on prices and people in the configuration.
    rows.push(number(
        "SELECT count(*) + coalesce(sum(hash(settings) % 1000000007), 0)::BIGINT FROM facts.settlements",
    )?);
    Ok(State { news: lookup::news(connection)?, rows, sensitive })
}

/// The state of a snapshot; `None` if it cannot be read.
fn state_of(snapshot: &Snapshot, schema: &Schema) -> Option<State> {
    let connection = try_connect(&snapshot.path, Access::ReadOnly, None).ok()?;
    if migrate::is_current(&connection, schema).ok()? { state(&connection, schema).ok() } else { None }
}

/// Makes the folder, readable for the group or for the users in the configuration, and removes what a killed publisher
/// has left.
fn prepare(link: &Path, audience: Audience, wanted: &Publish) -> Result<()> {
    let folder = link.parent().unwrap_or(Path::new("."));
    let failed = |error: std::io::Error| Error::cannot("make", folder.display(), error);
    match std::fs::create_dir(folder) {
        // The folder keeps the group that it has inherited.
        Ok(()) => {
            let mode = std::fs::metadata(folder).map_err(failed)?.permissions().mode();
            let set = |mode| std::fs::set_permissions(folder, Permissions::from_mode(mode));
            // A service may be forbidden to set the setgid bit, even if it is already set.
            match audience {
                Audience::Readers => set(0o750 | mode & 0o2000).or_else(|_| set(0o750)),
                Audience::Content => set(0o700),
            }
            .map_err(failed)?;
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(failed(error)),
    }
    if audience == Audience::Content {
        #[expect(clippy::disallowed_methods, reason = "a folder")]
        let opened = File::open(folder);
        opened.and_then(|folder| acl::allow(&folder, &wanted.content_uids, 0o1)).map_err(failed)?;
    }
    snapshot::remove_partial(link);
    Ok(())
}

/// Writes the content of a copy into a new file, and into Parquet files beside it if wanted, without private columns
/// and internal tables. Returns the number of rows of each table and view of the copy.
fn write(new: &Path, copy: Copy, wanted: &Publish, schema: &Schema) -> Result<Vec<(String, i64)>> {
    let config = config()?.with("temp_directory", with(new, ".tmp").to_string_lossy())?;
    let connection = Connection::open_in_memory_with_flags(config)?;
    // The copy and the snapshots are in the folder of the database.
    let folder = copy.path().parent().unwrap_or(Path::new("/")).join("");
    connection.execute_batch(&format!(
        "SET allowed_directories = [{folder}]; SET enable_external_access = false;
         SET checkpoint_threshold = '1GB'; PRAGMA disable_checkpoint_on_shutdown; SET lock_configuration = true;
         ATTACH {original} AS original (READ_ONLY); ATTACH {new} AS snapshot;
         COPY FROM DATABASE original TO snapshot (SCHEMA);",
        folder = quoted(&folder)?,
        original = quoted(copy.path())?,
        new = quoted(new)?,
    ))?;
    drop(copy);
    for table in UNPUBLISHED {
        connection.execute_batch(&format!("DROP TABLE snapshot.main.\"{table}\""))?;
    }
    let mut private = schema.private();
    private.retain(|column| !wanted.has(column.kind));
    for shown in shown(&connection, schema, "original")? {
        let is_private = |column: &&Private| column.table == shown.table;
        let empty: Vec<_> =
            private.iter().filter(is_private).map(|column| format!("'' AS \"{}\"", column.column)).collect();
        let replace = if empty.is_empty() { String::new() } else { format!("REPLACE ({})", empty.join(", ")) };
        let (name, from) = (format!("\"{}\".\"{}\"", shown.schema, shown.table), shown.from("original"));
        connection.execute_batch(&format!("INSERT INTO snapshot.{name} SELECT * {replace} FROM {from}"))?;
    }
    connection.execute_batch("CHECKPOINT snapshot; USE snapshot")?;
    if wanted.parquet {
        parquet::write(&connection, &names(&connection)?, &with(new, ".parquet"))?;
    }
    connection.execute_batch("USE original")?;
    count(&connection)
}

/// A table with rows in a snapshot.
struct Shown {
    schema: String,
    table: String,
    /// The condition for these rows, in SQL; empty for all rows.
    rows: &'static str,
}

impl Shown {
    /// The rows for a snapshot, in SQL.
    fn from(&self, database: &str) -> String {
        format!("{database}.\"{}\".\"{}\" {}", self.schema, self.table, self.rows)
    }
}

/// The tables of a database whose rows are in snapshots. Tables of facts are excluded, unless a view shows them.
fn shown(connection: &Connection, schema: &Schema, database: &str) -> Result<Vec<Shown>> {
    let settlements = || schema.manifests().into_iter().flat_map(|manifest| manifest.settlements);
    let behind: Vec<_> = settlements().map(|settlement| settlement.facts.name).chain(OF_IDS).collect();
    let alone = settlements().filter(|settlement| settlement.alone.is_some()).map(|settlement| settlement.facts.name);
    let alone: Vec<_> = alone.collect();
    let sql = "SELECT schema_name, table_name, EXISTS (
                   FROM duckdb_views() v WHERE v.database_name = t.database_name AND NOT v.internal
                   AND regexp_matches(v.sql, '\\bfacts\\.\"?' || t.table_name || '\\b'))
               FROM duckdb_tables() t WHERE database_name = ? AND NOT internal AND NOT temporary ORDER BY ALL";
    let mut statement = connection.prepare(sql)?;
    let rows = statement.query_map([database], |row| {
        let (schema, table): (String, String) = (row.get(0)?, row.get(1)?);
        let rows = if alone.contains(&table.as_str()) { "WHERE alone" } else { "" };
        Ok((Shown { schema, table, rows }, row.get(2)?))
    })?;
    let rows = rows.collect::<duckdb::Result<Vec<(Shown, bool)>>>()?;
    let is_shown = |(shown, in_view): &(Shown, bool)| match shown.schema.as_str() {
        "main" => !UNPUBLISHED.contains(&shown.table.as_str()),
        "facts" => *in_view || !behind.contains(&shown.table.as_str()),
        _ => true,
    };
    Ok(rows.into_iter().filter(is_shown).map(|(shown, _)| shown).collect())
}

/// Reads all of a new snapshot. Returns the number of rows of each table and view.
fn read(new: &Path) -> Result<Vec<(String, i64)>> {
    let connection = try_connect(new, Access::ReadOnly, None).map_err(|error| cannot_open(new, &error))?;
    let sql = "SELECT format('SELECT sum(hash(t)) FROM \"{}\".\"{}\" t', schema_name, table_name)
               FROM duckdb_tables() WHERE NOT internal AND NOT temporary";
    let mut statement = connection.prepare(sql)?;
    for sql in statement.query_map([], |row| row.get::<_, String>(0))?.collect::<duckdb::Result<Vec<_>>>()? {
        connection.execute(&sql, [])?;
    }
    count(&connection)
}

/// The public tables and views of the current database.
fn names(connection: &Connection) -> Result<Vec<String>> {
    let sql = "SELECT table_name FROM information_schema.tables
               WHERE table_catalog = current_database() AND table_schema = 'main' ORDER BY ALL";
    let mut statement = connection.prepare(sql)?;
    let mut names = statement.query_map([], |row| row.get(0))?.collect::<duckdb::Result<Vec<String>>>()?;
    names.retain(|name| !UNPUBLISHED.contains(&name.as_str()));
    Ok(names)
}

/// The public tables and views, with their numbers of rows.
fn count(connection: &Connection) -> Result<Vec<(String, i64)>> {
    let count = |name: String| {
        let rows = connection.query_row(&format!("SELECT count(*) FROM main.\"{name}\""), [], |row| row.get(0))?;
        Ok((name, rows))
    };
    names(connection)?.into_iter().map(count).collect()
}

/// The files of a new snapshot.
fn files(new: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut all = vec![new.to_owned()];
    for entry in std::fs::read_dir(with(new, ".parquet")).into_iter().flatten() {
        all.push(entry?.path());
    }
    Ok(all)
}

/// Syncs new files to disk, which can take long.
fn sync(new: &Path) -> std::io::Result<()> {
    for path in files(new)? {
        #[expect(clippy::disallowed_methods, reason = "a snapshot, which nobody has open yet")]
        File::open(path)?.sync_all()?;
    }
    Ok(())
}

/// Lets the group, or the users in the configuration, read new files.
fn allow(new: &Path, audience: Audience, wanted: &Publish) -> std::io::Result<()> {
    for path in files(new)? {
        let mode = if audience == Audience::Readers { 0o640 } else { 0o600 };
        std::fs::set_permissions(&path, Permissions::from_mode(mode))?;
        if audience == Audience::Content {
            #[expect(clippy::disallowed_methods, reason = "a snapshot, which nobody has open yet")]
            acl::allow(&File::open(path)?, &wanted.content_uids, 0o4)?;
        }
    }
    Ok(())
}

/// Gives new files their names and points the links to them.
fn show(new: &Path, snapshot: &Snapshot, link: &Path) -> std::io::Result<()> {
    let files = with(new, ".parquet");
    std::fs::rename(new, &snapshot.path)?;
    failpoint::point("renamed", "");
    if files.is_dir() {
        std::fs::set_permissions(&files, Permissions::from_mode(0o750))?;
        // These can be the files of an earlier snapshot with the same name.
        let _ = std::fs::remove_dir_all(snapshot.parquet());
        std::fs::rename(&files, snapshot.parquet())?;
        point(link, &with(link, ".parquet"), &snapshot.parquet())?;
    }
    point(link, link, &snapshot.path)?;
    #[expect(clippy::disallowed_methods, reason = "a folder")]
    File::open(link.parent().unwrap_or(Path::new(".")))?.sync_all()
}

/// Atomically replaces the link `name`, so that it points to `file` beside it.
fn point(link: &Path, name: &Path, file: &Path) -> std::io::Result<()> {
    let new = with(link, ".link");
    symlink(file.file_name().unwrap_or_default(), &new)?;
    std::fs::rename(&new, name)
}
