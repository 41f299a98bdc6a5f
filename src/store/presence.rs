//! Which sources a database is made of, and which of their files are still there.

use crate::error::{Error, Result, Status};
use crate::ledger::Ledger;
use crate::scan::Walk;
use crate::source::Source;
use crate::store::origin::Origin;
use crate::store::rows::Cell;
use crate::store::{Store, known};
use chrono::{DateTime, Utc};
use duckdb::params;
use std::collections::HashSet;

/// Remembers the sources of a new database; refuses others than those of an old one, so that two
/// trees never mix by accident.
///
/// # Errors
///
/// If the roots are not those that the database is made of and `adopt` is not said.
pub fn remember(store: &Store, sources: &[Source], adopt: bool) -> Result<()> {
    let canonical = |source: &Source| Source {
        root: source.root.canonicalize().unwrap_or_else(|_| source.root.clone()),
        ..source.clone()
    };
    let sources: Vec<Source> = sources.iter().map(canonical).collect();
    let remembered = self::sources(store)?;
    let strange = |source: &&Source| !remembered.contains(source);
    if let Some(stranger) = sources.iter().find(strange)
        && !remembered.is_empty()
        && !adopt
    {
        return Err(refusal(stranger, &remembered));
    }
    let known = known::sources(store.connection())?;
    let new: Vec<_> = remembered.iter().chain(&sources).filter(|source| !known.contains(source)).collect();
    if !new.is_empty() {
        insert(store, &new)?;
    }
    Origin::of(&self::sources(store)?).write(store.lock.database())
}

/// The sources that a database is made of: its origin knows them too, where the database has lost them.
///
/// # Errors
///
/// If the database cannot be read.
pub fn sources(store: &Store) -> Result<Vec<Source>> {
    let known = known::sources(store.connection())?;
    let origin = if known.is_empty() { Origin::read(store.lock.database()) } else { None };
    Ok(origin.map_or(known, |origin| origin.sources()))
}

fn insert(store: &Store, sources: &[&Source]) -> Result<()> {
    store.transaction(|transaction| {
        for source in sources {
            transaction.execute("DELETE FROM sources WHERE name = ?", [&source.name])?;
            let root = source.root.to_string_lossy();
            transaction
                .execute("INSERT INTO sources VALUES (?, ?, ?)", params![source.name, root, source.layout.name()])?;
        }
        Ok(())
    })
}

fn refusal(stranger: &Source, remembered: &[Source]) -> Error {
    let root = stranger.root.display();
    let same_root = remembered.iter().find(|source| source.root == stranger.root);
    let message = match same_root {
        Some(known) if known.layout != stranger.layout => {
            format!("the database knows `{root}` with the layout {}, not {}", known.layout, stranger.layout)
        }
        _ => {
            let roots: Vec<_> = remembered.iter().map(|source| format!("`{}`", source.root.display())).collect();
            format!("the database is made of {}, not of `{root}`", roots.join(", "))
        }
    };
    Error::new(Status::CannotRun, message)
        .hint("if the tree has moved, say so with --adopt; for another tree, name another file with --database FILE")
}

/// Marks the known files that a walk did not find. What they said is kept. A source that is empty
/// all at once is taken for one that is not mounted: its files are left as they are.
///
/// # Errors
///
/// If the database cannot be written.
pub fn mark_gone(store: &Store, walk: &Walk, ledger: &Ledger, now: DateTime<Utc>) -> Result<()> {
    let found: HashSet<&str> = walk.found.iter().map(|found| found.file.session_file.as_str()).collect();
    let seen_whole = |source: usize| {
        walk.complete.get(source) == Some(&true) && walk.found.iter().any(|found| found.source == source)
    };
    let whole: Vec<bool> = (0..walk.complete.len()).map(seen_whole).collect();
    let missing = ledger.files.iter().filter(|(file, known)| {
        !known.gone && known.source.is_some_and(|source| whole[source]) && !found.contains(&***file)
    });
    let missing: Vec<&str> = missing.map(|(file, _)| &**file).collect();
    if missing.is_empty() {
        return Ok(());
    }
    store.transaction(|transaction| {
        transaction.batch("CREATE OR REPLACE TEMP TABLE stage_gone (session_file VARCHAR)")?;
        transaction.stage("stage_gone", missing.iter().map(|file| [Cell::Text(file)]))?;
        transaction.execute(
            "UPDATE session_files SET gone_since = ? WHERE session_file IN (SELECT session_file FROM stage_gone)",
            [Cell::Time(now)],
        )?;
        Ok(())
    })
}
