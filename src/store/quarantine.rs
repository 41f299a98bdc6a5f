//! A database that DuckDB cannot read is moved aside, never deleted. It is replaced by its last checkpoint without the
//! log if that can be read, otherwise by a new, empty database. The pass raises an alarm then, and readers warn until
//! somebody has deleted what was moved aside.
//!
//! Both are earlier states of the database, in which facts, ledger and touched keys agree, because they change
//! together. So the ledger shows what is missing, and the pass that opened the database adds it again. Decisions are
//! restored from the file beside the database. Facts of transcripts that no longer exist are lost.

use crate::base::error::{Error, Result};
use crate::base::fault::Fault;
use crate::base::lock::StoreLock;
use crate::base::owner;
use crate::store::origin::OriginFile;
use crate::store::{Access, DatabaseFile, PATIENCE, Store, connect, leftovers};
use chrono::{DateTime, Utc};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// The files that DuckDB keeps beside a database. Logs are moved before the database: DuckDB would replay a log that
/// was left behind into the new database.
const LOGS: [&str; 3] = [".wal", ".wal.checkpoint", ".wal.recovery"];
const ALL: [&str; 4] = [".wal", ".wal.checkpoint", ".wal.recovery", ""];

/// Opens a database for writing. If we made it and it cannot be read, it is moved aside and replaced. Returns an alarm
/// if it or its log was moved aside.
///
/// # Errors
///
/// If it cannot be opened, or it is damaged and has no origin file that this program knows.
pub(super) fn open(path: &DatabaseFile, now: DateTime<Utc>) -> Result<(Store, Option<String>)> {
    owner::leave_to_owner(path)?;
    leftovers::sweep(path);
    let until = Instant::now() + PATIENCE;
    let lock = StoreLock::take(path, until)?;
    // Reading may be forbidden, or fail for a moment. If a new file replaced this one, nobody would be forgotten.
    let text = OriginFile::text(path)?;
    let (origin, unreadable) = match text.map(|text| OriginFile::parse(path, &text)).transpose() {
        Ok(origin) => (origin, None),
        Err(error) => (None, Some(error)),
    };
    let mut origin = origin.filter(|origin| origin.is_known(path));
    if !path.exists()
        && let Some(error) = unreadable
    {
        // A new database knows only from this file who is forgotten.
        return Err(error.hint(
            "it names the people who are forgotten: put it back from a copy; if nobody was forgotten, delete it",
        ));
    }
    if !path.exists() && !origin.as_ref().is_some_and(|origin| origin.damaged) {
        // The origin is written before the first byte of the database. If a crash in between leaves a file that is not
        // a database, it counts as ours and is moved aside.
        let new = OriginFile::of(&[], origin.map(|origin| origin.forgotten).unwrap_or_default(), path.schema.version());
        new.write(path)?;
        origin = Some(new);
    }
    let Some(origin) = origin else {
        let connection = connect(path, Access::ReadWrite, None, until)?;
        let alarm = unreadable.map(|error| {
            format!(
                "{error}; the file is made anew from the database: see with `sessionmill forget --list` whether \
                 everybody who is forgotten is there"
            )
        });
        if let Some(alarm) = &alarm {
            tracing::warn!("{alarm}");
        }
        return Ok((Store::of(path, connection, lock), alarm));
    };
    if origin.damaged {
        return rebuild(path, lock, origin, now).map(|(store, alarm)| (store, Some(alarm)));
    }
    let mut opened = connect(path, Access::ReadWrite, None, until);
    let mut alarm = None;
    if let Err(error) = &opened
        && error.fault == Some(Fault::Log)
        && let Some(moved) = move_aside(path, &LOGS, now)?
    {
        tracing::warn!(
            moved_to = %moved.display(),
            error = error.to_string(),
            "the log of the database cannot be used and was moved aside; what it held is read again from transcripts that \
             still exist"
        );
        opened = connect(path, Access::ReadWrite, None, until);
        alarm = Some(format!(
            "the log of the database could not be used: it is `{}` now, and what it held is read again from the transcripts \
             that are there",
            moved.display()
        ));
        if opened.as_ref().is_err_and(|error| error.fault == Some(Fault::Damage)) {
            // The log looked as if it belonged to another database because this one is damaged. They stay together.
            let _ = std::fs::rename(&moved, with(path, ".wal"));
        }
    }
    match opened {
        Err(error) if error.fault == Some(Fault::Damage) => {
            rebuild(path, lock, origin, now).map(|(store, alarm)| (store, Some(alarm)))
        }
        opened => Ok((Store::of(path, opened?, lock), alarm)),
    }
}

/// Replaces an open database that turned out to be damaged by a new one. Returns an alarm.
///
/// # Errors
///
/// If the database has no origin file, or a new one cannot be made.
pub(super) fn replace(store: Store, database: &DatabaseFile, error: Error, now: DateTime<Utc>) -> Result<String> {
    let Store { connection, rollback, lock, .. } = store;
    drop(connection);
    drop(rollback);
    match OriginFile::known(database) {
        Some(origin) => rebuild(database, lock, origin, now).map(|(_, alarm)| alarm),
        None => Err(error.hint(NOT_OURS)),
    }
}

