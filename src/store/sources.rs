//! The sources of a database: folders with transcripts. [`crate::source::alignment`] decides how a run treats each of
//! them; this module stores the result.

use crate::base::error::{Error, Result, Status};
use crate::source::alignment::{self, Known, Misalignment, SourceMatch, Wanted};
use crate::source::{Layout, Remembered, Source};
use crate::store::origin::OriginFile;
use crate::store::reader::Reader;
use crate::store::rows::{Cell, as_time};
use crate::store::{Store, known, lookup, migrate};
use chrono::{DateTime, Utc};
use duckdb::params;

/// A source of the database, in use or retired.
#[derive(Clone, Debug, PartialEq)]
pub struct Registered {
    pub source: Source,
    pub retired_at: Option<DateTime<Utc>>,
    pub is_found: Option<bool>,
    /// Why no file of the source is read.
    pub alarm: Option<String>,
    device: Option<i64>,
}

/// The result of aligning the sources of a run with those of the database.
#[derive(Debug)]
pub struct Remembering {
    /// For each source of the run, why it is not walked; `None` if it is.
    pub refused: Vec<Option<Error>>,
    /// Messages about sources that the database has and the run does not name.
    pub left_out: Vec<String>,
}

/// Stores the sources of a new database, and changes in those of an existing one. A folder that may be another one than
/// it seems is refused, so that two trees never mix by accident.
///
/// # Errors
///
/// If the database cannot be used.
pub fn remember(store: &Store, wanted: &[Wanted], adopt: bool) -> Result<Remembering> {
    let (remembering, after) = compare(&current(store)?, wanted, adopt);
    let origin = OriginFile::read(store.lock.database());
    replace(store, &after)?;
    let known_before = origin.map(|origin| origin.sources()).unwrap_or_default();
    // If the origin file knows a refused source, another file was put in the place of the database after the sources
    // were chosen.
    let is_replaced = |wanted: &Wanted| known_before.iter().any(|known| known.source == wanted.source);
    let refused = remembering.refused.into_iter().zip(wanted).map(|(error, wanted)| {
        let again = |error: Error| error.hint("another database has taken its place: run it again");
        error.map(|error| if is_replaced(wanted) { again(error) } else { error })
    });
    Ok(Remembering { refused: refused.collect(), ..remembering })
}

/// What a run would do with the sources that it names, in words.
#[derive(Debug)]
pub struct Preview {
    pub changes: Vec<String>,
    pub refused: Vec<Error>,
    pub left_out: Vec<String>,
}

/// Compares the sources that a run would name with those that the database remembers.
pub fn preview(remembered: &[Remembered], wanted: &[Wanted]) -> Preview {
    let registered = |known: &Remembered| Registered {
        retired_at: known.is_retired.then_some(DateTime::UNIX_EPOCH),
        ..Registered::new(known.source.clone(), known.is_found.unwrap_or_default())
    };
    let before: Vec<_> = remembered.iter().map(registered).collect();
    let (Remembering { refused, left_out }, after) = compare(&before, wanted, false);
    let changes = after.iter().enumerate().filter_map(|(number, after)| {
        let Source { name, root, .. } = &after.source;
        let root = root.display();
        match before.get(number) {
            None if before.is_empty() => None,
            None => Some(format!("source `{name}` (`{root}`) is new: the next run adds it")),
            Some(old) if old.retired_at.is_some() && after.retired_at.is_none() => {
                Some(format!("source `{name}` (`{root}`) is retired: the next run reads it again"))
            }
            Some(old) if old.source.name != *name => {
                Some(format!("source `{name}` (`{root}`) was called `{}`: the next run renames it", old.source.name))
            }
            Some(_) => None,
        }
    });
    Preview { changes: changes.collect(), refused: refused.into_iter().flatten().collect(), left_out }
}

/// Adds sources that were found automatically.
///
/// # Errors
///
/// If the database cannot be written.
pub fn add_found(store: &Store, found: &[Source]) -> Result<()> {
    let mut after = current(store)?;
    for source in found {
        if !after.iter().any(|known| known.source.root == source.root || known.source.name == source.name) {
            after.push(Registered::new(source.clone(), true));
        }
    }
    replace(store, &after)
}

/// Stores that the folder of a source has moved.
///
/// # Errors
///
/// If no source in use has this name, the folder overlaps with that of another source, or the database cannot be used.
pub fn move_to(store: &Store, old: &str, root: &std::path::Path) -> Result<Source> {
    let mut all = current(store)?;
    let number = position(&all, old)?;
    let (root, mut others) = (root.to_owned(), all.iter().filter(|known| known.retired_at.is_none()));
    let is_within = |known: &&Registered| known.source.root.starts_with(&root) || root.starts_with(&known.source.root);
    if let Some(other) = others.find(|known| **known != all[number] && is_within(known)) {
        let Source { name, root: other, .. } = &other.source;
        let message = format!("`{}` and `{}`, which is source `{name}`, overlap", root.display(), other.display());
        return Err(Error::new(Status::Usage, message).hint("files of both would be counted twice"));
    }
    all[number].source.root = root;
    (all[number].is_found, all[number].device, all[number].alarm) = (Some(false), None, None);
    let source = all[number].source.clone();
    replace(store, &all)?;
    Ok(source)
}

