//! A database that DuckDB refuses to read is moved aside, never deleted, and its place is taken by what
//! can be read: the last checkpoint without its log, or a new database without anything.
//!
//! Both are states that the database once was in: facts, ledger and touched keys change together. So
//! whatever is missing from it is due by its own ledger, and the pass that opened it brings it back. What
//! cannot come back is what transcripts said that do not exist any more.

use crate::error::{Error, Result};
use crate::lock::StoreLock;
use crate::store::origin::Origin;
use crate::store::{Access, Fault, PATIENCE, Store, beside, connect, migrate, presence};
use chrono::{DateTime, Utc};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// What DuckDB keeps beside a database. A log goes first: one that stayed behind would be replayed
/// into the database's successor.
const LOGS: [&str; 3] = [".wal", ".wal.checkpoint", ".wal.recovery"];
const ALL: [&str; 4] = [".wal", ".wal.checkpoint", ".wal.recovery", ""];

/// Opens a database to write. What cannot be read of it is moved aside, if we made it.
///
/// # Errors
///
/// If it cannot be opened, or is damaged and not known as ours.
pub(super) fn open(path: &Path, now: DateTime<Utc>) -> Result<Store> {
    let until = Instant::now() + PATIENCE;
    let lock = StoreLock::take(path, until)?;
    let mut origin = Origin::read(path);
    if !path.exists() && !origin.as_ref().is_some_and(|origin| origin.damaged) {
        // Ours from before its first byte: a crash while it is made leaves a file that is no database.
        let new = Origin::of(&[]);
        new.write(path)?;
        origin = Some(new);
    }
    let Some(origin) = origin else {
        return Ok(Store { connection: connect(path, Access::ReadWrite, until)?, lock });
    };
    if origin.damaged {
        return rebuild(path, lock, origin, now);
    }
    match connect(path, Access::ReadWrite, until) {
        Err(error) if error.fault == Some(Fault::Log) => {
            let moved = move_aside(path, &LOGS, now)?;
            tracing::warn!(
                moved_to = %moved.display(),
                error = error.message,
                "the log of the database is damaged and was moved aside; transcripts that it was about are read again"
            );
            match connect(path, Access::ReadWrite, until) {
                Err(error) if error.fault == Some(Fault::Damage) => rebuild(path, lock, origin, now),
                connection => Ok(Store { connection: connection?, lock }),
            }
        }
        Err(error) if error.fault == Some(Fault::Damage) => rebuild(path, lock, origin, now),
        connection => Ok(Store { connection: connection?, lock }),
    }
}

/// Puts a new database in the place of an open one that turned out to be damaged.
///
/// # Errors
///
/// If the database is not known as ours, or a new one cannot be made.
pub(super) fn replace(store: Store, error: Error, now: DateTime<Utc>) -> Result<()> {
    let Store { connection, lock } = store;
    drop(connection);
    let path = lock.database().to_owned();
    match Origin::read(&path) {
        Some(origin) => rebuild(&path, lock, origin, now).map(drop),
        None => Err(error.hint(NOT_OURS)),
    }
}

/// The hint at a damaged database that is not moved aside.
pub(super) const NOT_OURS: &str = "it is not known to be made by sessionmill and stays as it is: move it away, or name \
                                   another file with --database FILE";

fn rebuild(path: &Path, lock: StoreLock, mut origin: Origin, now: DateTime<Utc>) -> Result<Store> {
    origin.damaged = true;
    origin.write(path)?;
    let moved = move_aside(path, &ALL, now)?;
    tracing::warn!(
        moved_to = %moved.display(),
        "the database is damaged and was moved aside; a new one is made from the transcripts, without what only \
         transcripts said that are gone"
    );
    let store = Store { connection: connect(path, Access::ReadWrite, Instant::now() + PATIENCE)?, lock };
    migrate::migrate(&store, now)?;
    presence::restore(&store, &origin.sources())?;
    origin.damaged = false;
    origin.write(path)?;
    Ok(store)
}

/// Renames `<database><extension>` to `<database>.damaged-<time><extension>`, which is a name that nothing
/// has yet: DuckDB finds a log beside its database there too. Returns the name of the database.
fn move_aside(database: &Path, extensions: &[&str], now: DateTime<Utc>) -> Result<PathBuf> {
    let stamp = now.format("damaged-%Y%m%dT%H%M%SZ").to_string();
    let names = (1_u32..).map(|number| if number == 1 { stamp.clone() } else { format!("{stamp}-{number}") });
    let mut free = names.map(|name| beside(database, &name)).filter(|name| ALL.iter().all(|e| !with(name, e).exists()));
    let aside = free.next().unwrap_or_default();
    let mut last = aside.clone();
    for extension in extensions {
        let (from, to) = (with(database, extension), with(&aside, extension));
        match std::fs::rename(&from, &to) {
            Ok(()) => last = to,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(Error::cannot("move aside", from.display(), error.kind())),
        }
    }
    Ok(last)
}

fn with(path: &Path, extension: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(extension);
    name.into()
}
