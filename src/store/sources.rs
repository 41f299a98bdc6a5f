//! Which trees of transcripts a database is made of.

use crate::error::{Error, Result, Status};
use crate::source::Source;
use crate::store::origin::Origin;
use crate::store::{Store, known};
use duckdb::params;

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
    let remembered = of(store)?;
    let strange = |source: &&Source| !remembered.contains(source);
    if let Some(stranger) = sources.iter().find(strange)
        && !remembered.is_empty()
        && !adopt
    {
        let origin = Origin::of(&remembered, known::forgotten(store.connection(), store.lock.database())?);
        let is_replaced = Origin::read(store.lock.database()).is_some_and(|known| known.sources().contains(stranger));
        origin.write(store.lock.database())?;
        let error = refusal(stranger, &remembered);
        return Err(if is_replaced { error.hint("another database has taken its place: run it again") } else { error });
    }
    let known = known::sources(store.connection())?;
    let new: Vec<_> = remembered.iter().chain(&sources).filter(|source| !known.contains(source)).collect();
    if !new.is_empty() {
        insert(store, &new)?;
    }
    Origin::of(&of(store)?, known::forgotten(store.connection(), store.lock.database())?).write(store.lock.database())
}

/// The sources that a database is made of: its origin knows them too, where the database has lost them.
///
/// # Errors
///
/// If the database cannot be read.
pub fn of(store: &Store) -> Result<Vec<Source>> {
    let known = known::sources(store.connection())?;
    let origin = if known.is_empty() { Origin::read(store.lock.database()) } else { None };
    Ok(origin.map_or(known, |origin| origin.sources()))
}

fn insert(store: &Store, sources: &[&Source]) -> Result<()> {
    store.transaction(|transaction| {
        for source in sources {
            transaction.execute("DELETE FROM sources WHERE name = ?", [&source.name])?;
            let root = source.root.to_string_lossy();
            transaction.execute(
                "INSERT INTO sources (name, root, layout) VALUES (?, ?, ?)",
                params![source.name, root, source.layout.name()],
            )?;
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