/// Retires a source: its data is kept, and its folder is no longer read.
///
/// # Errors
///
/// If no source in use has this name, or the database cannot be used.
pub fn retire(store: &Store, name: &str, now: DateTime<Utc>) -> Result<Source> {
    let mut all = current(store)?;
    let number = position(&all, name)?;
    all[number].retired_at = Some(now);
    all[number].alarm = None;
    let source = all[number].source.clone();
    replace(store, &all)?;
    store.transaction(|transaction| {
        // Failures of its files are not retried.
        transaction.execute(
            "DELETE FROM session_waits WHERE session_file IN (SELECT session_file FROM session_files WHERE source = ?)",
            [&source.name],
        )?;
        transaction.execute("DELETE FROM session_failures WHERE source = ?", [&source.name])?;
        lookup::note(transaction)
    })?;
    Ok(source)
}

/// The sources of a database. If the database has lost them, they are taken from the origin file.
///
/// # Errors
///
/// If the database cannot be read.
pub fn of(store: &Store) -> Result<Vec<Remembered>> {
    Ok(current(store)?.iter().map(Registered::remembered).collect())
}

/// All sources in the database, by name.
///
/// # Errors
///
/// If the database cannot be read.
pub fn registered(reader: Reader<'_>) -> Result<Vec<Registered>> {
    let mut statement = reader
        .connection()
        .prepare("SELECT name, root, layout, username, retired_at, found, alarm, device FROM sources ORDER BY name")?;
    let rows = statement.query_map([], |row| {
        let (name, root, layout): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let layout = Layout::by_name(&layout).unwrap_or_default();
        Ok(Registered {
            source: Source { user: row.get(3)?, ..Source::new(name, root, layout) },
            retired_at: as_time(row, 4)?,
            is_found: row.get(5)?,
            alarm: row.get(6)?,
            device: row.get(7)?,
        })
    })?;
    Ok(rows.collect::<duckdb::Result<_>>()?)
}

fn current(store: &Store) -> Result<Vec<Registered>> {
    let registered = registered(store.reader())?;
    let origin = if registered.is_empty() { OriginFile::read(store.lock.database()) } else { None };
    let lost = |origin: OriginFile| {
        // The lost database had the data of retired sources. Nothing of it is left, so these are not restored.
        let in_use = origin.sources().into_iter().filter(|known| !known.is_retired);
        in_use
            .map(|Remembered { source, is_found, .. }| Registered { is_found, ..Registered::new(source, false) })
            .collect()
    };
    Ok(origin.map_or(registered, lost))
}

fn position(all: &[Registered], name: &str) -> Result<usize> {
    let in_use = || all.iter().enumerate().filter(|(_, known)| known.retired_at.is_none());
    let has_root = |source: &Source| source.root == crate::source::real(std::path::Path::new(name));
    let found = in_use().find(|(_, known)| known.source.name == name);
    let found = found.or_else(|| in_use().find(|(_, known)| has_root(&known.source)));
    found.map(|(number, _)| number).ok_or_else(|| {
        let names: Vec<_> = in_use().map(|(_, known)| known.source.name.as_str()).collect();
        match names.is_empty() {
            true => Error::new(Status::Usage, format!("unknown source `{name}`: there is none in use")),
            false => crate::base::names::unknown("source", name, names.into_iter()),
        }
    })
}

impl Registered {
    fn new(source: Source, is_found: bool) -> Self {
        Self { source, retired_at: None, is_found: Some(is_found), alarm: None, device: None }
    }

    fn remembered(&self) -> Remembered {
        Remembered { source: self.source.clone(), is_retired: self.retired_at.is_some(), is_found: self.is_found }
    }
}

fn as_known(registered: &[Registered]) -> Vec<Known> {
    let known = |known: &Registered| Known { source: known.source.clone(), is_retired: known.retired_at.is_some() };
    registered.iter().map(known).collect()
}

