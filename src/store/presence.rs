//! Compares the files that a walk found with the known ones, to notice missing files and missing mounts.

use crate::base::error::{Error, Result, count, thousands};
use crate::base::printable::short;
use crate::run::policy::Policy;
use crate::run::summary::Notices;
use crate::source::Source;
use crate::source::ledger::{Known, Ledger};
use crate::source::open::Root;
use crate::source::scan::{Found, Unseen, Walk};
use crate::source::stat::Stat;
use crate::store::Store;
use crate::store::lookup;
use crate::store::rows::Cell;
use chrono::{DateTime, Utc};
use duckdb::params;
use std::collections::{BTreeMap, HashMap, HashSet};

/// What was walked, and what is known about it.
pub struct Tree<'t> {
    pub sources: &'t [Source],
    /// One per source.
    pub roots: &'t [Root],
    pub walk: &'t Walk,
    pub ledger: &'t Ledger,
    pub policy: &'t Policy<'t>,
}

/// The result of comparing.
#[derive(Debug, Default)]
pub struct Observed {
    /// Messages for the user.
    pub notices: Notices,
    /// Positions of sources that are on another device and contain other files. None of their files may be read.
    pub strange: Vec<usize>,
}

/// Marks the known files that a walk did not find as gone. Their facts are kept. If the root of a source seems not to
/// be mounted, or to be another tree, the source is frozen: none of its files is marked.
///
/// # Errors
///
/// If the database cannot be used, or the metadata of a root cannot be read.
pub fn observe(store: &Store, tree: &Tree<'_>, adopt: bool, now: DateTime<Utc>) -> Result<Observed> {
    let Tree { sources, roots, walk, ledger, policy } = tree;
    let mut notices = Notices::default();
    // Folders of forgotten people are left out, because nobody has to act on them.
    let unseen: Vec<_> = walk.unseen.iter().filter(|unseen| !policy.forgets(&unseen.folder)).collect();
    notices.alarms.extend(unseen_words(&unseen));
    for link in walk.links.iter().filter(|link| !policy.forgets(&link.folder)) {
        notices.warnings.push(format!("`{}` is a symbolic link, which is not followed", link.name));
    }
    let mut marks = Vec::new();
    let mut missing = Vec::new();
    let mut strange = Vec::new();
    for (number, (source, root)) in sources.iter().zip(*roots).enumerate() {
        let path = source.root.display();
        let device = root.device().map_err(|error| Error::cannot("look at", &path, error))?.cast_signed();
        let before = mark(store, &source.name)?;
        let state = RootState::of(number, walk, &unseen, ledger);
        let is_moved = before.device.is_some_and(|before| before != device);
        let alarm = state.alarm(is_moved).filter(|_| !adopt).map(|alarm| match alarm {
            Alarm::Empty => {
                let known = count(state.known as u64, "transcript");
                format!("`{path}` is empty, but {known} were there before: check that it is mounted, or pass --adopt to accept that they are gone")
            }
            Alarm::OtherFiles => {
                strange.push(number);
                format!("`{path}` is on another device and has other files than before: check the mount, or pass --adopt to read them")
            }
        });
        match &alarm {
            Some(alarm) => notices.alarms.push(alarm.clone()),
            None => {
                if state.misses_many() {
                    let (gone, known) =
                        (count(state.missing.len() as u64, "transcript"), thousands(state.known as i128));
                    notices.warnings.push(format!("{gone} of {known} in `{path}` are gone; what they said is kept"));
                }
                missing.extend(state.missing);
            }
        }
        let after = Mark { device: if alarm.is_some() { before.device } else { Some(device) }, alarm };
        if after != before {
            marks.push((&source.name, after));
        }
    }
    write(store, &marks, &missing, now)?;
    Ok(Observed { notices, strange })
}

/// Stores why sources of the database could not be walked. `errors` has their names.
///
/// # Errors
///
/// If the database cannot be written.
pub fn freeze(store: &Store, errors: &[(&str, &Error)]) -> Result<()> {
    for (source, error) in errors {
        let alarm = error.to_string();
        let before = mark(store, source)?;
        if before.alarm.as_ref() != Some(&alarm) {
            let set = "UPDATE sources SET alarm = ? WHERE name = ?";
            store.transaction(|transaction| transaction.execute(set, [&*alarm, source]))?;
        }
    }
    Ok(())
}

/// Up to this many folders with the same cause get an alarm each; if there are more, they share one.
const NAMED: usize = 10;

/// Alarms about folders that could not be listed.
fn unseen_words(unseen: &[&Unseen]) -> Vec<String> {
    let mut by_reason: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for unseen in unseen {
        by_reason.entry(&unseen.reason).or_default().push(&unseen.folder);
    }
    let mut alarms = Vec::new();
    for (reason, folders) in by_reason {
        let named = if folders.len() > NAMED { 1 } else { folders.len() };
        let more = folders.len() - named;
        let more = if more > 0 { format!(" and {}", count(more as u64, "other folder")) } else { String::new() };
        alarms.extend(folders[..named].iter().map(|folder| format!("cannot list `{}`{more}: {reason}", short(folder))));
    }
    alarms
}