/// The hint for a damaged database that is not moved aside.
pub(super) const NOT_OURS: &str = "it is not known to be made by sessionmill and stays as it is: move it away, or name \
                                   another file with --database FILE";

fn rebuild(path: &Path, lock: StoreLock, mut origin: OriginFile, now: DateTime<Utc>) -> Result<(Store, String)> {
    origin.damaged = true;
    origin.write(path)?;
    // If an earlier run was interrupted right after moving the database, nothing is left to move.
    if let Some(moved) = move_aside(path, &ALL, now)? {
        tracing::warn!(
            moved_to = %moved.display(),
            "the database is damaged and was moved aside; a new one is made from the transcripts, without what only \
             transcripts said that are gone"
        );
    }
    let connection = connect(path, Access::ReadWrite, None, Instant::now() + PATIENCE)?;
    origin.damaged = false;
    origin.write(path)?;
    let aside = last_moved_aside(path).map_or(String::new(), |aside| format!(": it is `{}` now", aside.display()));
    let alarm = format!("the database was damaged{aside}, and a new one is made from the transcripts that are there");
    Ok((Store::of(path, connection, lock), alarm))
}

/// Renames `<database><extension>` to `<database>.damaged-<time><extension>`: DuckDB finds a log beside its
/// database there too. Takes a name that nothing has yet. Returns the new name of the last one.
fn move_aside(database: &Path, extensions: &[&str], now: DateTime<Utc>) -> Result<Option<PathBuf>> {
    let time = now.format(".damaged-%Y%m%dT%H%M%SZ").to_string();
    let again = |number: u32| if number == 1 { String::new() } else { format!("-{number}") };
    let mut names = (1..).map(|number| with(database, &format!("{time}{}", again(number))));
    let name = names.find(|name| ALL.iter().all(|extension| !with(name, extension).exists())).unwrap_or_default();
    let mut last = None;
    for extension in extensions {
        let (from, to) = (with(database, extension), with(&name, extension));
        match std::fs::rename(&from, &to) {
            Ok(()) => last = Some(to),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(Error::cannot("move aside", from.display(), error)),
        }
    }
    Ok(last)
}

/// Databases and logs that were moved aside, sorted by name.
pub fn moved_aside(database: &Path) -> Vec<PathBuf> {
    let begin = with(database, ".damaged-");
    let folder = database.parent().unwrap_or(Path::new("."));
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let begins = |path: &PathBuf| path.as_os_str().as_encoded_bytes().starts_with(begin.as_os_str().as_encoded_bytes());
    let mut aside: Vec<_> = entries.filter(begins).collect();
    aside.sort();
    aside
}

/// A warning if something was moved aside and is still there.
pub fn warning(database: &Path) -> Option<String> {
    let aside = moved_aside(database);
    let last = aside.last()?.display();
    Some(match aside.len() {
        1 => format!("`{last}` was moved aside as damaged: delete it when it is no longer needed"),
        files => format!(
            "{files} files were moved aside as damaged, such as `{last}`: delete them when they are no longer needed"
        ),
    })
}

/// The database that was moved aside last.
fn last_moved_aside(database: &Path) -> Option<PathBuf> {
    let is_log = |path: &PathBuf| LOGS.iter().any(|log| path.as_os_str().as_encoded_bytes().ends_with(log.as_bytes()));
    moved_aside(database).into_iter().rfind(|path| !is_log(path))
}

fn with(path: &Path, extension: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(extension);
    name.into()
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "files in the place of a database")]
mod tests {
    use super::*;
    use crate::store::beside;

    #[test]
    fn what_was_moved_aside_before_is_not_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("d");
        let now = DateTime::UNIX_EPOCH;
        assert_eq!(move_aside(&database, &ALL, now).unwrap(), None, "there is nothing");
        for (number, name) in ["d.damaged-19700101T000000Z", "d.damaged-19700101T000000Z-2"].iter().enumerate() {
            std::fs::write(&database, number.to_string()).unwrap();
            std::fs::write(beside(&database, "wal"), "log").unwrap();
            let moved = folder.path().join(name);
            assert_eq!(move_aside(&database, &ALL, now).unwrap(), Some(moved.clone()));
            assert_eq!(std::fs::read_to_string(&moved).unwrap(), number.to_string());
            assert_eq!(std::fs::read_to_string(beside(&moved, "wal")).unwrap(), "log");
        }
        std::fs::write(beside(&database, "wal"), "log").unwrap();
        let alone = move_aside(&database, &LOGS, now).unwrap().unwrap();
        assert_eq!(alone.file_name().unwrap(), "d.damaged-19700101T000000Z-3.wal");
        let last = last_moved_aside(&database).unwrap();
        assert_eq!(last.file_name().unwrap(), "d.damaged-19700101T000000Z-2", "not the log alone");
        let expected = format!(
            "5 files were moved aside as damaged, such as `{}`: delete them when they are no longer needed",
            folder.path().join("d.damaged-19700101T000000Z.wal").display()
        );
        assert_eq!(warning(&database), Some(expected));
    }
}