/// Aligns the sources. Returns the result, and the sources to store.
fn compare(before: &[Registered], wanted: &[Wanted], adopt: bool) -> (Remembering, Vec<Registered>) {
    let known = as_known(before);
    let alignment = alignment::align(&known, wanted, adopt);
    let is_named = |number: usize| alignment.matches.contains(&SourceMatch::Is(number));
    let after =
        alignment.known(&known, wanted).into_iter().enumerate().map(|(number, after)| match before.get(number) {
            Some(old) => {
                let has_moved = old.source.root != after.source.root;
                Registered {
                    retired_at: old.retired_at.filter(|_| after.is_retired),
                    // A source that a user names with other settings no longer counts as found automatically.
                    is_found: if is_named(number) && old.source != after.source { Some(false) } else { old.is_found },
                    alarm: old.alarm.clone().filter(|_| !has_moved && !alignment.left_out.contains(&number)),
                    device: old.device.filter(|_| !has_moved),
                    source: after.source,
                }
            }
            None => Registered::new(after.source, false),
        });
    let after = after.collect();
    let left: Vec<_> = alignment.left_out.iter().map(|number| &known[*number].source).collect();
    let refused = alignment.matches.iter().zip(wanted).map(|(found, Wanted { source, .. })| match found {
        SourceMatch::Refused(refusal) => Some(refusal.error(source, &known, wanted, &left)),
        _ => None,
    });
    let left_out = left.iter().map(|Source { name, root, .. }| {
        format!(
            "source `{name}` (`{}`) is not named any more, and what is new in it is not counted: \
             if that is meant, sessionmill sources retire {name}",
            root.display()
        )
    });
    (Remembering { refused: refused.collect(), left_out: left_out.collect() }, after)
}

impl Misalignment {
    fn error(self, source: &Source, known: &[Known], wanted: &[Wanted], left: &[&Source]) -> Error {
        let Source { name, root, layout, user } = source;
        let root = root.display();
        let (message, hint) = match self {
            Self::Layout(number) => (
                format!("the database knows `{root}` with the layout {}, not {layout}", known[number].source.layout),
                "with --adopt its files are read anew under their other names; what was counted stays".to_owned(),
            ),
            Self::User(number) => {
                let whose = |user: &Option<String>| match user {
                    Some(user) => format!("the logs of `{user}`"),
                    None => "those of whoever runs it".to_owned(),
                };
                let before = whose(&known[number].source.user);
                (
                    format!("the database knows `{root}` as {before}, not as {}", whose(user)),
                    "with --adopt its files are read anew under their other names; what was counted stays".to_owned(),
                )
            }
            Self::Taken(number) => (
                format!(
                    "`{root}` cannot be called `{name}`, as the database calls `{}`",
                    known[number].source.root.display()
                ),
                format!("give it another name; if `{name}` is over: sessionmill sources retire {name}"),
            ),
            Self::Twice(number) => (
                format!("`{root}` is both `{}` and `{name}`", wanted[number].source.name),
                "name each folder once".to_owned(),
            ),
            Self::Elsewhere(_) | Self::New => {
                let in_use = known.iter().filter(|known| !known.is_retired);
                let roots: Vec<_> = in_use.map(|known| format!("`{}`", known.source.root.display())).collect();
                let old = match self {
                    Self::Elsewhere(number) => vec![known[number].source.name.as_str()],
                    _ => left.iter().map(|source| source.name.as_str()).collect(),
                };
                let adopt = if old.len() == 1 { " or --adopt" } else { "" };
                let old = old.join("|");
                (
                    format!("the database is made of {}, not of `{root}`", roots.join(", ")),
                    format!(
                        "has the tree moved? sessionmill sources moved {old} {root}{adopt}; is the old one over? \
                         sessionmill sources retire {old}; for another database: --database FILE"
                    ),
                )
            }
        };
        Error::new(Status::CannotRun, message).hint(hint)
    }
}

/// Stores the sources in the database and in the origin file.
fn replace(store: &Store, after: &[Registered]) -> Result<()> {
    let before = registered(store.reader())?;
    let mut sorted = after.to_vec();
    sorted.sort_by(|a, b| a.source.name.cmp(&b.source.name));
    if before != sorted {
        // `after` begins with the sources of `before` in the same order, so a source with another name was renamed.
        let names = before.iter().zip(after).map(|(old, new)| [&old.source.name, &new.source.name]);
        let names: Vec<_> = names.filter(|[old, new]| old != new).collect();
        store.transaction(|transaction| {
            transaction.execute("DELETE FROM sources", [])?;
            for Registered { source, retired_at, is_found, alarm, device } in &sorted {
                let root = source.root.to_string_lossy();
                let retired_at = retired_at.map(Cell::Time);
                transaction.execute(
                    "INSERT INTO sources (name, root, layout, username, retired_at, found, alarm, device)
                     VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    params![source.name, root, source.layout.name(), source.user, retired_at, is_found, alarm, device],
                )?;
            }
            if !names.is_empty() {
                transaction.batch("CREATE OR REPLACE TEMP TABLE stage_names (old_name VARCHAR, new_name VARCHAR)")?;
                transaction.stage("stage_names", names.iter().map(|names| names.map(|name| Cell::Text(name))))?;
                for table in ["session_files", "session_failures"] {
                    let sql = format!("UPDATE {table} SET source = new_name FROM stage_names WHERE source = old_name");
                    transaction.execute(&sql, [])?;
                }
            }
            Ok(())
        })?;
    }
    let remembered: Vec<_> = sorted.iter().map(Registered::remembered).collect();
    let database = store.lock.database();
    let forgotten = known::forgotten(store.reader(), database)?;
    OriginFile::of(&remembered, forgotten, migrate::done(store.connection())?).write(database)
}