/// What a walk found of the known files of a source.
struct RootState<'l> {
    /// The number of known files that were not gone before.
    known: usize,
    /// The number of these that were found and can still be the same file.
    alike: usize,
    missing: Vec<&'l str>,
    is_empty: bool,
}

/// Why a root seems not to be that of the source.
enum Alarm {
    /// It is empty, like a mount point without a mount.
    Empty,
    /// It is on another device and has other files.
    OtherFiles,
}

/// A warning about missing files needs at least this many of them.
const MANY_MISSING: usize = 10;
/// It also needs that at least one in this many known files is missing.
const MANY_MISSING_PART: usize = 4;

impl<'l> RootState<'l> {
    fn of(source: usize, walk: &Walk, unseen: &[&Unseen], ledger: &'l Ledger) -> Self {
        let found = walk.found.iter().filter(|found| found.source == source);
        let found: HashMap<&str, &Found> = found.map(|found| (&*found.file.session_file, found)).collect();
        let unseen = unseen.iter().filter(|unseen| unseen.source == source);
        let unseen: HashSet<&str> = unseen.map(|unseen| &*unseen.folder).collect();
        let mut state = Self { known: 0, alike: 0, missing: Vec::new(), is_empty: found.is_empty() };
        let of_source = ledger.files.iter().filter(|(_, known)| known.source == Some(source));
        // A file that is gone can have come back for a while and failed then.
        let expected = of_source.filter(|(_, known)| !known.gone || !known.failures.is_empty());
        for (file, known) in expected {
            state.known += 1;
            match found.get(&**file) {
                Some(found) => state.alike += usize::from(is_alike(found, known)),
                None if folders(file).any(|folder| unseen.contains(folder)) => {}
                None => state.missing.push(file),
            }
        }
        state
    }

    /// Whether the root seems to be another one. The number of a device can change with a restart, so a tree on another
    /// device counts as the same if at least half of its files are alike.
    fn alarm(&self, is_moved: bool) -> Option<Alarm> {
        match self.known {
            0 => None,
            _ if self.is_empty && self.missing.len() == self.known => Some(Alarm::Empty),
            known if is_moved && 2 * self.alike < known => Some(Alarm::OtherFiles),
            _ => None,
        }
    }

    fn misses_many(&self) -> bool {
        self.missing.len() >= MANY_MISSING && self.missing.len() * MANY_MISSING_PART >= self.known
    }
}

/// Whether a found file can be the known one. A log only grows, so a shorter file is not the same, as in an old copy of
/// the tree.
fn is_alike(found: &Found, known: &Known) -> bool {
    let has_grown = |stat: &Stat| known.look.as_ref().is_some_and(|look| look.stat.size <= stat.size);
    found.stat.as_ref().is_ok_and(has_grown)
}

/// The folders above a file, from the top.
fn folders(file: &str) -> impl Iterator<Item = &str> {
    file.match_indices('/').map(|(end, _)| &file[..end])
}

/// What is stored about the root of a source.
#[derive(Debug, Default, PartialEq, Eq)]
struct Mark {
    device: Option<i64>,
    alarm: Option<String>,
}

fn mark(store: &Store, source: &str) -> Result<Mark> {
    let mut statement = store.connection().prepare("SELECT device, alarm FROM sources WHERE name = ?")?;
    let mut rows = statement.query([source])?;
    let Some(row) = rows.next()? else { return Ok(Mark::default()) };
    Ok(Mark { device: row.get(0)?, alarm: row.get(1)? })
}

fn write(store: &Store, marks: &[(&String, Mark)], missing: &[&str], now: DateTime<Utc>) -> Result<()> {
    if marks.is_empty() && missing.is_empty() {
        return Ok(());
    }
    store.transaction(|transaction| {
        for (source, Mark { device, alarm }) in marks {
            transaction
                .execute("UPDATE sources SET device = ?, alarm = ? WHERE name = ?", params![device, alarm, source])?;
        }
        transaction.batch("CREATE OR REPLACE TEMP TABLE stage_gone (session_file VARCHAR)")?;
        transaction.stage("stage_gone", missing.iter().map(|file| [Cell::Text(file)]))?;
        transaction.execute(
            "UPDATE session_files SET gone_since = ?
             WHERE gone_since IS NULL AND session_file IN (SELECT session_file FROM stage_gone)",
            [Cell::Time(now)],
        )?;
        let gone = "session_file IN (SELECT session_file FROM stage_gone)";
        transaction.execute(&format!("DELETE FROM session_failures WHERE {gone}"), [])?;
        lookup::note(transaction)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_folders_of_one_cause_share_an_alarm() {
        let unseen = |(folder, reason): (String, &str)| Unseen {
            source: 0,
            path: folder.clone().into(),
            folder,
            reason: reason.to_owned(),
        };
        let many = (10..52).map(|number| (format!("ada/{number}"), "too many open files"));
        let few = ["bob/p", "eve/q"].map(|folder| (folder.to_owned(), "input/output error"));
        let unseen: Vec<_> = many.chain(few).map(unseen).collect();
        let expected = [
            "cannot list `bob/p`: input/output error",
            "cannot list `eve/q`: input/output error",
            "cannot list `ada/10` and 41 other folders: too many open files",
        ];
        assert_eq!(unseen_words(&unseen.iter().collect::<Vec<_>>()), expected);
    }
}
