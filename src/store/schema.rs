//! The tables that a database is to have: those of the engine, and those of each processor of the program.
//!
//! The store knows no processor by name. Whoever opens a database says which ones there are; in the program these are
//! the plugs.

use crate::base::error::Result;
use crate::store::migrate::{ENGINE, Migration};
use sessionmill_contract::{Manifest, Processor, Sensitive, Settlement};
use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// The schema of a database: the processors whose tables it has.
#[derive(Clone)]
pub struct Schema(Arc<[Stored]>);

/// A processor, as far as the store knows it.
#[derive(Clone, Copy)]
pub struct Stored {
    /// As it is without any configuration. Its manifest names it and its tables.
    pub default: fn() -> &'static dyn Processor,
    /// Its part of the numbered chain of migrations.
    pub migrations: &'static [Migration],
    /// The statements that make the views of its tables in a new database, which sees no migrations.
    pub views: &'static str,
    /// Private columns of tables that its manifest does not declare.
    pub private: &'static [Private],
    /// It is the one processor that the older service first had, whose ledger is taken over.
    pub adopts: bool,
    /// What it keeps about people beside the database.
    pub kept: Option<Kept>,
}

/// What a processor keeps about people beside the database, such as answers that were paid for.
#[derive(Clone, Copy)]
pub struct Kept {
    /// The folders of the people about whom there is something.
    pub people: fn(&Path) -> Result<BTreeSet<String>>,
    /// Erases what there is about people; returns how many entries that were.
    pub forget: fn(&Path, &BTreeSet<&str>) -> Result<u64>,
}

/// A text column that snapshots leave empty unless they are to have its kind of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Private {
    /// Of a table in schema `facts`.
    pub table: &'static str,
    pub column: &'static str,
    pub kind: Sensitive,
}

impl Stored {
    /// The manifest of the processor.
    pub fn manifest(&self) -> &'static Manifest {
        (self.default)().manifest()
    }
}

impl Schema {
    /// The schema with the tables of these processors.
    pub fn of(processors: impl IntoIterator<Item = Stored>) -> Self {
        Self(processors.into_iter().collect())
    }

    /// The processors whose tables it has.
    pub fn processors(&self) -> impl Iterator<Item = &Stored> {
        self.0.iter()
    }

    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.processors().map(|stored| stored.manifest().name)
    }

    /// Their manifests.
    pub fn manifests(&self) -> Vec<&'static Manifest> {
        self.processors().map(Stored::manifest).collect()
    }

    /// All migrations, those of the engine among them, oldest first.
    pub fn migrations(&self) -> Vec<Migration> {
        let of_processors = self.processors().flat_map(|stored| stored.migrations);
        let mut all: Vec<_> = ENGINE.iter().chain(of_processors).copied().collect();
        all.sort_by_key(|(name, _)| *name);
        all
    }

    /// The number of its newest migration.
    pub fn version(&self) -> usize {
        ENGINE.len() + self.processors().map(|stored| stored.migrations.len()).sum::<usize>()
    }

    /// Columns that snapshots can leave empty.
    pub fn private(&self) -> Vec<Private> {
        let tables = self.manifests().into_iter().flat_map(|manifest| {
            let of = |settlement: &'static Settlement| settlement.entities.iter().copied().chain(settlement.reviews);
            manifest.facts.iter().copied().chain(manifest.settlements.iter().flat_map(of))
        });
        let columns = tables.flat_map(|table| table.columns.iter().map(|column| (table.name, column)));
        let private =
            columns.filter_map(|(table, column)| Some(Private { table, column: column.name, kind: column.sensitive? }));
        private.chain(self.processors().flat_map(|stored| stored.private).copied()).collect()
    }

    /// Erases what processors keep about people beside a database; returns how many entries that were.
    ///
    /// # Errors
    ///
    /// If it cannot be read or written.
    pub fn forget(&self, database: &Path, usernames: &BTreeSet<&str>) -> Result<u64> {
        self.kept().map(|kept| (kept.forget)(database, usernames)).sum()
    }

    /// The folders of the people about whom processors keep something beside a database.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub fn people(&self, database: &Path) -> Result<BTreeSet<String>> {
        let mut people = BTreeSet::new();
        for kept in self.kept() {
            people.extend((kept.people)(database)?);
        }
        Ok(people)
    }

    fn kept(&self) -> impl Iterator<Item = Kept> {
        self.processors().filter_map(|stored| stored.kept)
    }
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}
